#include "hub/download.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/remote/digest.h"
#include "net/retry.h"
#include "net/url.h"

namespace hadal {
namespace {

constexpr int kMaxRestarts = 3;  // after more changes of a file during its download: Error

Path with_ending(Path path, const char* ending) { return path += ending; }
Path part_of(const Path& path) { return with_ending(path, ".part"); }
Path note_of(const Path& path) { return with_ending(path, ".part.json"); }

// "bytes 5-9/10": the first byte of the answer, and the whole size (-1: "*"). None if it cannot be read.
struct ContentRange {
  int64_t first = -1, total = -1;
};

// X-Linked-ETag, which says what a file is, without quotes; often only a redirect on the way has it. "" when none has.
std::string linked_etag(const net::TransferReply& reply) {
  std::string etag = reply.header("x-linked-etag");
  for (auto redirect = reply.redirects.rbegin(); etag.empty() && redirect != reply.redirects.rend(); ++redirect)
    etag = redirect->header("x-linked-etag");
  std::erase(etag, '"');
  return etag;
}

std::optional<ContentRange> content_range(const net::TransferReply& reply) {
  long long first = -1, last = -1, total = -1;
  const int found = std::sscanf(reply.header("content-range").c_str(), "bytes %lld-%lld/%lld", &first, &last, &total);
  if (found < 2 || first < 0 || last < first || (found == 3 && total <= last)) return std::nullopt;
  return ContentRange{first, found == 3 ? total : -1};
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

class Download {
 public:
  Download(net::HttpSession& http, const RemoteFile& file, const Path& path, const DownloadProgress& progress)
      : http_(http), file_(file), path_(path), part_(part_of(path)), progress_(progress), patience_(http.options()) {
    open();
    recall();
  }
  ~Download() {
    if (fd_ >= 0) ::close(fd_);
  }
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  DownloadedFile run() {
    for (;;) {
      while (!complete_) {
        try {
          request();
        } catch (const net::TransferError& error) {
          patience_.wait(error);
        }
      }
      if (const auto result = verified()) return *result;
    }
  }

 private:
  void open();
  void recall();
  void remember();
  void start_over();
  void request();
  bool examine(const net::TransferReply& reply);
  bool examine_rest(const net::TransferReply& reply);
  void learn(const net::TransferReply& reply, int64_t total);
  bool receive(std::string_view bytes);
  std::optional<DownloadedFile> verified();
  std::string shown() const { return net::url_shown(file_.url); }
  [[noreturn]] void refuse(
      const std::string& what);  // throws Error; what was received is not the beginning of the file
  void drop() {
    ::unlink(part_.c_str());
    ::unlink(note_of(path_).c_str());
  }

  net::HttpSession& http_;
  RemoteFile file_;  // with what the server tells about it
  const Path path_, part_;
  const DownloadProgress& progress_;
  net::Patience patience_;
  int fd_ = -1;
  uint64_t have_ = 0, furthest_ = 0;
  std::string etag_;
  int64_t promised_ = -1;  // the size that the server announces; file_.size is the size that must be right
  bool complete_ = false, resumed_ = false, again_ = false;
  int restarts_ = 0;
};

[[noreturn]] void fail_write(const Path& path) {
  fail("{}: cannot write: {}; free some space, then pull again: it resumes where it stopped", path.string(),
       std::strerror(errno));
}

void Download::open() {
  fd_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd_ < 0) fail("{}: cannot create: {}", part_.string(), std::strerror(errno));
  have_ = static_cast<uint64_t>(std::max<off_t>(0, ::lseek(fd_, 0, SEEK_END)));
}

// Resumes from an earlier call's bytes if they are the beginning of this file: same content hash if the hub gives one,
// else same address, and then the server must confirm the etag.
void Download::recall() {
  if (have_ == 0) return;
  try {
    const Json note = parse_json(read_file(note_of(path_), 1 << 20), note_of(path_).string());
    const bool same = file_.identity().empty() ? note.at("url") == file_.url && note.at("etag") != ""
                                               : note.at("identity") == file_.identity();
    if (same && (file_.size < 0 || have_ <= static_cast<uint64_t>(file_.size))) {
      etag_ = note.at("etag");
      promised_ = note.at("size");
      resumed_ = true;
      furthest_ = have_;
      complete_ = file_.size >= 0 && have_ == static_cast<uint64_t>(file_.size);
      return;
    }
  } catch (const std::exception&) {  // no valid note: the origin of these bytes is unknown
  }
  start_over();
}

void Download::remember() {
  const OrderedJson note = {{"url", file_.url}, {"etag", etag_}, {"size", promised_}, {"identity", file_.identity()}};
  write_file_whole(note_of(path_), dump_json(note));
}

void Download::start_over() {
  if (::ftruncate(fd_, 0) != 0) fail_write(part_);
  have_ = 0;
  etag_.clear();
  promised_ = -1;
  resumed_ = complete_ = false;
}

void Download::refuse(const std::string& what) {
  drop();
  fail("{}", what);
}

void Download::request() {
  net::TransferRequest request;
  request.url = file_.url;
  request.headers = {"Accept-Encoding: identity"};
  if (have_ > 0) {
    request.headers.push_back(fmt::format("Range: bytes={}-", have_));
    if (!etag_.empty()) request.headers.push_back("If-Range: " + etag_);
  }
  request.head = [&](const net::TransferReply& reply) { return examine(reply); };
  request.body = [&](std::string_view bytes) { return receive(bytes); };
  again_ = false;
  const net::TransferReply reply = http_.send(request);
  if (again_) return;
  const int64_t expected = file_.size >= 0 ? file_.size : promised_;
  if (expected >= 0 && have_ < static_cast<uint64_t>(expected)) {
    throw net::TransferError(fmt::format("{}: the server ended after {} of {} bytes", shown(), have_, expected));
  }
  complete_ = true;
}

// Handles the head of an answer. False: its body is not needed; again_ says whether to retry.
bool Download::examine(const net::TransferReply& reply) {
  net::throw_if_busy(reply);
  if (reply.status == 416 && have_ > 0) return examine_rest(reply);
  if (reply.status != 200 && reply.status != 206) {
    if (file_.explain) throw Error(file_.explain(reply));
    fail("{}: expected the file, the server answers with status {}; check the address", shown(), reply.status);
  }
  if (reply.header("content-type").starts_with("text/html") && path_.extension() != ".html") {
    fail(
        "{}: expected a file, found a web page; take the address of the file itself (on the hub: /resolve/, not "
        "/blob/), and "
        "check that no log-in page of this network stands before it",
        shown());
  }
  if (const std::string encoding = reply.header("content-encoding"); !encoding.empty() && encoding != "identity") {
    fail("{}: expected the file as it is, the server sends it compressed ({})", shown(), encoding);
  }
  if (reply.status == 206) return examine_rest(reply);
  if (have_ > 0)
    log_info("{}: the server cannot resume a download; starting from the beginning", path_.filename().string());
  start_over();
  learn(reply, reply.number("content-length"));
  return true;
}

// Handles an answer to a request for the rest of the file: 206, or 416 if there is no rest.
bool Download::examine_rest(const net::TransferReply& reply) {
  const auto whole = static_cast<int64_t>(have_);
  if (reply.status == 416 && promised_ == whole && reply.header("content-range") == fmt::format("bytes */{}", whole))
    return false;
  const auto range = content_range(reply);
  const int64_t size = file_.size >= 0 ? file_.size : promised_;
  const std::string etag = reply.header("etag");
  const bool same = have_ > 0 && reply.status == 206 && range && range->first == static_cast<int64_t>(have_) &&
                    (range->total < 0 || size < 0 || range->total == size) &&
                    (etag_.empty() || etag.empty() || etag == etag_);
  if (!same) {
    if (++restarts_ > kMaxRestarts) {
      refuse(fmt::format(
          "{}: expected the rest of the file from byte {}, found \"{}\" (status {}); it changes while it is "
          "downloaded: try again later",
          shown(), have_, reply.header("content-range"), reply.status));
    }
    log_info("{}: the file on the server has changed; starting from the beginning", path_.filename().string());
    start_over();
    furthest_ = 0;
    again_ = true;
    return false;
  }
  resumed_ = true;
  learn(reply, range->total);
  return true;
}

// The announced size must agree with the known one and fit on the disk.
void Download::learn(const net::TransferReply& reply, int64_t total) {
  if (const std::string linked = linked_etag(reply); file_.sha256.empty() && is_sha256(linked)) file_.sha256 = linked;
  if (file_.size >= 0 && total >= 0 && total != file_.size) {
    refuse(fmt::format(
        "{}: expected {} bytes, the server announces {}; it does not hold what its list says: try again later", shown(),
        file_.size, total));
  }
  promised_ = total >= 0 ? total : promised_;
  const std::string etag = reply.header("etag");
  if (!etag.empty() && !etag.starts_with("W/")) etag_ = etag;
  if (promised_ > static_cast<int64_t>(have_)) {
    const uint64_t needed = static_cast<uint64_t>(promised_) - have_, free = free_disk_bytes(path_);
    if (needed > free) {
      fail("{}: needs {} more on the disk, and {} are free; free some space, then pull again", path_.string(),
           bytes_text(needed), bytes_text(free));
    }
  }
  remember();
}

bool Download::receive(std::string_view bytes) {
  const int64_t size = file_.size >= 0 ? file_.size : promised_;
  if (size >= 0 && have_ + bytes.size() > static_cast<uint64_t>(size)) {
    refuse(
        fmt::format("{}: expected {} bytes, the server sends more; it does not hold what it announced", shown(), size));
  }
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(have_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_write(part_);
    have_ += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (have_ > furthest_) {  // a connection that always breaks at the same byte makes no progress
    furthest_ = have_;
    patience_.progress();
  }
  if (progress_) progress_(have_, size);
  return true;
}

// None: the hash of a resumed file is wrong, so it is downloaded again from its beginning.
std::optional<DownloadedFile> Download::verified() {
  if (::fsync(fd_) != 0) fail_write(part_);
  const std::string sha256 = sha256_of_file(part_);
  const bool by_sha256 = !file_.sha256.empty();
  const std::string& wanted = file_.identity();
  const std::string actual = by_sha256 || wanted.empty() ? sha256 : git_sha1_of_file(part_);
  if (!wanted.empty() && wanted != actual) {
    if (resumed_ && ++restarts_ <= kMaxRestarts) {
      log_info("{}: its hash is wrong; downloading again from the beginning", path_.filename().string());
      start_over();
      furthest_ = 0;
      return std::nullopt;
    }
    refuse(fmt::format("{}: expected {} {}, found {}; it was damaged on the way and is removed: pull again", shown(),
                       by_sha256 ? "SHA-256" : "git's SHA-1", wanted, actual));
  }
  if (::rename(part_.c_str(), path_.c_str()) != 0) fail("{}: cannot rename: {}", part_.string(), std::strerror(errno));
  ::unlink(note_of(path_).c_str());
  return DownloadedFile{have_, sha256};
}

}  // namespace

DownloadedFile download_file(net::HttpSession& http, const RemoteFile& file, const Path& path,
                             const DownloadProgress& progress) {
  return Download(http, file, path, progress).run();
}

int64_t download_head(net::HttpSession& http, const RemoteFile& file, uint64_t count, std::string& head) {
  for (net::Patience patience(http.options());;) {
    try {
      int64_t size = -1;
      uint64_t skip = 0;  // bytes to skip if the answer starts at byte 0 although a range was requested
      net::TransferRequest request;
      request.url = file.url;
      request.headers = {fmt::format("Range: bytes={}-{}", head.size(), count - 1)};
      request.head = [&](const net::TransferReply& reply) {
        const std::string range = reply.header("content-range");
        const size_t slash = range.rfind('/');
        if (reply.status == 206 && slash != std::string::npos && slash + 1 < range.size() &&
            std::isdigit(static_cast<unsigned char>(range[slash + 1])))
          size = std::stoll(range.substr(slash + 1, 18));
        if (reply.status == 200) size = reply.number("content-length"), skip = head.size();
        return reply.status == 200 || reply.status == 206;
      };
      request.body = [&](std::string_view piece) {
        const uint64_t passed = std::min<uint64_t>(skip, piece.size());
        skip -= passed;
        head += piece.substr(passed, count - head.size());
        return head.size() < count;
      };
      const net::TransferReply reply = http.send(request);
      net::throw_if_busy(reply);
      if (reply.status != 200 && reply.status != 206)
        throw Error(file.explain ? file.explain(reply)
                                 : fmt::format("{}: expected the file, the server gives status {}",
                                               net::url_shown(file.url), reply.status));
      return file.size >= 0 ? file.size : size;
    } catch (const net::TransferError& error) {
      if (head.size() >= count) return file.size;
      patience.wait(error);
    }
  }
}

uint64_t partial_bytes(const Path& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(part_of(path), none);
  return none ? 0 : size;
}

std::string bytes_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", value / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

}  // namespace hadal
