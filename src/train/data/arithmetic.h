// Made-up dialogues about sums: two-digit addition and some subtraction, asked in digits or in words, answered in whole
// sentences that show the steps. Pairs that is_held_out() names never occur in training, so they measure whether a
// model adds or remembers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"

namespace hadal {

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

// The plain forms that evaluations ask: "What is 47 + 38?" or "What is forty-seven plus thirty-eight?"
std::string plain_question(const Sum& sum, bool words);

// True when `answer` states the result as its last number, in digits or words.
bool states_result(const std::string& answer, int result);

}  // namespace hadal
