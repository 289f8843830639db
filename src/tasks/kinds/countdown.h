// The parts of the task countdown: combine given numbers, each exactly once, by + - * / to a target. Exact rationals
// throughout, so 8/(3-8/3) makes 24.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "tasks/task.h"

namespace hadal::tasks {

struct CountdownItem {
  std::vector<int64_t> numbers;  // 2 to kMax of them, each from 1 to kMaxNumber
  int64_t target = 0;            // 1 to kMaxTarget
  // With these an expression that uses each number once has numerators and denominators below 2^7 * 9999^8 < 2^127,
  // also without reducing them.
  static constexpr size_t kMax = 8;
  static constexpr int64_t kMaxNumber = 9999, kMaxTarget = 1'000'000'000;
};

// Whether there is an expression. The time grows with the factorial of the count: for up to 5 numbers.
bool countdown_solvable(const CountdownItem& item);

// The verdict on an answer: one expression of the given numbers, optionally "= target" behind it. nearness is
// 1 / (1 + |value - target|) where all that is wrong is the value.
Verdict judge_countdown(const CountdownItem& item, std::string_view answer);

// What an expression of any numbers comes to, by the grammar of the judge: for votes, which know no item.
struct CountdownValue {
  std::string value;             // in lowest terms
  std::vector<int64_t> numbers;  // in it, sorted
  bool operator==(const CountdownValue&) const = default;
};
// nullopt: no expression of at most kMax numbers up to kMaxNumber, or something else than its value behind an =.
std::optional<CountdownValue> countdown_value(std::string_view expression);

// A search for 3 or 4 numbers, backwards from the target, in lines that each need only what stands in them:
//   19,55:74 36;36          what the pair 19, 55 makes; the number that is left
//   38:-36=2 +36=74!        what the pair would have to make, 36 being added, taken away or a factor at last; ! a hit
//   19+55=74 74-36=38       then the way forward
// and for 4 numbers:
//   19,36:55 17;55,4:59 51             what both pairs make
//   38-4=34:+55=89 -55=21              4 comes last: the rest must make 34, and therefore the first pair 89 or 21
//   38;-55=17 +55=93                   pair with pair: the second must make 17 where the first makes 55
// Pairs, lines and candidates come in random order; it ends at the first hit. It has only whole
// numbers from 0 to 199; nullopt for what only others solve, for other counts of numbers, and where this draw takes
// more than max_bytes.
std::optional<Trace> trace_countdown(const CountdownItem& item, size_t max_bytes, Rng& rng);

}  // namespace hadal::tasks
