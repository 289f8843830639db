#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/error.h"
#include "tasks/kinds/countdown.h"

namespace hadal::tasks {
namespace {

template <typename T>
void shuffle(std::vector<T>& values, Rng& rng) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
}

// A value on the way, and how it came about: "(19+55)".
struct Part {
  int64_t value = 0;
  std::string expression;
};

Part number(int64_t value) { return {value, std::to_string(value)}; }
Part in_brackets(Part part) { return {part.value, "(" + part.expression + ")"}; }

// a op b = result, as a step ("19+55=74") and as a part.
struct Step {
  std::string text;
  Part part;
};

Step step(const Part& a, char op, const Part& b) {
  const int64_t value = op == '+'   ? a.value + b.value
                        : op == '-' ? a.value - b.value
                        : op == '*' ? a.value * b.value
                                    : a.value / b.value;
  return {fmt::format("{}{}{}={}", a.value, op, b.value, value), {value, a.expression + op + b.expression}};
}

// What lies above is left out of a search: it hardly ever leads to a target of two digits (93 of 100 items of 4 numbers
// have a solution that stays below, 99 of 100 of 3), and long products are hard to learn.
constexpr int64_t kLargest = 199;

// The different values that two numbers make: sum, difference, product, and the quotient where it is whole.
std::vector<Step> values_of(const Part& p, const Part& q) {
  const Part &high = p.value >= q.value ? p : q, &low = p.value >= q.value ? q : p;
  std::vector<Step> steps = {step(p, '+', q), step(high, '-', low), step(p, '*', q)};
  if (high.value % low.value == 0) steps.push_back(step(high, '/', low));
  std::vector<Step> different;
  for (Step& made : steps)
    if (made.part.value <= kLargest && std::none_of(different.begin(), different.end(),
                                                    [&](const Step& s) { return s.part.value == made.part.value; }))
      different.push_back(std::move(made));
  return different;
}

const Step* find(const std::vector<Step>& steps, int64_t value) {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const Step& s) { return s.part.value == value; });
  return found == steps.end() ? nullptr : &*found;
}

int64_t largest(const std::vector<Step>& steps) {
  int64_t value = 0;
  for (const Step& made : steps) value = std::max(value, made.part.value);
  return value;
}

// What must be combined with `with` to reach the goal: goal + with, |goal - with|, goal * with where that is not above
// `max_product`, and goal / with or with / goal where it is whole. `op` is the operator as the trace writes it.
struct Candidate {
  char op;
  int64_t with, needed;
};

void add_candidates(int64_t goal, int64_t with, int64_t max_product, std::vector<Candidate>& candidates) {
  const auto add = [&](char op, int64_t needed) {
    if (needed <= kLargest &&
        std::none_of(candidates.begin(), candidates.end(), [&](const Candidate& c) { return c.needed == needed; }))
      candidates.push_back({op, with, needed});
  };
  add('+', goal + with);
  add('-', std::abs(goal - with));
  if (with == 0) return;  // neither a factor nor a divisor
  if (goal * with <= max_product) add('*', goal * with);
  if (goal % with == 0)
    add('/', goal / with);
  else if (goal > 0 && with % goal == 0)
    add('/', with / goal);
}

// The step from a candidate's needed value to the goal.
Step towards(int64_t goal, const Candidate& candidate, const Part& needed, const Part& with) {
  switch (candidate.op) {
    case '+':
      return step(needed, '-', with);
    case '-':
      return goal >= with.value ? step(needed, '+', with) : step(with, '-', needed);
    case '*':
      return step(needed, '/', with);
    default:
      return goal % with.value == 0 ? step(needed, '*', with) : step(with, '/', needed);
  }
}

std::string written(const Candidate& candidate) {
  return fmt::format("{}{}={}", candidate.op, candidate.with, candidate.needed);
}

std::string written(const Part& p, const Part& q, const std::vector<Step>& values) {
  std::string text = fmt::format("{},{}:", p.value, q.value);
  for (size_t i = 0; i < values.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : " ", values[i].part.value);
  return text;
}

class Search {
 public:
  Search(const CountdownItem& item, size_t max_bytes, Rng& rng)
      : numbers_(item.numbers), target_(item.target), max_bytes_(max_bytes), rng_(rng) {}

