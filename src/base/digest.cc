#include "base/digest.h"

#include <openssl/evp.h>

#include <fstream>
#include <vector>

#include "base/error.h"

namespace hadal {

struct Digest::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Digest::Digest(Kind kind) : context_(std::make_unique<Context>()) {
  const EVP_MD* const md = kind == Kind::sha256 ? EVP_sha256() : EVP_sha1();
  HADAL_CHECK(context_->evp && EVP_DigestInit_ex(context_->evp.get(), md, nullptr) == 1, "libcrypto has no such hash");
}

Digest::~Digest() = default;

void Digest::add(const void* data, size_t num_bytes) {
  HADAL_CHECK(EVP_DigestUpdate(context_->evp.get(), data, num_bytes) == 1);
}

void Digest::add_file(const Path& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) fail("{}: expected a file to read, found: {}", path.string(), error.message());
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  uint64_t done = 0;
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
    add(buffer.data(), static_cast<size_t>(file.gcount()));
    done += static_cast<uint64_t>(file.gcount());
  }
  if (done != size) fail("{}: expected to read {} bytes, could read {}; check the disk", path.string(), size, done);
}

std::string Digest::hex() {
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HADAL_CHECK(EVP_DigestFinal_ex(context_->evp.get(), value, &size) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", value[i]);
  return text;
}

std::string sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.hex();
}

std::string sha256_of_file(const Path& path) {
  Digest digest;
  digest.add_file(path);
  return digest.hex();
}

}  // namespace hadal
