// What the tests of training share: a folder that goes away, files to read from, a small tokenizer. Tests only.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "chat/testing/tiny_tokenizer.h"

namespace hadal::test {

class TemporaryFolder : public ScratchFolder {
 public:
  Path file(const std::string& name, const std::string& content) const {
    write_file_whole(path() / name, content);
    return path() / name;
  }
};

inline void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in: " << text;
}

}  // namespace hadal::test
