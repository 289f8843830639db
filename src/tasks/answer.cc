#include "tasks/answer.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "tasks/kinds/countdown.h"
#include "tasks/kinds/knights/answer.h"
#include "tasks/numbers/exact_number.h"

namespace hadal::tasks {
namespace {

bool ends_with_answer(std::string_view reply, std::string_view answer) {
  const auto plain = [](std::string_view words) {
    std::string text(words);
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    while (!text.empty() && !std::isalnum(static_cast<unsigned char>(text.back()))) text.pop_back();
    return text;
  };
  const std::string text = plain(reply), end = plain(answer);
  if (end.empty() || !text.ends_with(end)) return false;
  const std::string before = text.substr(0, text.size() - end.size());
  return before.empty() || (before.back() == ' ' && !before.ends_with("hundred ") && !before.ends_with("hundred and "));
}

}  // namespace

std::optional<double> last_number(std::string_view text) {
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

bool states_answer(std::string_view reply, std::string_view answer) {
  const auto expected = last_number(answer), found = last_number(reply);
  if (!expected) return ends_with_answer(reply, answer);
  return found && std::abs(*expected - *found) <= 1e-6 * std::max(1.0, std::abs(*expected));
}

bool same_answer(std::string_view a, std::string_view b) {
  const auto number_a = exact_number(a), number_b = exact_number(b);
  if (number_a && number_b) return number_a->value == number_b->value;
  const auto expression_a = countdown_value(a), expression_b = countdown_value(b);
  if (expression_a && expression_b) return expression_a == expression_b;
  std::string why;
  const auto roles_a = knights::read_roles(a, why), roles_b = knights::read_roles(b, why);
  if (roles_a && roles_b) return roles_a == roles_b;
  const auto plain = [](std::string_view text) {
    std::string result = lower_case(std::string(text));
    std::erase_if(result, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
    return result;
  };
  return plain(a) == plain(b);
}

}  // namespace hadal::tasks
