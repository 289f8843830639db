// Bytes packed as servers and archives pack them. Tests only.
#pragma once

#include <zlib.h>

#include <string>

namespace hadal::test {

// `window_bits` as zlib's: 31 gzip, 15 zlib, -15 bare.
inline std::string packed(const std::string& text, int window_bits = 31) {
  z_stream z = {};
  deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

}  // namespace hadal::test
