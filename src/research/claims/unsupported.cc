// A sentence against its quotes. What is doubtful is refused: the quotes themselves are shown in its place.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "research/claims.h"
#include "research/claims/facts.h"
#include "research/evidence/evidence.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxBytes = 2000;  // of a sentence
constexpr double kWordShare = 0.6;  // of a sentence's content words that stand in its quotes

struct Read {
  explicit Read(std::string_view text_) : text(text_), words(words_of(text)), numbers(numbers_of(text, words)) {}
  std::string_view text;
  std::vector<Word> words;
  std::vector<Number> numbers;
};

std::string number_fault(const Read& sentence, const std::vector<Read>& quotes) {
  for (const Number& number : sentence.numbers) {
    bool there = false, unit = number.unit.empty();
    for (const Read& quote : quotes) {
      const bool unit_there = std::any_of(quote.words.begin(), quote.words.end(),
                                          [&](const Word& w) { return unit_of(w.text) == number.unit; });
      for (const Number& other : quote.numbers) {
        const bool same =
            other.value == number.value || (number.value.starts_with("o:") && other.value == number.value.substr(2));
        there = there || same;
        unit = unit || (same && (other.unit == number.unit || (other.unit.empty() && unit_there)));
      }
    }
    if (!there) return fmt::format("{} stands in no quote", number.shown);
    if (!unit) return fmt::format("{} stands in no quote with the unit {}", number.shown, number.unit);
  }
  return "";
}

std::string name_fault(const Read& sentence, const std::set<std::string>& words, const std::set<std::string>& stems) {
  const auto missing = [&](const std::string& word) {
    if (words.count(word) > 0) return false;
    const std::vector<std::string> stem = content_words(word);
    return std::none_of(stem.begin(), stem.end(), [&](const std::string& s) { return stems.count(s) > 0; });
  };
  for (const std::string& name : names_of(sentence.words))
    if (name.find_first_of("0123456789") != 0 && missing(name)) return fmt::format("{} stands in no quote", name);
  // The first word of a sentence may be a name too.
  for (const Word& word : sentence.words) {
    if (!word.starts_sentence || std::isupper(static_cast<unsigned char>(word.text[0])) == 0) continue;
    if (content_words(word.folded).empty() || numbers_of(word.text, words_of(word.text)).size() > 0) continue;
    if (missing(word.folded)) return fmt::format("{} stands in no quote", word.text);
  }
  return "";
}

// Numbers are judged by themselves.
std::string word_fault(const Read& sentence, const std::set<std::string>& stems) {
  std::set<std::string> wanted, counted;
  for (const Number& number : sentence.numbers)
    for (const std::string& word : content_words(number.shown)) counted.insert(word);
  for (const std::string& word : content_words(sentence.text))
    if (counted.count(word) == 0) wanted.insert(word);
  if (wanted.empty() && counted.empty()) return "it says nothing that could be checked";
  const auto held =
      std::count_if(wanted.begin(), wanted.end(), [&](const std::string& word) { return stems.count(word) > 0; });
  if (static_cast<double>(held) < kWordShare * static_cast<double>(wanted.size()))
    return fmt::format("the quotes hold {} of {} words", held, wanted.size());
  return "";
}

// Words that turn the sense of a sentence and that word lists pass over.
std::string direction_fault(const Read& sentence, const std::set<std::string>& words) {
  struct Pair {
    std::vector<std::string_view> one, other;
  };
  static const std::vector<Pair> kPairs = {
      {{"more", "higher", "larger", "greater", "bigger", "above", "over", "exceeds", "longer"},
       {"less", "fewer", "lower", "smaller", "below", "under", "shorter"}},
      {{"rose", "rise", "rises", "rising", "grew", "grow", "grows", "increase", "increased", "increases", "up"},
       {"fell", "fall", "falls", "falling", "shrank", "decrease", "decreased", "decreases", "declined", "decline",
        "down", "dropped"}},
      {{"before", "earlier"}, {"after", "later", "since"}},
      {{"most", "best", "largest", "highest", "longest"}, {"least", "worst", "smallest", "lowest", "shortest"}},
      {{"always", "all", "every"}, {"sometimes", "some", "few"}},
      {{"with"}, {"without"}},
  };
  const auto any = [](const std::vector<std::string_view>& list, const auto& has) {
    return std::any_of(list.begin(), list.end(), has);
  };
  const auto in_quotes = [&](std::string_view word) { return words.count(std::string(word)) > 0; };
  for (const Pair& pair : kPairs)
    for (const auto& [one, other] : {std::pair(&pair.one, &pair.other), {&pair.other, &pair.one}})
      for (const Word& word : sentence.words)
        if (any(*one, [&](std::string_view w) { return w == word.folded; }) && !any(*one, in_quotes) &&
            any(*other, in_quotes))
          return fmt::format("the quotes say the contrary of \"{}\"", word.folded);
  return "";
}

