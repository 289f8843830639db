#include "server/page_routes.h"

#include <string>
#include <string_view>

#ifndef HADAL_PAGE_FILE
#error "src/server/CMakeLists.txt defines HADAL_PAGE_FILE: the page to embed"
#endif

// The assembler copies the file in; a string literal of its size would cost the compiler seconds.
__asm__(
    ".section .rodata\n"
    ".global hadal_page_begin\n"
    "hadal_page_begin:\n"
    ".incbin \"" HADAL_PAGE_FILE
    "\"\n"
    ".global hadal_page_end\n"
    "hadal_page_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char hadal_page_begin[], hadal_page_end[];

namespace hadal {

std::vector<Route> page_routes() {
  const Handler page = [](const HttpRequest&, Exchange& exchange) {
    const std::string_view html(hadal_page_begin, static_cast<size_t>(hadal_page_end - hadal_page_begin));
    exchange.reply({200,
                    "text/html; charset=utf-8",
                    std::string(html),
                    {{"X-Frame-Options", "DENY"}, {"Referrer-Policy", "no-referrer"}}});
  };
  return {{.method = "GET", .path = "/", .handler = page}, {.method = "GET", .path = "/index.html", .handler = page}};
}

}  // namespace hadal
