#include "tasks/kinds/knights/puzzle.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace hadal::tasks::knights {
namespace {

using Kind = Claim::Kind;

constexpr size_t kMaxStatements = 64, kMaxClaims = 1000, kMaxDepth = 24, kMaxNameBytes = 64;

struct Form {
  const char* name;
  Kind kind;
  size_t claims, names;  // that follow the name in the list
};
constexpr Form kForms[] = {{"is", Kind::is, 0, 1},           {"not", Kind::negation, 1, 0},
                           {"and", Kind::conjunction, 2, 0}, {"or", Kind::disjunction, 2, 0},
                           {"if", Kind::implication, 2, 0},  {"same", Kind::same, 0, 2},
                           {"knights", Kind::count, 0, 0}};

const Form& form_of(Kind kind) {
  return *std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& form) { return form.kind == kind; });
}

bool is_name_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte >= 0x80 ||
         c == '-' || c == '\'' || c == '_';
}

class Reader {
 public:
  Reader(const OrderedJson& item, std::string_view where) : item_(item), where_(where) {}

  Puzzle read() {
    read_people(list("people"));
    const OrderedJson& statements = list("statements");
    if (statements.empty() || statements.size() > kMaxStatements)
      fail("{}: \"statements\": expected 1 to {}, found {}", where_, kMaxStatements, statements.size());
    for (const OrderedJson& statement : statements) {
      if (!statement.is_object() || !statement.contains("by") || !statement.contains("says"))
        fail("{}: \"statements\": expected objects with \"by\" and \"says\", found {}", where_, brief_json(statement));
      const size_t by = person(statement.at("by"));
      puzzle_.statements.push_back({by, claim(statement.at("says"), 1)});
    }
    return std::move(puzzle_);
  }

 private:
  const OrderedJson& list(const char* name) const {
    const auto found = item_.find(name);
    if (found == item_.end() || !found->is_array())
      fail("{}: \"{}\": expected a list, found {}", where_, name, found == item_.end() ? "none" : brief_json(*found));
    return *found;
  }

  void read_people(const OrderedJson& people) {
    if (people.size() < kMinPeople || people.size() > kMaxPeople)
      fail("{}: \"people\": expected {} to {} names, found {}", where_, kMinPeople, kMaxPeople, people.size());
    std::vector<std::string> seen;
    for (const OrderedJson& name : people) {
      const std::string text = name.is_string() ? name.get<std::string>() : "";
      if (text.empty() || text.size() > kMaxNameBytes || !std::all_of(text.begin(), text.end(), is_name_char))
        fail("{}: \"people\": expected names of one word, found {}", where_, brief_json(name));
      seen.push_back(lower_case(text));
      if (std::count(seen.begin(), seen.end(), seen.back()) > 1)
        fail("{}: \"people\": expected names that differ, found {} twice", where_, brief_json(name));
      puzzle_.people.push_back(text);
    }
  }

  size_t person(const OrderedJson& name) const {
    const auto& people = puzzle_.people;
    const auto found =
        name.is_string() ? std::find(people.begin(), people.end(), name.get_ref<const std::string&>()) : people.end();
    if (found == people.end()) fail("{}: expected one of the people, found {}", where_, brief_json(name));
    return static_cast<size_t>(found - people.begin());
  }

  Claim claim(const OrderedJson& expr, size_t depth) {
    if (depth > kMaxDepth) fail("{}: expected claims inside each other at most {} deep", where_, kMaxDepth);
    if (++num_claims_ > kMaxClaims) fail("{}: expected at most {} claims", where_, kMaxClaims);
    const bool named = expr.is_array() && !expr.empty() && expr[0].is_string();
    const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& known) {
      return named && expr[0].get_ref<const std::string&>() == known.name;
    });
    if (form == std::end(kForms))
      fail("{}: expected a claim as [\"is\", NAME, \"knight\"], not, and, or, if, same or knights, found {}", where_,
           brief_json(expr));
    const bool role = form->kind == Kind::is, count = form->kind == Kind::count;
    if (expr.size() != 1 + form->claims + form->names + (role || count ? 1 : 0))
      fail("{}: expected \"{}\" with as many parts as it takes, found {}", where_, form->name, brief_json(expr));
    Claim result;
    result.kind = form->kind;
    for (size_t i = 0; i < form->claims; ++i) result.parts.push_back(claim(expr[1 + i], depth + 1));
    if (form->names > 0) result.person = person(expr[1]);
    if (form->names > 1) result.other = person(expr[2]);
    if (role) {
      if (expr[2] != "knight" && expr[2] != "knave")
        fail("{}: expected \"knight\" or \"knave\", found {}", where_, brief_json(expr[2]));
      result.knight = expr[2] == "knight";
    }
    if (count) {
      const bool whole = expr[1].is_number_integer() && expr[1] >= 0 && expr[1] <= kMaxPeople;
      if (!whole) fail("{}: \"knights\": expected 0 to {}, found {}", where_, kMaxPeople, brief_json(expr[1]));
      result.count = expr[1].get<size_t>();
    }
    return result;
  }

  const OrderedJson& item_;
  std::string_view where_;
  Puzzle puzzle_;
  size_t num_claims_ = 0;
};

