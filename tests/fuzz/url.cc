// An address, alone or after a line feed against the one before it. What the parser writes it reads back as it was, and
// no host of the internet hides one that is not.
#include "base/error.h"
#include "fuzz.h"
#include "net/address.h"
#include "net/web_url.h"

HADAL_FUZZER(input) {
  using namespace hadal::net;
  const size_t line = input.find('\n');
  const auto base = parse_url(input.substr(0, line));
  auto url = base;
  if (base && line != std::string_view::npos) url = parse_url(input.substr(line + 1), &*base);
  if (!url) return;
  const std::string href = url->href();
  HADAL_CHECK(parse_url(href) == url, "{}", href);
  for (const char c : href) HADAL_CHECK(c > ' ' && c < 0x7f, "{}", href);
  HADAL_CHECK(!url->host.empty() && url->path.starts_with('/'), "{}", href);
  HADAL_CHECK(url->port >= -1 && url->port <= 65535, "{}", href);
  if (const auto address = parse_address(url->host); address && !address_refusal(*address).empty())
    HADAL_CHECK(!url_refusal(*url).empty(), "{}", href);
}
