#include "formats/gguf_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hadal {
namespace {

constexpr std::string_view kEnding = ".gguf", kPart = "-00000-of-00000";  // a digit for each 0

}  // namespace

bool has_gguf_ending(std::string_view name) {
  return name.size() >= kEnding.size() && lower_case(std::string(name.substr(name.size() - kEnding.size()))) == kEnding;
}

std::optional<GgufPart> gguf_part(std::string_view name) {
  if (!has_gguf_ending(name) || name.size() < kPart.size() + kEnding.size()) return std::nullopt;
  const std::string_view ending = name.substr(name.size() - kEnding.size());
  name.remove_suffix(kEnding.size());
  const std::string part = lower_case(std::string(name.substr(name.size() - kPart.size())));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t i = 0; i < part.size(); ++i)
    if (kPart[i] == '0' ? !is_digit(part[i]) : part[i] != kPart[i]) return std::nullopt;
  return GgufPart{std::string(name.substr(0, name.size() - kPart.size())), std::string(ending),
                  std::stoll(part.substr(1, 5)), std::stoll(part.substr(10, 5))};
}

std::string GgufPart::name(int64_t other) const {
  return fmt::format("{}-{:05}-of-{:05}{}", stem, other, count, ending);
}

std::string gguf_stem(std::string_view name) {
  if (const auto part = gguf_part(name)) return part->stem;
  if (has_gguf_ending(name)) name.remove_suffix(kEnding.size());
  return std::string(name);
}

}  // namespace hadal
