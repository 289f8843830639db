#include "server/http/request_head.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

namespace hadal {

namespace {

constexpr const char* kTwoLengths =
    "Transfer-Encoding: expected no Content-Length beside it, found both; send one of them";

size_t count(const HttpRequest& request, const char* name) {
  return std::count_if(request.headers.begin(), request.headers.end(),
                       [&](const auto& header) { return strcasecmp(header.first.c_str(), name) == 0; });
}

}  // namespace

Target split_target(std::string_view target) {
  const size_t scheme = target.find("://");
  const std::string_view name = target.substr(0, scheme == std::string_view::npos ? 0 : scheme);
  const bool http = name.size() >= 4 && name.size() <= 5 && (name[0] | 32) == 'h' && (name[1] | 32) == 't' &&
                    (name[2] | 32) == 't' && (name[3] | 32) == 'p' && (name.size() == 4 || (name[4] | 32) == 's');
  if (!http) return {"", std::string(target)};
  target.remove_prefix(scheme + 3);
  const size_t end = std::min(target.size(), target.find_first_of("/?#"));
  std::string path(target.substr(end));
  if (!path.starts_with('/')) path.insert(0, 1, '/');
  return {std::string(target.substr(0, end)), path};
}

void take_head(HttpRequest& request, std::string_view target) {
  Target parts = split_target(target);
  request.target = std::move(parts.path);
  // A target that names the host stands above the header (RFC 9112, 3.2.2).
  request.host = parts.authority.empty() ? request.header("Host") : parts.authority;
  request.origin = request.header("Origin");
  request.authorization = request.header("Authorization");
  request.content_encoding = request.header("Content-Encoding");
  request.asked_headers = request.header("Access-Control-Request-Headers");
  request.asks_private_network = request.header("Access-Control-Request-Private-Network") == "true";
}

std::optional<ApiError> refuse_head(const HttpRequest& request, bool probe) {
  const size_t hosts = count(request, "Host");
  if (hosts > 1) return ApiError(400, fmt::format("Host: expected one such header, found {}", hosts));
  // A probe of load balancers often has none, and is harmless.
  if (hosts == 0 && !request.http_1_0 && !probe) {
    return ApiError(400, "Host: expected this header in an HTTP/1.1 request, found none");
  }
  const bool asterisk = request.method == "OPTIONS" && request.target == "*";
  if (!request.target.starts_with('/') && !asterisk) {
    return ApiError(400,
                    fmt::format("the target: expected a path that begins with /, found \"{}\"", brief(request.target)));
  }
  // Two ways to say where the body ends are how requests are smuggled.
  if (const size_t codings = count(request, "Transfer-Encoding"); codings > 0) {
    const std::string coding = request.header("Transfer-Encoding");
    if (count(request, "Content-Length") > 0) return ApiError(400, kTwoLengths);
    if (request.http_1_0) return ApiError(400, "Transfer-Encoding: expected HTTP/1.1, found HTTP/1.0");
    if (codings > 1 || strcasecmp(coding.c_str(), "chunked") != 0) {
      return ApiError(501, fmt::format("Transfer-Encoding: expected chunked, found \"{}\"", brief(coding)));
    }
  }
  const std::string expect = request.header("Expect");
  if (!expect.empty() && !request.http_1_0 && strcasecmp(expect.c_str(), "100-continue") != 0) {
    return ApiError(417, fmt::format("Expect: expected 100-continue, found \"{}\"", brief(expect)));
  }
  return std::nullopt;
}

ApiError reading_error(HeadFault fault, const HttpRequest& request, std::string_view begin, uint64_t max_body_bytes) {
  if (fault == HeadFault::body_limit) {
    return ApiError(413, fmt::format("the request body is above the limit of {} bytes", max_body_bytes));
  }
  if (fault == HeadFault::header_limit) {
    return ApiError(431, fmt::format("the request header is above the limit of {} KiB", kMaxHeaderBytes >> 10));
  }
  if (begin.starts_with('\x16'))
    return ApiError(400, "this looks like TLS, and the server speaks plain HTTP; use http:// and not https://");
  // The second of the two is the one that cannot be read; the first is in the head already.
  const bool two_lengths = (fault == HeadFault::content_length && count(request, "Transfer-Encoding") > 0) ||
                           (fault == HeadFault::transfer_encoding && count(request, "Content-Length") > 0);
  if (two_lengths) return ApiError(400, kTwoLengths);
  switch (fault) {
    case HeadFault::method:
      return ApiError(400, "the request line: expected a method, as GET or POST");
    case HeadFault::target:
      return ApiError(400, "the request line: expected a path behind the method");
    case HeadFault::version:
      return ApiError(400, "the request line: expected HTTP/1.1 or HTTP/1.0 at its end");
    case HeadFault::content_length:
    case HeadFault::many_lengths:
      return ApiError(400, "Content-Length: expected one number of bytes");
    case HeadFault::transfer_encoding:
      return ApiError(400, "Transfer-Encoding: expected chunked alone");
    case HeadFault::chunk:
      return ApiError(400, "the request body: expected chunks with their lengths, as Transfer-Encoding says");
    default:
      return ApiError(400, "the request header: expected lines of \"Name: value\" that end with CR and LF");
  }
}

}  // namespace hadal
