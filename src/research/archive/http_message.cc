#include "research/archive/http_message.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxEncodings = 4;

[[noreturn]] void too_large(uint64_t max_bytes) {
  throw BodyTooLarge(fmt::format("HTTP answer: expected a body of at most {} bytes, found more", max_bytes));
}

// `window_bits` as zlib's inflateInit2. None where the very beginning is of another kind.
std::optional<std::string> inflated(std::string_view body, int window_bits, uint64_t max_bytes) {
  struct Inflate {
    Inflate(int bits) { HADAL_CHECK(inflateInit2(&z, bits) == Z_OK); }
    ~Inflate() { inflateEnd(&z); }
    z_stream z = {};
  } unpack(window_bits);
  z_stream& z = unpack.z;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  z.avail_in = static_cast<uInt>(body.size());
  std::string out;
  char piece[16 << 10];
  for (;;) {
    z.next_out = reinterpret_cast<Bytef*>(piece);
    z.avail_out = sizeof(piece);
    const int code = inflate(&z, Z_NO_FLUSH);
    out.append(piece, sizeof(piece) - z.avail_out);
    if (out.size() > max_bytes) too_large(max_bytes);
    if (code == Z_STREAM_END) {
      if (window_bits < 16 || z.avail_in < 2 || z.next_in[0] != 0x1f || z.next_in[1] != 0x8b) return out;
      inflateReset(&z);  // gzip may have several members
    } else if (code != Z_OK) {
      if (out.empty() && code == Z_DATA_ERROR) return {};
      fail("HTTP answer: expected a packed body, found {}",
           code == Z_BUF_ERROR ? "one that is cut off" : "broken bytes");
    }
  }
}

std::string unpacked(std::string body, const std::string& encoding, uint64_t max_bytes) {
  if (body.size() > UINT32_MAX) too_large(max_bytes);
  if (encoding == "gzip" || encoding == "x-gzip") {
    if (!body.starts_with("\x1f\x8b")) return body;
    auto plain = inflated(body, 16 + MAX_WBITS, max_bytes);
    if (!plain) fail("HTTP answer: expected gzip, found broken bytes");
    return std::move(*plain);
  }
  if (encoding != "deflate")
    fail("HTTP answer: expected a body in gzip or deflate, found one in {}, which is not read", brief(encoding));
  // By the standard in zlib's frame; some servers leave it out.
  if (auto plain = inflated(body, MAX_WBITS, max_bytes)) return std::move(*plain);
  if (auto plain = inflated(body, -MAX_WBITS, max_bytes)) return std::move(*plain);
  return body;
}

}  // namespace

size_t end_of_head(std::string_view block) {
  const size_t strict = block.find("\r\n\r\n"), loose = block.substr(0, strict).find("\n\n");
  if (loose != std::string_view::npos) return loose + 2;
  return strict == std::string_view::npos ? strict : strict + 4;
}

std::optional<std::string> join_chunks(std::string_view body) {
  std::string out;
  for (bool first = true;; first = false) {
    const size_t line = body.find('\n');
    size_t size = 0;
    const std::string_view text = trimmed(body.substr(0, line));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, 16);
    const bool number = error == std::errc() && (end == text.data() + text.size() || *end == ';' || *end == ' ');
    if (line == std::string_view::npos || !number) return first ? std::nullopt : std::optional(out);
    if (size == 0) return out;
    body.remove_prefix(line + 1);
    out += body.substr(0, size);
    if (body.size() <= size) return out;
    body.remove_prefix(size);
    if (body.starts_with('\r')) body.remove_prefix(1);
    if (body.starts_with('\n')) body.remove_prefix(1);
  }
}

std::string decode_content(std::string body, const std::string& encodings, uint64_t max_bytes) {
  std::vector<std::string> list = split(lower_case(encodings), ',');
  if (list.size() > kMaxEncodings)
    fail("HTTP answer: expected at most {} content encodings, found {}", kMaxEncodings, list.size());
  for (auto encoding = list.rbegin(); encoding != list.rend(); ++encoding) {  // the last one was applied last
    const std::string name(trimmed(*encoding));
    if (!body.empty() && !name.empty() && name != "identity") body = unpacked(std::move(body), name, max_bytes);
  }
  if (body.size() > max_bytes) too_large(max_bytes);
  return body;
}

std::string WarcResponse::header(std::string_view name) const {
  const std::string wanted = lower_case(std::string(name));
  for (const auto& [have, value] : headers)
    if (lower_case(have) == wanted) return value;
  return "";
}

WarcResponse read_response(const WarcRecord& record, uint64_t max_bytes) {
  const std::string_view block = record.block;
  const size_t head_end = std::min(end_of_head(block), block.size());
  std::string_view head = block.substr(0, head_end);
  WarcResponse response;
  const auto next_line = [&head] {
    const size_t end = head.find('\n');
    const std::string_view line = trimmed(head.substr(0, end));
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    return line;
  };
  const std::string_view status = next_line();
  const size_t space = std::min(status.find(' '), status.size());
  const std::string_view number = trimmed(status.substr(space)).substr(0, 3);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), response.status);
  if (record.type != "response" || !status.starts_with("HTTP/") || error != std::errc() ||
      end != number.data() + number.size())
    fail("WARC record {}: expected an HTTP response, found {} with {}", brief(record.id), brief(record.type),
         brief(status));
  while (!head.empty()) {
    const std::string_view line = next_line();
    if (const size_t colon = line.find(':'); colon != std::string_view::npos)
      response.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  response.body = block.substr(head_end);
  if (lower_case(response.header("transfer-encoding")).find("chunked") != std::string::npos)
    if (auto joined = join_chunks(response.body)) response.body = std::move(*joined);
  response.body = decode_content(std::move(response.body), response.header("content-encoding"), max_bytes);
  return response;
}

}  // namespace hadal::research
