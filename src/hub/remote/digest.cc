#include "hub/remote/digest.h"

#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

class Hash {
 public:
  explicit Hash(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    HADAL_CHECK(context_ && EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1, "libcrypto has no such hash");
  }
  void add(const void* data, size_t num_bytes) { HADAL_CHECK(EVP_DigestUpdate(context_.get(), data, num_bytes) == 1); }
  std::string hex() {
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HADAL_CHECK(EVP_DigestFinal_ex(context_.get(), value, &size) == 1);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", value[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

std::string hash_file(const Path& path, uint64_t size, Hash& hash) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  uint64_t done = 0;
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
    hash.add(buffer.data(), static_cast<size_t>(file.gcount()));
    done += static_cast<uint64_t>(file.gcount());
  }
  if (done != size) fail("{}: expected to read {} bytes, could read {}; check the disk", path.string(), size, done);
  return hash.hex();
}

}  // namespace

std::string sha256_of_file(const Path& path) {
  Hash hash(EVP_sha256());
  return hash_file(path, std::filesystem::file_size(path), hash);
}

std::string git_sha1_of_file(const Path& path) {
  const uint64_t size = std::filesystem::file_size(path);
  const std::string header = fmt::format("blob {}", size);
  Hash hash(EVP_sha1());
  hash.add(header.c_str(), header.size() + 1);  // with its zero byte
  return hash_file(path, size, hash);
}

}  // namespace hadal
