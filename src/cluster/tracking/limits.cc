#include "cluster/tracking/limits.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/brief.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 || std::string_view("_.-:/ ").find(c) != std::string_view::npos;
}

// Characters, not bytes.
size_t num_chars(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

void check_key(std::string_view what, std::string_view key) {
  if (key.empty()) refuse(MlflowCode::invalid, "Missing value for required parameter 'key' of a {}", what);
  if (num_chars(key) > kMaxKeyChars) {
    refuse(MlflowCode::invalid, "{} name {}: expected at most {} characters, found {}", what, brief(key), kMaxKeyChars,
           num_chars(key));
  }
  if (!std::all_of(key.begin(), key.end(), is_key_char)) {
    refuse(MlflowCode::invalid, "{} name {}: expected letters, digits, spaces and _ . - : / alone; use a name of these",
           what, brief(key));
  }
  const std::string normal = std::filesystem::path(key).lexically_normal().string();
  if (normal != key || key == "." || key.starts_with("..") || key.starts_with('/') || key.ends_with('/')) {
    refuse(MlflowCode::invalid, "{} name {}: as a path it is another one, {}; use a name without . and .. parts", what,
           brief(key), brief(normal));
  }
}

void check_length(std::string_view what, std::string_view key, std::string_view value, size_t limit) {
  if (num_chars(value) > limit) {
    refuse(MlflowCode::invalid, "{} '{}': expected a value of at most {} characters, found {}", what, key, limit,
           num_chars(value));
  }
}

void check_experiment_name(std::string_view name) {
  if (num_chars(name) > kMaxExperimentNameChars) {
    refuse(MlflowCode::invalid, "the experiment's name: expected at most {} characters, found {}",
           kMaxExperimentNameChars, num_chars(name));
  }
  if (name.find('\0') != std::string_view::npos) {
    refuse(MlflowCode::invalid, "the experiment's name holds a NUL; use one without");
  }
}

int64_t page_offset(const std::string& page_token) {
  int64_t offset = 0;
  const auto [end, error] = std::from_chars(page_token.data(), page_token.data() + page_token.size(), offset);
  if (error != std::errc() || end != page_token.data() + page_token.size() || offset < 0) {
    refuse(MlflowCode::invalid, "Invalid page token {}: expected the next_page_token of an answer", brief(page_token));
  }
  return offset;
}

ResultPage result_page(std::optional<int64_t> max_results, std::optional<std::string> page_token, int64_t usual,
                       int64_t most) {
  const int64_t size = max_results.value_or(usual);
  if (size < 1 || size > most) {
    refuse(MlflowCode::invalid, "Invalid value for parameter 'max_results': expected 1 to {}, found {}", most, size);
  }
  const int64_t offset = page_token && !page_token->empty() ? page_offset(*page_token) : 0;
  return {static_cast<size_t>(offset), static_cast<size_t>(size)};
}

}  // namespace hadal::cluster
