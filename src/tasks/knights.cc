// Knights and knaves: who says what is true and who does not, from what they say of each other.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/knights/answer.h"
#include "tasks/kinds/knights/puzzle.h"
#include "tasks/kinds/knights/question.h"
#include "tasks/kinds/knights/trace.h"
#include "tasks/kinds/names.h"
#include "tasks/kinds/wording.h"

namespace hadal::tasks {
namespace {

using knights::Assignment;
using knights::Claim;
using knights::Puzzle;

constexpr std::array<std::string_view, 3> kKinds = {"knights2", "knights3", "knights4"};
constexpr double kMadeUpNames = 0.2;  // the share of people with a name of no list, so that names are copied, not known

// ---- Making puzzles ----

class Maker {
 public:
  Maker(size_t num_people, Rng& rng) : n_(num_people), rng_(rng) {}

  // One statement a person, in their order; not always with one solution.
  Puzzle draw() {
    Puzzle puzzle;
    while (puzzle.people.size() < n_) {
      const std::string name =
          chance(kMadeUpNames) ? made_up_name(rng_) : std::string(kNames[rng_.below(kNames.size())]);
      if (std::ranges::find(puzzle.people, name) == puzzle.people.end()) puzzle.people.push_back(name);
    }
    for (me_ = 0; me_ < n_; ++me_) puzzle.statements.push_back({me_, statement()});
    return puzzle;
  }

 private:
  using Kind = Claim::Kind;

  bool chance(double probability) { return rng_.uniform() < probability; }

  size_t another() {
    const size_t p = rng_.below(n_ - 1);
    return p + (p >= me_ ? 1 : 0);
  }

  Claim is(size_t person) { return {.kind = Kind::is, .person = person, .knight = chance(0.5)}; }
  // Mostly the speaker and another; among more than two now and then two others.
  Claim same() {
    Claim claim{.kind = Kind::same, .person = me_, .other = another()};
    if (n_ > 2 && chance(0.1)) {
      claim.person = another();
      while (claim.person == claim.other) claim.person = another();
    }
    return claim;
  }
  // Of the speaker only where it is a part: by itself it says nothing, or nobody can say it.
  Claim simple(bool part) { return chance(0.25) ? same() : is(part && chance(0.1) ? me_ : another()); }

  Claim statement() {
    constexpr std::pair<Kind, double> kShares[] = {
        {Kind::is, 0.2},           {Kind::same, 0.15},        {Kind::negation, 0.15}, {Kind::conjunction, 0.12},
        {Kind::disjunction, 0.15}, {Kind::implication, 0.13}, {Kind::count, 0.1}};
    double at = rng_.uniform();
    Kind kind = Kind::is;
    for (const auto& [known, share] : kShares)
      if ((at -= share) < 0) {
        kind = known;
        break;
      }
    if (kind == Kind::is) return is(another());
    if (kind == Kind::same) return same();
    if (kind == Kind::count) return {.kind = kind, .count = rng_.below(n_ + 1)};
    Claim claim{.kind = kind, .parts = {simple(kind != Kind::negation)}};
    while (kind != Kind::negation && claim.parts.size() < 2) {
      Claim second = simple(true);
      if (second != claim.parts[0]) claim.parts.push_back(std::move(second));
    }
    return claim;
  }

  size_t n_, me_ = 0;
  Rng& rng_;
};

// ---- Judging ----

// Who is a knight; nullopt, and why, where the answer does not name everyone and nobody else.
std::optional<Assignment> read_answer(const Puzzle& puzzle, std::string_view answer, std::string& why) {
  const auto roles = knights::read_roles(answer, why);
  if (!roles) return std::nullopt;
  Assignment knights = 0;
  for (size_t p = 0; p < puzzle.people.size(); ++p) {
    const auto role = roles->find(lower_case(puzzle.people[p]));
    if (role == roles->end()) {
      why = "somebody is not named";
      return std::nullopt;
    }
    if (role->second) knights |= Assignment{1} << p;
  }
  if (roles->size() == puzzle.people.size()) return knights;
  why = "somebody who is not there";
  return std::nullopt;
}

std::string answer_text(const Puzzle& puzzle, Assignment a) {
  std::string text;
  for (size_t p = 0; p < puzzle.people.size(); ++p)
    text += fmt::format("{}{} is a {}.", p == 0 ? "" : " ", puzzle.people[p], (a >> p & 1) != 0 ? "knight" : "knave");
  return text;
}

size_t only_solution(const Puzzle& puzzle) { return knights::solutions(puzzle)._Find_first(); }

Puzzle checked(const OrderedJson& item) { return knights::read_puzzle(item, "item"); }

class Knights final : public Task {
 public:
  std::string_view name() const override { return "knights"; }
  std::span<const std::string_view> kinds() const override { return kKinds; }
  std::string kind(const OrderedJson& item) const override {
    return fmt::format("knights{}", item.at("people").size());
  }

  void check(const OrderedJson& item, std::string_view where) const override {
    const size_t found = knights::solutions(knights::read_puzzle(item, where)).count();
    if (found != 1) fail("{}: \"statements\": expected exactly one solution, found {}", where, found);
  }

  std::string canonical(const OrderedJson& item) const override {
    return "knights " + knights::places_text(checked(item));
  }

  OrderedJson make(std::string_view kind, Split split, Rng& rng) const override {
    const size_t n = kind.starts_with("knights") && kind.size() == 8 ? static_cast<size_t>(kind[7] - '0') : 0;
    HADAL_CHECK(n >= knights::kMinPeople && n <= knights::kMaxPeople, "kind {}", kind);
    for (;;) {
      const Puzzle puzzle = Maker(n, rng).draw();
      if (knights::solutions(puzzle).count() != 1) continue;
      OrderedJson item = knights::item_of(puzzle);
      if (is_held_out(*this, item) == (split == Split::held_out)) return item;
    }
  }

  std::string question(const OrderedJson& item, Wordings wordings, Rng& rng) const override {
    return knights::question(checked(item), wordings, rng);
  }

  std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng& rng) const override {
    const Puzzle puzzle = checked(item);
    auto thinking = knights::written_search(puzzle, max_bytes, rng);
    if (!thinking) return std::nullopt;
    return Trace{std::move(*thinking), answer_text(puzzle, only_solution(puzzle))};
  }

  Verdict judge(const OrderedJson& item, std::string_view answer) const override {
    const Puzzle puzzle = checked(item);
    Verdict verdict;
    verdict.answer = answer;
    const auto given = read_answer(puzzle, answer, verdict.why);
    if (!given) return verdict;
    const Assignment wrong = *given ^ only_solution(puzzle);
    verdict.right = wrong == 0;
    verdict.why = verdict.right ? "right" : "not what the statements say";
    verdict.nearness = 1 - static_cast<double>(__builtin_popcountll(wrong)) / static_cast<double>(puzzle.people.size());
    return verdict;
  }
};

}  // namespace

const Task& knights_task() {
  static const Knights task;
  return task;
}

}  // namespace hadal::tasks
