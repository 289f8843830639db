#include "market/report/figure_list.h"

#include <algorithm>

#include "base/text.h"
#include "market/report/number_words.h"
#include "market/report/text.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

constexpr size_t kShortList = 8;

bool name_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool name_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool name_word(char32_t c) { return name_digit(c) || name_letter(c); }

bool may_hold_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return name_digit(static_cast<unsigned char>(c)) || (c & 0x80) != 0; });
}
bool has_letter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return name_letter(static_cast<unsigned char>(c)); });
}

bool is_date(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-dd";
  if (text.size() < kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] == 'd' ? !name_digit(static_cast<unsigned char>(text[i])) : text[i] != '-') return false;
  return true;
}

// A word of it would be read as a number, or as a gain or loss.
bool has_read_word(std::string_view text) {
  const std::u32string points = code_points(text);
  const TokenText tokens = read_tokens(points, std::vector<bool>(points.size()));
  for (size_t i = 0; i < tokens.size(); ++i)
    if (is_number_word(tokens.of(i)) || sense_word(tokens.of(i)) || is_negation(tokens.of(i))) return true;
  return false;
}

class Collector {
 public:
  explicit Collector(FigureList& list) : list_(list) {}

  void add(const OrderedJson& json, const std::string& path, bool in_list) {
    if (json.is_object())
      object(json, path, in_list);
    else if (json.is_array())
      array(json, path, in_list);
    else if (json.is_string())
      string(json, path, in_list);
    else if (json.is_number() && !in_list)
      number(json, path);
  }

 private:
  static std::string under(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  void object(const OrderedJson& json, const std::string& path, bool in_list) {
    for (const auto& [key, value] : json.items()) {
      if (has_letter(key) && may_hold_digit(key)) name(key, path);
      add(value, under(path, key), in_list);
    }
  }
  void array(const OrderedJson& json, const std::string& path, bool in_list) {
    const bool plain = std::all_of(json.begin(), json.end(), [](const OrderedJson& v) { return v.is_primitive(); });
    const bool pair = plain && json.size() <= 2, few = plain && json.size() <= kShortList;
    for (size_t i = 0; i < json.size(); ++i) {
      const std::string at = under(path, fmt::format("{}", i));
      if (!in_list && few && !pair && json[i].is_string() && may_hold_digit(json[i].get_ref<const std::string&>()))
        name(json[i].get_ref<const std::string&>(), at);
      else
        add(json[i], at, in_list || !pair);
    }
  }
  void string(const OrderedJson& json, const std::string& path, bool in_list) {
    const auto& text = json.get_ref<const std::string&>();
    const bool digits = may_hold_digit(text);
    if (digits && is_number(json)) {
      if (!in_list) number(json, path);
    } else if (digits && is_date(text)) {
      if (in_list) return;
      name(text, path);
      list_.dates.push_back({path, date_parts(std::string_view(text).substr(0, 10))});
    } else if (digits ? (!in_list || has_letter(text)) : has_read_word(text)) {
      name(text, path);
    }
  }
  void number(const OrderedJson& json, const std::string& path) {
    const std::vector<std::string> parts = split(path, '.');
    const std::string& key = parts.back();
    NumberFigure figure{path, number_of(json), number_of(json), json.is_number_integer(), false};
    if (key.ends_with("_bps")) figure.share *= 1e-4;
    figure.is_count = figure.is_count && path.find("broker_settings") == path.npos;  // cash is an amount
    figure.is_cost = parts.front() == "costs" || key == "fees" || key == "slippage" || key == "borrow";
    list_.numbers.push_back(std::move(figure));
  }
  void name(std::string_view text, const std::string& path) {
    const std::u32string points = code_points(name_text(text));
    const bool digit = std::any_of(points.begin(), points.end(), [](char32_t c) { return name_digit(c) || c >= 0x80; });
    const bool small = std::any_of(points.begin(), points.end(), [](char32_t c) { return c >= 'a' && c <= 'z'; });
    if (!points.empty()) list_.names.push_back({points, path, digit || (!small && points.size() > 1)});
  }

  FigureList& list_;
};

void sort_names(std::vector<NameFigure>& names) {
  std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
  names.erase(std::unique(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.text == b.text; }),
              names.end());
}

