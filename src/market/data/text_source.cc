#include "market/data/text_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace hadal::market {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr const char* kEarlyEnd = "; it was not written or copied to its end, fetch it again";

class PlainSource : public TextSource {
 public:
  PlainSource(const Path& path, std::string name)
      : TextSource(path.string(), std::move(name)), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail("{}: cannot open it: {}", who_, std::strerror(errno));
  }
  ~PlainSource() override { ::close(fd_); }
  size_t read(char* to, size_t num_bytes) override {
    for (;;) {
      const ssize_t n = ::read(fd_, to, num_bytes);
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) fail("{}: cannot read it: {}", who_, std::strerror(errno));
    }
  }

 private:
  int fd_;
};

class GzipSource final : public TextSource {
 public:
  GzipSource(const Path& path, std::string name)
      : TextSource(path.string(), std::move(name)), file_(::gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) fail("{}: cannot open it: {}", who_, std::strerror(errno));
    ::gzbuffer(file_, 1 << 17);
  }
  ~GzipSource() override { ::gzclose(file_); }
  size_t read(char* to, size_t num_bytes) override {
    const int n = ::gzread(file_, to, static_cast<unsigned>(num_bytes));
    int code = Z_OK;
    const char* what = ::gzerror(file_, &code);
    if (n < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR)
      fail("{}: expected gzip's format, found {}{}", who_, what, kEarlyEnd);
    return static_cast<size_t>(n);
  }

 private:
  gzFile file_;
};

class ZstdSource final : public TextSource {
 public:
  ZstdSource(const Path& path, std::string name)
      : TextSource(path.string(), std::move(name)),
        file_(path, name_),
        stream_(ZSTD_createDStream(), ZSTD_freeDStream),
        in_(ZSTD_DStreamInSize()) {}
  size_t read(char* to, size_t num_bytes) override {
    ZSTD_outBuffer out{to, num_bytes, 0};
    while (out.pos == 0) {
      if (input_.pos == input_.size && !flushing_) {
        input_ = {in_.data(), file_.read(in_.data(), in_.size()), 0};
        if (input_.size == 0) {
          if (within_) fail("{}: expected zstd's format, found an end within it{}", who_, kEarlyEnd);
          return 0;
        }
      }
      const size_t left = ZSTD_decompressStream(stream_.get(), &out, &input_);
      if (ZSTD_isError(left) != 0)
        fail("{}: expected zstd's format, found {}{}", who_, ZSTD_getErrorName(left), kEarlyEnd);
      within_ = left != 0;
      flushing_ = out.pos == out.size && within_;  // more may be ready without further input
    }
    return out.pos;
  }

 private:
  PlainSource file_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  std::vector<char> in_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool within_ = false, flushing_ = false;
};

class ZipEntry final : public TextSource {
 public:
  ZipEntry(zip_t* archive, zip_int64_t index, std::string who, std::string name)
      : TextSource(std::move(who), std::move(name)),
        archive_(archive),
        file_(zip_fopen_index(archive, static_cast<zip_uint64_t>(index), 0)) {
    if (file_ == nullptr) fail("{}: cannot read it: {}", who_, zip_strerror(archive_));
  }
  ~ZipEntry() override { zip_fclose(file_); }
  size_t read(char* to, size_t num_bytes) override {
    const zip_int64_t n = zip_fread(file_, to, num_bytes);
    if (n < 0) fail("{}: expected an entry of a zip, found {}{}", who_, zip_file_strerror(file_), kEarlyEnd);
    return static_cast<size_t>(n);
  }

 private:
  zip_t* archive_;
  zip_file_t* file_;
};

void for_each_entry(const Path& path, const std::function<void(TextSource&)>& use) {
  int code = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string what = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("{}: expected a zip file, found {}{}", path.string(), what, kEarlyEnd);
  }
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  int64_t used = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* entry = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    if (entry == nullptr) continue;
    const std::string lower = lower_case(entry);
    if (!lower.ends_with(".csv") && !lower.ends_with(".txt")) continue;
    ++used;
    ZipEntry source(archive.get(), i, path.string() + "#" + brief(entry), Path(entry).filename().string());
    use(source);
  }
  if (used == 0) fail("{}: expected an entry .csv or .txt in the zip, found none of {}", path.string(), count);
}

}  // namespace

void for_each_text(const Path& path, const std::function<void(TextSource&)>& use) {
  const std::string extension = lower_case(path.extension().string());
  if (std::filesystem::is_directory(path)) fail("{}: expected a file, found a folder", path.string());
  if (extension == ".zip") return for_each_entry(path, use);
  const std::string stem = path.stem().string();
  if (extension == ".gz") {
    GzipSource source(path, stem);
    use(source);
  } else if (extension == ".zst") {
    ZstdSource source(path, stem);
    use(source);
  } else {
    PlainSource source(path, path.filename().string());
    use(source);
  }
}

LineReader::LineReader(TextSource& source)
    : source_(source), buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {
  if (fill() && std::string_view(buffer_.get(), end_).starts_with("\xef\xbb\xbf")) begin_ = 3;
}

std::string LineReader::where() const { return fmt::format("{}:{}", source_.who(), number_); }

// Moves what is left to the front and reads more behind it; false where there is no more.
bool LineReader::fill() {
  if (at_end_) return false;
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_, begin_ = 0;
  const size_t n = source_.read(buffer_.get() + end_, kBufferBytes - end_);
  const char* fresh = buffer_.get() + end_;
  if (const void* nul = std::memchr(fresh, '\0', n)) {
    const int64_t line = number_ + 1 + std::count<const char*>(buffer_.get(), static_cast<const char*>(nul), '\n');
    fail("{}:{}: expected text, found a NUL byte; is it another kind of file, or text in UTF-16?", source_.who(), line);
  }
  end_ += n;
  at_end_ = n == 0;
  return n > 0;
}

bool LineReader::next(std::string_view& line) {
  size_t searched = 0;
  for (;;) {
    const char* begin = buffer_.get() + begin_;
    const void* found = std::memchr(begin + searched, '\n', end_ - begin_ - searched);
    const size_t length =
        found != nullptr ? static_cast<size_t>(static_cast<const char*>(found) - begin) : end_ - begin_;
    if (length > kMaxLineBytes)
      fail("{}:{}: expected a line of at most {} bytes, found a longer one; is it a table of prices?", source_.who(),
           number_ + 1, kMaxLineBytes);
    if (found == nullptr) {
      searched = length;
      if (fill()) continue;
      if (length == 0) return false;
    }
    line = {buffer_.get() + begin_, length};
    line_begin_ = begin_;
    begin_ += length + (found != nullptr ? 1 : 0);
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
}

}  // namespace hadal::market
