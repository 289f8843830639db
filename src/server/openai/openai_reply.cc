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
  const std::string empty = chunk(head, {{"content", ""}}, "", nullptr);
  const size_t at = empty.rfind(R"(:"")") + 1;
  head.before_text = empty.substr(0, at), head.after_text = empty.substr(at + 2);
  return head;
}

std::string whole_completion(const CompletionHead& head, const GenerateResult& result) {
  OrderedJson message = {{"role", "assistant"}, {"content", result.text}, {"refusal", nullptr}};
  bool chat = head.kind == CompletionKind::chat;
  OrderedJson json = envelope(head, false,
                              chat ? choice("message", std::move(message), finish_reason(result))
                                   : choice("text", result.text, finish_reason(result)));
  json["usage"] = usage(result);
  return dump_json(json);
}

std::string first_chunk(const CompletionHead& head) {
  return chunk(head, {{"role", "assistant"}, {"content", ""}}, "", nullptr);
}

std::string text_chunk(const CompletionHead& head, std::string_view text) {
  return head.before_text + dump_json(Json(text)) + head.after_text;
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