// Between backticks, of the same line.
std::vector<bool> quoted_places(std::u32string_view text) {
  std::vector<bool> quoted(text.size());
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') inside = false;
    if (text[i] == '`') inside = !inside;
    quoted[i] = inside;
  }
  return quoted;
}

class NameSearch {
 public:
  NameSearch(const std::vector<NameFigure>& names, std::u32string_view text)
      : names_(names), text_(text), quoted_(quoted_places(text)) {}

  std::vector<FoundName> run() const {
    std::vector<FoundName> found;
    for (size_t i = 0; i < text_.size();) {
      const FoundName longest = longest_at(i);
      if (longest.end > i) found.push_back(longest);
      i = std::max(longest.end, i + 1);
    }
    return found;
  }

 private:
  char32_t at(size_t i) const { return i < text_.size() ? text_[i] : 0; }

  FoundName longest_at(size_t begin) const {
    FoundName longest{begin, begin, 0};
    size_t low = 0, high = names_.size();  // names that begin as the text does
    for (size_t length = 0; low < high && begin + length < text_.size(); ++length) {
      const char32_t c = text_[begin + length];
      const auto less = [&](const NameFigure& n, char32_t v) { return n.text.size() <= length || n.text[length] < v; };
      const auto more = [&](char32_t v, const NameFigure& n) { return n.text.size() > length && v < n.text[length]; };
      const auto first = names_.begin();
      const auto from = std::lower_bound(first + low, first + high, c, less);
      const auto to = std::upper_bound(from, first + high, c, more);
      low = from - first, high = to - first;
      if (low < high && names_[low].text.size() == length + 1 && fits(begin, begin + length + 1, names_[low]))
        longest = {begin, begin + length + 1, low};
    }
    return longest;
  }

  bool fits(size_t begin, size_t end, const NameFigure& name) const {
    if (!name.everywhere && !quoted_[begin]) return false;
    const char32_t first = name.text.front(), last = name.text.back(), before = begin > 0 ? text_[begin - 1] : 0;
    if (name_word(first) && name_word(before)) return false;
    if (name_digit(first) && (before == '.' || before == ',') && begin > 1 && name_digit(text_[begin - 2]))
      return false;
    if (name_word(last) && name_word(at(end))) return false;
    if (name_digit(last) && (at(end) == '.' || at(end) == ',') && name_digit(at(end + 1))) return false;
    if (!std::all_of(name.text.begin(), name.text.end(), name_digit)) return true;
    // Of digits alone, it is a symbol where nothing makes a quantity of it.
    static constexpr std::u32string_view kBefore = U"-+$\u2212\u20AC\u00A3\u00A5", kBehind = U"%\uFF05\uFE6A";
    const size_t next = at(end) == ' ' ? end + 1 : end;
    return kBefore.find(before) == kBefore.npos && kBehind.find(at(next)) == kBehind.npos &&
           !text_.substr(std::min(next, text_.size())).starts_with(U"per");
  }

  const std::vector<NameFigure>& names_;
  std::u32string_view text_;
  std::vector<bool> quoted_;
};

}  // namespace

FigureList FigureList::of_run(const OrderedJson& figures) {
  FigureList list;
  Collector collector(list);
  for (const auto& [key, value] : figures.items())
    if (key != "series") collector.add(value, key, false);
  sort_names(list.names);
  return list;
}

FigureList FigureList::of_bindings(const std::vector<Binding>& bindings) {
  FigureList list;
  Collector collector(list);
  for (const Binding& binding : bindings) collector.add(binding.value, binding.figure, false);
  sort_names(list.names);
  return list;
}

std::vector<FoundName> FigureList::find_names(std::u32string_view text) const { return NameSearch(names, text).run(); }

}  // namespace hadal::market
