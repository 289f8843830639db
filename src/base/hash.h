// Small hashes: FNV-1a for names and contents (not against malice), CRC-32C for what is written to disk.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hadal {

inline uint64_t fnv1a(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325ull) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

// FNV's low bits are good, its high bits lag behind for short texts: this spreads them (splitmix64's finaliser).
inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// A number in [0, 1) that depends on the text alone.
inline double unit_hash(std::string_view bytes) { return static_cast<double>(mix(fnv1a(bytes)) >> 11) * 0x1.0p-53; }

// Castagnoli's polynomial, reflected, as TFRecord and iSCSI use it. Pass the last result to go on.
inline uint32_t crc32c(const void* data, size_t num_bytes, uint32_t crc = 0) {
  static const auto table = [] {
    std::array<std::array<uint32_t, 256>, 16> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) ? 0x82F63B78u : 0);
      t[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; ++i) {
      for (int k = 1; k < 16; ++k) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255];
    }
    return t;
  }();
  const auto* p = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (; num_bytes >= 16; p += 16, num_bytes -= 16) {  // sixteen bytes a turn, of which four wait for the turn before
    uint32_t later = 0;
    for (int k = 4; k < 16; ++k) later ^= table[static_cast<size_t>(15 - k)][p[k]];
    crc ^= static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
           static_cast<uint32_t>(p[3]) << 24;
    crc = table[15][crc & 255] ^ table[14][(crc >> 8) & 255] ^ table[13][(crc >> 16) & 255] ^ table[12][crc >> 24] ^
          later;
  }
  for (; num_bytes > 0; ++p, --num_bytes) crc = (crc >> 8) ^ table[0][(crc ^ *p) & 255];
  return ~crc;
}

}  // namespace hadal
