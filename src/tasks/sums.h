// Made-up dialogues about sums: two-digit addition and some subtraction, asked in digits or in words, answered in whole
// sentences that show the steps. Pairs that is_held_out() names never occur in training, so they measure whether a
// model adds or memorised.
#pragma once

#include <cstdint>
#include <string>

#include "base/rng.h"

namespace hadal::tasks {

// About a tenth of the pairs of two-digit numbers; symmetric. Pairs with a number outside [10, 99] are never held out.
bool is_held_out(int a, int b);

std::string number_words(int n);  // 0..999: "eighty-five", "one hundred and four"

struct Sum {
  int a = 0, b = 0;
  bool subtract = false;  // a - b, a >= b
  int result() const { return subtract ? a - b : a + b; }
};

struct SumDialogue {
  Sum sum;
  std::string question, answer;
};

// One dialogue. held_out: an addition from the held-out pairs; otherwise never from them.
SumDialogue make_sum(Rng& rng, bool held_out);

}  // namespace hadal::tasks
