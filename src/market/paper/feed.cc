#include "market/paper/feed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace hadal::market::paper {
namespace {

constexpr std::string_view kTcp = "tcp://", kHost = "127.0.0.1:";
constexpr int kLookAgain_ms = 50;
constexpr double kTryAgain_s = 1;

void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// What a file or a connection has now: empty at its end, or where nothing is there.
struct Got {
  std::string bytes;
  bool ended = false;
};

Got read_some(int fd) {
  Got got;
  got.bytes.resize(kMostPiece);
  ssize_t count = 0;
  do count = ::read(fd, got.bytes.data(), got.bytes.size());
  while (count < 0 && errno == EINTR);
  got.ended = count == 0 || (count < 0 && errno != EAGAIN);
  got.bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return got;
}

class FileFeed final : public FeedSource {
 public:
  explicit FileFeed(Path path) : path_(std::move(path)) {
    if (!std::filesystem::is_regular_file(path_))
      fail("{}: expected a file of lines of JSON, found {}; make it, empty if nothing came yet", path_.string(),
           std::filesystem::exists(path_) ? "something else" : "none");
    if (!open()) fail("{}: cannot be read: {}", path_.string(), std::strerror(errno));
  }
  ~FileFeed() override { close(); }
  bool connected() const override { return fd_ >= 0; }

  Piece read(int timeout_ms) override {
    Piece piece;
    for (int waited = 0;; waited += kLookAgain_ms) {
      if (fd_ >= 0 || open()) {
        piece.is_new = piece.is_new || std::exchange(is_new_, false);
        const bool replaced = is_replaced();  // before the last look: what was written until then is read
        piece.bytes = read_some(fd_).bytes;
        offset_ += static_cast<int64_t>(piece.bytes.size());
        if (!piece.bytes.empty()) return piece;
        if (replaced) {
          close();
          continue;
        }
        piece.is_new = restart_if_shorter() || piece.is_new;
      }
      if (waited >= timeout_ms) return piece;
      wait_ms(kLookAgain_ms);
    }
  }

 private:
  bool open() {
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    offset_ = 0;
    is_new_ = fd_ >= 0;
    return fd_ >= 0;
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  bool is_replaced() const {
    struct stat mine, there;
    if (::fstat(fd_, &mine) != 0 || ::stat(path_.c_str(), &there) != 0) return false;  // gone for a moment
    return mine.st_ino != there.st_ino || mine.st_dev != there.st_dev;
  }
  bool restart_if_shorter() {
    struct stat now;
    if (::fstat(fd_, &now) != 0 || now.st_size >= offset_) return false;
    ::lseek(fd_, 0, SEEK_SET);
    offset_ = 0;
    return true;
  }

  Path path_;
  int fd_ = -1;
  int64_t offset_ = 0;
  bool is_new_ = false;
};

class TcpFeed final : public FeedSource {
 public:
  explicit TcpFeed(int port) : port_(static_cast<uint16_t>(port)) {}
  ~TcpFeed() override { close(); }
  bool connected() const override { return connected_; }

  Piece read(int timeout_ms) override {
    Piece piece;
    if (!connected_) piece.is_new = connect(timeout_ms);
    if (!connected_) return piece;
    if (!ready(POLLIN, timeout_ms)) return piece;
    Got got = read_some(fd_);
    piece.bytes = std::move(got.bytes);
    if (got.ended) close();
    return piece;
  }

 private:
  bool ready(short events, int timeout_ms) const {
    pollfd poll{.fd = fd_, .events = events, .revents = 0};
    return ::poll(&poll, 1, timeout_ms) > 0;
  }

  // Waits for at most `timeout_ms`, and for its turn.
  bool connect(int timeout_ms) {
    if (fd_ < 0) {
      if (tried_ && since_.seconds() < kTryAgain_s) {
        wait_ms(std::min(timeout_ms, kLookAgain_ms));
        return false;
      }
      tried_ = true;
      since_.restart();
      fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd_ < 0) fail("tcp://127.0.0.1:{}: no connection can be made: {}", port_, std::strerror(errno));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port_);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
        close();
        return false;
      }
    }
    if (!ready(POLLOUT, timeout_ms)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0 || is_self()) {
      close();
      return false;
    }
    return connected_ = true;
  }
  // Where nobody listens on a port that the system also gives out, one of many tries is connected to itself, and would
  // keep the port from whoever is to listen there.
  bool is_self() const {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    return ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size) != 0 || own.sin_port == htons(port_);
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    connected_ = false;
  }

  uint16_t port_;
  int fd_ = -1;
  bool connected_ = false, tried_ = false;
  Stopwatch since_;
};

}  // namespace

std::optional<int> port_of_feed(const std::string& feed) {
  if (!feed.starts_with(kTcp)) return {};
  std::string_view rest = std::string_view(feed).substr(kTcp.size());
  int port = 0;
  bool good = rest.starts_with(kHost);
  if (good) {
    rest.remove_prefix(kHost.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
    good = error == std::errc() && end == rest.data() + rest.size() && port >= 1 && port <= 65535;
  }
  if (!good)
    fail(
        "expected a file or tcp://127.0.0.1:PORT, found {}; a feed from elsewhere comes through a program on this "
        "machine",
        brief(feed));
  return port;
}

std::unique_ptr<FeedSource> open_feed(const std::string& feed) {
  if (const auto port = port_of_feed(feed)) return std::make_unique<TcpFeed>(*port);
  return std::make_unique<FileFeed>(feed);
}

void LineCutter::finish(std::vector<Line>& lines) {
  const std::string_view text = trimmed(rest_);
  if (skipping_ || !text.empty()) lines.push_back({skipping_ ? std::string() : std::string(text), skipping_});
  forget();
}

void LineCutter::cut(std::string_view bytes, std::vector<Line>& lines) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!skipping_) rest_.append(part);
    if (rest_.size() > kMostLine) skipping_ = true, rest_.clear();
    if (end == std::string_view::npos) return;
    finish(lines);
    bytes.remove_prefix(end + 1);
  }
}

void LineCutter::cut_whole_rest(std::vector<Line>& lines) {
  if (skipping_ || rest_.size() == looked_at_ || !trimmed(rest_).ends_with('}')) return;
  looked_at_ = rest_.size();
  try {
    (void)parse_json(rest_, "");
  } catch (const Error&) {  // the rest is still to come
    return;
  }
  finish(lines);
}

}  // namespace hadal::market::paper
