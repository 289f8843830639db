// What the tests of training share: a folder that goes away, a small tokenizer, files to read from. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "chat/testing/tiny_tokenizer.h"

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
