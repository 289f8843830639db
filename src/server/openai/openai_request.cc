#include "server/openai/openai_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>

#include "server/api_error.h"
#include "server/openai/json_fields.h"
#include "server/openai/known_fields.h"

namespace hadal {
namespace {

constexpr int64_t kMaxStops = 16;
constexpr size_t kMaxBiases = 10'000;
constexpr int64_t kMaxAnswers = 128, kMaxTopLogProbs = 20;

uint64_t random_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// OpenAI's {"id": bias}, and llama.cpp's [[id, bias], ...] where false means never.
std::vector<std::pair<TokenId, float>> read_logit_bias(const Json& value) {
  constexpr const char* kExpected = "token ids with numbers from -100 to 100, as {\"42\": -100} or [[42, -100]]";
  std::vector<std::pair<TokenId, float>> biases;
  const auto add = [&](const Json& id, const Json& bias) {
    const bool never = bias.is_boolean() && !bias.get<bool>();
    if (!never && !bias.is_number()) wrong("logit_bias", kExpected, value);
    biases.emplace_back(static_cast<TokenId>(read_integer(id, "logit_bias", 0, INT32_MAX)),
                        static_cast<float>(never ? -100 : read_number(bias, "logit_bias", -100, 100)));
  };
  if (value.size() > kMaxBiases) wrong("logit_bias", fmt::format("at most {} tokens", kMaxBiases), value);
  if (value.is_object()) {
    for (const auto& [name, bias] : value.items()) {
      int64_t id = -1;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
      if (error != std::errc() || end != name.data() + name.size()) wrong("logit_bias", kExpected, value);
      add(id, bias);
    }
  } else if (value.is_array()) {
    for (const Json& pair : value) {
      if (!pair.is_array() || pair.size() != 2) wrong("logit_bias", kExpected, value);
      add(pair[0], pair[1]);
    }
  } else if (value != false) {
    wrong("logit_bias", kExpected, value);
  }
  return biases;
}

uint64_t read_seed(const Json& body) {
  const Json* seed = field(body, "seed");
  const int64_t number = seed ? read_integer(*seed, "seed", INT64_MIN, INT64_MAX) : -1;
  return number == -1 ? random_seed() : static_cast<uint64_t>(number);
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
  for (const char* name : {"repetition_penalty", "repeat_penalty"}) {
    if (auto* v = field(body, name)) sampling.repetition_penalty = number(*v, name, 0.01, 100);
  }
  const Json *penalty = field(body, "repetition_penalty"), *same = field(body, "repeat_penalty");
  if (penalty && same && *penalty != *same)
    wrong("repeat_penalty", "the value of repetition_penalty, which means the same", *same);
  if (auto* v = field(body, "repeat_last_n")) {
    sampling.repetition_window = static_cast<int>(read_integer(*v, "repeat_last_n", -1, INT32_MAX));
  }
  if (auto* v = field(body, "frequency_penalty")) sampling.frequency_penalty = number(*v, "frequency_penalty", -2, 2);
  if (auto* v = field(body, "presence_penalty")) sampling.presence_penalty = number(*v, "presence_penalty", -2, 2);
  if (auto* v = field(body, "logit_bias")) sampling.logit_bias = read_logit_bias(*v);
  sampling.seed = read_seed(body);
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

// Of several names the first in this order counts, but each must be sound.
int64_t read_max_tokens(const Json& body) {
  const std::string expected = fmt::format("a whole number, at least 1 and at most {}, or -1 for no limit", INT32_MAX);
  std::optional<int64_t> limit;
  for (const char* name : {"max_completion_tokens", "max_tokens", "n_predict"}) {
    const Json* value = field(body, name);
    if (!value) continue;
    const int64_t number = read_integer(*value, name, -1, INT32_MAX, expected);
    if (number == 0) wrong(name, expected, *value);
    if (!limit) limit = number;
  }
  return std::max<int64_t>(limit.value_or(0), 0);  // 0: as many as the context holds
}

// Of chats: a flag, and how many tokens beside the chosen one.
void read_chat_log_probs(const Json& body, GenerateRequest& generate) {
  if (read_flag(body, "logprobs")) generate.log_probs = LogProbs::raw;
  const Json* top = field(body, "top_logprobs");
  if (!top) return;
  generate.top_log_probs = static_cast<int>(read_integer(*top, "top_logprobs", 0, kMaxTopLogProbs));
  if (generate.top_log_probs > 0 && generate.log_probs == LogProbs::none)
    wrong("top_logprobs", "\"logprobs\": true beside it", *top);
}

// Of completions: the number alone; false is none.
void read_text_log_probs(const Json& body, GenerateRequest& generate) {
  const Json* value = field(body, "logprobs");
  if (!value || *value == false) return;
  generate.top_log_probs = static_cast<int>(read_integer(*value, "logprobs", 0, kMaxTopLogProbs));
  generate.log_probs = LogProbs::raw;
}

void read_stream(const Json& body, CompletionCall& call) {
  call.stream = read_flag(body, "stream");
  if (const Json* options = field(body, "stream_options")) {
    if (!options->is_object()) wrong("stream_options", "an object", *options);
    check_fields(*options, FieldPlace::stream_options, "stream_options");
    call.include_usage = read_flag(*options, "include_usage", "stream_options");
  }
  if (const Json* usage = field(body, "usage")) {
    const bool good = usage->is_object() && usage->size() <= 1 && (usage->empty() || usage->contains("include"));
    if (!good) wrong("usage", "{\"include\": true} or {\"include\": false}", *usage);
    call.include_usage |= read_flag(*usage, "include", "usage");
  }
}

CompletionCall read_common(const Json& body, const SamplingOptions& defaults, FieldPlace place) {
  if (!body.is_object()) {
    throw ApiError(400, fmt::format("the request body: expected a JSON object, found {}", body.type_name()));
  }
  check_fields(body, place, "");
  CompletionCall call;
  if (auto* model = field(body, "model")) {
    if (!model->is_string()) wrong("model", "a text", *model);
    call.model = model->get<std::string>();
  }
  call.generate.sampling = read_sampling(body, defaults);
  call.generate.max_tokens = read_max_tokens(body);
  call.generate.stop = read_stop(body);
  call.generate.ignore_end = read_flag(body, "ignore_eos");
  if (auto* n = field(body, "n")) call.generate.answers = static_cast<int>(read_integer(*n, "n", 1, kMaxAnswers));
  read_stream(body, call);
  return call;
}

std::string read_content(const Json& content, const std::string& param) {
  if (!content.is_string() && !content.is_array()) wrong(param, "a text or a list of text parts", content);
  for (size_t i = 0; content.is_array() && i < content.size(); ++i) {
    const Json& part = content[i];
    std::string name = fmt::format("{}[{}]", param, i);
    if (!part.is_object() || part.value("type", Json()) != "text") wrong(name, "a part of type \"text\"", part);
    check_fields(part, FieldPlace::part, name);
    auto it = part.find("text");
    if (it == part.end() || !it->is_string()) wrong(name + ".text", "a text", it == part.end() ? Json() : *it);
  }
  return chat::content_text(content, param).text;
}

std::string read_role(const Json& message, const std::string& param) {
  auto it = message.find("role");
  Json role = it == message.end() ? Json() : *it;
  if (role == "developer") return "system";
  if (role == "system" || role == "user" || role == "assistant") return role.get<std::string>();
  wrong(param + ".role", "\"system\", \"developer\", \"user\" or \"assistant\"", role);
}

chat::Message read_message(const Json& message, const std::string& param) {
  if (!message.is_object()) wrong(param, "an object with role and content", message);
  check_fields(message, FieldPlace::message, param);
  chat::Message out{read_role(message, param), ""};
  const Json* content = field(message, "content");
  if (!content && out.role != "assistant") wrong(param + ".content", "a text or a list of text parts", Json());
  if (content) out.content = read_content(*content, param + ".content");
  for (const char* name : {"name", "reasoning_content", "reasoning", "thinking"}) {
    const Json* value = field(message, name);
    if (!value) continue;
    if (!value->is_string()) wrong(param + "." + name, "a text", *value);
    chat::set_field(out, name, *value);
  }
  return out;
}

}  // namespace

CompletionCall parse_chat_call(const Json& body, const SamplingOptions& defaults) {
  CompletionCall call = read_common(body, defaults, FieldPlace::chat);
  read_chat_log_probs(body, call.generate);
  call.is_chat = true;
  call.thinking = read_thinking(body);
  const Json* messages = field(body, "messages");
  if (!messages || !messages->is_array() || messages->empty()) {
    wrong("messages", "a list of at least one message", messages ? *messages : Json());
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    call.conversation.messages.push_back(read_message((*messages)[i], fmt::format("messages[{}]", i)));
  }
  if (auto* kwargs = field(body, "chat_template_kwargs")) {
    if (!kwargs->is_object()) wrong("chat_template_kwargs", "an object", *kwargs);
    call.conversation.options = *kwargs;
  }
  if (call.conversation.messages.back().role == "assistant") {
    wrong(fmt::format("messages[{}].role", messages->size() - 1), "\"user\" in the last message", "assistant");
  }
  if (auto* format = field(body, "reasoning_format")) {
    if (*format != "none" && *format != "auto" && *format != "deepseek")
      wrong("reasoning_format", "\"none\", \"auto\" or \"deepseek\"", *format);
    call.apart = *format != "none";
  }
  return call;
}

CompletionCall parse_text_call(const Json& body, const SamplingOptions& defaults) {
  CompletionCall call = read_common(body, defaults, FieldPlace::text);
  read_text_log_probs(body, call.generate);
  const Json* prompt = field(body, "prompt");
  Json text = prompt && prompt->is_array() && prompt->size() == 1 ? (*prompt)[0] : prompt ? *prompt : Json();
  if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
    wrong("prompt", "a text that is not empty", text);
  }
  call.text = text.get<std::string>();
  return call;
}

}  // namespace hadal