  std::optional<Trace> run() {
    const size_t count = numbers_.size();
    if (count != 3 && count != 4) return {};
    std::vector<std::pair<size_t, size_t>> pairs;
    for (size_t i = 0; i < count; ++i)
      for (size_t j = i + 1; j < count; ++j) pairs.emplace_back(i, j);
    shuffle(pairs, rng_);
    std::array<bool, 4> split_seen{};  // by the partner of the first number
    for (const auto& [i, j] : pairs) {
      std::vector<Part> left, pair = {number(numbers_[i]), number(numbers_[j])};
      for (size_t k = 0; k < count; ++k)
        if (k != i && k != j) left.push_back(number(numbers_[k]));
      shuffle(pair, rng_);
      shuffle(left, rng_);
      const size_t split = i == 0 ? j : 6 - i - j;  // 4 numbers: the pair that holds the first one
      const bool found = count == 3 ? three(pair[0], pair[1], left[0])
                                    : four(pair[0], pair[1], left[0], left[1], !std::exchange(split_seen[split], true));
      if (text_.size() > max_bytes_) return {};
      if (found) return Trace{std::move(text_), std::move(answer_)};
    }
    return {};
  }

 private:
  void finish(std::initializer_list<const Step*> steps) {
    text_ += '\n';
    for (const Step* done : steps) text_ += fmt::format("{}{}", done == *steps.begin() ? "" : " ", done->text);
    answer_ = (*(steps.end() - 1))->part.expression;
  }

  // Writes candidates in random order, up to the first whose needed value `found` has; that one.
  std::optional<Candidate> write(std::vector<Candidate> candidates, const std::vector<Step>& found) {
    shuffle(candidates, rng_);
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (i > 0) text_ += ' ';
      text_ += written(candidates[i]);
      if (find(found, candidates[i].needed) == nullptr) continue;
      text_ += '!';
      return candidates[i];
    }
    return {};
  }

  void begin_line(const std::string& head) {
    if (!text_.empty()) text_ += '\n';
    text_ += head;
  }

  bool three(const Part& p, const Part& q, const Part& rest) {
    const std::vector<Step> values = values_of(p, q);
    begin_line(fmt::format("{};{}", written(p, q, values), rest.value));
    begin_line(fmt::format("{}:", target_));
    std::vector<Candidate> candidates;
    add_candidates(target_, rest.value, largest(values), candidates);
    const auto hit = write(candidates, values);
    if (!hit) return false;
    const Step* first = find(values, hit->needed);
    const Step last = towards(target_, *hit, in_brackets(first->part), rest);
    finish({first, &last});
    return true;
  }

  // The first pair p, q; c and d come after it, one by one or as a pair.
  bool four(const Part& p, const Part& q, const Part& c, const Part& d, bool pair_with_pair) {
    const std::vector<Step> firsts = values_of(p, q), seconds = values_of(c, d);
    begin_line(fmt::format("{};{}", written(p, q, firsts), written(c, d, seconds)));
    struct Line {
      std::optional<Candidate> outer;  // what comes last, undone; none: the line of pair with pair
      const Part *inner = nullptr, *last = nullptr;
    };
    std::vector<Line> lines;
    for (const auto& [inner, last] : {std::pair{&c, &d}, std::pair{&d, &c}}) {
      std::vector<Candidate> outers;
      add_candidates(target_, last->value, kLargest, outers);
      for (const Candidate& outer : outers) lines.push_back({outer, inner, last});
    }
    if (pair_with_pair) lines.emplace_back();
    shuffle(lines, rng_);
    for (const Line& line : lines) {
      if (text_.size() > max_bytes_) return false;
      if (line.outer ? one_by_one(firsts, *line.outer, *line.inner, *line.last) : two_pairs(firsts, seconds))
        return true;
    }
    return false;
  }

  bool one_by_one(const std::vector<Step>& firsts, const Candidate& outer, const Part& inner, const Part& last) {
    begin_line(fmt::format("{}{}:", target_, written(outer)));
    std::vector<Candidate> candidates;
    add_candidates(outer.needed, inner.value, largest(firsts), candidates);
    const auto hit = write(candidates, firsts);
    if (!hit) return false;
    const Step* first = find(firsts, hit->needed);
    const Step second = towards(outer.needed, *hit, in_brackets(first->part), inner);
    const Step third = towards(target_, outer, in_brackets(second.part), last);
    finish({first, &second, &third});
    return true;
  }

  bool two_pairs(const std::vector<Step>& firsts, const std::vector<Step>& seconds) {
    begin_line(fmt::format("{};", target_));
    std::vector<Candidate> candidates;
    for (const Step& first : firsts) add_candidates(target_, first.part.value, largest(seconds), candidates);
    const auto hit = write(candidates, seconds);
    if (!hit) return false;
    const Step *first = find(firsts, hit->with), *second = find(seconds, hit->needed);
    const Step last = towards(target_, *hit, in_brackets(second->part), in_brackets(first->part));
    finish({first, second, &last});
    return true;
  }

  const std::vector<int64_t>& numbers_;
  int64_t target_;
  size_t max_bytes_;
  Rng& rng_;
  std::string text_, answer_;
};

}  // namespace

std::optional<Trace> trace_countdown(const CountdownItem& item, size_t max_bytes, Rng& rng) {
  return Search(item, max_bytes, rng).run();
}

}  // namespace hadal::tasks
