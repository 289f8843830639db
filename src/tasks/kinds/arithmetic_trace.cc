#include "tasks/kinds/arithmetic_trace.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace hadal::tasks {
namespace {

int digit(char c) { return c - '0'; }
char digit(int value) { return static_cast<char>('0' + value); }

std::string lowest_first(std::string_view number, size_t width = 0) {
  std::string digits(number.rbegin(), number.rend());
  digits.resize(std::max(width, digits.size()), '0');
  return digits;
}

void drop_high_zeros(std::string& digits) {
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
}

std::string sum(std::string_view a, std::string_view b) {
  const size_t width = std::max(a.size(), b.size());
  const std::string x = lowest_first(a, width), y = lowest_first(b, width);
  std::string text = x + "+" + y + "\n", result;
  int carry = 0;
  for (size_t i = 0; i < width; ++i) {
    const int column = digit(x[i]) + digit(y[i]) + carry;
    text += fmt::format("{}{}+{}+{}={:02}", i ? "," : "", x[i], y[i], carry, column);
    result += digit(column % 10);
    carry = column / 10;
  }
  if (carry) result += '1';
  return text + "\n" + result;
}

bool smaller(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

std::string difference(std::string_view a, std::string_view b) {
  if (smaller(a, b)) return fmt::format("{}<{}\n{}-", a, b, difference(b, a));
  const std::string x = lowest_first(a), y = lowest_first(b, a.size());
  std::string text = x + "-" + y + "\n", result;
  int borrow = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const int column = 10 + digit(x[i]) - digit(y[i]) - borrow;
    text += fmt::format("{}1{}-{}-{}={:02}", i ? "," : "", x[i], y[i], borrow, column);
    result += digit(column % 10);
    borrow = 1 - column / 10;
  }
  drop_high_zeros(result);
  return text + "\n" + result;
}

std::string product(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);  // fewer lines
  const std::string x = lowest_first(a), y = lowest_first(b);
  std::string text = x + "*" + y + "\n", settled, open(x.size(), '0');
  for (size_t line = 0; line < y.size(); ++line) {
    std::string next;
    int carry = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const int added = carry + digit(open[i]), step = digit(x[i]) * digit(y[line]) + added;
      text += fmt::format("{}{}*{}+{:02}={:02}", i ? "," : "", x[i], y[line], added, step);
      next += digit(step % 10);
      carry = step / 10;
    }
    next += digit(carry);
    settled += next[0];
    open = next.substr(1);
    if (line + 1 < y.size()) text += ":" + settled + "|" + open + "\n";
  }
  settled += open;
  drop_high_zeros(settled);
  return text + "\n" + settled;
}

// rest -= divisor, lowest digits first, with its columns appended to the text; false: the divisor is larger, and the
// rest is kept.
bool subtract(std::string& rest, const std::string& divisor, std::string& text) {
  std::string result;
  int borrow = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    const int column = 10 + digit(rest[i]) - digit(divisor[i]) - borrow;
    text += fmt::format("{}{}{}={:02}", i ? "," : "", rest[i], divisor[i], column);
    result += digit(column % 10);
    borrow = 1 - column / 10;
  }
  if (borrow) return false;
  rest = result;
  return true;
}

std::string quotient(std::string_view a, std::string_view b) {
  const std::string divisor = lowest_first(b, b.size() + 1);
  std::string text = fmt::format("{}/{}", a, divisor);
  std::string rest = lowest_first(a.substr(0, b.size()), divisor.size());
  for (size_t next = b.size();; ++next) {
    text += "\n" + rest;
    int count = 0;
    do text += fmt::format(" {}:", ++count);
    while (subtract(rest, divisor, text));
    text += fmt::format("!{}", count - 1);
    if (next >= a.size()) break;
    rest = a[next] + rest.substr(0, rest.size() - 1);
  }
  HADAL_CHECK(rest.find_first_not_of('0') == std::string::npos, "{}/{} leaves a rest", a, b);
  return text;
}

}  // namespace

std::string arithmetic_steps(std::string_view a, char op, std::string_view b) {
  switch (op) {
    case '+':
      return sum(a, b);
    case '-':
      return difference(a, b);
    case '*':
      return product(a, b);
    default:
      return quotient(a, b);
  }
}

}  // namespace hadal::tasks
