// The generation defaults in a model's files: the tokens that end an answer, and the sampling parameters.
// A Hugging Face folder has them in config.json (eos_token_id, one or a list) and generation_config.json; a GGUF file
// in tokenizer.ggml.eot_token_id and eom_token_id, and in general.sampling.*. Many files name only the end of a
// document there, so ends of turns are found by their text too.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "tokenizer/tokenizer.h"

namespace hadal {
class GgufFile;
}

namespace hadal::weights {

struct GenerationDefaults {
  std::vector<int32_t> ends;  // ascending; in addition to the tokenizer's own end
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int> top_k;

  bool operator==(const GenerationDefaults&) const = default;
};

// Throws Error naming the file and the field where an end is not a token. Sampling defaults out of range are ignored
// with a warning. A missing file gives no defaults. `vocab`: token ids are below it.
GenerationDefaults defaults_of_folder(const Path& folder, int64_t vocab);
GenerationDefaults defaults_of_gguf(const GgufFile& file, int64_t vocab);

// Adds the tokens that end a turn or a text by their text ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", ...), as
// llama.cpp does. The rule: an added token (special or not) with such a text is an end; a token that merges build from
// ordinary text is a word like any other, and never an end.
void add_ends_by_text(GenerationDefaults& defaults, const Tokenizer& tokenizer);

OrderedJson defaults_to_json(const GenerationDefaults& defaults);  // as generation_config.json has it

}  // namespace hadal::weights
