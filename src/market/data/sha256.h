// SHA-256 (FIPS 180-4), by libcrypto, in lower-case hexadecimal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal::market {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  void add(std::string_view bytes);
  std::string hex();  // once, at the end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_of(std::string_view bytes);
std::string sha256_of_file(const Path& path);

}  // namespace hadal::market
