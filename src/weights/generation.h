// What the files of a model say about writing with it: which tokens end an answer, and how its makers advise to sample.
// A Hugging Face folder says it in config.json (eos_token_id, one or a list) and generation_config.json; a GGUF file in
// tokenizer.ggml.eot_token_id and eom_token_id, and in general.sampling.*. Many files name only the end of a document
// there, so ends of turns are found by their text too.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace hadal {
class GgufFile;
}

namespace hadal::weights {

struct GenerationAdvice {
  std::vector<int32_t> ends;  // ascending; beside the tokenizer's own end
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int> top_k;

  bool operator==(const GenerationAdvice&) const = default;
};

// Throws Error naming the file and the field where an end is no token. Advice on sampling that cannot be followed is
// passed over with a warning. A file that is absent advises nothing. `vocab`: token ids are below it.
GenerationAdvice advice_of_folder(const Path& folder, int64_t vocab);
GenerationAdvice advice_of_gguf(const GgufFile& file, int64_t vocab);

// Adds the tokens that end a turn or a text by what they are called ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", ...),
// as llama.cpp does. The rule: an added token (special or not) of such a text is an end; one that merges build from
// ordinary text is a word like any other, and never an end.
void add_ends_by_text(GenerationAdvice& advice, const Tokenizer& tokenizer);

OrderedJson advice_to_json(const GenerationAdvice& advice);  // as generation_config.json has it

}  // namespace hadal::weights
