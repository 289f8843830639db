#include "server/openai/openai_reply.h"

#include <fmt/format.h>

#include <ctime>
#include <random>

#include "base/json.h"

namespace hadal {
namespace {

std::string random_id(std::string_view prefix) {
  std::random_device device;
  return fmt::format("{}-{:08x}{:08x}{:08x}", prefix, device(), device(), device());
}

// What all answers took. The prompt is read once, however many there are. Texts have no thoughts apart.
class Usage {
 public:
  void add(const GenerateResult& result) {
    prompt_ = result.prompt_tokens;
    answers_ += result.answer_tokens;
    thoughts_ += result.think_tokens;
  }
  OrderedJson json(CompletionKind kind) const {
    OrderedJson json = {
        {"prompt_tokens", prompt_}, {"completion_tokens", answers_}, {"total_tokens", prompt_ + answers_}};
    if (kind == CompletionKind::chat) json["completion_tokens_details"] = {{"reasoning_tokens", thoughts_}};
    return json;
  }

 private:
  int64_t prompt_ = 0, answers_ = 0, thoughts_ = 0;
};

// "cancelled" is no word of theirs; the client that cancelled does not read it.
const char* finish_reason(const GenerateResult& result) {
  return result.finish == FinishReason::length ? "length" : "stop";
}

OrderedJson envelope(const CompletionHead& head, bool chunk, OrderedJson choices) {
  const char* object = head.kind == CompletionKind::text ? "text_completion"
                       : chunk                           ? "chat.completion.chunk"
                                                         : "chat.completion";
  return {{"id", head.id},
          {"object", object},
          {"created", head.created},
          {"model", head.model},
          {"choices", std::move(choices)}};
}

OrderedJson choice(int answer, const char* key, OrderedJson value, OrderedJson log_probs, OrderedJson finish) {
  return {{"index", answer},
          {key, std::move(value)},
          {"logprobs", std::move(log_probs)},
          {"finish_reason", std::move(finish)}};
}

// `delta` is of a chat, `text` of a plain completion.
std::string chunk(const CompletionHead& head, int answer, OrderedJson delta, std::string_view text,
                  OrderedJson log_probs, OrderedJson finish) {
  const bool chat = head.kind == CompletionKind::chat;
  OrderedJson one = choice(answer, chat ? "delta" : "text", chat ? std::move(delta) : OrderedJson(text),
                           std::move(log_probs), std::move(finish));
  return dump_json(envelope(head, true, OrderedJson::array({std::move(one)})));
}

OrderedJson message_json(const chat::Message& message) {
  OrderedJson json = {{"role", "assistant"}, {"content", message.text()}};
  if (message.reasoning) json["reasoning_content"] = *message.reasoning;
  json["refusal"] = nullptr;
  return json;
}

// What stands around the empty text of this chunk.
CompletionHead::Frame frame(const std::string& empty) {
  const size_t at = empty.rfind(R"(:"")") + 1;
  return {empty.substr(0, at), empty.substr(at + 2)};
}

OrderedJson model_object(const ModelInfo& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "hadal"},
          {"context_length", model.max_context},
          {"thinking", model.can_think}};
}

}  // namespace

CompletionHead make_completion_head(CompletionKind kind, const std::string& model) {
  CompletionHead head{kind, random_id(kind == CompletionKind::chat ? "chatcmpl" : "cmpl"), model, std::time(nullptr)};
  head.text = frame(chunk(head, 0, {{"content", ""}}, "", nullptr, nullptr));
  if (kind == CompletionKind::chat)
    head.reasoning = frame(chunk(head, 0, {{"reasoning_content", ""}}, "", nullptr, nullptr));
  return head;
}

std::string whole_completion(const CompletionHead& head, std::vector<WholeAnswer> answers) {
  const bool chat = head.kind == CompletionKind::chat;
  OrderedJson choices = OrderedJson::array();
  Usage usage;
  for (size_t i = 0; i < answers.size(); ++i) {
    WholeAnswer& answer = answers[i];
    usage.add(answer.result);
    choices.push_back(choice(static_cast<int>(i), chat ? "message" : "text",
                             chat ? message_json(answer.message) : OrderedJson(answer.result.text),
                             std::move(answer.log_probs), finish_reason(answer.result)));
  }
  OrderedJson json = envelope(head, false, std::move(choices));
  json["usage"] = usage.json(head.kind);
  return dump_json(json);
}

std::string first_chunk(const CompletionHead& head, int answer) {
  return chunk(head, answer, {{"role", "assistant"}, {"content", ""}}, "", nullptr, nullptr);
}

// Most chunks are of the one answer and without log-probabilities: those are put together as text.
std::string text_chunk(const CompletionHead& head, std::string_view text, int answer, OrderedJson log_probs) {
  if (answer == 0 && log_probs.is_null()) return head.text.before + dump_json(Json(text)) + head.text.after;
  return chunk(head, answer, {{"content", text}}, text, std::move(log_probs), nullptr);
}

std::string reasoning_chunk(const CompletionHead& head, std::string_view text, int answer, OrderedJson log_probs) {
  if (answer == 0 && log_probs.is_null()) return head.reasoning.before + dump_json(Json(text)) + head.reasoning.after;
  return chunk(head, answer, {{"reasoning_content", text}}, "", std::move(log_probs), nullptr);
}

std::string last_chunk(const CompletionHead& head, const GenerateResult& result, int answer, OrderedJson log_probs) {
  return chunk(head, answer, OrderedJson::object(), "", std::move(log_probs), finish_reason(result));
}

std::string usage_chunk(const CompletionHead& head, const std::vector<GenerateResult>& results) {
  Usage usage;
  for (const GenerateResult& result : results) usage.add(result);
  OrderedJson json = envelope(head, true, OrderedJson::array());
  json["usage"] = usage.json(head.kind);
  return dump_json(json);
}

std::string model_json(const ModelInfo& model) { return dump_json(model_object(model)); }

std::string model_list_json(const ModelInfo& model) {
  return dump_json(OrderedJson{{"object", "list"}, {"data", OrderedJson::array({model_object(model)})}});
}

}  // namespace hadal
