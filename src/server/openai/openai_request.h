// Requests of OpenAI's API, read and checked. Pure functions: JSON in, plain structs out, ApiError (400) naming the
// field that is wrong. Which fields there are, and what becomes of each, says server/openai/known_fields.h; a field
// that is not there is refused, so that a typing error does not pass unseen.
#pragma once

#include <string>
#include <vector>

#include "assistant/assistant.h"
#include "base/json.h"
#include "server/openai/thinking.h"

namespace hadal {

struct CompletionCall {
  std::string model;  // "": the one that is served
  bool is_chat = false;
  chat::Conversation conversation;  // of a chat
  bool apart = true;                // its thoughts are told apart from the answer
  chat::ReplyFormat reply;          // of a chat; comes with its prompt
  ThinkingCall thinking;            // of a chat
  std::string text;                 // of a plain completion
  GenerateRequest generate;         // without the prompt
  bool stream = false;
  bool include_usage = false;  // a last chunk with the token counts
};

// `defaults` stands where a request says nothing; a missing seed is drawn at random.
CompletionCall parse_chat_call(const Json& body, const SamplingOptions& defaults);  // POST /v1/chat/completions
CompletionCall parse_text_call(const Json& body, const SamplingOptions& defaults);  // POST /v1/completions

}  // namespace hadal
