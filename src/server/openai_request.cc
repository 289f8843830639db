#include "server/openai_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <span>

#include "server/api_error.h"

namespace hadal {
namespace {

using Names = std::span<const std::string_view>;

constexpr int64_t kMaxStops = 16;

constexpr std::array<std::string_view, 16> kRead = {
    "model", "stream", "stream_options", "stop", "seed", "temperature", "top_p", "top_k", "min_p",
    "repetition_penalty", "max_tokens", "max_completion_tokens", "n", "presence_penalty", "frequency_penalty",
    "ignore_eos"};
constexpr std::array<std::string_view, 10> kReadOver = {
    "user", "metadata", "store", "service_tier", "parallel_tool_calls", "reasoning_effort", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "verbosity"};
// Accepted only with a value that asks for nothing.
constexpr std::array<std::string_view, 13> kNotHere = {
    "tools", "tool_choice", "functions", "function_call", "logprobs", "top_logprobs", "logit_bias",
    "response_format", "modalities", "audio", "prediction", "web_search_options", "best_of"};

[[noreturn]] void wrong(const std::string& param, std::string_view expected, const Json& found) {
  throw ApiError(400, fmt::format("{}: expected {}, found {}", param, expected, brief_json(found)), param);
}

const Json* field(const Json& body, const char* name) {
  auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

bool contains(Names names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

double read_number(const Json& value, const std::string& param, double low, double high) {
  if (!value.is_number()) wrong(param, fmt::format("a number from {} to {}", low, high), value);
  double number = value.get<double>();
  if (!(number >= low && number <= high)) wrong(param, fmt::format("a number from {} to {}", low, high), value);
  return number;
}

int64_t read_integer(const Json& value, const std::string& param, int64_t low, int64_t high) {
  std::string expected = fmt::format("a whole number from {} to {}", low, high);
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)) {
    wrong(param, expected, value);
  }
  int64_t number = value.get<int64_t>();
  if (number < low || number > high) wrong(param, expected, value);
  return number;
}

bool read_flag(const Json& body, const char* name) {
  const Json* value = field(body, name);
  if (!value) return false;
  if (!value->is_boolean()) wrong(name, "true or false", *value);
  return value->get<bool>();
}

bool asks_for_nothing(std::string_view name, const Json& value) {
  if (value.is_null() || value == false || ((value.is_array() || value.is_object()) && value.empty())) return true;
  if (name == "tool_choice" || name == "function_call") return value == "none" || value == "auto";
  if (name == "response_format") return value.is_object() && value.value("type", Json()) == "text";
  if (name == "modalities") return value == Json::array({"text"});
  if (name == "best_of") return value == 1;
  return name == "top_logprobs" && value == 0;
}

void refuse_unknown_fields(const Json& body, Names own) {
  for (const auto& [name, value] : body.items()) {
    if (contains(kRead, name) || contains(own, name) || contains(kReadOver, name)) continue;
    if (!contains(kNotHere, name)) throw ApiError(400, "unknown field: " + brief(name), brief(name), "unknown_parameter");
    if (!asks_for_nothing(name, value)) {
      throw ApiError(400, fmt::format("{} is not supported by this server; leave it out", name), name,
                     "unsupported_parameter");
    }
  }
}

uint64_t random_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

SamplingOptions read_sampling(const Json& body, SamplingOptions sampling) {
  auto number = [](const Json& value, const char* name, double low, double high) {
    return static_cast<float>(read_number(value, name, low, high));
  };
  if (auto* v = field(body, "temperature")) sampling.temperature = number(*v, "temperature", 0, 2);
  if (auto* v = field(body, "top_k")) {  // -1 means off in other engines, as 0 does here
    sampling.top_k = std::max(0, static_cast<int>(read_integer(*v, "top_k", -1, INT32_MAX)));
  }
  if (auto* v = field(body, "top_p")) {
    sampling.top_p = number(*v, "top_p", 0, 1);
    if (sampling.top_p <= 0) sampling.top_k = 1, sampling.top_p = 1;  // OpenAI allows 0: the best token alone
  }
  if (auto* v = field(body, "min_p")) {
    sampling.min_p = number(*v, "min_p", 0, 1);
    if (sampling.min_p >= 1) wrong("min_p", "a number below 1", *v);
  }
  if (auto* v = field(body, "repetition_penalty")) {
    sampling.repetition_penalty = number(*v, "repetition_penalty", 0.01, 100);
  }
  const Json* seed = field(body, "seed");
  sampling.seed = seed ? static_cast<uint64_t>(read_integer(*seed, "seed", INT64_MIN, INT64_MAX)) : random_seed();
  return sampling;
}

std::vector<std::string> read_stop(const Json& body) {
  const Json* value = field(body, "stop");
  if (!value) return {};
  Json list = value->is_array() ? *value : Json::array({*value});
  std::vector<std::string> stops;
  for (const Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      wrong("stop", "a text or a list of texts, none of them empty", *value);
    }
    stops.push_back(item.get<std::string>());
  }
  if (static_cast<int64_t>(stops.size()) > kMaxStops) wrong("stop", fmt::format("at most {} texts", kMaxStops), *value);
  return stops;
}

int64_t read_max_tokens(const Json& body) {
  for (const char* name : {"max_completion_tokens", "max_tokens"}) {
    if (auto* value = field(body, name)) return read_integer(*value, name, 1, INT32_MAX);
  }
  return 0;
}

void refuse_what_is_not_served(const Json& body) {
  if (auto* n = field(body, "n"); n && *n != 1) wrong("n", "1, the one answer that this server gives", *n);
  for (const char* name : {"presence_penalty", "frequency_penalty"}) {
    auto* value = field(body, name);
    if (value && *value != 0) wrong(name, "0 (use repetition_penalty instead)", *value);
  }
}

void read_stream(const Json& body, CompletionCall& call) {
  call.stream = read_flag(body, "stream");
  const Json* options = field(body, "stream_options");
  if (!options) return;
  if (!options->is_object()) wrong("stream_options", "an object", *options);
  if (!call.stream) {
    throw ApiError(400, "stream_options: expected only together with \"stream\": true", "stream_options");
  }
  call.include_usage = read_flag(*options, "include_usage");
}

CompletionCall read_common(const Json& body, const SamplingOptions& defaults, Names own) {
  if (!body.is_object()) {
    throw ApiError(400, fmt::format("the request body: expected a JSON object, found {}", body.type_name()));
  }
  refuse_unknown_fields(body, own);
  refuse_what_is_not_served(body);
  CompletionCall call;
  if (auto* model = field(body, "model")) {
    if (!model->is_string()) wrong("model", "a text", *model);
    call.model = model->get<std::string>();
  }
  call.generate.sampling = read_sampling(body, defaults);
  call.generate.max_tokens = read_max_tokens(body);
  call.generate.stop = read_stop(body);
  call.generate.ignore_end = read_flag(body, "ignore_eos");
  read_stream(body, call);
  return call;
}

std::string read_content(const Json& content, const std::string& param) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) wrong(param, "a text or a list of text parts", content);
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const Json& part = content[i];
    std::string name = fmt::format("{}[{}]", param, i);
    if (!part.is_object() || part.value("type", Json()) != "text") wrong(name, "a part of type \"text\"", part);
    auto it = part.find("text");
    if (it == part.end() || !it->is_string()) wrong(name + ".text", "a text", it == part.end() ? Json() : *it);
    text += it->get_ref<const std::string&>();
  }
  return text;
}

