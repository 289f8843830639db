#include "server/page_routes.h"

#include <string>

#include "base/embed.h"

#ifndef HADAL_PAGE_FILE
#error "src/server/CMakeLists.txt defines HADAL_PAGE_FILE: the page to embed"
#endif

HADAL_EMBED(page, HADAL_PAGE_FILE);

namespace hadal {

std::vector<Route> page_routes() {
  const Handler page = [](const HttpRequest&, Exchange& exchange) {
    exchange.reply({200,
                    "text/html; charset=utf-8",
                    std::string(HADAL_EMBEDDED(page)),
                    {{"X-Frame-Options", "DENY"}, {"Referrer-Policy", "no-referrer"}}});
  };
  return {{.method = "GET", .path = "/", .handler = page}, {.method = "GET", .path = "/index.html", .handler = page}};
}

}  // namespace hadal
