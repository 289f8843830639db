// The keys of a GGUF file that is written. Inside the module only.
#pragma once

#include "formats/gguf.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

// Throw Error naming `who` for what the format cannot say.
void add_config_keys(const ModelConfig& config, std::string_view who, GgufWriter::Keys& keys);
void add_tokenizer_keys(const ModelConfig& config, const Tokenizer& tokenizer, std::string_view who,
                        GgufWriter::Keys& keys);

}  // namespace hadal
