// Parses sources and selects a repository's files.
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "base/text.h"
#include "formats/gguf_name.h"
#include "hub/download.h"
#include "hub/remote/hub.h"
#include "net/url.h"

namespace hadal {
namespace {

bool is_name(const std::string& text) {  // of an owner or a repository
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  };
  return !text.empty() && text.size() <= 96 && text[0] != '.' && text[0] != '-' && std::ranges::all_of(text, fits);
}

std::string join(const std::vector<std::string>& parts, size_t first) {
  return fmt::format(
      "{}", fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(std::min(first, parts.size())), parts.end(), "/"));
}

// The address of a page of the hub in a browser; none: another address.
bool read_page(const std::string& url, const std::string& endpoint, HubSource& source) {
  if (net::url_origin(url) != net::url_origin(endpoint)) return false;
  const auto parts = split(net::url_unescape(net::url_path(url).substr(1)), '/');
  if (parts.size() < 2 || !is_name(parts[0]) || !is_name(parts[1]) || parts[0] == "api" || parts[0] == "datasets")
    return false;
  const bool whole = parts.size() == 2 || (parts.size() == 4 && parts[2] == "tree");
  const bool one = parts.size() > 4 && (parts[2] == "blob" || parts[2] == "resolve") && parts.back().ends_with(".gguf");
  if (!whole && !one) return false;
  source.repo = parts[0] + "/" + parts[1];
  if (parts.size() > 3) source.revision = parts[3];
  if (one) source.file = join(parts, 4);
  return true;
}

bool is_gguf(const HubFile& file) { return has_gguf_ending(file.path); }
bool is_projector(const HubFile& file) {
  return lower_case(file.path).find("mmproj") != std::string::npos;
}  // a vision projector, not a model

std::string listing(const std::vector<HubFile>& files) {
  std::string text;
  for (const auto& file : files)
    text += fmt::format("\n  {}  {}", file.path, bytes_text(static_cast<uint64_t>(file.size)));
  return text.empty() ? "\n  (none)" : text;
}

std::vector<HubFile> filtered(const std::vector<HubFile>& files, const std::function<bool(const HubFile&)>& wanted) {
  std::vector<HubFile> chosen;
  std::copy_if(files.begin(), files.end(), std::back_inserter(chosen), wanted);
  return chosen;
}

std::vector<HubFile> choose_gguf(const std::vector<HubFile>& all, const HubSource& source) {
  const auto ggufs = filtered(all, is_gguf);
  std::vector<HubFile> chosen;
  if (!source.file.empty()) {
    chosen = filtered(ggufs, [&](const HubFile& f) { return gguf_stem(f.path) == gguf_stem(source.file); });
  } else {
    chosen =
        filtered(ggufs, [&](const HubFile& f) { return has_word(f.path, source.quantisation) && !is_projector(f); });
  }
  const std::string wanted = source.file.empty() ? ":" + source.quantisation : "/" + source.file;
  if (chosen.empty()) fail("hf:{}{}: there is no such GGUF file; there are:{}", source.repo, wanted, listing(ggufs));
  for (const auto& file : chosen) {
    if (gguf_stem(file.path) == gguf_stem(chosen.front().path)) continue;
    fail("hf:{}{}: several GGUF files fit; name one, as in hf:{}/{}:{}", source.repo, wanted, source.repo, file.path,
         listing(chosen));
  }
  return chosen;
}

// The files that running a model needs; sub-folders are left out, they hold other formats and training states.
bool is_part_of_model(const HubFile& file) {
  static constexpr const char* kPatterns[] = {"config.json",
                                              "generation_config.json",
                                              "tokenizer*",
                                              "special_tokens_map.json",
                                              "added_tokens.json",
                                              "vocab.json",
                                              "merges.txt",
                                              "chat_template.*",
                                              "*.safetensors.index.json",
                                              "*.safetensors",
                                              "LICENSE*"};
  return std::any_of(std::begin(kPatterns), std::end(kPatterns),
                     [&](const char* pattern) { return ::fnmatch(pattern, file.path.c_str(), FNM_PATHNAME) == 0; });
}

