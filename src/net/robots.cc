#include "net/robots.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace hadal::net {
namespace {

// Of a line what comes after is not read: eight times the longest address that browsers took, less a terminator.
constexpr size_t kMaxLineBytes = 2083 * 8 - 1;
constexpr std::string_view kBlank = " \t\n\v\f\r";

enum class Key { user_agent, allow, disallow, crawl_delay, other };

bool is_hex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// What begins like a key is taken for it ("Disallowed"), and so are the commonest slips.
Key key_of(std::string_view text) {
  const std::string name = lower_case(std::string(text.substr(0, 16)));
  const auto begins = [&](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return name.starts_with(word); });
  };
  if (begins({"user-agent", "useragent", "user agent"})) return Key::user_agent;
  if (begins({"allow"})) return Key::allow;
  if (begins({"disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"})) return Key::disallow;
  if (begins({"crawl-delay", "crawldelay", "crawl delay"})) return Key::crawl_delay;
  return Key::other;
}

// Calls `use(key, value)` for a line "key: value". Where the colon is missing white space stands for it, if the line
// has two words and no more.
template <typename Use>
void read_line(std::string_view line, Use&& use) {
  line = line.substr(0, std::min(kMaxLineBytes, line.size()));
  line = trimmed(line.substr(0, line.find_first_of(std::string_view("#\0", 2))));
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    colon = line.find_first_of(" \t");
    if (colon == std::string_view::npos) return;
    const size_t value = line.find_first_not_of(" \t", colon);
    if (line.find_first_of(" \t", value) != std::string_view::npos) return;
  }
  const std::string_view key = trimmed(line.substr(0, colon));
  if (!key.empty()) use(key_of(key), trimmed(line.substr(colon + 1)));
}

// Calls it for every line. A byte order mark at the beginning, or as much of it as there is, is passed over.
template <typename Use>
void read_lines(std::string_view robots, Use&& use) {
  robots = robots.substr(0, kMaxRobotsBytes);
  for (const char mark : std::string_view("\xef\xbb\xbf")) {
    if (!robots.starts_with(mark)) break;
    robots.remove_prefix(1);
  }
  while (!robots.empty()) {
    const size_t end = std::min(robots.find_first_of("\r\n"), robots.size());
    read_line(robots.substr(0, end), use);
    robots.remove_prefix(std::min(end + 1, robots.size()));
  }
}

// Follows which agents the lines speak of: "*" and the one that is asked for. Groups of the same agent count as one.
class Groups {
 public:
  explicit Groups(std::string_view agent) : agent_(lower_case(std::string(agent))) {}

  void name_agent(std::string_view value) {
    if (ruled_) ruled_ = any_ = ours_ = false;
    if (value.starts_with('*') && (value.size() == 1 || kBlank.find(value[1]) != std::string_view::npos)) {
      any_ = true;
      return;
    }
    const auto in_token = [](char c) { return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_'; };
    const auto end = std::find_if_not(value.begin(), value.end(), in_token);
    if (lower_case(std::string(value.begin(), end)) == agent_) ours_ = ever_ours_ = true;
  }
  // A rule: the next agent that is named begins a group. False where it is in none that matters.
  bool rule() {
    ruled_ = ruled_ || any_ || ours_;
    return any_ || ours_;
  }
  bool ours() const { return ours_; }  // and not those of "*"
  bool ever_ours() const { return ever_ours_; }

 private:
  std::string agent_;
  bool any_ = false, ours_ = false, ever_ours_ = false, ruled_ = false;
};

// Path, parameters and query, without the fragment.
std::string path_of(std::string_view url) {
  constexpr std::string_view kStarts = "/?;";
  const size_t begin = url.starts_with("//") ? 2 : 0;
  size_t host = url.find("://", begin);
  if (host == std::string_view::npos || url.find_first_of(kStarts, begin) < host)
    host = begin;
  else
    host += 3;
  const size_t path = url.find_first_of(kStarts, host), hash = url.find('#', begin);
  if (path == std::string_view::npos || hash < path) return "/";
  std::string text(url.substr(path, hash == std::string_view::npos ? hash : hash - path));
  return text[0] == '/' ? text : "/" + text;
}

// As addresses are written: bytes beyond ASCII as %XX, the digits of those that stand there as capitals.
std::string normal_pattern(std::string_view pattern) {
  std::string out;
  for (size_t at = 0; at < pattern.size(); ++at) {
    const auto byte = static_cast<unsigned char>(pattern[at]);
    if (byte == '%' && at + 2 < pattern.size() && is_hex(pattern[at + 1]) && is_hex(pattern[at + 2])) {
      out += '%';
      for (const int next : {1, 2}) {
        const char digit = pattern[at + static_cast<size_t>(next)];
        out += digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
      }
      at += 2;
    } else if (byte >= 0x80) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += pattern[at];
    }
  }
  return out;
}