// The claim as an EXPR; `name(p)` is what stands for person p.
template <typename Name>
OrderedJson expr_of(const Claim& claim, const Name& name) {
  OrderedJson expr = OrderedJson::array({form_of(claim.kind).name});
  for (const Claim& part : claim.parts) expr.push_back(expr_of(part, name));
  if (claim.kind == Kind::is || claim.kind == Kind::same) expr.push_back(name(claim.person));
  if (claim.kind == Kind::is) expr.push_back(claim.knight ? "knight" : "knave");
  if (claim.kind == Kind::same) expr.push_back(name(claim.other));
  if (claim.kind == Kind::count) expr.push_back(claim.count);
  return expr;
}

const Table& is_knight(size_t person) {
  static const auto tables = [] {
    std::array<Table, kMaxPeople> all;
    for (size_t p = 0; p < all.size(); ++p)
      for (Assignment a = 0; a < all[p].size(); ++a) all[p][a] = (a >> p & 1) != 0;
    return all;
  }();
  return tables[person];
}

Table has_knights(size_t count, size_t num_people) {
  Table table;
  for (Assignment a = 0; a < (size_t{1} << num_people); ++a)
    table[a] = static_cast<size_t>(__builtin_popcountll(a)) == count;
  return table;
}

}  // namespace

Table truth(const Claim& claim, size_t num_people) {
  const auto part = [&](size_t i) { return truth(claim.parts[i], num_people); };
  switch (claim.kind) {
    case Kind::is:
      return claim.knight ? is_knight(claim.person) : ~is_knight(claim.person);
    case Kind::negation:
      return ~part(0);
    case Kind::conjunction:
      return part(0) & part(1);
    case Kind::disjunction:
      return part(0) | part(1);
    case Kind::implication:
      return ~part(0) | part(1);
    case Kind::same:
      return ~(is_knight(claim.person) ^ is_knight(claim.other));
    case Kind::count:
      return has_knights(claim.count, num_people);
  }
  return {};
}

Table holds(const Statement& statement, size_t num_people) {
  return ~(is_knight(statement.by) ^ truth(statement.says, num_people));
}

Table solutions(const Puzzle& puzzle) {
  const size_t n = puzzle.people.size();
  Table left;
  for (Assignment a = 0; a < (size_t{1} << n); ++a) left.set(a);
  for (const Statement& statement : puzzle.statements) left &= holds(statement, n);
  return left;
}

Puzzle read_puzzle(const OrderedJson& item, std::string_view where) { return Reader(item, where).read(); }

OrderedJson item_of(const Puzzle& puzzle) {
  const auto name = [&](size_t p) { return puzzle.people[p]; };
  OrderedJson item{{"task", "knights"}, {"people", puzzle.people}, {"statements", OrderedJson::array()}};
  for (const Statement& s : puzzle.statements)
    item["statements"].push_back(OrderedJson{{"by", name(s.by)}, {"says", expr_of(s.says, name)}});
  return item;
}

std::string places_text(const Puzzle& puzzle) {
  OrderedJson all = OrderedJson::array();
  for (const Statement& s : puzzle.statements)
    all.push_back(OrderedJson::array({s.by, expr_of(s.says, [](size_t p) { return p; })}));
  return dump_json(all);
}

}  // namespace hadal::tasks::knights
