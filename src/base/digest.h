// Cryptographic hashes, in lower-case hexadecimal, by OpenSSL. Small hashes stand in base/hash.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal {

// A hash that is fed in pieces.
class Digest {
 public:
  enum class Kind { sha256, sha1 };
  explicit Digest(Kind kind = Kind::sha256);
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void add(const void* data, size_t num_bytes);
  void add(std::string_view bytes) { add(bytes.data(), bytes.size()); }
  void add_file(const Path& path);  // reads it once; Error where it cannot be read
  std::string hex();                // ends it: nothing may be added afterwards

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256(std::string_view bytes);
std::string sha256_of_file(const Path& path);

}  // namespace hadal