std::string read_role(const Json& message, const std::string& param) {
  auto it = message.find("role");
  Json role = it == message.end() ? Json() : *it;
  if (role == "developer") return "system";
  if (role == "system" || role == "user" || role == "assistant") return role.get<std::string>();
  wrong(param + ".role", "\"system\", \"developer\", \"user\" or \"assistant\"", role);
}

Message read_message(const Json& message, const std::string& param) {
  if (!message.is_object()) wrong(param, "an object with role and content", message);
  Message out{read_role(message, param), ""};
  if (auto* calls = field(message, "tool_calls"); calls && !calls->empty()) {
    std::string name = param + ".tool_calls";
    throw ApiError(400, name + " is not supported by this server", name, "unsupported_parameter");
  }
  const Json* content = field(message, "content");
  if (!content && out.role != "assistant") wrong(param + ".content", "a text or a list of text parts", Json());
  if (content) out.content = read_content(*content, param + ".content");
  return out;
}

}  // namespace

CompletionCall parse_chat_call(const Json& body, const SamplingOptions& defaults) {
  static constexpr std::array<std::string_view, 1> kOwn = {"messages"};
  CompletionCall call = read_common(body, defaults, kOwn);
  const Json* messages = field(body, "messages");
  if (!messages || !messages->is_array() || messages->empty()) {
    wrong("messages", "a list of at least one message", messages ? *messages : Json());
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    call.messages.push_back(read_message((*messages)[i], fmt::format("messages[{}]", i)));
  }
  if (call.messages.back().role == "assistant") {
    wrong(fmt::format("messages[{}].role", call.messages.size() - 1), "\"user\" in the last message", "assistant");
  }
  return call;
}

CompletionCall parse_text_call(const Json& body, const SamplingOptions& defaults) {
  static constexpr std::array<std::string_view, 3> kOwn = {"prompt", "echo", "suffix"};
  CompletionCall call = read_common(body, defaults, kOwn);
  if (read_flag(body, "echo")) wrong("echo", "false", true);
  if (auto* suffix = field(body, "suffix"); suffix && *suffix != "") wrong("suffix", "nothing", *suffix);
  const Json* prompt = field(body, "prompt");
  Json text = prompt && prompt->is_array() && prompt->size() == 1 ? (*prompt)[0] : prompt ? *prompt : Json();
  if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
    wrong("prompt", "a text that is not empty", text);
  }
  call.text = text.get<std::string>();
  return call;
}

}  // namespace hadal
