#include "cluster/tracking/search.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>

#include "base/text.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

constexpr size_t kMaxFilterBytes = 10'000;

struct FieldName {
  std::string_view name;
  SearchField field;
};
constexpr std::array<FieldName, 13> kSearchFields = {{{"metric", SearchField::metric},
                                                      {"metrics", SearchField::metric},
                                                      {"param", SearchField::param},
                                                      {"params", SearchField::param},
                                                      {"parameter", SearchField::param},
                                                      {"parameters", SearchField::param},
                                                      {"tag", SearchField::tag},
                                                      {"tags", SearchField::tag},
                                                      {"attribute", SearchField::attribute},
                                                      {"attributes", SearchField::attribute},
                                                      {"attr", SearchField::attribute},
                                                      {"dataset", SearchField::dataset},
                                                      {"datasets", SearchField::dataset}}};

struct Attribute {
  std::string_view written, name;
  bool is_number;
};
constexpr std::array<Attribute, 13> kRunAttributes = {{{"run_id", "run_id", false},
                                                       {"run_name", "run_name", false},
                                                       {"run name", "run_name", false},
                                                       {"Run name", "run_name", false},
                                                       {"Run Name", "run_name", false},
                                                       {"status", "status", false},
                                                       {"user_id", "user_id", false},
                                                       {"artifact_uri", "artifact_uri", false},
                                                       {"experiment_id", "experiment_id", false},
                                                       {"start_time", "start_time", true},
                                                       {"created", "start_time", true},
                                                       {"Created", "start_time", true},
                                                       {"end_time", "end_time", true}}};
constexpr std::array<Attribute, 4> kExperimentAttributes = {{{"name", "name", false},
                                                             {"experiment_id", "experiment_id", false},
                                                             {"creation_time", "creation_time", true},
                                                             {"last_update_time", "last_update_time", true}}};

