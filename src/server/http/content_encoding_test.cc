#include "server/http/content_encoding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "server/api_error.h"

namespace hadal {
namespace {

std::string compressed(const std::string& text, int wrapping) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, wrapping, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

constexpr int kGzip = 15 + 16, kZlib = 15, kRaw = -15;

std::string decode(const std::string& body, const std::string& coding, uint64_t limit = 1000) {
  HttpRequest request{"POST", "/", "", "", "", body};
  request.content_encoding = coding;
  std::string decoded;
  return std::string(decoded_body(request, limit, decoded));
}

int refused(const std::string& body, const std::string& coding, uint64_t limit = 1000) {
  try {
    decode(body, coding, limit);
  } catch (const ApiError& e) {
    return e.status;
  }
  return 200;
}

TEST(ContentEncoding, ReadsWhatClientsSend) {
  const std::string text = "{\"messages\": []}";
  EXPECT_EQ(decode(text, ""), text);
  EXPECT_EQ(decode(text, "Identity"), text);
  EXPECT_EQ(decode(compressed(text, kGzip), "gzip"), text);
  EXPECT_EQ(decode(compressed(text, kGzip), "X-GZIP"), text);
  EXPECT_EQ(decode(compressed("ab", kGzip) + compressed("cd", kGzip), "gzip"), "abcd");
  EXPECT_EQ(decode(compressed(text, kZlib), "deflate"), text);
  EXPECT_EQ(decode(compressed(text, kRaw), "deflate"), text);
}

TEST(ContentEncoding, RefusesWhatItIsNot) {
  EXPECT_EQ(refused("x", "br"), 415);
  EXPECT_EQ(refused("x", "gzip, gzip"), 415);
  EXPECT_EQ(refused("{}", "gzip"), 400);
  EXPECT_EQ(refused("", "gzip"), 400);
  const std::string whole = compressed(std::string(500, 'x'), kGzip);
  EXPECT_EQ(refused(whole.substr(0, whole.size() - 3), "gzip"), 400);
  EXPECT_EQ(refused(whole + "junk", "gzip"), 400);
}

TEST(ContentEncoding, ABombStopsAtTheLimit) {
  const std::string bomb = compressed(std::string(50'000'000, 'x'), kGzip);
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(refused(bomb, "gzip", 1'000'000), 413);
  EXPECT_EQ(refused(compressed(std::string(1000, 'x'), kGzip), "gzip", 1000), 200);
}

}  // namespace
}  // namespace hadal
