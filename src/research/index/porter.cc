// M. F. Porter, "An algorithm for suffix stripping", Program 14 (1980), with his later change of "logi".
#include <array>

#include "research/index/terms.h"

namespace hadal::research {
namespace {

struct Rule {
  std::string_view suffix, to;
};

bool consonant(std::string_view word, size_t i) {
  const char c = word[i];
  if (c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u') return false;
  if (c != 'y') return true;
  // A y after a consonant is a vowel: yy... is read from its first one on.
  size_t first = i;
  while (first > 0 && word[first - 1] == 'y') --first;
  bool is = first == 0 || !consonant(word, first - 1);
  for (size_t k = first; k < i; ++k) is = !is;
  return is;
}

int measure(std::string_view stem) {  // how often a vowel is followed by a consonant
  int count = 0;
  bool vowel = false;
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool is = consonant(stem, i);
    if (is && vowel) ++count;
    vowel = !is;
  }
  return count;
}

bool has_vowel(std::string_view stem) {
  for (size_t i = 0; i < stem.size(); ++i) {
    if (!consonant(stem, i)) return true;
  }
  return false;
}

bool ends_in_double_consonant(std::string_view w) {
  return w.size() > 1 && w[w.size() - 1] == w[w.size() - 2] && consonant(w, w.size() - 1);
}

bool ends_short(std::string_view w) {  // consonant, vowel, consonant that is no w, x, y
  const size_t n = w.size();
  return n > 2 && consonant(w, n - 1) && !consonant(w, n - 2) && consonant(w, n - 3) && w[n - 1] != 'w' &&
         w[n - 1] != 'x' && w[n - 1] != 'y';
}

template <size_t N>
void replace_suffix(std::string& w, const std::array<Rule, N>& rules, int above) {
  for (const Rule& rule : rules) {
    if (!w.ends_with(rule.suffix)) continue;
    const std::string_view stem = std::string_view(w).substr(0, w.size() - rule.suffix.size());
    if (measure(stem) > above) w = std::string(stem) + std::string(rule.to);
    return;
  }
}

void plurals_and_participles(std::string& w) {
  if (w.ends_with("sses") || w.ends_with("ies")) {
    w.resize(w.size() - 2);
  } else if (w.ends_with('s') && !w.ends_with("ss")) {
    w.pop_back();
  }
  if (w.ends_with("eed")) {
    if (measure(std::string_view(w).substr(0, w.size() - 3)) > 0) w.pop_back();
  } else {
    const size_t cut = w.ends_with("ed") ? 2 : w.ends_with("ing") ? 3 : 0;
    if (cut > 0 && has_vowel(std::string_view(w).substr(0, w.size() - cut))) {
      w.resize(w.size() - cut);
      if (w.ends_with("at") || w.ends_with("bl") || w.ends_with("iz")) {
        w += 'e';
      } else if (ends_in_double_consonant(w) && w.back() != 'l' && w.back() != 's' && w.back() != 'z') {
        w.pop_back();
      } else if (measure(w) == 1 && ends_short(w)) {
        w += 'e';
      }
    }
  }
  if (w.ends_with('y') && has_vowel(std::string_view(w).substr(0, w.size() - 1))) w.back() = 'i';
}

void last_suffix(std::string& w) {
  static constexpr std::array<std::string_view, 19> kSuffixes = {"ement", "ment", "al",  "ance", "ence", "er", "ic",
                                                                 "able",  "ible", "ant", "ent",  "ion",  "ou", "ism",
                                                                 "ate",   "iti",  "ous", "ive",  "ize"};
  for (const std::string_view suffix : kSuffixes) {
    if (!w.ends_with(suffix)) continue;
    const std::string_view stem = std::string_view(w).substr(0, w.size() - suffix.size());
    if (measure(stem) > 1 && (suffix != "ion" || stem.ends_with('s') || stem.ends_with('t'))) w.resize(stem.size());
    break;
  }
  if (w.ends_with('e')) {
    const std::string_view stem = std::string_view(w).substr(0, w.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_short(stem))) w.pop_back();
  }
  if (w.ends_with("ll") && measure(std::string_view(w).substr(0, w.size() - 1)) > 1) w.pop_back();
}

}  // namespace

std::string porter_stem(std::string_view word) {
  std::string w(word);
  constexpr size_t kLongest = 40;  // what is longer is no word
  if (w.size() <= 2 || w.size() > kLongest) return w;
  for (const char c : w) {
    if (c < 'a' || c > 'z') return w;
  }
  static constexpr std::array<Rule, 21> kDouble = {
      {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
       {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
       {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
       {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
       {"logi", "log"}}};
  static constexpr std::array<Rule, 7> kSingle = {
      {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
  plurals_and_participles(w);
  replace_suffix(w, kDouble, 0);
  replace_suffix(w, kSingle, 0);
  last_suffix(w);
  return w;
}

}  // namespace hadal::research
