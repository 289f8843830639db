// Every field that clients of OpenAI's API send, to OpenAI itself, llama.cpp's server, vLLM, OpenRouter or Ollama, and
// what becomes of it here. This one table decides what a request may hold, what a refusal says, and what docs/api.md
// lists.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace hadal {

enum class FieldPlace {
  body,
  chat,
  text,
  message,
  part,
  stream_options,
  thinking
};  // body: of chat and text completions alike

enum class FieldUse {
  honoured,  // does what it says
  ignored,   // accepted with any value: it has no bearing on the answer of this server
  neutral,   // accepted with values that ask for nothing; with others it is refused, since the answer would not be what
             // was asked
};

struct KnownField {
  FieldPlace place;
  std::string_view name;
  FieldUse use;
  std::string_view from;    // who has it: "OpenAI", "llama.cpp", ...
  std::string_view note;    // what it does here, or why it changes nothing
  std::string_view values;  // neutral: the values, as JSON, with " or " between them; null always is one
};

std::span<const KnownField> known_fields();
const KnownField* find_field(FieldPlace place, std::string_view name);  // of the body's own, and of all bodies

// Throws ApiError (400) for a field of `object` that is not known at `place`, or that is there with a value that is not
// neutral. `param` names the object in the error ("messages[0]"); "" is the body.
void check_fields(const Json& object, FieldPlace place, const std::string& param);

// The tables of docs/api.md, in Markdown.
std::string field_tables();

}  // namespace hadal
