#include "hub/remote/digest.h"

#include "base/digest.h"
#include "base/error.h"

namespace hadal {

std::string git_sha1_of_file(const Path& path) {
  const std::string header = fmt::format("blob {}", std::filesystem::file_size(path));
  Digest digest(Digest::Kind::sha1);
  digest.add(header.c_str(), header.size() + 1);  // with its zero byte
  digest.add_file(path);
  return digest.hex();
}

}  // namespace hadal
