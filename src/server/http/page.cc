#include "server/http/page.h"

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

std::string_view page_html() { return {hadal_page_begin, static_cast<size_t>(hadal_page_end - hadal_page_begin)}; }

}  // namespace hadal
