// Whole numbers and ordinals in English words: forty-one, one hundred and five, two million, twenty-first.
#pragma once

#include <optional>

#include "market/report/tokens.h"

namespace hadal::market {

// Reads at a token of a text, which must outlive it.
class WholeNumbers {
 public:
  explicit WholeNumbers(const TokenText& text) : t_(text) {}

  struct Whole {
    double value = 0;
    size_t next = 0;  // the token behind it; where it should begin, if there is none
    bool ordinal = false;
  };
  Whole small(size_t i) const;     // below a hundred
  Whole hundreds(size_t i) const;  // below a thousand, or twelve hundred; "hundred" alone is one
  Whole whole(size_t i) const;     // of any size

  // half, third, quarters at `i`: 2, 3, 4; 0 where it is none.
  int part(size_t i, bool* plural) const;
  // Behind a hyphen that joins two words.
  size_t past_hyphen(size_t i) const;

 private:
  std::optional<double> scale_of(size_t i) const;
  bool is_small_start(size_t i) const;
  bool part_behind(const Whole& more) const;

  const TokenText& t_;
};

}  // namespace hadal::market
