// A file inside the program. The assembler copies it in; a string literal of its size would cost the compiler seconds.
//
//   HADAL_EMBED(page, HADAL_PAGE_FILE);  // outside of any namespace; the path is a literal
//   ... HADAL_EMBEDDED(page) ...         // a std::string_view of its bytes
#pragma once

#include <string_view>

#define HADAL_EMBED(NAME, FILE)                                                                      \
  __asm__(".section .rodata\n.global hadal_" #NAME "_begin\nhadal_" #NAME "_begin:\n.incbin \"" FILE \
          "\"\n.global hadal_" #NAME "_end\nhadal_" #NAME "_end:\n.byte 0\n.previous\n");            \
  extern "C" const char hadal_##NAME##_begin[], hadal_##NAME##_end[]

#define HADAL_EMBEDDED(NAME) \
  std::string_view(hadal_##NAME##_begin, static_cast<size_t>(hadal_##NAME##_end - hadal_##NAME##_begin))
