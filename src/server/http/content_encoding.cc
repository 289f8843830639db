#include "server/http/content_encoding.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>

#include "server/api_error.h"

namespace hadal {
namespace {

constexpr int kGzip = 15 + 16, kZlib = 15, kRaw = -15;  // what inflateInit2 calls the three wrappings

struct Inflater {
  explicit Inflater(int wrapping) { HADAL_CHECK(inflateInit2(&stream, wrapping) == Z_OK); }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  z_stream stream{};
};

// False: these are no such data, or they break off.
bool inflate_all(std::string_view data, int wrapping, uint64_t max_bytes, std::string& out) {
  Inflater inflater(wrapping);
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib's interface of 1995; it only reads
  stream.avail_in = static_cast<uInt>(data.size());
  char piece[1 << 16];
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece);
    stream.avail_out = sizeof piece;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, sizeof piece - stream.avail_out);
    if (out.size() > max_bytes) {
      throw ApiError(413,
                     fmt::format("the request body is above the limit of {} bytes when it is decompressed", max_bytes));
    }
    if (state == Z_STREAM_END && wrapping == kGzip && stream.avail_in > 0)
      state = inflateReset(&stream);  // one more member
  }
  return state == Z_STREAM_END && stream.avail_in == 0;
}

}  // namespace

std::string_view decoded_body(const HttpRequest& request, uint64_t max_bytes, std::string& out) {
  std::string coding = request.content_encoding;
  std::transform(coding.begin(), coding.end(), coding.begin(), [](unsigned char c) { return std::tolower(c); });
  if (coding.empty() || coding == "identity") return request.body;
  const bool gzip = coding == "gzip" || coding == "x-gzip";
  if (!gzip && coding != "deflate") {
    ApiError error(415, fmt::format("Content-Encoding: expected gzip, deflate or none, found \"{}\"", brief(coding)));
    error.headers.emplace_back("Accept-Encoding", "gzip, deflate");
    throw error;
  }
  out.clear();
  bool good = inflate_all(request.body, gzip ? kGzip : kZlib, max_bytes, out);
  if (!good && !gzip)
    good = (out.clear(), inflate_all(request.body, kRaw, max_bytes, out));  // as some clients understand it
  if (!good)
    throw ApiError(
        400, fmt::format("the request body: expected {} data, as its Content-Encoding says, found others", coding));
  return out;
}

}  // namespace hadal
