#include "server/openai/thinking.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "server/openai/json_fields.h"
#include "server/openai/known_fields.h"

namespace hadal {
namespace {

// OpenAI's minimal and xhigh, and the max of others, stand for the nearest of the four.
constexpr std::array<std::pair<std::string_view, double>, 7> kEfforts = {
    {{"none", 0}, {"minimal", 0.25}, {"low", 0.25}, {"medium", 0.5}, {"high", 1}, {"xhigh", 1}, {"max", 1}}};

double read_effort(const Json& value) {
  if (value.is_string())
    for (const auto& [name, share] : kEfforts)
      if (value.get_ref<const std::string&>() == name) return share;
  wrong("reasoning_effort", R"("none", "low", "medium" or "high")", value);
}

void read_type(const Json& thinking, ThinkingCall& call) {
  constexpr const char* kExpected = R"("enabled" or "disabled")";
  if (!thinking.is_object() || !field(thinking, "type"))
    wrong("thinking", R"({"type": "enabled"} or {"type": "disabled"})", thinking);
  check_fields(thinking, FieldPlace::thinking, "thinking");
  const Json& type = *field(thinking, "type");
  const std::string name = type.is_string() ? type.get<std::string>() : "";
  if (name != "enabled" && name != "disabled") wrong("thinking.type", kExpected, type);
  call.enabled = call.required = name == "enabled";
}

std::optional<int64_t> read_budget(const Json& body) {
  if (const Json* tokens = field(body, "max_thinking_tokens"))
    return read_integer(*tokens, "max_thinking_tokens", 0, INT32_MAX);
  return std::nullopt;
}

}  // namespace

ThinkingCall read_thinking(const Json& body) {
  ThinkingCall call;
  const Json* effort = field(body, "reasoning_effort");
  if (const Json* reasoning = field(body, "reasoning"); reasoning && !effort) effort = field(*reasoning, "effort");
  if (effort) call.share = read_effort(*effort), call.enabled = call.share > 0;
  const Json* thinking = field(body, "thinking");
  if (thinking) read_type(*thinking, call);
  if (thinking && effort && *call.enabled && call.share == 0)
    wrong("reasoning_effort", "another than \"none\" beside \"thinking\": {\"type\": \"enabled\"}", *effort);
  if (const Json* reasoning = field(body, "reasoning"); reasoning && !call.enabled && reasoning->contains("enabled"))
    call.enabled = (*reasoning)["enabled"].get<bool>();
  if (const Json* think = field(body, "think"); think && !call.enabled) call.enabled = false;
  call.max_tokens = read_budget(body);
  return call;
}

}  // namespace hadal
