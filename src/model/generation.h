// What the files of a model say about writing with it: which tokens end an answer, and how its makers advise to sample.
// A Hugging Face folder says it in config.json (eos_token_id, one or a list) and generation_config.json; a GGUF file in
// tokenizer.ggml.eot_token_id and eom_token_id, and in general.sampling.*.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace hadal {

class GgufFile;

struct GenerationAdvice {
  std::vector<int32_t> ends;  // ascending; beside the tokenizer's own end
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int> top_k;

  bool operator==(const GenerationAdvice&) const = default;
};

// Throws Error naming the file and the field that is of the wrong type or out of range. A file that is absent advises
// nothing. `vocab`: token ids are below it.
GenerationAdvice advice_of_folder(const Path& folder, int64_t vocab);
GenerationAdvice advice_of_gguf(const GgufFile& file, int64_t vocab);

OrderedJson advice_to_json(const GenerationAdvice& advice);  // as generation_config.json has it

}  // namespace hadal
