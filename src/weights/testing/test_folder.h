// A folder with a tiny random model and a tokenizer of bytes, as a Hugging Face folder. Tests only.
#pragma once

#include <unistd.h>

#include "model/testing/tiny_models.h"
#include "tokenizer/unicode.h"
#include "weights/load.h"

namespace hadal::test {

// A token a byte, and three special ones: 256 begin, 257 end, 258 the turn of the assistant.
inline Tokenizer byte_tokenizer(bool chat = true) {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte)
    parts.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  parts.types.assign(256, TokenType::normal);
  for (const char* special : {"<begin>", "<end>", "<assistant>"}) {
    parts.tokens.push_back(special);
    parts.types.push_back(TokenType::control);
  }
  parts.bos = 256;
  parts.eos = 257;
  parts.add_bos = true;
  parts.pre_tokenizer = "gpt-2";
  if (chat) {
    parts.chat_template =
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}<assistant>{{ m['content'] }}{{ "
        "eos_token }}"
        "{% else %}{{ m['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
  }
  return Tokenizer::from_parts(std::move(parts), "test");
}

inline ModelConfig byte_config(bool deepseek = true) {
  ModelConfig config = deepseek ? tiny_deepseek(true) : tiny_gqa();
  config.vocab = 264;  // five more than the tokenizer has
  config.bos = 256;
  config.eos = 257;
  return config;
}

// Removed at the end of its life.
class ModelFolder {
 public:
  explicit ModelFolder(bool deepseek = true, DType dtype = DType::f32, bool chat = true) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() / fmt::format("hadal_model_{}_{}", ::getpid(), ++number);
    const auto model = make_model(byte_config(deepseek));
    weights::save_model(path_, *model, byte_tokenizer(chat), dtype);
  }
  ~ModelFolder() { std::filesystem::remove_all(path_); }
  ModelFolder(const ModelFolder&) = delete;
  const Path& path() const { return path_; }
  std::string text() const { return path_.string(); }

 private:
  Path path_;
};

}  // namespace hadal::test
