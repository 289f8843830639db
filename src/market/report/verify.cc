// Looks through any text for numbers that no figure of a run says.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "market/report.h"
#include "market/report/text.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

constexpr size_t kShortList = 8;

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char32_t c) { return is_digit(c) || is_letter(c); }

// Digits of other scripts, in circles, raised or as fractions: they say numbers that are compared with nothing.
bool is_odd_digit(char32_t c) {
  static constexpr char32_t kRanges[][2] = {{0xB2, 0xB3},     {0xB9, 0xB9},     {0xBC, 0xBE},     {0x660, 0x669},
                                            {0x6F0, 0x6F9},   {0x966, 0x96F},   {0x9E6, 0x9EF},   {0xE50, 0xE59},
                                            {0x2070, 0x2079}, {0x2080, 0x2089}, {0x2150, 0x2189}, {0x2460, 0x249B},
                                            {0x2776, 0x2793}, {0x3021, 0x3029}, {0xFF10, 0xFF19}, {0x1D7CE, 0x1D7FF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range[0] && c <= range[1]; });
}

bool may_hold_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return is_digit(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
  });
}

bool has_letter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return is_letter(static_cast<unsigned char>(c)); });
}

bool is_date(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-dd";
  if (text.size() < kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] == 'd' ? !is_digit(static_cast<unsigned char>(text[i])) : text[i] != '-') return false;
  return true;
}

struct Figures {
  std::vector<double> numbers;
  std::set<std::u32string> names;  // with digits in them
};

// In lists, which may be as long as the data, only names count: symbols, factors.
void collect(const OrderedJson& json, bool in_list, Figures& figures) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      if (may_hold_digit(key) && has_letter(key)) figures.names.insert(code_points(name_text(key)));
      collect(value, in_list, figures);
    }
  } else if (json.is_array()) {
    const bool plain = std::all_of(json.begin(), json.end(), [](const OrderedJson& v) { return v.is_primitive(); });
    const bool pair = plain && json.size() <= 2, few = plain && json.size() <= kShortList;
    for (const OrderedJson& value : json) {
      if (!in_list && few && !pair && value.is_string() && may_hold_digit(value.get_ref<const std::string&>()))
        figures.names.insert(code_points(name_text(value.get_ref<const std::string&>())));
      collect(value, in_list || !pair, figures);
    }
  } else if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    if (!may_hold_digit(text)) return;
    if (is_number(json)) {
      if (!in_list) figures.numbers.push_back(number_of(json));
    } else if (!in_list || (!is_date(text) && has_letter(text))) {
      figures.names.insert(code_points(name_text(text)));
    }
  } else if (json.is_number() && !in_list) {
    figures.numbers.push_back(json.get<double>());
  }
}

class Reader {
 public:
  Reader(std::string_view text, const OrderedJson& figures) : text_(code_points(text)), bound_(text_.size()) {
    for (const auto& [key, value] : figures.items())
      if (key != "series") collect(value, false, figures_);
    for (const std::u32string& name : figures_.names) bind_name(name);
  }

  std::vector<Unbound> read() {
    for (size_t i = 0; i < text_.size();) i = bound_[i] ? i + 1 : step(i);
    return std::move(unbound_);
  }

 private:
  char32_t at(size_t i) const { return i < text_.size() ? text_[i] : 0; }

  // Where the name stands as a word of its own.
  void bind_name(const std::u32string& name) {
    for (size_t begin = text_.find(name); begin != text_.npos; begin = text_.find(name, begin + 1)) {
      const size_t end = begin + name.size();
      const bool joined_before = begin > 0 && is_word(name.front()) &&
                                 (is_word(text_[begin - 1]) || (is_digit(name.front()) && is_joined(begin)));
      const bool joined_after =
          is_word(name.back()) &&
          (is_word(at(end)) || (is_digit(name.back()) && (at(end) == '.' || at(end) == ',') && is_digit(at(end + 1))));
      if (!joined_before && !joined_after) std::fill(bound_.begin() + begin, bound_.begin() + end, true);
    }
  }
  bool is_joined(size_t begin) const {  // "12.600519" does not name 600519
    return begin > 1 && (text_[begin - 1] == '.' || text_[begin - 1] == ',') && is_digit(text_[begin - 2]);
  }

  // What stands at `i` and is not part of a name; returns where to go on.
  size_t step(size_t i) {
    if (is_odd_digit(text_[i])) {
      size_t end = i;
      while (is_odd_digit(at(end))) ++end;
      return report(i, end);
    }
    if (is_letter(text_[i])) return word(i);
    if (is_digit(text_[i]) || (text_[i] == '.' && is_digit(at(i + 1)))) return number(i);
    return i + 1;
  }

  size_t report(size_t begin, size_t end) {
    unbound_.push_back({utf8(std::u32string_view(text_).substr(begin, end - begin)), begin, end});
    return end;
  }