std::vector<HubFile> choose_folder(const std::vector<HubFile>& all, const HubSource& source) {
  auto chosen = filtered(all, is_part_of_model);
  const auto is_weights = [](const HubFile& f) { return f.path.ends_with(".safetensors"); };
  const auto is_usual = [](const HubFile& f) { return f.path.starts_with("model"); };
  if (std::none_of(chosen.begin(), chosen.end(), is_weights)) {
    const auto ggufs = filtered(all, [](const HubFile& f) { return is_gguf(f) && !is_projector(f); });
    const auto pickled = filtered(all, [](const HubFile& f) {
      return f.path.ends_with(".bin") || f.path.ends_with(".pth") || f.path.ends_with(".pt") ||
             f.path.ends_with(".ckpt");
    });
    if (ggufs.empty() && !pickled.empty()) {
      fail(
          "hf:{}: expected *.safetensors or *.gguf files, found only pickled weights, which are programs that run when "
          "they are read and are "
          "not supported; take a repository with another format of this model. There are:{}",
          source.repo, listing(pickled));
    }
    if (ggufs.empty()) {
      fail(
          "hf:{}: expected *.safetensors or *.gguf files, found neither; --include 'PATTERN' takes others. There "
          "are:{}",
          source.repo, listing(all));
    }
    fail("hf:{}: has GGUF files only; name one, as in hf:{}/{}:{}", source.repo, source.repo, ggufs.front().path,
         listing(ggufs));
  }
  // The same weights may be there twice under different names (Mistral's consolidated.safetensors).
  if (std::any_of(chosen.begin(), chosen.end(), [&](const HubFile& f) { return is_weights(f) && is_usual(f); })) {
    std::erase_if(chosen, [&](const HubFile& f) { return is_weights(f) && !is_usual(f); });
  }
  return chosen;
}

}  // namespace

HubSource parse_source(const std::string& text, const std::string& endpoint) {
  HubSource source;
  if (text.starts_with("http://") || text.starts_with("https://")) {
    if (!read_page(text, endpoint, source)) source.url = text;
    return source;
  }
  const auto wrong = [&] {
    fail("{}: expected hf:owner/repo, hf:owner/repo/file.gguf, hf:owner/repo:QUANTISATION or an address (https://...)",
         text);
  };
  if (!text.starts_with("hf:")) wrong();
  std::string rest = text.substr(3);
  if (const size_t colon = rest.find(':'); colon != std::string::npos) {
    source.quantisation = rest.substr(colon + 1);
    rest.resize(colon);
    if (!is_name(source.quantisation)) wrong();
  }
  const auto parts = split(rest, '/');
  if (parts.size() < 2 || !is_name(parts[0]) || !is_name(parts[1])) wrong();
  source.repo = parts[0] + "/" + parts[1];
  source.file = join(parts, 2);
  if (!source.file.empty() && (!has_gguf_ending(source.file) || !source.quantisation.empty())) wrong();
  return source;
}

std::vector<HubFile> choose_files(const std::vector<HubFile>& files, const HubSource& source,
                                  const std::vector<std::string>& include) {
  if (!include.empty()) {
    const auto chosen = filtered(files, [&](const HubFile& f) {
      return std::any_of(include.begin(), include.end(),
                         [&](const auto& p) { return ::fnmatch(p.c_str(), f.path.c_str(), 0) == 0; });
    });
    if (chosen.empty())
      fail("hf:{}: no file fits {}; there are:{}", source.repo, fmt::join(include, ", "), listing(files));
    return chosen;
  }
  return source.file.empty() && source.quantisation.empty() ? choose_folder(files, source) : choose_gguf(files, source);
}

}  // namespace hadal
