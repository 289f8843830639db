#include "server/http/request_head.h"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace hadal {

namespace http = boost::beast::http;

namespace {

constexpr const char* kTwoLengths =
    "Transfer-Encoding: expected no Content-Length beside it, found both; send one of them";

std::string to_string(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_probe(const HttpRequest& request) {
  return (request.method == "GET" || request.method == "HEAD") && request.path() == "/health";
}

}  // namespace

HttpRequest request_of(const HeadFields& head) {
  HttpRequest request;
  Target target = split_target(to_string(head.target()));
  request.method = to_string(head.method_string());
  request.target = std::move(target.path);
  // A target that names the host stands above the header (RFC 9112, 3.2.2).
  request.host = target.authority.empty() ? to_string(head[http::field::host]) : target.authority;
  request.origin = to_string(head[http::field::origin]);
  request.authorization = to_string(head[http::field::authorization]);
  request.content_encoding = to_string(head[http::field::content_encoding]);
  request.asked_headers = to_string(head[http::field::access_control_request_headers]);
  request.asks_private_network = head["Access-Control-Request-Private-Network"] == "true";
  request.http_1_0 = head.version() < 11;
  return request;
}

std::optional<ApiError> refuse_head(const HeadFields& head) {
  const HttpRequest request = request_of(head);
  const size_t hosts = head.count(http::field::host);
  if (hosts > 1) return ApiError(400, fmt::format("Host: expected one such header, found {}", hosts));
  // A probe of load balancers often has none, and is harmless.
  if (hosts == 0 && !request.http_1_0 && !is_probe(request)) {
    return ApiError(400, "Host: expected this header in an HTTP/1.1 request, found none");
  }
  const bool asterisk = request.method == "OPTIONS" && request.target == "*";
  if (!request.target.starts_with('/') && !asterisk) {
    return ApiError(400,
                    fmt::format("the target: expected a path that begins with /, found \"{}\"", brief(request.target)));
  }
  if (head.count(http::field::transfer_encoding) >
      0) {  // two ways to say where the body ends are how requests are smuggled
    const std::string coding = to_string(head[http::field::transfer_encoding]);
    if (head.count(http::field::content_length) > 0) return ApiError(400, kTwoLengths);
    if (request.http_1_0) return ApiError(400, "Transfer-Encoding: expected HTTP/1.1, found HTTP/1.0");
    if (head.count(http::field::transfer_encoding) > 1 || !boost::beast::iequals(coding, "chunked")) {
      return ApiError(501, fmt::format("Transfer-Encoding: expected chunked, found \"{}\"", brief(coding)));
    }
  }
  const std::string expect = to_string(head[http::field::expect]);
  if (!expect.empty() && !request.http_1_0 && !boost::beast::iequals(expect, "100-continue")) {
    return ApiError(417, fmt::format("Expect: expected 100-continue, found \"{}\"", brief(expect)));
  }
  return std::nullopt;
}

ApiError reading_error(boost::system::error_code error, const HeadFields& head, std::string_view begin,
                       uint64_t max_body_bytes) {
  if (error == http::error::body_limit) {
    return ApiError(413, fmt::format("the request body is above the limit of {} bytes", max_body_bytes));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return ApiError(431, fmt::format("the request header is above the limit of {} KiB", kMaxHeaderBytes >> 10));
  }
  if (begin.starts_with('\x16'))
    return ApiError(400, "this looks like TLS, and the server speaks plain HTTP; use http:// and not https://");
  if (error == http::error::bad_method) return ApiError(400, "the request line: expected a method, as GET or POST");
  if (error == http::error::bad_target) return ApiError(400, "the request line: expected a path behind the method");
  if (error == http::error::bad_version)
    return ApiError(400, "the request line: expected HTTP/1.1 or HTTP/1.0 at its end");
  // The second of the two is the one that cannot be read; the first is in the head already.
  const bool two_lengths =
      (error == http::error::bad_content_length && head.count(http::field::transfer_encoding) > 0) ||
      (error == http::error::bad_transfer_encoding && head.count(http::field::content_length) > 0);
  if (two_lengths) return ApiError(400, kTwoLengths);
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length) {
    return ApiError(400, "Content-Length: expected one number of bytes");
  }
  if (error == http::error::bad_transfer_encoding) {
    return ApiError(400, "Transfer-Encoding: expected chunked alone");
  }
  if (error == http::error::bad_chunk || error == http::error::bad_chunk_extension) {
    return ApiError(400, "the request body: expected chunks with their lengths, as Transfer-Encoding says");
  }
  return ApiError(400, "the request header: expected lines of \"Name: value\" that end with CR and LF");
}

}  // namespace hadal