std::span<const Attribute> attributes_of(SearchSubject subject) {
  if (subject == SearchSubject::runs) return kRunAttributes;
  return kExperimentAttributes;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
// A key without quotes may hold more than a word: metrics.val/loss.
bool is_bare_key_char(char c) { return is_word_char(c) || c == '.' || c == '/' || c == '-' || c == ':'; }

class SearchReader {
 public:
  SearchReader(std::string_view text, SearchSubject subject, std::string_view who)
      : text_(text), subject_(subject), who_(who) {}

  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

  SearchKey key() {
    skip_space();
    if (at_ == text_.size()) refuse_here("a key like metrics.loss");
    std::string first = quoted_by("`") ? quoted() : take(is_word_char);
    if (first.empty()) refuse_here("a key like metrics.loss");
    if (at_ == text_.size() || text_[at_] != '.') return attribute(first);
    ++at_;
    const auto* field = std::find_if(kSearchFields.begin(), kSearchFields.end(),
                                     [&](const FieldName& known) { return known.name == first; });
    if (field == kSearchFields.end()) {
      refuse(MlflowCode::invalid, "{}: Invalid entity type {}: expected metric, param, tag or attribute", who_,
             brief(first));
    }
    const std::string name = quoted_by("`\"'") ? quoted() : take(is_bare_key_char);
    if (name.empty()) refuse_here("a name behind the dot");
    if (field->field == SearchField::attribute) return attribute(name);
    const bool of_run = field->field != SearchField::tag;
    if (of_run && subject_ == SearchSubject::experiments) {
      refuse(MlflowCode::invalid, "{}: Invalid entity type {}: experiments have tags and attributes", who_,
             brief(first));
    }
    if (field->field == SearchField::dataset && name != "name" && name != "digest" && name != "context") {
      refuse(MlflowCode::invalid, "{}: Invalid dataset key {}: expected name, digest or context", who_, brief(name));
    }
    return {field->field, name};
  }

  SearchClause clause() {
    SearchClause clause;
    clause.key = key();
    clause.comparison = comparison();
    const bool is_number = is_number_key(clause.key);
    const bool is_list = clause.comparison == Comparison::in || clause.comparison == Comparison::not_in;
    const bool is_text = is_list || clause.comparison == Comparison::like || clause.comparison == Comparison::ilike;
    const bool is_order =
        !is_text && clause.comparison != Comparison::equal && clause.comparison != Comparison::unequal;
    if (is_number ? is_text : is_order) {
      refuse(MlflowCode::invalid, "{}: Invalid comparator for {}: expected one of {}", who_, brief(clause.key.name),
             is_number ? "= != < <= > >=" : "= != LIKE ILIKE IN NOT IN");
    }
    if (is_number) {
      clause.number = number();
    } else if (is_list) {
      clause.texts = list();
    } else {
      clause.texts = {string()};
    }
    return clause;
  }

  // A word of either case, as a word of its own.
  bool accept(std::string_view word) {
    skip_space();
    const std::string_view found = text_.substr(at_, word.size());
    const size_t end = at_ + word.size();
    if (lower_case(std::string(found)) != lower_case(std::string(word))) return false;
    if (end < text_.size() && is_word_char(text_[end])) return false;
    at_ = end;
    return true;
  }

  [[noreturn]] void refuse_here(std::string_view expected) {
    const std::string_view rest = text_.substr(at_);
    refuse(MlflowCode::invalid, "{}: expected {} at character {}, found {}", who_, expected, at_ + 1,
           rest.empty() ? "its end" : brief(rest));
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  template <typename Test>
  std::string take(Test test) {
    const size_t from = at_;
    while (at_ < text_.size() && test(text_[at_])) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }

  bool quoted_by(std::string_view quotes) const {
    return at_ < text_.size() && quotes.find(text_[at_]) != std::string_view::npos;
  }

  // From one quote to the next; a doubled one stands for itself.
  std::string quoted() {
    const size_t from = at_;
    const char quote = text_[at_++];
    std::string out;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != quote) return ++at_, out;
        ++at_;
      }
      out += text_[at_];
    }
    at_ = from;
    refuse_here("a text that ends with its quote");
  }

  SearchKey attribute(const std::string& written) {
    for (const Attribute& known : attributes_of(subject_))
      if (known.written == written) return {SearchField::attribute, std::string(known.name)};
    std::string names;
    for (const Attribute& known : attributes_of(subject_))
      if (known.written == known.name) names += (names.empty() ? "" : ", ") + std::string(known.name);
    refuse(MlflowCode::invalid, "{}: Invalid attribute key {}: expected one of {}", who_, brief(written), names);
  }

  bool is_number_key(const SearchKey& key) const {
    if (key.field != SearchField::attribute) return key.field == SearchField::metric;
    const auto known = attributes_of(subject_);
    return std::any_of(known.begin(), known.end(),
                       [&](const Attribute& one) { return one.name == key.name && one.is_number; });
  }

  Comparison comparison() {
    skip_space();
    constexpr std::array<std::pair<std::string_view, Comparison>, 6> kSigns = {{{">=", Comparison::at_least},
                                                                                {"<=", Comparison::at_most},
                                                                                {"!=", Comparison::unequal},
                                                                                {"=", Comparison::equal},
                                                                                {"<", Comparison::less},
                                                                                {">", Comparison::greater}}};
    for (const auto& [sign, comparison] : kSigns) {
      if (!text_.substr(at_).starts_with(sign)) continue;
      at_ += sign.size();
      return comparison;
    }
    if (accept("LIKE")) return Comparison::like;
    if (accept("ILIKE")) return Comparison::ilike;
    if (accept("IN")) return Comparison::in;
    if (accept("NOT") && accept("IN")) return Comparison::not_in;
    refuse_here("a comparison (= != < <= > >= LIKE ILIKE IN NOT IN)");
  }

  double number() {
    skip_space();
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    if (first != last && *first == '+') ++first;
    const bool is_digits = first != last && (*first == '-' || *first == '.' || (*first >= '0' && *first <= '9'));
    const bool is_word = first != last && *first == '-' && first + 1 != last && is_word_char(first[1]) &&
                         (first[1] < '0' || first[1] > '9');  // -inf
    double value = 0;
    if (is_digits && !is_word) {
      const auto [end, error] = std::from_chars(first, last, value);
      const bool ends = end == last || !is_bare_key_char(*end);
      if (error == std::errc() && ends) {
        at_ = static_cast<size_t>(end - text_.data());
        return value;
      }
    }
    refuse_here("a number (a metric and a time are compared with one)");
  }

  std::string string() {
    skip_space();
    if (!quoted_by("'\"")) refuse_here("a text in quotes");
    return quoted();
  }

  std::vector<std::string> list() {
    skip_space();
    if (at_ == text_.size() || text_[at_] != '(') refuse_here("a list like ('a', 'b')");
    std::vector<std::string> out;
    do {
      ++at_;
      out.push_back(string());
      skip_space();
    } while (at_ < text_.size() && text_[at_] == ',');
    if (at_ == text_.size() || text_[at_] != ')') refuse_here("a comma or )");
    ++at_;
    return out;
  }

  std::string_view text_;
  SearchSubject subject_;
  std::string_view who_;
  size_t at_ = 0;
};

