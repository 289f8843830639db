// Finds stop strings in text that arrives in pieces, and holds back what may be the beginning of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {}  // none of them empty

  // Text that is certainly not part of a stop string. Once one was found, nothing more comes.
  std::string push(std::string_view text);
  std::string finish();  // what was held back, when no more text comes
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace hadal
