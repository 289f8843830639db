// The bytes of a file, unpacked where it is gzip: as many members as it has, one after the other.
#pragma once

#include <zlib.h>

#include <fstream>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal::research {

class ByteStream {
 public:
  ByteStream(const Path& path, uint64_t offset);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // What is unpacked and not yet taken; "" at the end of a member (begin_member() goes on), at the end of the file, and
  // where the file breaks off (cut()).
  std::string_view peek();
  void take(size_t count);
  bool begin_member();  // false: the file has ended
  bool gzip() const { return gzip_; }
  bool cut() const { return cut_; }
  bool ends_in_zeros();  // the file, as one does that lost what was not yet on the disk
  bool in_member() const { return in_member_; }
  uint64_t member_offset() const { return member_; }  // where the present member began; not packed: where peek() is
  uint64_t file_offset() const { return packed_at_ + used_; }

 private:
  bool refill();
  void unpack();

  Path path_;
  std::ifstream file_;
  z_stream zlib_ = {};
  bool gzip_ = false, in_member_ = false, cut_ = false;
  uint64_t packed_at_ = 0, member_ = 0, size_ = 0;
  std::string packed_, plain_;
  size_t used_ = 0, taken_ = 0;  // of packed_, of plain_
};

}  // namespace hadal::research
