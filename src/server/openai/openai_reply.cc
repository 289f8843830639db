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

OrderedJson usage(const GenerateResult& result) {
  return {{"prompt_tokens", result.prompt_tokens},
          {"completion_tokens", result.answer_tokens},
          {"total_tokens", result.prompt_tokens + result.answer_tokens}};
}

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

OrderedJson choice(const char* key, OrderedJson value, OrderedJson finish) {
  OrderedJson one = {
      {"index", 0}, {key, std::move(value)}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}};
  return OrderedJson::array({std::move(one)});
}

std::string chunk(const CompletionHead& head, OrderedJson delta, std::string_view text, OrderedJson finish) {
  bool chat = head.kind == CompletionKind::chat;
  return dump_json(envelope(head, true,
                            chat ? choice("delta", std::move(delta), std::move(finish))
                                 : choice("text", std::string(text), std::move(finish))));
}

std::string whole(const CompletionHead& head, OrderedJson choices, const GenerateResult& result) {
  OrderedJson json = envelope(head, false, std::move(choices));
  json["usage"] = usage(result);
  return dump_json(json);
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
          {"context_length", model.max_context}};
}

}  // namespace

CompletionHead make_completion_head(CompletionKind kind, const std::string& model) {
  CompletionHead head{kind, random_id(kind == CompletionKind::chat ? "chatcmpl" : "cmpl"), model, std::time(nullptr)};
  head.text = frame(chunk(head, {{"content", ""}}, "", nullptr));
  if (kind == CompletionKind::chat) head.reasoning = frame(chunk(head, {{"reasoning_content", ""}}, "", nullptr));
  return head;
}

std::string whole_text(const CompletionHead& head, const GenerateResult& result) {
  return whole(head, choice("text", result.text, finish_reason(result)), result);
}

std::string whole_chat(const CompletionHead& head, const GenerateResult& result, const chat::Message& message) {
  OrderedJson json = {{"role", "assistant"}, {"content", message.text()}};
  if (message.reasoning) json["reasoning_content"] = *message.reasoning;
  json["refusal"] = nullptr;
  return whole(head, choice("message", std::move(json), finish_reason(result)), result);
}

std::string first_chunk(const CompletionHead& head) {
  return chunk(head, {{"role", "assistant"}, {"content", ""}}, "", nullptr);
}

std::string text_chunk(const CompletionHead& head, std::string_view text) {
  return head.text.before + dump_json(Json(text)) + head.text.after;
}

std::string reasoning_chunk(const CompletionHead& head, std::string_view text) {
  return head.reasoning.before + dump_json(Json(text)) + head.reasoning.after;
}

std::string last_chunk(const CompletionHead& head, const GenerateResult& result) {
  return chunk(head, OrderedJson::object(), "", finish_reason(result));
}

std::string usage_chunk(const CompletionHead& head, const GenerateResult& result) {
  OrderedJson json = envelope(head, true, OrderedJson::array());
  json["usage"] = usage(result);
  return dump_json(json);
}

std::string model_json(const ModelInfo& model) { return dump_json(model_object(model)); }

std::string model_list_json(const ModelInfo& model) {
  return dump_json(OrderedJson{{"object", "list"}, {"data", OrderedJson::array({model_object(model)})}});
}

}  // namespace hadal
