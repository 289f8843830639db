#include "research/archive/byte_stream.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::research {

namespace {
constexpr size_t kPiece = 64 << 10;
constexpr size_t kZeros = 16;
}  // namespace

ByteStream::ByteStream(const Path& path, uint64_t offset) : path_(path), file_(path, std::ios::binary) {
  if (!file_ || std::filesystem::is_directory(path)) fail("{}: expected a file that can be read", path.string());
  size_ = std::filesystem::file_size(path);
  char magic[2] = {};
  file_.read(magic, 2);
  const auto have = file_.gcount();
  gzip_ = have > 0 && magic[0] == '\x1f' && (have == 1 || magic[1] == '\x8b');
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset));
  packed_at_ = member_ = offset;
  HADAL_CHECK(inflateInit2(&zlib_, 16 + MAX_WBITS) == Z_OK);
}

ByteStream::~ByteStream() { inflateEnd(&zlib_); }

bool ByteStream::refill() {
  if (used_ < packed_.size()) return true;
  packed_at_ += packed_.size();
  packed_.resize(kPiece);
  file_.read(packed_.data(), static_cast<std::streamsize>(packed_.size()));
  packed_.resize(static_cast<size_t>(file_.gcount()));
  used_ = 0;
  return !packed_.empty();
}

bool ByteStream::ends_in_zeros() {
  if (size_ < kZeros) return false;
  char last[kZeros] = {1};
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(size_ - kZeros));
  file.read(last, kZeros);
  return std::all_of(last, last + kZeros, [](char c) { return c == 0; });
}

bool ByteStream::begin_member() {
  if (cut_ || !refill()) return false;
  member_ = file_offset();
  in_member_ = true;
  inflateReset(&zlib_);
  return true;
}

void ByteStream::unpack() {
  plain_.resize(kPiece);
  taken_ = 0;
  size_t made = 0;
  while (made == 0 && in_member_ && !cut_) {
    if (!refill()) {
      cut_ = true;
      break;
    }
    zlib_.next_in = reinterpret_cast<Bytef*>(packed_.data() + used_);
    zlib_.avail_in = static_cast<uInt>(packed_.size() - used_);
    zlib_.next_out = reinterpret_cast<Bytef*>(plain_.data());
    zlib_.avail_out = static_cast<uInt>(plain_.size());
    const int code = inflate(&zlib_, Z_NO_FLUSH);
    used_ = packed_.size() - zlib_.avail_in;
    made = plain_.size() - zlib_.avail_out;
    if (code == Z_STREAM_END) {
      in_member_ = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      cut_ = ends_in_zeros();
      if (!cut_)
        fail("{}: expected gzip, found broken bytes in what begins at offset {}; the file is damaged", path_.string(),
             member_);
    }
  }
  plain_.resize(made);
}

std::string_view ByteStream::peek() {
  if (!gzip_) {
    if (!refill()) return {};
    in_member_ = true;
    return std::string_view(packed_).substr(used_);
  }
  if (taken_ == plain_.size()) unpack();
  return std::string_view(plain_).substr(taken_);
}

void ByteStream::take(size_t count) {
  if (gzip_)
    taken_ += count;
  else
    used_ += count;
}

}  // namespace hadal::research
