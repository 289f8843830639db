// How the families write calls of tools.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "chat/conversation.h"

namespace hadal::chat {

struct ToolFormat {
  std::string_view begin, end;                        // tags; no end: the call goes to the end of the reply
  std::optional<ToolCall> (*read)(std::string_view);  // what stands between them; nothing where that is no call
};

const ToolFormat* tool_format(std::string_view begin);  // null: no format begins so
std::span<const std::string_view> tool_wrappers();      // tags around all calls of a reply
std::span<const std::string_view> tool_openings();      // tags that begin a call or stand around calls
std::span<const std::string_view> tool_tags();          // all, with those inside of calls

}  // namespace hadal::chat