char lower_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool number_matches(double value, Comparison comparison, double number) {
  switch (comparison) {
    case Comparison::equal:
      return value == number;
    case Comparison::unequal:
      return value != number;
    case Comparison::less:
      return value < number;
    case Comparison::at_most:
      return value <= number;
    case Comparison::greater:
      return value > number;
    case Comparison::at_least:
      return value >= number;
    default:
      return false;
  }
}

bool text_matches(const std::string& value, const SearchClause& clause) {
  const bool listed = std::find(clause.texts.begin(), clause.texts.end(), value) != clause.texts.end();
  switch (clause.comparison) {
    case Comparison::equal:
    case Comparison::in:
      return listed;
    case Comparison::unequal:
    case Comparison::not_in:
      return !listed;
    case Comparison::like:
      return is_like(value, clause.texts[0], false);
    case Comparison::ilike:
      return is_like(value, clause.texts[0], true);
    default:
      return false;
  }
}

// 0: a value, 1: nan, 2: none.
int sort_class(const SearchValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return 2;
  const double* number = std::get_if<double>(&value);
  return number && std::isnan(*number) ? 1 : 0;
}

}  // namespace

std::vector<SearchClause> parse_filter(std::string_view text, SearchSubject subject) {
  if (text.size() > kMaxFilterBytes) {
    refuse(MlflowCode::invalid, "the filter: expected at most {} bytes, found {}", kMaxFilterBytes, text.size());
  }
  SearchReader reader(text, subject, "the filter");
  std::vector<SearchClause> clauses;
  if (reader.at_end()) return clauses;
  do {
    clauses.push_back(reader.clause());
    if (reader.at_end()) return clauses;
  } while (reader.accept("AND"));
  reader.refuse_here("AND, which alone joins comparisons,");
}

SortKey parse_sort_key(std::string_view text, SearchSubject subject) {
  if (text.size() > kMaxFilterBytes) {
    refuse(MlflowCode::invalid, "order_by: expected at most {} bytes, found {}", kMaxFilterBytes, text.size());
  }
  SearchReader reader(text, subject, "order_by");
  SortKey key{reader.key()};
  key.descending = reader.accept("DESC");
  if (!key.descending) reader.accept("ASC");
  if (!reader.at_end()) reader.refuse_here("ASC or DESC, once,");
  if (key.key.field == SearchField::dataset) refuse(MlflowCode::invalid, "order_by: runs are not sorted by a dataset");
  return key;
}

bool matches(const std::vector<SearchClause>& clauses, const Searchable& item) {
  return std::all_of(clauses.begin(), clauses.end(), [&](const SearchClause& clause) {
    const SearchValue value = item.value_of(clause.key);
    if (const double* number = std::get_if<double>(&value)) {
      return clause.texts.empty() && number_matches(*number, clause.comparison, clause.number);
    }
    const std::string* text = std::get_if<std::string>(&value);
    return text && !clause.texts.empty() && text_matches(*text, clause);
  });
}

std::vector<size_t> sorted_positions(const std::vector<const Searchable*>& items, const std::vector<SortKey>& keys) {
  std::vector<size_t> positions(items.size());
  std::iota(positions.begin(), positions.end(), size_t{0});
  std::vector<std::vector<SearchValue>> values;  // [keys][items]: each is asked for once
  for (const SortKey& key : keys) {
    auto& of_key = values.emplace_back();
    for (const Searchable* item : items) of_key.push_back(item->value_of(key.key));
  }
  std::stable_sort(positions.begin(), positions.end(), [&](size_t a, size_t b) {
    for (size_t k = 0; k < keys.size(); ++k)
      if (const int order = compare(values[k][a], values[k][b], keys[k].descending)) return order < 0;
    return false;
  });
  return positions;
}

int compare(const SearchValue& a, const SearchValue& b, bool descending) {
  const int class_a = sort_class(a), class_b = sort_class(b);
  if (class_a != class_b) return class_a < class_b ? -1 : 1;
  if (class_a != 0 || a == b) return 0;
  return (a < b) != descending ? -1 : 1;
}

bool is_like(std::string_view text, std::string_view pattern, bool any_case) {
  const auto is_inside = [](std::string_view of, size_t at) { return at < of.size() && (of[at] & 0xC0) == 0x80; };
  size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    const bool one = p < pattern.size() && pattern[p] == '_';
    const bool same = p < pattern.size() && pattern[p] != '%' &&
                      (pattern[p] == text[t] || (any_case && lower_letter(pattern[p]) == lower_letter(text[t])));
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      resume = t;
    } else if (one || same) {
      ++p, ++t;
      while (one && is_inside(text, t)) ++t;  // _ stands for a whole character of UTF-8
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace hadal::cluster