  size_t end_of_word(size_t i) const {
    while (is_word(at(i))) ++i;
    return i;
  }
  // A word that begins with a letter: with digits in it, it would be a name.
  size_t word(size_t begin) {
    const size_t end = end_of_word(begin);
    const bool digits = std::any_of(text_.begin() + begin, text_.begin() + end, is_digit);
    return digits ? report(begin, end) : end;
  }

  size_t digits(size_t i) const {
    while (is_digit(at(i))) ++i;
    return i;
  }
  bool is_group(size_t i) const {  // ",123"
    return at(i) == ',' && digits(i + 1) == i + 4;
  }

  // 12  1,234.5  .05  2e-4  12.5%  -3  2nd  4x
  size_t number(size_t begin) {
    if (begin + 10 <= text_.size() && is_date(utf8(std::u32string_view(text_).substr(begin, 10))) &&
        !is_digit(at(begin + 10)))
      return report(begin, begin + 10);
    size_t end = digits(begin);
    const bool may_group = end > begin && end - begin <= 3;
    while (may_group && is_group(end)) end += 4;
    int decimals = 0;
    if (at(end) == '.' && is_digit(at(end + 1))) {
      const size_t point = end;
      end = digits(point + 1);
      decimals = static_cast<int>(end - point - 1);
    }
    if ((at(end) == 'e' || at(end) == 'E')) {
      const size_t exponent = end + 1 + (at(end + 1) == '-' || at(end + 1) == '+' ? 1 : 0);
      if (is_digit(at(exponent)) && !is_letter(at(digits(exponent)))) end = digits(exponent);
    }
    if (at(end) == '.' && is_digit(at(end + 1))) {  // 1.2.3 is no number
      while (is_word(at(end)) || (at(end) == '.' && is_word(at(end + 1)))) ++end;
      return report(begin, end);
    }
    if (is_letter(at(end)) && !is_unit(end)) return report(begin, end_of_word(end));
    if (!is_said(begin, end, decimals)) report(begin, end);
    return std::max(end, end_of_word(end));
  }

  bool is_unit(size_t i) const {
    const std::u32string_view unit = std::u32string_view(text_).substr(i, end_of_word(i) - i);
    for (const std::u32string_view known : {U"x", U"bps", U"bp", U"st", U"nd", U"rd", U"th"})
      if (unit == known) return true;
    return false;
  }

  // -1 for a minus before the number, 1 for a plus, 0 for neither; a dash between words and numbers is no sign.
  int sign_before(size_t begin) const {
    if (begin == 0) return 0;
    const char32_t c = text_[begin - 1];
    if (c != '-' && c != '+' && c != 0x2212) return 0;
    if (begin > 1 && (is_word(text_[begin - 2]) || text_[begin - 2] == '%' || text_[begin - 2] == ')') && c != 0x2212)
      return 0;
    return c == '+' ? 1 : -1;
  }
  bool is_percent(size_t end) const {
    while (at(end) == ' ' || at(end) == 0xA0 || at(end) == 0x2009 || at(end) == 0x202F) ++end;
    if (at(end) == '%' || at(end) == 0xFF05 || at(end) == 0xFE6A) return true;
    const std::u32string_view rest = std::u32string_view(text_).substr(std::min(end, text_.size()));
    return rest.starts_with(U"percent") || rest.starts_with(U"per cent");
  }

  bool is_said(size_t begin, size_t end, int decimals) const {
    std::string digits;
    int exponent = 0;
    for (size_t i = begin; i < end; ++i) {
      if (text_[i] == 'e' || text_[i] == 'E') {
        exponent =
            std::clamp(std::atoi(utf8(std::u32string_view(text_).substr(i + 1, end - i - 1)).c_str()), -400, 400);
        break;
      }
      if (text_[i] != ',') digits += static_cast<char>(text_[i]);
    }
    const double written = std::strtod((digits + "e" + std::to_string(exponent)).c_str(), nullptr);
    const double half = written == 0 && exponent > 0 ? 0 : 0.5 * std::pow(10.0, exponent - decimals);
    if (!std::isfinite(written) || !std::isfinite(half)) return false;
    const double scale = is_percent(end) ? 100 : 1;
    const int sign = sign_before(begin);
    return std::any_of(figures_.numbers.begin(), figures_.numbers.end(), [&](double figure) {
      if ((sign < 0 && figure > 0) || (sign > 0 && figure < 0)) return false;
      const double value = std::abs(figure) * scale;
      return std::abs(value - written) <= half * (1 + 1e-9) + 1e-13 * value;
    });
  }

  std::u32string text_;
  std::vector<bool> bound_;
  Figures figures_;
  std::vector<Unbound> unbound_;
};

}  // namespace

std::vector<Unbound> unbound_numbers(std::string_view text, const OrderedJson& figures) {
  return Reader(text, figures).read();
}

}  // namespace hadal::market
