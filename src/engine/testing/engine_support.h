// A tokenizer of bytes, tiny models and requests for the engine's tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "model/testing/tiny_models.h"
#include "tokenizer/unicode.h"

namespace hadal::test {

// A token a byte, and an end token.
inline std::shared_ptr<const Tokenizer> byte_tokenizer() {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte)
    parts.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  parts.tokens.push_back("<end>");
  parts.types.assign(256, TokenType::normal);
  parts.types.push_back(TokenType::control);
  parts.eos = 256;
  parts.pre_tokenizer = "gpt-2";
  return std::make_shared<const Tokenizer>(Tokenizer::from_parts(std::move(parts), "test"));
}

inline std::shared_ptr<Model> tiny_model(bool deepseek = true) {
  ModelConfig config = deepseek ? tiny_deepseek(true) : tiny_gqa();
  config.vocab = 264;  // seven more than the tokenizer has
  config.eos = 256;
  std::shared_ptr<Model> model = make_model(config);
  for (Param* p : model->params()) p->weight.frozen = true;
  return model;
}

inline GenerateRequest make_request(std::string_view prompt, uint64_t seed, int64_t max_tokens = 40) {
  GenerateRequest request;
  for (const char c : prompt) request.prompt.push_back(static_cast<unsigned char>(c));
  request.sampling.seed = seed;
  request.sampling.temperature = 1;
  request.max_tokens = max_tokens;
  return request;
}

}  // namespace hadal::test
