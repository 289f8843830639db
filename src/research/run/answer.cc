#include "research/run/answer.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "research/claims/facts.h"
#include "research/evidence/evidence.h"
#include "research/evidence/question.h"

namespace hadal::research {
namespace {

constexpr size_t kQuotes = 4;      // that are looked at
constexpr size_t kLongWords = 60;  // a sentence of a table or a list may be endless
constexpr double kTypeWeight = 0.35, kCountWeight = 0.3, kRankWeight = 0.08, kNewShare = 0.15;

enum class Asks { anything, number, name };

Asks what_is_asked(const std::string& question) {
  const std::string text = fmt::format(" {} ", lower_case(question));
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  for (const char* cue :
       {"how many",   "how much",      "how long",       "how large",     "how big",    "how old",
        "how far",    "how fast",      "how high",       "how deep",      "how heavy",  " when ",
        "which year", "what year",     "what rate",      "what share",    "what speed", "what percentage",
        "what size",  "which version", "which versions", "which release", " cost"})
    if (has(cue)) return Asks::number;
  for (const char* cue :
       {" who ", " whom ", " whose ", " where ", "which country", "which city", "under which name", "what name"})
    if (has(cue)) return Asks::name;
  return Asks::anything;
}

struct Sentence {
  std::string text;
  std::set<std::string> covers;  // words of the question
  double score = 0;
};

bool gives(Asks asks, const std::string& text, const std::string& question) {
  const std::vector<Word> words = words_of(text);
  if (asks == Asks::number) {
    const std::vector<Number> theirs = numbers_of(question, words_of(question));
    for (const Number& number : numbers_of(text, words))
      if (std::none_of(theirs.begin(), theirs.end(), [&](const Number& n) { return n.value == number.value; }))
        return true;
    return false;
  }
  const std::string asked = lower_case(question);
  const std::vector<std::string> names = names_of(words);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return !has_word(asked, name); });
}

std::vector<Sentence> read_sentences(const std::string& question, const std::vector<std::string>& quotes) {
  std::set<std::string> wanted;
  for (const std::string& word : content_words(question)) wanted.insert(word);
  const Asks asks = what_is_asked(question);
  const std::string counted = counted_term(question);
  std::vector<Sentence> all;
  for (size_t rank = 0; rank < std::min(kQuotes, quotes.size()); ++rank)
    for (const Span& span : sentences_of(quotes[rank])) {
      Sentence sentence{quotes[rank].substr(span.begin, span.end - span.begin), {}, 0};
      for (const std::string& word : content_words(sentence.text))
        if (wanted.count(word) > 0) sentence.covers.insert(word);
      const double share =
          wanted.empty() ? 0 : static_cast<double>(sentence.covers.size()) / static_cast<double>(wanted.size());
      const bool type = asks != Asks::anything && share > 0 && gives(asks, sentence.text, question);
      const bool heading = sentence.text.starts_with("#") || echoes(sentence.text, question);
      const int count = counted.empty() ? 0 : counts(sentence.text, counted, question);
      sentence.score = share + (type ? kTypeWeight : 0) + kCountWeight * count -
                       kRankWeight * static_cast<double>(rank) - (heading ? 1 : 0);
      all.push_back(std::move(sentence));
    }
  return all;
}

std::string shortened(const std::string& text) {
  const std::vector<Word> words = words_of(text);
  if (words.size() <= kLongWords) return text;
  return text.substr(0, words[kLongWords - 1].begin + words[kLongWords - 1].text.size()) + " …";
}

}  // namespace

bool echoes(const std::string& text, const std::string& question) {
  constexpr size_t kFewWords = 4;  // so short a question may be part of any sentence
  std::string asked, said;
  const std::vector<Word> words = words_of(question);
  for (const Word& word : words) asked.append(1, ' ').append(word.folded);
  for (const Word& word : words_of(text)) said.append(1, ' ').append(word.folded);
  return words.size() > kFewWords && said.append(1, ' ').find(asked.append(1, ' ')) != std::string::npos;
}

std::string answer_of(const std::string& question, const std::vector<std::string>& quotes) {
  std::vector<Sentence> all = read_sentences(question, quotes);
  if (all.empty()) return quotes.empty() ? "" : shortened(quotes.front());
  std::stable_sort(all.begin(), all.end(), [](const Sentence& a, const Sentence& b) { return a.score > b.score; });
  std::string answer = shortened(all.front().text);
  // The one that adds most of what the first one lacks.
  const Sentence* second = nullptr;
  size_t most = 0;
  for (size_t i = 1; i < all.size(); ++i) {
    const auto added =
        static_cast<size_t>(std::count_if(all[i].covers.begin(), all[i].covers.end(),
                                          [&](const std::string& w) { return all.front().covers.count(w) == 0; }));
    if (all[i].text != all.front().text && added > most && all[i].score > kNewShare) {
      most = added;
      second = &all[i];
    }
  }
  return second == nullptr ? answer : fmt::format("{} {}", answer, shortened(second->text));
}

}  // namespace hadal::research
