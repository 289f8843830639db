#include "tasks/kinds/knights/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hadal::tasks::knights {
namespace {

using Kind = Claim::Kind;

char letter(size_t person) { return static_cast<char>('A' + person); }
char digit(bool value) { return value ? '1' : '0'; }

// Writes claims in letters, with the letters' values behind them where an assignment is given.
class Writer {
 public:
  explicit Writer(size_t num_people, std::optional<Assignment> values = {}) : people_(num_people), values_(values) {}

  std::string text(const Claim& claim) const {
    switch (claim.kind) {
      case Kind::is:
        return fmt::format("{}{}", claim.knight ? "" : "~", person(claim.person));
      case Kind::same:
        return fmt::format("{}={}", person(claim.person), person(claim.other));
      case Kind::count:
        return values_ ? fmt::format("#{}={}", claim.count, __builtin_popcountll(*values_))
                       : fmt::format("#{}", claim.count);
      case Kind::negation:
        return fmt::format("~{}", part(claim.parts[0]));
      case Kind::conjunction:
        return fmt::format("{}&{}", part(claim.parts[0]), part(claim.parts[1]));
      case Kind::disjunction:
        return fmt::format("{}|{}", part(claim.parts[0]), part(claim.parts[1]));
      case Kind::implication:
        return fmt::format("{}>{}", part(claim.parts[0]), part(claim.parts[1]));
    }
    return "";
  }

  std::string person(size_t p) const {
    std::string text(1, letter(p));
    if (values_) text += digit((*values_ >> p & 1) != 0);
    return text;
  }

  std::string all_people() const {
    std::string text;
    for (size_t p = 0; p < people_; ++p) text += person(p);
    return text;
  }

 private:
  std::string part(const Claim& claim) const {
    const bool plain = claim.is_simple() || (claim.kind == Kind::negation && claim.parts[0].is_simple());
    return plain ? text(claim) : fmt::format("({})", text(claim));
  }

  size_t people_;
  std::optional<Assignment> values_;
};

std::string head(const Puzzle& puzzle) {
  const Writer writer(puzzle.people.size());
  std::string text;
  for (size_t p = 0; p < puzzle.people.size(); ++p)
    text += fmt::format("{}{} {}", p == 0 ? "" : " ", letter(p), puzzle.people[p]);
  for (const Statement& s : puzzle.statements) text += fmt::format("\n{}:{}", letter(s.by), writer.text(s.says));
  return text;
}

Assignment first_guess(const std::vector<Table>& kept, size_t num_people, Rng& rng) {
  std::vector<double> weights(size_t{1} << num_people);
  double sum = 0;
  for (Assignment a = 0; a < weights.size(); ++a) {
    const auto count = std::count_if(kept.begin(), kept.end(), [&](const Table& table) { return table[a]; });
    sum += weights[a] = std::ldexp(1.0, static_cast<int>(count));
  }
  double at = rng.uniform() * sum;
  for (Assignment a = 0; a + 1 < weights.size(); ++a)
    if ((at -= weights[a]) < 0) return a;
  return weights.size() - 1;
}

// Counts up; the last person is the lowest digit.
Assignment next(Assignment a, size_t num_people) {
  for (size_t p = num_people; p-- > 0;) {
    a ^= Assignment{1} << p;
    if ((a >> p & 1) != 0) break;
  }
  return a;
}

}  // namespace

std::optional<std::string> written_search(const Puzzle& puzzle, size_t max_bytes, Rng& rng) {
  const size_t n = puzzle.people.size();
  std::vector<Table> said, kept;
  for (const Statement& s : puzzle.statements) {
    said.push_back(truth(s.says, n));
    kept.push_back(holds(s, n));
  }
  std::string text = head(puzzle);
  Assignment a = first_guess(kept, n, rng);
  for (bool solved = false; !solved; a = next(a, n)) {
    if (text.size() > max_bytes) return std::nullopt;
    const Writer writer(n, a);
    text += fmt::format("\n{}", writer.all_people());
    solved = true;
    for (size_t i = 0; i < kept.size() && solved; ++i) {
      const Statement& s = puzzle.statements[i];
      text += fmt::format(" {}:{}:{}", writer.person(s.by), writer.text(s.says), digit(said[i][a]));
      solved = kept[i][a];
    }
    if (!solved) text += '!';
  }
  if (text.size() > max_bytes) return std::nullopt;
  return text;
}

}  // namespace hadal::tasks::knights
