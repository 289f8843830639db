#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <mutex>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "research/archive/http_message.h"
#include "research/archive/warc_digest.h"
#include "research/archive/warc_reader.h"

namespace hadal::research {
namespace {

std::string reason() { return std::strerror(errno); }

// A UUID of version 8 (RFC 9562): of a hash of our own.
std::string id_of(const WarcRecord& record) {
  Digest digest;
  for (const std::string* part :
       {&record.type, &record.target_uri, &record.date, &record.content_type, &record.refers_to, &record.block}) {
    digest.add(fmt::format("{}:", part->size()));
    digest.add(*part);
  }
  std::string hex = digest.hex().substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
  return fmt::format("<urn:uuid:{}-{}-{}-{}-{}>", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

void add_field(std::string& head, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(value.begin(), value.end(), control) || std::any_of(name.begin(), name.end(), control))
    fail("WARC record: expected {} without control characters, found {}", brief(name), brief(value));
  head.append(name).append(": ").append(value).append("\r\n");
}

std::string text_of(const WarcRecord& record) {
  std::string text = "WARC/1.1\r\n";
  add_field(text, "WARC-Type", record.type);
  add_field(text, "WARC-Record-ID", record.id);
  add_field(text, "WARC-Date", record.date);
  add_field(text, "WARC-Target-URI", record.target_uri);
  add_field(text, "Content-Type", record.content_type);
  add_field(text, "WARC-Refers-To", record.refers_to);
  for (const auto& [name, value] : record.other) add_field(text, name, value);
  const std::string_view block = record.block;
  if (record.type == "response")
    add_field(text, "WARC-Payload-Digest", warc_digest(block.substr(std::min(end_of_head(block), block.size()))));
  if (record.type == "resource" || record.type == "conversion")
    add_field(text, "WARC-Payload-Digest", warc_digest(block));
  add_field(text, "WARC-Block-Digest", warc_digest(block));
  add_field(text, "Content-Length", fmt::format("{}", block.size()));
  return text.append("\r\n").append(block).append("\r\n\r\n");
}

// Level 6 and an empty gzip head: the same text gives the same bytes.
std::string packed(const std::string& text) {
  z_stream z = {};
  HADAL_CHECK(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  HADAL_CHECK(code == Z_STREAM_END);
  return out;
}

}  // namespace

struct WarcWriter::Impl {
  Path path;
  int fd = -1;
  uint64_t size = 0;
  std::set<std::string> ids;
  mutable std::mutex mutex;

  explicit Impl(Path file) : path(std::move(file)) {
    fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) fail("{}: expected a file to write to, found: {}", path.string(), reason());
    try {
      if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
          fail("{}: another process writes this archive; wait for it or choose another file", path.string());
        fail("{}: cannot be locked: {}; choose a file on another file system", path.string(), reason());
      }
      size = static_cast<uint64_t>(::lseek(fd, 0, SEEK_END));
      if (size > 0) take_up();
    } catch (...) {
      ::close(fd);
      throw;
    }
  }
  ~Impl() { ::close(fd); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void take_up() {
    WarcReader reader(path, uint64_t{1} << 30);
    while (const auto record = reader.next()) {
      if (!record->fault.empty()) fail("{}: record {}: {}", path.string(), brief(record->id), record->fault);
      ids.insert(record->id);
    }
    if (!reader.by_record())
      fail("{}: expected one gzip member a record, as Hadal writes archives, found another form; choose another file",
           path.string());
    cut(reader.end());
  }

  void cut(uint64_t at) {
    if (::ftruncate(fd, static_cast<off_t>(at)) != 0) fail("{}: {}", path.string(), reason());
    ::lseek(fd, static_cast<off_t>(at), SEEK_SET);
    size = at;
  }

  void write(const std::string& bytes) {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const std::string why = reason();
        cut(size);  // so that a later record does not stand behind half of this one
        fail("{}: could not be written: {}", path.string(), why);
      }
      done += static_cast<size_t>(n);
    }
    if (::fdatasync(fd) != 0) fail("{}: could not be forced to disk: {}", path.string(), reason());
    size += bytes.size();
  }
};

WarcWriter::WarcWriter(Path path) : impl_(std::make_unique<Impl>(std::move(path))) {}
WarcWriter::~WarcWriter() = default;

std::string WarcWriter::append(WarcRecord record) {
  if (record.id.empty()) record.id = id_of(record);
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->ids.contains(record.id)) return record.id;
  }
  const std::string bytes = packed(text_of(record));
  const std::lock_guard lock(impl_->mutex);
  if (impl_->ids.contains(record.id)) return record.id;
  impl_->write(bytes);
  impl_->ids.insert(record.id);
  return record.id;
}

uint64_t WarcWriter::bytes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->size;
}

std::string append_text(WarcWriter& archive, const std::string& url, const std::string& date,
                        const std::string& refers_to, std::string text) {
  WarcRecord record;
  record.type = "conversion";
  record.target_uri = url;
  record.date = date;
  record.content_type = "text/plain; charset=utf-8";
  record.refers_to = refers_to;
  record.block = std::move(text);
  return archive.append(std::move(record));
}

std::string warc_date(double unix_seconds) {
  const auto time = static_cast<time_t>(std::floor(unix_seconds));
  tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace hadal::research
