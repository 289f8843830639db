#include "research/archive/warc_digest.h"

#include "base/digest.h"
#include "base/text.h"

namespace hadal::research {
namespace {

std::string hash_of(Digest::Kind kind, std::string_view bytes) {
  Digest digest(kind);
  digest.add(bytes);
  return digest.hex();
}

int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// RFC 4648, without padding.
std::string base32(std::string_view hex) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  unsigned bits = 0, have = 0;
  for (const char c : hex) {
    bits = (bits << 4 | static_cast<unsigned>(nibble(c))) & 0xffff;
    have += 4;
    if (have >= 5) {
      have -= 5;
      out += kLetters[bits >> have & 31];
    }
  }
  if (have > 0) out += kLetters[bits << (5 - have) & 31];
  return out;
}

}  // namespace

std::string warc_digest(std::string_view bytes) { return "sha1:" + base32(hash_of(Digest::Kind::sha1, bytes)); }

bool warc_digest_holds(std::string_view digest, std::string_view bytes) {
  const size_t colon = digest.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string name = lower_case(std::string(digest.substr(0, colon)));
  const bool sha1 = name == "sha1" || name == "sha-1";
  if (!sha1 && name != "sha256" && name != "sha-256") return true;
  const std::string hex = hash_of(sha1 ? Digest::Kind::sha1 : Digest::Kind::sha256, bytes);
  std::string found = lower_case(std::string(digest.substr(colon + 1)));
  while (!found.empty() && found.back() == '=') found.pop_back();
  return found == hex || found == lower_case(base32(hex));
}

}  // namespace hadal::research
