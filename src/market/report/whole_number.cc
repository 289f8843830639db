#include "market/report/whole_number.h"

#include <cmath>

#include "market/report/number_words.h"

namespace hadal::market {

WholeNumbers::Whole WholeNumbers::small(size_t i) const {
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

WholeNumbers::Whole WholeNumbers::hundreds(size_t i) const {
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

WholeNumbers::Whole WholeNumbers::whole(size_t i) const {
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

int WholeNumbers::part(size_t i, bool* plural) const { return part_word(t_.of(i), plural).value_or(0); }

size_t WholeNumbers::past_hyphen(size_t i) const {
  return t_.is(i, "-") && t_.joined(i) && t_.joined(i + 1) && t_.is(i + 1, Kind::word) ? i + 1 : i;
}

std::optional<double> WholeNumbers::scale_of(size_t i) const {
  const std::string_view word = t_.of(i);
  return word.size() > 2 ? scale_word(word) : std::nullopt;
}
bool WholeNumbers::is_small_start(size_t i) const {
  return t_.is(i, "hundred") || unit_word(t_.of(i)) || tens_word(t_.of(i)) || ordinal_word(t_.of(i)).value_or(0) > 2;
}
// "a hundred and two thirds": the two belong to the thirds.
bool WholeNumbers::part_behind(const Whole& more) const {
  bool plural = false;
  return !more.ordinal && part(past_hyphen(more.next), &plural) > 0;
}

}  // namespace hadal::market
