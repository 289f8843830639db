// Replies of OpenAI's API: whole completions, stream chunks, model lists. Pure functions that make JSON text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/conversation.h"
#include "engine/engine.h"

namespace hadal {

enum class CompletionKind { chat, text };

// What every piece of one answer repeats.
struct CompletionHead {
  struct Frame {
    std::string before, after;  // of a chunk: the text between them changes from token to token
  };
  CompletionKind kind = CompletionKind::chat;
  std::string id, model;
  int64_t created = 0;
  Frame text = {}, reasoning = {};
};
CompletionHead make_completion_head(CompletionKind kind, const std::string& model);  // a fresh id, the current time

struct WholeAnswer {
  GenerateResult result;
  chat::Message message = {};       // of a chat: its text, taken apart
  OrderedJson log_probs = nullptr;  // log_probs.h
};
std::string whole_completion(const CompletionHead& head, std::vector<WholeAnswer> answers);

// A stream is, for each answer by its number: first_chunk, reasoning_chunk..., text_chunk..., last_chunk; then
// usage_chunk where asked for, and "[DONE]".
std::string first_chunk(const CompletionHead& head, int answer = 0);  // chat only: names the role
std::string reasoning_chunk(const CompletionHead& head, std::string_view text, int answer = 0,
                            OrderedJson log_probs = nullptr);  // chat only
std::string text_chunk(const CompletionHead& head, std::string_view text, int answer = 0,
                       OrderedJson log_probs = nullptr);
std::string last_chunk(const CompletionHead& head, const GenerateResult& result, int answer = 0,
                       OrderedJson log_probs = nullptr);
std::string usage_chunk(const CompletionHead& head, const std::vector<GenerateResult>& results);

struct ModelInfo {
  std::string name;
  int64_t created = 0, max_context = 0;
  bool can_think = false;
};
std::string model_json(const ModelInfo& model);
std::string model_list_json(const ModelInfo& model);

}  // namespace hadal
