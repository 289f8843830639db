// What the tests of downloads share: a scratch folder, options that do not wait, and errors as text. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "hub/http.h"
#include "hub/test_server.h"

namespace hadal::test {

class ScratchFolder {
 public:
  ScratchFolder() {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() / fmt::format("hadal_hub_{}_{}", ::getpid(), ++number);
    std::filesystem::create_directories(path_);
    set_log_level(LogLevel::error);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const Path& path() const { return path_; }
  Path operator/(const std::string& name) const { return path_ / name; }
  std::vector<std::string> names() const {  // of everything in it
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
      names.push_back(entry.path().lexically_relative(path_).string());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  Path path_;
};

inline HttpOptions quick() {
  HttpOptions options;
  options.connect_timeout_ms = 2000;
  options.stall_timeout_ms = 300;
  options.max_failures = 3;
  options.first_wait_ms = 1;
  options.longest_wait_ms = 2000;
  return options;
}

template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// Bytes without a pattern that a mistake could reproduce.
inline std::string some_bytes(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (auto& c : bytes) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    c = static_cast<char>(seed >> 56);
  }
  return bytes;
}

}  // namespace hadal::test
