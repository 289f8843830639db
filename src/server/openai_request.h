// Requests of OpenAI's API, read and checked. Pure functions: JSON in, plain structs out, ApiError (400) naming the
// field that is wrong. A field that this server does not know is refused, so that a typing error does not pass unseen;
// the known ones that change nothing here (user, metadata, ...) are read over. top_k, min_p, repetition_penalty and
// ignore_eos are what other engines have beside OpenAI's own.
#pragma once

#include <string>
#include <vector>

#include "assistant/assistant.h"
#include "base/json.h"

namespace hadal {

struct CompletionCall {
  std::string model;              // "": the one that is served
  std::vector<Message> messages;  // chat completions
  std::string text;               // plain completions
  GenerateRequest generate;       // without the prompt
  bool stream = false;
  bool include_usage = false;     // a last chunk with the token counts
};

// `defaults` stands where a request says nothing; a missing seed is drawn at random.
CompletionCall parse_chat_call(const Json& body, const SamplingOptions& defaults);   // POST /v1/chat/completions
CompletionCall parse_text_call(const Json& body, const SamplingOptions& defaults);   // POST /v1/completions

}  // namespace hadal
