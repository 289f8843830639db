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

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648, without padding. `width`: bits of a letter.
std::string base_of(std::string_view hex, unsigned width, std::string_view letters) {
  std::string out;
  unsigned bits = 0, have = 0;
  for (const char c : hex) {
    bits = (bits << 4 | static_cast<unsigned>(nibble(c))) & 0xffff;
    have += 4;
    if (have >= width) {
      have -= width;
      out += letters[bits >> have & ((1u << width) - 1)];
    }
  }
  if (have > 0) out += letters[bits << (width - have) & ((1u << width) - 1)];
  return out;
}

}  // namespace

std::string warc_digest(std::string_view bytes) {
  return "sha1:" + base_of(hash_of(Digest::Kind::sha1, bytes), 5, kBase32);
}

bool warc_digest_holds(std::string_view digest, std::string_view bytes) {
  const size_t colon = digest.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string name = lower_case(std::string(digest.substr(0, colon)));
  const bool sha1 = name == "sha1" || name == "sha-1";
  if (!sha1 && name != "sha256" && name != "sha-256") return true;
  const std::string hex = hash_of(sha1 ? Digest::Kind::sha1 : Digest::Kind::sha256, bytes);
  std::string_view found = digest.substr(colon + 1);
  while (found.ends_with('=')) found.remove_suffix(1);
  const std::string lower = lower_case(std::string(found));
  return lower == hex || lower == lower_case(base_of(hex, 5, kBase32)) || found == base_of(hex, 6, kBase64);
}

}  // namespace hadal::research
