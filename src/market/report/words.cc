#include "market/report/words.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
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
    fail("figures.json: expected a number, found {}; make it again: hadal market backtest", brief_json(figure));
  return value;
}

std::string name_text(std::string_view name) {
  std::string text = one_line(name);
  std::replace(text.begin(), text.end(), '`', '\'');
  return text;
}

bool has_digit(std::string_view text) { return text.find_first_of("0123456789") != text.npos; }

}  // namespace hadal::market
