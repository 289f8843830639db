#include "market/report/number_phrase.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "market/report/fold.h"
#include "market/report/number_words.h"

namespace hadal::market {
namespace {

bool is_article(std::string_view word) { return word == "a" || word == "an"; }

class Phrase {
 public:
  explicit Phrase(const TokenText& text) : t_(text) {}

  struct Whole {
    double value = 0;
    size_t next = 0;
    bool ordinal = false;
  };

  // Below a hundred.
  Whole small(size_t i) const {
    const std::string_view word = t_.of(i);
    if (const auto unit = unit_word(word)) return {static_cast<double>(*unit), i + 1};
    if (const auto tens = tens_word(word)) {
      const size_t next = past_hyphen(i + 1);
      if (const auto unit = unit_word(t_.of(next)); unit && *unit > 0 && *unit < 10)
        return {static_cast<double>(*tens + *unit), next + 1};
      if (const auto unit = ordinal_word(t_.of(next)); unit && *unit < 10)
        return {static_cast<double>(*tens + *unit), next + 1, true};
      return {static_cast<double>(*tens), i + 1};
    }
    if (const auto ordinal = ordinal_word(word); ordinal && *ordinal > 2 && *ordinal < 100)
      return {static_cast<double>(*ordinal), i + 1, true};
    return {0, i};
  }

  // Below a thousand, or twelve hundred; "hundred" alone is one.
  Whole hundreds(size_t i) const {
    Whole whole = t_.is(i, "hundred") ? Whole{1, i} : small(i);
    if (whole.ordinal || (whole.next == i && !t_.is(i, "hundred"))) return whole;
    const size_t at = whole.next == i ? i : past_hyphen(whole.next);
    if (t_.is(at, "hundredth") && whole.value > 0) return {whole.value * 100, at + 1, true};
    if (!t_.is(at, "hundred")) return whole;
    whole = {whole.value * 100, at + 1};
    const size_t rest = t_.is(whole.next, "and") ? whole.next + 1 : past_hyphen(whole.next);
    if (const Whole more = small(rest); more.next > rest && more.value > 0 && !part_behind(more))
      return {whole.value + more.value, more.next, more.ordinal};
    return whole;
  }

  Whole whole(size_t i) const {
    Whole sum{0, i};
    double limit = INFINITY;
    for (size_t at = i;;) {
      Whole part = scale_of(at) ? Whole{1, at} : hundreds(at);
      if (part.next == at && !scale_of(at)) return sum;
      const size_t behind = part.next == at ? at : past_hyphen(part.next);
      const double scale = part.ordinal ? 0 : scale_of(behind).value_or(0);
      if (t_.is(behind, "thousandth") && !part.ordinal && limit > 1000)
        return {sum.value + part.value * 1000, behind + 1, true};
      if (scale == 0) {
        if (sum.next > i && part.value >= limit) return sum;
        return {sum.value + part.value, part.next, part.ordinal};
      }
      if (scale >= limit) return sum;
      sum = {sum.value + part.value * scale, behind + 1};
      limit = scale;
      at = sum.next;
      if (t_.is(at, "and") || t_.is(at, ",")) ++at;
      if (!is_small_start(at)) return sum;
    }
  }

  // half, third, quarters at `i`; 0 where it is none.
  int part(size_t i, bool* plural) const { return part_word(t_.of(i), plural).value_or(0); }

  size_t past_hyphen(size_t i) const {
    return t_.is(i, "-") && t_.joined(i) && t_.joined(i + 1) && t_.is(i + 1, Kind::word) ? i + 1 : i;
  }

 private:
  std::optional<double> scale_of(size_t i) const {
    const std::string_view word = t_.of(i);
    return word.size() > 2 ? scale_word(word) : std::nullopt;
  }
  bool is_small_start(size_t i) const {
    return t_.is(i, "hundred") || unit_word(t_.of(i)) || tens_word(t_.of(i)) || ordinal_word(t_.of(i)).value_or(0) > 2;
  }
  // "a hundred and two thirds": the two belong to the thirds.
  bool part_behind(const Whole& more) const {
    bool plural = false;
    return !more.ordinal && part(past_hyphen(more.next), &plural) > 0;
  }

  const TokenText& t_;
};

class PhraseReader {
 public:
  explicit PhraseReader(const TokenText& text) : t_(text), p_(text) {}

  NumberPhrase read(size_t i) const {
    const std::string_view word = t_.of(i);
    if (word == "half" || word == "halves") return half(i);
    if (word == "quarter" || word == "quarters") return {.next = i + 1};
    if (is_multiple(word)) return unsaid(i + 1, !hyphened(i + 1));
    if (word == "twice" || word == "thrice") return times(i);
    if (is_vague_number(word)) return unsaid(i + 1, true);
    if (word == "first" || word == "second") return place(i);
    if (is_article(word)) return after_article(i);
    if (word == "dozen") return number(12, i + 1);
    if (is_joined_number(word)) return unsaid(i + 1, true);
    if (word == "point" && digit_word(t_.of(i + 1))) return decimals(0, i);
    return count(i);
  }

