#include "research/evidence/question.h"

#include <algorithm>
#include <regex>
#include <unordered_set>

#include "base/text.h"
#include "research/evidence/evidence.h"

namespace hadal::research {
namespace {

constexpr size_t kMostQuestion = 2000;  // bytes that are taken apart; std::regex recurses over what it reads

bool matches(const std::string& text, const std::regex& pattern) { return std::regex_search(text, pattern); }

bool is_number_word(std::string_view term) {
  static const std::unordered_set<std::string> kWords = [] {
    std::unordered_set<std::string> stems;
    for (const char* word :
         {"one",      "two",       "three",    "four",     "five",    "six",      "seven",    "eight",
          "nine",     "ten",       "eleven",   "twelve",   "dozen",   "thirteen", "fourteen", "fifteen",
          "sixteen",  "seventeen", "eighteen", "nineteen", "twenty",  "thirty",   "forty",    "fifty",
          "sixty",    "seventy",   "eighty",   "ninety",   "hundred", "thousand", "million",  "billion",
          "trillion", "half",      "third",    "quarter",  "twice"}) {
      stems.insert(porter_stem(word));
    }
    return stems;
  }();
  return kWords.contains(std::string(term));
}

bool has_digit(std::string_view text) { return text.find_first_of("0123456789") != std::string_view::npos; }

bool contains(const std::vector<std::string>& terms, const std::string& term) {
  return std::find(terms.begin(), terms.end(), term) != terms.end();
}

bool is_upper(char c) { return (c >= 'A' && c <= 'Z'); }

bool is_year(std::string_view term) {
  if (term.size() != 4 || term.find_first_not_of("0123456789") != std::string_view::npos) return false;
  return term[0] == '1' || (term[0] == '2' && term[1] == '0');
}

std::string trimmed(std::string text) {
  const auto drop = [](char c) { return c == ' ' || c == ',' || c == ';' || c == ':' || c == '?' || c == '.'; };
  while (!text.empty() && drop(text.back())) text.pop_back();
  size_t at = 0;
  while (at < text.size() && drop(text[at])) ++at;
  return text.substr(at);
}

// "Which is colder at the surface, X or Y?", "Was inflation higher in X or in Y?": a question for each side.
bool split_comparison(const std::string& text, std::vector<std::string>& out) {
  static const std::regex kChoice(
      R"(^((?:which|what|who|where)\b[^,:]*[^,: ])\s*[,:]\s*(?:the one of )?([^,]+?),? or (.+)$)", std::regex::icase);
  static const std::regex kTwo(
      R"(^((?:is|are|was|were|do|does|did|has|have|had)\b.*?\b(?:\w+er|more|less|better|worse)\b.*?)\b(in|on|at|for|by|of|with) (.+?),? or (?:in |on |at |for |by |of |with )?(.+)$)",
      std::regex::icase);
  std::smatch m;
  if (std::regex_match(text, m, kChoice)) {
    out.push_back(m.str(1) + " " + trimmed(m.str(2)));
    out.push_back(m.str(1) + " " + trimmed(m.str(3)));
    return true;
  }
  if (std::regex_match(text, m, kTwo)) {
    out.push_back(m.str(1) + m.str(2) + " " + trimmed(m.str(3)));
    out.push_back(m.str(1) + m.str(2) + " " + trimmed(m.str(4)));
    return true;
  }
  return false;
}

// At "and" before a question word or a preposition, and at ", and".
std::vector<std::string> clauses(const std::string& text) {
  static const std::regex kBreak(
      R"(,?\s+and\s+(?=(?:who|whom|whose|what|when|where|which|how|why|for|in|by|at|from|to|of|is|are|was|were|did|does|do)\b)|,\s+and\s+|;\s+|:\s+(?=(?:who|what|when|where|which|how|why)\b))",
      std::regex::icase);
  std::vector<std::string> out;
  for (std::sregex_token_iterator at(text.begin(), text.end(), kBreak, -1), end; at != end; ++at) {
    const std::string part = trimmed(at->str());
    if (!content_words(part).empty()) {
      out.push_back(part);
    } else if (!out.empty() && !part.empty()) {
      out.back() += " and " + part;
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

AnswerKind answer_kind(std::string_view question) {
  const std::string text = lower_case(std::string(question.substr(0, kMostQuestion)));
  static const std::regex kPerson(R"(\b(who|whom|whose)\b)");
  static const std::regex kTime(
      R"(\bwhen\b|\b(which|what) (year|date|day|month|century|decade)\b|\bsince (which|what)\b)");
  static const std::regex kNumber(
      R"(\bhow (many|much|long|large|big|small|far|fast|tall|old|high|deep|heavy|wide|often)\b|\b(which|what) (is the )?(\w+ )?(part|share|percentage|speed|rate|frequency|number|size|length|temperature|height|distance|fraction|proportion|cost|price|age|amount|mass|weight)\b|\bcosts?\b|\b(maximum|minimum|average)\b)");
  static const std::regex kPlace(R"(\bwhere\b|\b(which|what) (city|country|town|state|place|continent)\b)");
  if (matches(text, kPerson)) return AnswerKind::person;
  if (matches(text, kTime)) return AnswerKind::time;
  if (matches(text, kNumber)) return AnswerKind::number;
  if (matches(text, kPlace)) return AnswerKind::place;
  return AnswerKind::any;
}

std::vector<std::string> named_terms(std::string_view text) {
  std::vector<std::string> out;
  size_t last_end = 0;
  bool first = true;
  for (const Term& term : terms_of(text)) {
    const std::string_view between = text.substr(last_end, term.begin - last_end);
    const bool starts = first || between.find_first_of(".!?#") != std::string_view::npos;
    const std::string_view written = text.substr(term.begin, term.end - term.begin);
    const bool all_upper = written.size() > 1 && is_upper(written[0]) && is_upper(written[1]);
    if (has_digit(written) || all_upper || (!starts && is_upper(written[0]))) {
      if (!is_stop_term(term.text)) out.push_back(term.text);
    }
    last_end = term.end;
    first = false;
  }
  return out;
}

std::vector<Figure> figures_in(std::string_view text) {
  std::vector<Figure> out;
  const std::vector<Term> terms = terms_of(text);
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!has_digit(terms[i].text) && !is_number_word(terms[i].text)) continue;
    Figure figure{terms[i].text, ""};
    if (text.substr(terms[i].end).starts_with('%')) {
      figure.unit = "%";
    } else if (i + 1 < terms.size() && terms[i + 1].begin <= terms[i].end + 1 && !is_stop_term(terms[i + 1].text)) {
      figure.unit = terms[i + 1].text;
    }
    out.push_back(std::move(figure));
  }
  return out;
}

bool states(std::string_view text, AnswerKind kind, const std::vector<std::string>& question_terms) {
  if (kind == AnswerKind::any) return true;
  if (kind == AnswerKind::person || kind == AnswerKind::place) {
    for (const std::string& term : named_terms(text)) {
      if (!has_digit(term) && !contains(question_terms, term)) return true;
    }
    return false;
  }
  for (const Figure& figure : figures_in(text)) {
    if (contains(question_terms, figure.value)) continue;
    const bool day = figure.value.size() == 4 ? is_year(figure.value) : figure.unit == "bc" || figure.unit == "ad";
    if (kind == AnswerKind::number || day) return true;
  }
  return false;
}

std::string counted_term(std::string_view question) {
  const std::vector<Term> terms = terms_of(question.substr(0, kMostQuestion));
  std::string counted;
  for (size_t i = 0; i + 2 < terms.size() && counted.empty(); ++i) {
    if (terms[i].text != "how" || terms[i + 1].text != porter_stem("many")) continue;
    for (size_t j = i + 2; j < std::min(terms.size(), i + 5) && !is_stop_term(terms[j].text); ++j)
      counted = terms[j].text;
  }
  return counted;
}

int counts(std::string_view text, const std::string& counted, std::string_view question) {
  constexpr size_t kBetween = 2, kBefore = 5;  // "274 known moons", "Saturn has at least 274"
  const std::vector<Term> terms = terms_of(text), asked = terms_of(question.substr(0, kMostQuestion));
  const std::vector<std::string> names = named_terms(question.substr(0, kMostQuestion));
  const auto in_question = [&](const std::string& term) {
    return std::any_of(asked.begin(), asked.end(), [&](const Term& t) { return t.text == term; });
  };
  int best = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if ((!has_digit(terms[i].text) && !is_number_word(terms[i].text)) || in_question(terms[i].text)) continue;
    bool counted_here = false;
    for (size_t j = i + 1; j < std::min(terms.size(), i + 2 + kBetween); ++j)
      counted_here = counted_here || terms[j].text == counted;
    if (!counted_here) continue;
    best = std::max(best, 1);
    for (size_t j = i > kBefore ? i - kBefore : 0; j < i; ++j)
      if (contains(names, terms[j].text) &&
          text.substr(terms[j].end, terms[i].begin - terms[j].end).find_first_of(".!?\n") == std::string_view::npos)
        best = 2;
  }
  return best;
}

std::vector<std::string> content_words(std::string_view text) {
  std::vector<std::string> out;
  for (Term& term : terms_of(text)) {
    if (!is_stop_term(term.text)) out.push_back(std::move(term.text));
  }
  return out;
}

std::vector<SubQuestion> split_question(std::string_view question) {
  std::vector<std::string> parts;
  std::string text(question.substr(0, kMostQuestion));
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('?', at);
    if (end == std::string::npos) end = text.size();
    const std::string sentence = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (content_words(sentence).empty()) continue;
    if (split_comparison(sentence, parts)) continue;
    for (std::string& clause : clauses(sentence)) parts.push_back(std::move(clause));
  }
  constexpr size_t kMostParts = 6;
  if (parts.size() > kMostParts) parts.resize(kMostParts);
  if (parts.empty()) parts.push_back(text);
  const bool alone = parts.size() == 1;
  std::vector<SubQuestion> out;
  for (const std::string& part : parts) {
    SubQuestion sub;
    sub.text = alone ? std::string(question) : part + "?";
    std::vector<std::string> words;
    for (const Term& term : terms_of(part)) {
      if (!is_stop_term(term.text)) words.push_back(part.substr(term.begin, term.end - term.begin));
    }
    sub.queries.push_back(words.empty() ? part : joined(words));
    if (!alone && sub.queries[0] != text) sub.queries.push_back(trimmed(text));
    out.push_back(std::move(sub));
  }
  return out;
}

}  // namespace hadal::research
