#include "market/report/mentions.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>

#include "market/report/dates.h"
#include "market/report/fold.h"
#include "market/report/number_phrase.h"
#include "market/report/number_words.h"

namespace hadal::market {
namespace {

class MentionReader {
 public:
  explicit MentionReader(const TokenText& text) : t_(text) {}

  std::vector<Mention> read() {
    for (size_t i = 0; i < t_.size();) i = step(i);
    for (size_t k = 0; k + 1 < found_.size(); ++k) share_unit(found_[k], found_[k + 1]);
    return std::move(found_);
  }

 private:
  size_t put(Mention m) {
    if (m.next <= m.last) m.next = m.last + 1;
    const size_t next = m.next;
    found_.push_back(std::move(m));
    return next;
  }
  size_t put_unsaid(size_t first, size_t last) { return put({.first = first, .last = last}); }

  size_t step(size_t i) {
    if (const DatePhrase date = read_date(t_, i); date.next > i)
      return put({.first = i, .last = date.next - 1, .date = date.parts});
    switch (t_.tokens[i].kind) {
      case Kind::unreadable:
        return put_unsaid(i, i);
      case Kind::number:
        return digits(i);
      case Kind::fraction:
        return finish(part_mention(i, t_.fraction(i)));
      case Kind::word:
        return words(i);
      default:
        return i + 1;
    }
  }

  static Mention part_mention(size_t i, double value) {
    return {.first = i, .last = i, .is_number = true, .value = value, .half = half_of_part(value)};
  }

  // ---- In digits

  // The value, and half of the last digit.
  static Mention plain_number(size_t i, std::string_view written) {
    std::string text;
    for (const char c : written)
      if ((c >= '0' && c <= '9') || c == '.' || c == 'e' || c == '-' || c == '+') text += c;
    const size_t e = std::min(text.find('e'), text.size()), point = text.find('.');
    const int decimals = point < e ? static_cast<int>(std::min<size_t>(e - point - 1, 400)) : 0;
    const long written_exponent = e < text.size() ? std::strtol(text.c_str() + e + 1, nullptr, 10) : 0;
    const int exponent = static_cast<int>(std::clamp(written_exponent, -400L, 400L));
    const double value = std::strtod(text.c_str(), nullptr);
    const double half = value == 0 && exponent > 0 ? 0 : 0.5 * std::pow(10.0, exponent - decimals);
    return {
        .first = i, .last = i, .is_number = std::isfinite(value) && std::isfinite(half), .value = value, .half = half};
  }

  static bool is_whole(std::string_view written) { return written.find_first_not_of("0123456789") == written.npos; }

  // The number of an item, which says its place in the list: 1, or one more than that of the item before.
  bool is_item(size_t i, double value) {
    const bool begins = i == 0 || t_.is(i - 1, Kind::line);
    const bool marked = (t_.is(i + 1, ".") || t_.is(i + 1, ")")) && t_.joined(i + 1) && !t_.joined(i + 2);
    if (!begins || !marked || i + 2 >= t_.size() || (value != 1 && value != last_item_ + 1)) return false;
    last_item_ = value;
    return true;
  }

  size_t digits(size_t i) {
    Mention m = plain_number(i, t_.of(i));
    if (is_whole(t_.of(i))) {
      if (is_item(i, m.value)) return i + 2;
      m.date.year = year_in_context(t_, i, found_.empty() ? nullptr : &found_.back());
      if (t_.is(i + 1, "/") && t_.is(i + 2, Kind::number) && t_.joined(i + 1) && t_.joined(i + 2))
        return ratio(i, m.value);
      mixed(i + 1, m);
    }
    return finish(m);
  }

  // 12/18
  size_t ratio(size_t i, double numerator) {
    const double denominator = plain_number(i, t_.of(i + 2)).value;
    if (!is_whole(t_.of(i + 2)) || denominator == 0 || (t_.is(i + 3, "/") && t_.joined(i + 3)))
      return put_unsaid(i, i + 2);
    Mention m{.first = i, .last = i + 2, .is_number = true, .value = numerator, .over = denominator};
    return finish(m);
  }

  // 2 1/2, 2 and a half: adds the part.
  void mixed(size_t i, Mention& m) {
    double part = 0;
    size_t last = 0;
    if (t_.is(i, Kind::fraction)) {
      part = t_.fraction(i), last = i;
    } else if (t_.is(i, Kind::number) && t_.is(i + 1, "/") && t_.is(i + 2, Kind::number) && t_.joined(i + 1) &&
               t_.joined(i + 2) && is_whole(t_.of(i)) && is_whole(t_.of(i + 2))) {
      const double over = plain_number(i, t_.of(i + 2)).value;
      if (over == 0) return;
      part = plain_number(i, t_.of(i)).value / over, last = i + 2;
    } else if (const PartPhrase and_part = read_and_part(t_, i); and_part.next > i) {
      part = and_part.value, last = and_part.next - 1;
    }
    if (last == 0) return;
    m.value += part, m.half = half_of_part(m.value), m.last = last, m.date = {};
  }