  PartPhrase and_part(size_t i) const {
    if (!t_.is(i, "and")) return {0, i};
    const size_t at = i + 1;
    bool plural = false;
    const bool article = is_article(t_.of(at));
    const Phrase::Whole number = article ? Phrase::Whole{1, at + 1} : p_.small(at);
    if (number.next == at || number.ordinal || number.value == 0) return {0, i};
    const size_t part_at = p_.past_hyphen(number.next);
    const int part = p_.part(part_at, &plural);
    if (part == 0 || number.value >= part) return {0, i};
    return {number.value / part, part_at + 1};
  }

 private:
  static NumberPhrase number(double value, size_t next) { return {NumberPhrase::number, value, 0.5, next}; }
  static NumberPhrase unsaid(size_t next, bool is_one) {
    return {is_one ? NumberPhrase::unsaid : NumberPhrase::none, 0, 0, next};
  }
  static NumberPhrase part_number(double value, size_t next) {
    return {NumberPhrase::number, value, half_of_part(value), next};
  }
  bool hyphened(size_t i) const { return p_.past_hyphen(i) > i; }

  // "twice" is a count, but for "twice the" and its like.
  NumberPhrase times(size_t i) const {
    const bool ratio = is_one_of({"the", "as", "its", "their", "that", "what", "this", "those", "more"}, t_.of(i + 1));
    return ratio ? unsaid(i + 1, true) : number(t_.is(i, "twice") ? 2 : 3, i + 1);
  }
  // "the first of 40"
  NumberPhrase place(size_t i) const {
    const bool of_number = t_.is(i + 1, "of") && (t_.is(i + 2, Kind::number) || p_.small(i + 2).next > i + 2);
    if (!of_number) return {.next = i + 1};
    return {NumberPhrase::number, static_cast<double>(*ordinal_word(t_.of(i))), 0.5, i + 1, true};
  }

  NumberPhrase half(size_t i) const {
    const std::string_view before = i > 0 ? t_.of(i - 1) : "";
    if (is_one_of({"first", "second", "latter", "other", "better", "last", "each", "every", "per", "this", "that",
                   "next", "final"},
                  before))
      return {.next = i + 1};
    if (hyphened(i + 1) && scaled(0.5, i + 2).next == i + 2) return {.next = i + 1};  // half-life
    return scaled(0.5, i + 1);
  }

  // A part of a percent or a million: "half a percent", "a third of a million". The unit itself is read later.
  NumberPhrase scaled(double part, size_t i) const {
    size_t at = p_.past_hyphen(i);
    if (t_.is(at, "of")) ++at;
    const bool counted = is_article(t_.of(at)) || t_.is(at, "one");
    if (counted) ++at;
    const std::string_view word = t_.of(at);
    const double times = word == "dozen"     ? 12
                         : word == "hundred" ? 100
                         : word.size() > 2   ? scale_word(word).value_or(1)
                                             : 1;
    if (times > 1) return part_number(part * times, at + 1);
    return part_number(part, read_unit(t_, at).next > at ? at : i);
  }

  // a hundred, a dozen, a third, a quarter, an eighth, a half
  NumberPhrase after_article(size_t i) const {
    const std::string_view word = t_.of(i + 1);
    if (word == "dozen") return number(12, i + 2);
    if (word == "hundred" || (word.size() > 2 && scale_word(word))) return with_part(i, p_.whole(i + 1));
    if (word == "half" && hyphened(i + 2)) return half(i + 1);
    bool plural = false;
    const int part = p_.part(i + 1, &plural);
    return part > 0 && !plural ? scaled(1.0 / part, i + 2) : NumberPhrase{.next = i + 1};
  }

  static std::optional<int> digit_word(std::string_view word) {
    if (word == "oh") return 0;
    const auto unit = unit_word(word);
    return unit && *unit < 10 ? unit : std::nullopt;
  }

  // five point four three; `i` is at "point".
  NumberPhrase decimals(double whole, size_t i) const {
    double step = 1;
    size_t at = i + 1;
    for (; digit_word(t_.of(at)); ++at) step /= 10, whole += *digit_word(t_.of(at)) * step;
    if (at == i + 1 || starts_number(p_.past_hyphen(at))) return unsaid(at + (at == i + 1 ? 0 : 1), true);
    return {NumberPhrase::number, whole, step / 2, at};
  }

  NumberPhrase count(size_t i) const {
    const Phrase::Whole whole = p_.whole(i);
    if (whole.next == i) return {.next = i + 1};
    if (is_pronoun(i, whole) || is_sided(whole)) return {.next = whole.next};
    return with_part(i, whole);
  }

