// The language of MLflow's searches: comparisons joined by AND, and the keys that results are sorted by.
//   metrics.loss < 1.5 AND params.`learning rate` = '0.1' AND tags.team ILIKE 'vis%' AND attributes.run_id IN ('r1')
// No parentheses nest and nothing recurses, so that no text is too deep. MlflowError quotes what is wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hadal::cluster {

enum class SearchSubject { runs, experiments };

enum class SearchField { metric, param, tag, attribute, dataset };

struct SearchKey {
  SearchField field = SearchField::attribute;
  std::string name;
  bool operator==(const SearchKey&) const = default;
};

using SearchValue = std::variant<std::monostate, double, std::string>;  // monostate: has none

enum class Comparison { equal, unequal, less, at_most, greater, at_least, like, ilike, in, not_in };

struct SearchClause {
  SearchKey key;
  Comparison comparison = Comparison::equal;
  double number = 0;
  std::vector<std::string> texts;  // one, but for IN
};

struct SortKey {
  SearchKey key;
  bool descending = false;
};

// What is searched.
class Searchable {
 public:
  virtual ~Searchable() = default;
  virtual SearchValue value_of(const SearchKey& key) const = 0;
};

std::vector<SearchClause> parse_filter(std::string_view text, SearchSubject subject);
SortKey parse_sort_key(std::string_view text, SearchSubject subject);

bool matches(const std::vector<SearchClause>& clauses, const Searchable& item);  // what has no value matches nothing

// The positions of the items in their order: by the first key, where that is the same by the second, then as they came.
std::vector<size_t> sorted_positions(const std::vector<const Searchable*>& items, const std::vector<SortKey>& keys);

// -1, 0 or 1. What has no value comes last either way, and nan before that.
int compare(const SearchValue& a, const SearchValue& b, bool descending);

bool is_like(std::string_view text, std::string_view pattern, bool any_case);  // % and _ of SQL

}  // namespace hadal::cluster
