#include "market/report/words.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/command.h"
#include "base/error.h"
#include "base/text.h"
#include "market/decimal.h"
#include "market/report/text.h"

namespace hadal::market {
namespace {

// The whole text as a finite number; hexadecimal, "inf" and "nan" are none.
bool read_number(std::string_view text, double& value) {
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != text.npos) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

}  // namespace

const OrderedJson* figure_at(const OrderedJson& figures, std::string_view path) {
  const OrderedJson* at = &figures;
  for (const std::string& part : split(path, '.')) {
    if (at->is_object() && at->contains(part)) {
      at = &at->at(part);
    } else if (at->is_array()) {
      size_t place = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), place);
      if (error != std::errc() || end != part.data() + part.size() || place >= at->size()) return nullptr;
      at = &at->at(place);
    } else {
      return nullptr;
    }
  }
  return at->is_null() ? nullptr : at;
}

bool is_number(const OrderedJson& figure) {
  double ignored = 0;
  return figure.is_number() || (figure.is_string() && read_number(figure.get_ref<const std::string&>(), ignored));
}

double number_of(const OrderedJson& figure) {
  if (figure.is_number()) return figure.get<double>();
  double value = 0;
  if (!figure.is_string() || !read_number(figure.get_ref<const std::string&>(), value))
    fail("figures.json: expected a number, found {}; make it again: {}", brief_json(figure),
         command({"market", "backtest"}));
  return value;
}

namespace {

Decimal amount_of(const OrderedJson& figure) {
  const auto value = figure.is_string() ? Decimal::parse(figure.get_ref<const std::string&>())
                                        : std::optional(Decimal::of_double(number_of(figure)));
  if (!value) fail("figures.json: expected an amount, found {}", brief_json(figure));
  return *value;
}

}  // namespace

int digits_that_add(const OrderedJson& amounts, std::initializer_list<const char*> parts, const char* total) {
  int digits = 2;
  for (; digits < 8; ++digits) {
    Decimal sum;
    for (const char* part : parts) sum += round_half_even(amount_of(amounts.at(part)), digits);
    if (sum == round_half_even(amount_of(amounts.at(total)), digits)) break;
  }
  return digits;
}

std::string amount_text(const OrderedJson& amount, int digits) {
  std::string text = round_half_even(amount_of(amount), digits).text();
  const size_t point = text.find('.');
  if (digits > 0 && point == std::string::npos) text += '.';
  const size_t written = point == std::string::npos ? 0 : text.size() - point - 1;
  return text + std::string(static_cast<size_t>(digits) - written, '0');
}

std::string name_text(std::string_view name) {
  std::string text = one_line(name);
  std::replace(text.begin(), text.end(), '`', '\'');
  return text;
}

bool has_digit(std::string_view text) { return text.find_first_of("0123456789") != text.npos; }

}  // namespace hadal::market
