// A tokenizer of 300 tokens with the marks and the template of models that are trained here, which may think. Tests
// only.
#pragma once

#include <string>
#include <vector>

#include "chat/own_template.h"
#include "tokenizer/tokenizer.h"

namespace hadal::test {

inline Tokenizer tiny_tokenizer(bool thinking = false) {
  const std::vector<std::string> texts = {"the cat sat on the mat and the dog sat on the log",
                                          "what is the name of the cat? the cat is called Tom.",
                                          "one and two and three are numbers, and so are four and five."};
  BpeTrainingOptions options;
  options.vocab_size = 300;
  options.specials = chat::chat_specials();
  options.bos = chat::kBosText;
  options.eos = chat::kEosText;
  options.chat_template = chat::chat_template_text(thinking);
  size_t next = 0;
  return train_bpe([&](std::string& text) { return next < texts.size() && (text = texts[next++], true); }, options);
}

}  // namespace hadal::test