// Parts of a text between commas, semicolons, dashes and ends of sentences: what a "not" speaks of.
struct Clause {
  std::set<std::string> stems;
  bool denies = false;
};
std::vector<Clause> clauses_of(std::string_view text) {
  std::vector<Clause> clauses;
  const auto close = [&](std::string_view part) {
    Clause clause;
    for (const std::string& word : content_words(part)) clause.stems.insert(word);
    for (const Word& word : words_of(part)) clause.denies = clause.denies || is_denial(word.folded);
    clauses.push_back(std::move(clause));
  };
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == ';' || text[i] == '(' || text[i] == ')' || text[i] == '\n' ||
                      ((text[i] == ',' || text[i] == '.' || text[i] == '?' || text[i] == '!' || text[i] == ':') &&
                       (i + 1 == text.size() || text[i + 1] == ' '));
    const bool dash = text.substr(i, 3) == "\xE2\x80\x94" || text.substr(i, 3) == " - ";
    if (!mark && !dash) continue;
    close(text.substr(begin, i - begin));
    begin = i + (dash ? 3 : 1);
  }
  if (begin < text.size()) close(text.substr(begin));
  return clauses;
}

size_t shared(const std::set<std::string>& a, const std::set<std::string>& b) {
  return static_cast<size_t>(
      std::count_if(a.begin(), a.end(), [&](const std::string& word) { return b.count(word) > 0; }));
}

// What is denied in one and not in the other. Each clause of the sentence is held against the clauses that share most
// with it.
std::string denial_fault(std::string_view sentence, const std::vector<std::string>& quotes) {
  std::vector<Clause> theirs;
  for (const std::string& quote : quotes)
    for (Clause& clause : clauses_of(quote)) theirs.push_back(std::move(clause));
  for (const Clause& mine : clauses_of(sentence)) {
    size_t most = 0;
    for (const Clause& clause : theirs) most = std::max(most, shared(mine.stems, clause.stems));
    if (most == 0) {
      if (mine.denies) return "it denies what no quote speaks of";
      continue;
    }
    bool agrees = false;
    for (const Clause& clause : theirs)
      agrees = agrees || (shared(mine.stems, clause.stems) == most && clause.denies == mine.denies);
    if (!agrees) return mine.denies ? "it denies what its quotes say" : "its quotes deny what it says";
  }
  return "";
}

// Words and numbers of a text in one row: what stands beside a number.
struct Row {
  std::vector<std::string> items;
  std::map<std::string, std::vector<size_t>> numbers;  // where a number stands in it
};
Row row_of(const Read& read) {
  Row row;
  size_t next = 0;
  for (size_t w = 0; w < read.words.size();) {
    if (next < read.numbers.size() && read.numbers[next].word == w) {
      const Number& number = read.numbers[next++];
      row.numbers[number.value].push_back(row.items.size());
      row.items.push_back(number.value);
      w += number.words;
      continue;
    }
    for (const std::string& stem : content_words(read.words[w].folded)) row.items.push_back(stem);
    ++w;
  }
  return row;
}

// How much of what stands near a number in one text stands near a number in the other.
double nearness(const Row& a, size_t at, const Row& b, const std::vector<size_t>& places) {
  constexpr size_t kReach = 3;
  double best = 0;
  for (const size_t place : places) {
    double sum = 0;
    for (size_t i = at > kReach ? at - kReach : 0; i < std::min(a.items.size(), at + kReach + 1); ++i)
      for (size_t k = place > kReach ? place - kReach : 0; k < std::min(b.items.size(), place + kReach + 1); ++k)
        if (i != at && k != place && a.items[i] == b.items[k])
          sum += 1.0 / static_cast<double>((i > at ? i - at : at - i) + (k > place ? k - place : place - k));
    best = std::max(best, sum);
  }
  return best;
}

// Two numbers that stand in the quotes, each where the other belongs.
std::string swap_fault(const Read& sentence, const std::vector<Read>& quotes) {
  const Row mine = row_of(sentence);
  std::vector<Row> rows;
  for (const Read& quote : quotes) rows.push_back(row_of(quote));
  for (auto a = mine.numbers.begin(); a != mine.numbers.end(); ++a)
    for (auto b = std::next(a); b != mine.numbers.end(); ++b)
      for (const Row& row : rows) {
        const auto at_a = row.numbers.find(a->first), at_b = row.numbers.find(b->first);
        if (at_a == row.numbers.end() || at_b == row.numbers.end()) continue;
        const double straight =
            nearness(mine, a->second[0], row, at_a->second) + nearness(mine, b->second[0], row, at_b->second);
        const double crossed =
            nearness(mine, a->second[0], row, at_b->second) + nearness(mine, b->second[0], row, at_a->second);
        if (crossed > straight * 1.25) return fmt::format("{} and {} stand in each other's place", a->first, b->first);
      }
  return "";
}

}  // namespace

std::string unsupported(std::string_view sentence, const std::vector<std::string>& quotes) {
  if (quotes.empty()) return "it cites no quote";
  if (sentence.size() > kMaxBytes) return fmt::format("it has {} bytes, more than {}", sentence.size(), kMaxBytes);
  const Read read(sentence);
  std::vector<Read> reads;
  std::set<std::string> words, stems;
  for (const std::string& quote : quotes) {
    reads.emplace_back(quote);
    for (const Word& word : reads.back().words) words.insert(word.folded);
    for (const std::string& stem : content_words(quote)) stems.insert(stem);
  }
  if (std::string fault = number_fault(read, reads); !fault.empty()) return fault;
  if (std::string fault = name_fault(read, words, stems); !fault.empty()) return fault;
  if (std::string fault = word_fault(read, stems); !fault.empty()) return fault;
  if (std::string fault = direction_fault(read, words); !fault.empty()) return fault;
  if (std::string fault = denial_fault(sentence, quotes); !fault.empty()) return fault;
  return swap_fault(read, reads);
}

}  // namespace hadal::research
