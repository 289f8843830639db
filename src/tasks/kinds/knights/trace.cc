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

// Draws from the assignments that are left, each with the weight 2^(statements that it keeps).
class Order {
 public:
  Order(const std::vector<Table>& kept, size_t num_people) : weights_(size_t{1} << num_people) {
    for (Assignment a = 0; a < weights_.size(); ++a) {
      const auto count = std::count_if(kept.begin(), kept.end(), [&](const Table& table) { return table[a]; });
      weights_[a] = std::ldexp(1.0, static_cast<int>(count));
    }
  }

  Assignment draw(Rng& rng) {
    double sum = 0;
    for (const double weight : weights_) sum += weight;
    double at = rng.uniform() * sum;
    Assignment last = 0;
    for (Assignment a = 0; a < weights_.size(); ++a) {
      if (weights_[a] == 0) continue;
      last = a;
      if ((at -= weights_[a]) < 0) break;
    }
    weights_[last] = 0;
    return last;
  }

 private:
  std::vector<double> weights_;
};

}  // namespace

std::optional<std::string> written_search(const Puzzle& puzzle, size_t max_bytes, Rng& rng) {
  const size_t n = puzzle.people.size();
  std::vector<Table> said, kept;
  for (const Statement& s : puzzle.statements) {
    said.push_back(truth(s.says, n));
    kept.push_back(holds(s, n));
  }
  std::string text = head(puzzle);
  Order order(kept, n);
  for (bool solved = false; !solved;) {
    if (text.size() > max_bytes) return std::nullopt;
    const Assignment a = order.draw(rng);
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
