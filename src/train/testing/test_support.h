// What the tests of training share: a folder that goes away, a small tokenizer, files to read from. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "train/data/chat_tokens.h"

namespace hadal::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() / fmt::format("hadal_train_test_{}_{}", getpid(), ++count);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const Path& path() const { return path_; }
  Path file(const std::string& name, const std::string& content) const {
    write_file_whole(path_ / name, content);
    return path_ / name;
  }

 private:
  Path path_;
};

inline Tokenizer tiny_tokenizer() {
  const std::vector<std::string> texts = {"the cat sat on the mat and the dog sat on the log",
                                          "what is the name of the cat? the cat is called Tom.",
                                          "one and two and three are numbers, and so are four and five."};
  BpeTrainingOptions options;
  options.vocab_size = 300;
  options.specials = chat_specials();
  options.bos = kBosText;
  options.eos = kEosText;
  options.chat_template = chat_template_text();
  size_t next = 0;
  return train_bpe([&](std::string& text) { return next < texts.size() && (text = texts[next++], true); }, options);
}

// The message of the Error that `job` throws; "" when it throws none.
template <typename F>
std::string error_of(F&& job) {
  try {
    job();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in: " << text;
}

}  // namespace hadal::test
