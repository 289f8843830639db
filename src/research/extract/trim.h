// White space taken off both ends of a text.
#pragma once

#include <string_view>

namespace hadal::research {

inline std::string_view trim(std::string_view text, std::string_view what = " \t\r\n\f") {
  const size_t first = text.find_first_not_of(what);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(what) + 1 - first);
}

}  // namespace hadal::research
