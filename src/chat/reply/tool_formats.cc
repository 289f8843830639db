#include "chat/reply/tool_formats.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace hadal::chat {
namespace {

constexpr std::string_view kSeparator = "<｜tool▁sep｜>", kFence = "```json", kFenceEnd = "```";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

std::optional<OrderedJson> object_of(std::string_view text) {
  try {
    OrderedJson json = parse_ordered_json(text, "a call");
    if (json.is_object()) return json;
  } catch (const Error&) {
  }
  return std::nullopt;
}

// V3.1: name<sep>{arguments}. V3: function<sep>name, and the arguments between fences.
std::optional<ToolCall> read_deepseek(std::string_view text) {
  const size_t separator = text.find(kSeparator);
  if (separator == text.npos) return std::nullopt;
  std::string_view name = text.substr(0, separator), arguments = trimmed(text.substr(separator + kSeparator.size()));
  const size_t fence = arguments.find(kFence);
  if (fence != arguments.npos && !arguments.starts_with('{')) {
    name = arguments.substr(0, fence);
    arguments.remove_prefix(fence + kFence.size());
    if (!arguments.ends_with(kFenceEnd)) return std::nullopt;
    arguments.remove_suffix(kFenceEnd.size());
  }
  name = trimmed(name), arguments = trimmed(arguments);
  if (name.empty() || !object_of(arguments)) return std::nullopt;
  return ToolCall{"", std::string(name), std::string(arguments)};
}

// {"name", "arguments" or "parameters"}; the arguments an object, or its text.
std::optional<ToolCall> read_named_object(std::string_view text) {
  const std::optional<OrderedJson> json = object_of(trimmed(text));
  if (!json || !json->contains("name") || !json->at("name").is_string()) return std::nullopt;
  ToolCall call{"", json->at("name").get<std::string>(), "{}"};
  for (const char* key : {"arguments", "parameters"}) {
    const auto found = json->find(key);
    if (found == json->end()) continue;
    if (!found->is_object() && !(found->is_string() && object_of(found->get_ref<const std::string&>())))
      return std::nullopt;
    call.arguments = found->is_string() ? found->get<std::string>() : dump_json(*found);
    break;
  }
  if (call.name.empty()) return std::nullopt;
  return call;
}

constexpr std::array<ToolFormat, 3> kFormats = {{
    {"<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", read_deepseek},
    {"<tool_call>", "</tool_call>", read_named_object},
    {"<|python_tag|>", "", read_named_object},
}};
constexpr std::array<std::string_view, 8> kTags = {
    "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",                    // around all calls
    "<｜tool▁call▁begin｜>",  "<tool_call>",          "<|python_tag|>",  // begin one
    "<｜tool▁call▁end｜>",    "</tool_call>",         kSeparator,
};

}  // namespace

const ToolFormat* tool_format(std::string_view begin) {
  const auto found = std::ranges::find(kFormats, begin, &ToolFormat::begin);
  return found == kFormats.end() ? nullptr : &*found;
}

std::span<const std::string_view> tool_tags() { return kTags; }
std::span<const std::string_view> tool_wrappers() { return tool_tags().first(2); }
std::span<const std::string_view> tool_openings() { return tool_tags().first(5); }

}  // namespace hadal::chat