// Where `piece` stands in `text` from `at` on; memmem() takes linear time, find() does not.
size_t find_piece(std::string_view text, std::string_view piece, size_t at) {
  if (piece.empty()) return at;
  const void* found = ::memmem(text.data() + at, text.size() - at, piece.data(), piece.size());
  return found == nullptr ? std::string_view::npos : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

// '*' stands for any bytes, '$' at the end for the end of the path. Taking each piece where it stands first is as good
// as any other choice, so that nothing is tried twice.
bool matches(std::string_view path, std::string_view pattern) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  size_t star = pattern.find('*');
  const std::string_view first = pattern.substr(0, star);
  if (!path.starts_with(first)) return false;
  size_t at = first.size();
  if (star == std::string_view::npos) return !anchored || at == path.size();
  for (;;) {
    pattern.remove_prefix(star + 1);
    star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    if (star == std::string_view::npos && anchored) return path.size() - at >= piece.size() && path.ends_with(piece);
    at = find_piece(path, piece, at);
    if (at == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    at += piece.size();
  }
}

// How many bytes of pattern say yes and how many say no; -1: none does.
struct Verdict {
  int64_t allow = -1, disallow = -1;
};

// An address that ends in a slash is that of the folder's index.html: allowing this allows the folder.
int64_t allow_length(std::string_view path, std::string pattern) {
  if (matches(path, pattern)) return static_cast<int64_t>(pattern.size());
  const size_t slash = pattern.rfind('/');
  if (slash == std::string::npos || !std::string_view(pattern).substr(slash).starts_with("/index.htm")) return -1;
  pattern.resize(slash + 1);
  pattern += '$';
  return matches(path, pattern) ? static_cast<int64_t>(pattern.size()) : -1;
}

}  // namespace

bool robots_allow(std::string_view robots, std::string_view agent, std::string_view url) {
  const std::string path = path_of(url);
  Groups groups(agent);
  Verdict ours, any;
  read_lines(robots, [&](Key key, std::string_view value) {
    if (key == Key::user_agent) groups.name_agent(value);
    if ((key != Key::allow && key != Key::disallow) || !groups.rule()) return;
    Verdict& verdict = groups.ours() ? ours : any;
    const std::string pattern = normal_pattern(value);
    if (key == Key::allow)
      verdict.allow = std::max(verdict.allow, allow_length(path, pattern));
    else if (matches(path, pattern))
      verdict.disallow = std::max(verdict.disallow, static_cast<int64_t>(pattern.size()));
  });
  const Verdict& verdict = groups.ever_ours() ? ours : any;
  return verdict.disallow <= 0 || verdict.allow >= verdict.disallow;
}

double robots_crawl_delay(std::string_view robots, std::string_view agent) {
  Groups groups(agent);
  double ours = 0, any = 0;
  read_lines(robots, [&](Key key, std::string_view value) {
    if (key == Key::user_agent) groups.name_agent(value);
    if (key == Key::user_agent || key == Key::other || !groups.rule() || key != Key::crawl_delay) return;
    double seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(seconds)) return;
    double& delay = groups.ours() ? ours : any;
    delay = std::max(delay, seconds);
  });
  return groups.ever_ours() ? ours : any;
}

}  // namespace hadal::net
