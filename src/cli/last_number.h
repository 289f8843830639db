// The last number in a text: how answers to sums are read.
#pragma once

#include <cctype>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

// "the total is $1,234.50." gives 1234.5; "-3" gives -3; a minus between numbers ("5-3") is none. Nothing without
// digits.
inline std::optional<double> last_number(std::string_view text) {
  const auto digit = [&](size_t i) {
    return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  std::optional<double> result;
  for (size_t i = 0; i < text.size();) {
    if (!digit(i)) {
      ++i;
      continue;
    }
    std::string number;
    const bool negative =
        i > 0 && text[i - 1] == '-' && (i < 2 || std::isalnum(static_cast<unsigned char>(text[i - 2])) == 0);
    bool fraction = false;
    for (; i < text.size(); ++i) {
      if (digit(i))
        number += text[i];
      else if (text[i] == ',' && !fraction && digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4))
        continue;
      else if (text[i] == '.' && !fraction && digit(i + 1))
        number += '.', fraction = true;
      else
        break;
    }
    const double value = std::strtod(number.c_str(), nullptr);
    result = negative ? -value : value;
  }
  return result;
}

}  // namespace hadal