  // ---- In words

  size_t words(size_t i) {
    const NumberPhrase phrase = read_phrase(t_, i);
    switch (phrase.kind) {
      case NumberPhrase::none:
        return std::max(phrase.next, i + 1);
      case NumberPhrase::unsaid:
        return put_unsaid(i, phrase.next - 1);
      default:
        return finish({.first = i,
                       .last = phrase.next - 1,
                       .is_number = true,
                       .value = phrase.value,
                       .half = phrase.half,
                       .is_ordinal = phrase.ordinal});
    }
  }

  // ---- Signs and units

  size_t finish(Mention m) {
    m.next = m.last + 1;
    if (t_.joined(m.next) && is_one_of({"x", "st", "nd", "rd", "th"}, t_.of(m.next))) {
      m.is_ordinal = !t_.is(m.next, "x");
      m.last = m.next++;
    }
    if (t_.joined(m.next) && t_.is(m.next, "fold")) return put_unsaid(m.first, m.next);
    if (t_.is(m.next, "-") && t_.is(m.next + 1, "fold")) return put_unsaid(m.first, m.next + 1);
    m.sign = sign_before(m.first);
    read_multiplier(m);
    const UnitPhrase unit = read_unit(t_, m.next);
    if (unit.next > m.next) m.next = unit.next, m.scale = unit.scale, m.date = {};
    if (is_bound_of_zero(m)) return m.next;
    return put(std::move(m));
  }

  // 104 thousand, 40k
  void read_multiplier(Mention& m) {
    if (!t_.is(m.last, Kind::number) && !t_.is(m.last, Kind::fraction)) return;
    if (m.over > 0) return;
    const std::string_view word = t_.of(m.next);
    const bool joined = t_.joined(m.next);
    double times = word == "hundred" ? 100 : word == "dozen" ? 12 : 1;
    if (const auto scale = scale_word(word); scale && (joined || word.size() > 2 || word == "mn" || word == "bn"))
      times = *scale;
    if (times == 1) return;
    m.value *= times, m.half *= times, m.multiplier = times, m.last = m.next++, m.date = {};
  }

  // Of a minus or a plus that stands before it, also outside of emphasis; or of "minus", "negative", "plus".
  int sign_before(size_t first) const {
    if (first == 0) return 0;
    size_t i = first - 1;
    while (i > 0 && is_one_of({"*", "`", "_", "~", "$"}, t_.of(i)) && t_.joined(i + 1)) --i;
    if (is_one_of({"minus", "negative"}, t_.of(i))) return -1;
    if (t_.is(i, "plus")) return 1;
    if (!t_.is(i, "-") && !t_.is(i, "+")) return 0;
    if (!t_.joined(i + 1) && !t_.is_minus(i)) return 0;
    const bool after_word = t_.joined(i) && (t_.is(i - 1, Kind::word) || t_.is(i - 1, Kind::number) ||
                                             t_.is(i - 1, Kind::name) || t_.is(i - 1, Kind::unreadable) ||
                                             t_.is(i - 1, Kind::date) || t_.is(i - 1, "%") || t_.is(i - 1, ")"));
    if (after_word && !t_.is_minus(i)) return 0;
    return t_.is(i, "+") ? 1 : -1;
  }

  // "above zero" says a sign, not a number.
  bool is_bound_of_zero(const Mention& m) const {
    return m.is_number && m.value == 0 && m.first > 0 && m.over == 0 &&
           is_one_of({"above", "below", "over", "under", "beyond", "than", "from", "around", "exceeds", "exceed"},
                     t_.of(m.first - 1));
  }

  // 3 to 5%: the unit is of both. Between 3 and 5 million: the multiplier may be, but not of 100,000 to 166 thousand.
  void share_unit(Mention& a, const Mention& b) const {
    if (!a.is_number || !b.is_number || a.next != a.last + 1) return;
    if (b.scale == 1 && b.multiplier == 1) return;
    size_t i = a.next;
    const std::string_view word = t_.of(i);
    const bool between = a.first > 0 && is_one_of({"between", "from"}, t_.of(a.first - 1));
    if (!is_one_of({"to", "-", "or", "through"}, word) && !(word == "and" && between)) return;
    if (++i; b.sign != 0 && i + 1 == b.first) ++i;
    if (i != b.first) return;
    if (a.multiplier == 1) a.shared = b.multiplier;
    a.scale = b.scale, a.date = {};
  }

  const TokenText& t_;
  std::vector<Mention> found_;
  double last_item_ = 0;
};

}  // namespace

std::vector<Mention> read_mentions(const TokenText& text) { return MentionReader(text).read(); }

}  // namespace hadal::market