  NumberPhrase with_part(size_t i, const Phrase::Whole& whole) const {
    const size_t next = whole.next;
    if (whole.ordinal) return {NumberPhrase::number, whole.value, 0.5, next, true};
    if (t_.is(next, "dozen")) return number(whole.value * 12, next + 1);
    if (t_.is(next, "point") && digit_word(t_.of(next + 1))) return decimals(whole.value, next);
    if (t_.is(next, "fold") || (hyphened(next) && t_.is(next + 1, "fold")))
      return unsaid(p_.past_hyphen(next) + 1, true);
    bool plural = false;
    const size_t part_at = p_.past_hyphen(next);
    if (const int part = p_.part(part_at, &plural); part > 0 && whole.value > 0 && (plural || whole.value == 1))
      return scaled(whole.value / part, part_at + 1);
    if (const PartPhrase part = and_part(next); part.next > next)
      return part_number(whole.value + part.value, part.next);
    if (starts_number(p_.past_hyphen(next))) return run_on(i);
    return number(whole.value, next);
  }

  // "nineteen ninety-nine", "one zero five": numbers that follow each other are one that is not read.
  NumberPhrase run_on(size_t i) const {
    size_t next = i;
    while (starts_number(next)) {
      const Phrase::Whole more = p_.whole(next);
      next = p_.past_hyphen(std::max(more.next, next + 1));
    }
    return unsaid(std::max(next, i + 1), true);
  }
  bool starts_number(size_t i) const {
    return unit_word(t_.of(i)) || tens_word(t_.of(i)) || t_.is(i, "hundred") || t_.is(i, "thousand") ||
           t_.is(i, "million");
  }

  bool is_sided(const Phrase::Whole& whole) const {
    return hyphened(whole.next) &&
           is_one_of({"sided", "tailed", "way", "off", "dimensional", "to", "size", "time", "by"},
                     t_.of(whole.next + 1));
  }

  // "no one", "one of them", "the true one", "one can"
  bool is_pronoun(size_t i, const Phrase::Whole& whole) const {
    if (whole.next != i + 1 || !t_.is(i, "one")) return false;
    const std::string_view next = t_.of(i + 1);
    bool plural = false;
    if (p_.part(p_.past_hyphen(i + 1), &plural) > 0 || t_.is(i + 1, "point") || t_.is(i + 1, "dozen")) return false;
    if (read_unit(t_, i + 1).next > i + 1) return false;
    const std::string_view before = i > 0 ? t_.of(i - 1) : "";
    if (is_one_of({"no",      "any",  "every", "each",   "which", "the",   "this",      "that",  "some",
                   "another", "good", "best",  "better", "true",  "naive", "other",     "first", "last",
                   "such",    "bad",  "worse", "worst",  "new",   "old",   "whichever", "by",    "real"},
                  before))
      return true;
    return next == "'" ||
           is_one_of({"of",     "can",   "could", "may",     "might",  "must", "should", "would", "will",  "shall",
                      "cannot", "does",  "has",   "had",     "is",     "was",  "who",    "that",  "whose", "another",
                      "needs",  "knows", "wants", "expects", "thinks", "sees", "way",    "by"},
                     next);
  }

  const TokenText& t_;
  Phrase p_;
};

}  // namespace

double half_of_part(double value) {
  return std::min(value / 100, 0.5 * std::pow(10, std::floor(std::log10(value)) - 1));
}

NumberPhrase read_phrase(const TokenText& text, size_t i) { return PhraseReader(text).read(i); }
PartPhrase read_and_part(const TokenText& text, size_t i) { return PhraseReader(text).and_part(i); }

OrdinalPhrase read_ordinal(const TokenText& text, size_t i) {
  if (const auto ordinal = ordinal_word(text.of(i)); ordinal && *ordinal < 100) return {*ordinal, i + 1};
  const Phrase::Whole small = Phrase(text).small(i);
  return small.ordinal ? OrdinalPhrase{static_cast<int>(small.value), small.next} : OrdinalPhrase{0, i};
}

UnitPhrase read_unit(const TokenText& t, size_t i) {
  size_t at = i;
  while (is_one_of({"*", "_", "`", "~"}, t.of(at)) && t.joined(at)) ++at;
  if (t.is(at, "-") && t.joined(at) && t.joined(at + 1) && t.is(at + 1, Kind::word)) ++at;
  const std::string_view word = t.of(at), next = t.of(at + 1);
  if (word.empty()) return {1, i};
  if (word == "%" || is_one_of({"percent", "percents", "pct", "pc", "pp", "pps", "ppt", "cent", "cents"}, word))
    return {100, at + 1};
  if (word[0] == kPermille || word == "permille") return {1e3, at + 1};
  if (word[0] == kPermyriad || word == "bp" || word == "bps") return {1e4, at + 1};
  if (word == "per" && next == "cent") return {100, at + 2};
  if (word == "per" && next == "mille") return {1e3, at + 2};
  const bool points = next == "point" || next == "points";
  if (word == "percentage" && points) return {100, at + 2};
  if (word == "basis" && points) return {1e4, at + 2};
  return {1, i};
}

}  // namespace hadal::market
