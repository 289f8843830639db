#include "market/report/number_words.h"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>

namespace hadal::market {
namespace {

template <typename T>
using Table = std::unordered_map<std::string_view, T>;

template <typename T>
std::optional<T> find_in(const Table<T>& table, std::string_view word) {
  const auto found = table.find(word);
  return found == table.end() ? std::nullopt : std::optional<T>(found->second);
}

const Table<Sense>& senses() {
  static const Table<Sense> table = [] {
    Table<Sense> all;
    const auto add = [&](int sign, Use use, std::initializer_list<std::string_view> words) {
      for (const std::string_view word : words) all[word] = {sign, use};
    };
    add(1, Use::noun,
        {"gain", "gains", "profit", "profits", "earnings", "growth", "rise", "increase", "increases", "surplus",
         "outperformance", "win", "wins", "upside", "rally", "positive"});
    add(1, Use::verb, {"gained",      "gaining",       "profited",   "earn",   "earned", "earns",   "earning",
                       "beat",        "beats",         "beating",    "beaten", "won",    "winning", "outperformed",
                       "outperforms", "outperforming", "profitable", "made",   "makes",  "making"});
    add(1, Use::motion, {"rose",    "rises",     "risen",      "rising",   "grew",     "grow",   "grows",  "grown",
                         "growing", "climbed",   "climbs",     "climbing", "advanced", "jumped", "soared", "surged",
                         "rallied", "increased", "increasing", "improved", "improves", "added"});
    add(1, Use::near, {"up", "upward", "upwards"});
    add(1, Use::behind, {"above", "higher", "ahead", "better", "black"});
    add(-1, Use::noun,
        {"loss",  "losses",   "drawdown",  "drawdowns", "decline",   "declines",         "drop",  "drops", "fall",
         "falls", "decrease", "decreases", "deficit",   "shortfall", "underperformance", "slump", "crash", "downside",
         "dip",   "negative"});
    add(-1, Use::verb,
        {"lost",       "lose",           "loses",         "losing",       "lagged",    "lags",   "lagging", "trailed",
         "trails",     "underperformed", "underperforms", "unprofitable", "wiped",     "burned", "burnt",   "forfeited",
         "squandered", "erased",         "suffered",      "suffers",      "suffering", "shed"});
    add(-1, Use::motion, {"fell",    "fallen",  "falling", "dropped",   "dropping",   "declined",  "declining",
                          "shrank",  "shrunk",  "shrinks", "sank",      "sunk",       "slid",      "plunged",
                          "crashed", "slumped", "tumbled", "decreased", "decreasing", "reduced",   "reduces",
                          "dipped",  "eroded",  "slipped", "retreated", "collapsed",  "plummeted", "worsened"});
    add(-1, Use::near, {"down", "downward", "downwards"});
    add(-1, Use::behind, {"below", "lower", "behind", "beneath", "underwater", "worse", "less", "red"});
    return all;
  }();
  return table;
}

}  // namespace

bool is_one_of(std::initializer_list<std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<int> unit_word(std::string_view word) {
  static const Table<int> table{{"zero", 0},       {"nought", 0},    {"naught", 0},    {"nil", 0},      {"one", 1},
                                {"two", 2},        {"three", 3},     {"four", 4},      {"five", 5},     {"six", 6},
                                {"seven", 7},      {"eight", 8},     {"nine", 9},      {"ten", 10},     {"eleven", 11},
                                {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14}, {"fifteen", 15}, {"sixteen", 16},
                                {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19}};
  return find_in(table, word);
}

std::optional<int> tens_word(std::string_view word) {
  static const Table<int> table{{"twenty", 20}, {"thirty", 30},  {"forty", 40},  {"fourty", 40}, {"fifty", 50},
                                {"sixty", 60},  {"seventy", 70}, {"eighty", 80}, {"ninety", 90}, {"ninty", 90}};
  return find_in(table, word);
}

std::optional<double> scale_word(std::string_view word) {
  static const Table<double> table{{"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12},
                                   {"k", 1e3},        {"mn", 1e6},      {"bn", 1e9}};
  return find_in(table, word);
}

std::optional<int> ordinal_word(std::string_view word) {
  static const Table<int> table{
      {"first", 1},      {"second", 2},       {"third", 3},       {"fourth", 4},       {"fifth", 5},
      {"sixth", 6},      {"seventh", 7},      {"eighth", 8},      {"ninth", 9},        {"tenth", 10},
      {"eleventh", 11},  {"twelfth", 12},     {"thirteenth", 13}, {"fourteenth", 14},  {"fifteenth", 15},
      {"sixteenth", 16}, {"seventeenth", 17}, {"eighteenth", 18}, {"nineteenth", 19},  {"twentieth", 20},
      {"thirtieth", 30}, {"fortieth", 40},    {"fiftieth", 50},   {"sixtieth", 60},    {"seventieth", 70},
      {"eightieth", 80}, {"ninetieth", 90},   {"hundredth", 100}, {"thousandth", 1000}};
  return find_in(table, word);
}

std::optional<int> part_word(std::string_view word, bool* plural) {
  *plural = word.ends_with('s');
  if (word == "half" || word == "halves") return 2;
  if (word == "quarter" || word == "quarters") return 4;
  if (*plural) word.remove_suffix(1);
  const auto part = ordinal_word(word);
  return part && *part > 2 ? part : std::nullopt;
}

bool is_vague_number(std::string_view word) {
  return is_one_of({"dozens", "hundreds", "thousands", "millions", "billions", "trillions", "tens"}, word);
}

bool is_multiple(std::string_view word) {
  if (word.size() > 4 && word.ends_with("fold")) {
    const std::string_view number = word.substr(0, word.size() - 4);
    return unit_word(number) || tens_word(number) || number == "hundred" || scale_word(number);
  }
  return is_one_of({"double", "doubled", "doubles", "doubling", "triple", "tripled", "triples", "tripling", "treble",
                    "trebled", "quadruple", "quadrupled", "quintupled", "halved", "halving"},
                   word);
}

bool is_joined_number(std::string_view word) {
  if (word.size() > 40) return false;
  size_t parts = 0;
  while (!word.empty()) {
    size_t length = std::min<size_t>(word.size(), 9);
    for (; length >= 3; --length) {
      const std::string_view part = word.substr(0, length);
      if (unit_word(part) || tens_word(part) || part == "hundred" || (length > 3 && scale_word(part))) break;
    }
    if (length < 3) return false;
    word.remove_prefix(length), ++parts;
  }
  return parts > 1;
}

bool is_number_word(std::string_view word) {
  bool plural = false;
  return unit_word(word) || tens_word(word) || (word.size() > 2 && scale_word(word)) || word == "hundred" ||
         word == "dozen" || word == "twice" || word == "thrice" || part_word(word, &plural) || ordinal_word(word) ||
         is_vague_number(word) || is_multiple(word) || is_joined_number(word);
}

std::optional<int> month_word(std::string_view word) {
  static constexpr std::string_view kMonths[] = {"january", "february", "march",     "april",   "may",      "june",
                                                 "july",    "august",   "september", "october", "november", "december"};
  for (int i = 0; i < 12; ++i)
    if (word == kMonths[i] || word == kMonths[i].substr(0, 3) || (i == 8 && word == "sept")) return i + 1;
  return std::nullopt;
}

std::optional<Sense> sense_word(std::string_view word) { return find_in(senses(), word); }

bool is_negation(std::string_view word) {
  return is_one_of({"not",     "never",   "no",       "without",  "neither", "nor",    "cannot",  "hardly", "avoid",
                    "avoids",  "avoided", "avoiding", "fail",     "fails",   "failed", "instead", "rather", "unlike",
                    "nowhere", "none",    "barely",   "scarcely", "denies",  "false",  "untrue",  "wrong"},
                   word);
}

}  // namespace hadal::market
