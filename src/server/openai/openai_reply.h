// Replies of OpenAI's API: whole completions, stream chunks, model lists. Pure functions that make JSON text.
#pragma once

#include <string>
#include <string_view>

#include "engine/engine.h"

namespace hadal {

enum class CompletionKind { chat, text };

// What every piece of one answer repeats.
struct CompletionHead {
  CompletionKind kind = CompletionKind::chat;
  std::string id, model;
  int64_t created = 0;
  std::string before_text = {},
              after_text = {};  // of a chunk of text: what is between them changes from token to token
};
CompletionHead make_completion_head(CompletionKind kind, const std::string& model);  // a fresh id, the current time

std::string whole_completion(const CompletionHead& head, const GenerateResult& result);

// A stream is: first_chunk, text_chunk..., last_chunk, usage_chunk where asked for, "[DONE]".
std::string first_chunk(const CompletionHead& head);  // chat only: names the role
std::string text_chunk(const CompletionHead& head, std::string_view text);
std::string last_chunk(const CompletionHead& head, const GenerateResult& result);
std::string usage_chunk(const CompletionHead& head, const GenerateResult& result);

struct ModelInfo {
  std::string name;
  int64_t created = 0, max_context = 0;
};
std::string model_json(const ModelInfo& model);
std::string model_list_json(const ModelInfo& model);

}  // namespace hadal
