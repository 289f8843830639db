// Puzzles of knights, who say what is true, and knaves, who say what is false.
#pragma once

#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace hadal::tasks::knights {

inline constexpr size_t kMinPeople = 2, kMaxPeople = 8;

// What an EXPR of an item says. People are their places in `people`.
struct Claim {
  enum class Kind { is, negation, conjunction, disjunction, implication, same, count };
  Kind kind = Kind::is;
  std::vector<Claim> parts = {};  // of negation one, of conjunction, disjunction and implication two
  size_t person = 0, other = 0;   // of is, of same
  bool knight = true;             // of is: what `person` is said to be
  size_t count = 0;               // of count: exactly so many of the people are knights
  bool is_simple() const { return kind == Kind::is || kind == Kind::same || kind == Kind::count; }
  friend bool operator==(const Claim&, const Claim&) = default;
};

struct Statement {
  size_t by = 0;
  Claim says;
};

struct Puzzle {
  std::vector<std::string> people;
  std::vector<Statement> statements;
};

// Who is a knight: bit p is person p. A table holds for each such assignment whether something is true.
using Assignment = size_t;
using Table = std::bitset<size_t{1} << kMaxPeople>;

Table truth(const Claim& claim, size_t num_people);
Table holds(const Statement& statement, size_t num_people);  // a knight who says the truth or a knave who does not
Table solutions(const Puzzle& puzzle);

// An item as a puzzle; Error naming `where` and what is missing, of another type or out of range. Whether it has one
// solution is not looked at.
Puzzle read_puzzle(const OrderedJson& item, std::string_view where);
OrderedJson item_of(const Puzzle& puzzle);

// [[0,["is",1,"knave"]],...]: speakers and names as their places.
std::string places_text(const Puzzle& puzzle);

}  // namespace hadal::tasks::knights
