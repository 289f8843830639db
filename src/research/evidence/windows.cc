#include "research/evidence/windows.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "research/evidence/evidence.h"

namespace hadal::research {
namespace {

constexpr size_t kMostSentences = 3;
constexpr double kTitle = 0.35, kHeading = 0.5;  // what stands only there counts so much
constexpr double kKind = 0.15;                   // it states what is asked for
constexpr double kCounts = 0.25;                 // and says how many of them
constexpr double kNear = 0.15;                   // neighbours in the question are near in the text
constexpr double kDocument = 0.1;                // the document speaks of the rest of the question
constexpr size_t kNearTerms = 4;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// A sentence too long to be quoted, in pieces at its commas or words.
void add_pieces(std::string_view text, const Span& sentence, std::vector<Span>& out) {
  constexpr size_t kLeast = 50;  // words of a piece that may end at a comma
  size_t begin = sentence.begin, words = 0, at = sentence.begin;
  while (at < sentence.end) {
    while (at < sentence.end && is_space(text[at])) ++at;
    while (at < sentence.end && !is_space(text[at])) ++at;
    ++words;
    const char last = text[at - 1];
    if (words >= kMaxQuoteWords || (words >= kLeast && (last == ',' || last == ';' || last == ':'))) {
      out.push_back({begin, at});
      while (at < sentence.end && is_space(text[at])) ++at;
      begin = at;
      words = 0;
    }
  }
  if (begin < sentence.end) out.push_back({begin, sentence.end});
}

class Scorer {
 public:
  Scorer(Readings& readings, const Wanted& wanted) : readings_(readings), wanted_(wanted), total_(wanted.total()) {
    for (size_t i = 1; i < wanted.order.size(); ++i) pairs_.insert({wanted.order[i - 1], wanted.order[i]});
  }

  double score(Reading& reading, size_t first, size_t last) {
    std::unordered_map<std::string, std::vector<size_t>> places;
    size_t words = 0, at = 0;
    for (size_t i = first; i < last; ++i) {
      words += reading.parts()[i].words;
      for (const std::string& term : reading.terms(i)) {
        if (wanted_.weights.contains(term)) places[term].push_back(at);
        ++at;
      }
    }
    if (places.empty()) return 0;
    double sum = 0;
    for (const auto& [term, weight] : wanted_.weights) sum += weight * share(reading, last - 1, places, term, words);
    double score = sum / total_;
    if (!pairs_.empty()) score += kNear * near(places);
    const Span span{reading.parts()[first].span.begin, reading.parts()[last - 1].span.end};
    if (wanted_.kind != AnswerKind::any && states(reading.text(span), wanted_.kind, wanted_.question_terms)) {
      score += kKind;
    }
    if (!wanted_.counted.empty()) score += kCounts * counts(reading.text(span), wanted_.counted, wanted_.part);
    return score;
  }

 private:
  double share(Reading& reading, size_t last, const std::unordered_map<std::string, std::vector<size_t>>& places,
               const std::string& term, size_t words) {
    constexpr double kSaturation = 1.2, kLength = 0.3, kMean = 60, kMost = 1.15;
    double share = 0;
    const auto found = places.find(term);
    if (found != places.end()) {
      const auto times = static_cast<double>(found->second.size());
      const double norm = kSaturation * (1 - kLength + kLength * static_cast<double>(words) / kMean);
      share = std::min(kMost, times * (1 + kSaturation) / (times + norm));
    }
    const int heading = reading.parts()[last].under;
    if (share < kHeading && heading >= 0 && holds(reading.terms(static_cast<size_t>(heading)), term)) share = kHeading;
    if (share < kTitle && holds(reading.title(), term)) share = kTitle;
    return share;
  }

  double near(const std::unordered_map<std::string, std::vector<size_t>>& places) const {
    size_t count = 0;
    for (const auto& [left, right] : pairs_) {
      const auto a = places.find(left), b = places.find(right);
      if (a == places.end() || b == places.end()) continue;
      bool is = false;
      for (const size_t x : a->second) {
        for (const size_t y : b->second) is = is || (x != y && (x > y ? x - y : y - x) <= kNearTerms);
      }
      count += is;
    }
    return static_cast<double>(count) / static_cast<double>(pairs_.size());
  }

  static bool holds(const std::vector<std::string>& terms, const std::string& term) {
    return std::find(terms.begin(), terms.end(), term) != terms.end();
  }

  Readings& readings_;
  const Wanted& wanted_;
  double total_;
  std::set<std::pair<std::string, std::string>> pairs_;
};

}  // namespace

size_t count_words(std::string_view text) {
  size_t count = 0;
  bool in_word = false;
  for (const char c : text) {
    if (!is_space(c) && !in_word) ++count;
    in_word = !is_space(c);
  }
  return count;
}

double Wanted::total() const {
  double sum = 0;
  for (const auto& [term, weight] : weights) sum += weight;
  return sum > 0 ? sum : 1;
}

Reading::Reading(IndexedDocument document) : document_(std::move(document)) {
  const std::string_view text = document_.document.text;
  std::vector<Span> spans;
  for (const Span& sentence : sentences_of(text)) {
    const size_t words = count_words(text.substr(sentence.begin, sentence.end - sentence.begin));
    if (words > kMaxQuoteWords) {
      add_pieces(text, sentence, spans);
    } else {
      spans.push_back(sentence);
    }
  }
  int heading = -1;
  for (const Span& span : spans) {
    Part part{span, count_words(this->text(span)), text[span.begin] == '#', heading};
    if (part.heading) heading = static_cast<int>(parts_.size());
    parts_.push_back(part);
  }
  terms_.resize(parts_.size());
  for (Term& term : terms_of(document_.document.title)) title_.push_back(std::move(term.text));
}

const std::vector<std::string>& Reading::terms(size_t part) {
  if (terms_[part] == nullptr) {
    terms_[part] = std::make_unique<std::vector<std::string>>();
    for (Term& term : terms_of(text(parts_[part].span))) terms_[part]->push_back(std::move(term.text));
  }
  return *terms_[part];
}

std::string_view Reading::text(const Span& span) const {
  return std::string_view(document_.document.text).substr(span.begin, span.end - span.begin);
}

Reading& Readings::of(int64_t document) {
  std::unique_ptr<Reading>& reading = readings_[document];
  if (reading == nullptr) reading = std::make_unique<Reading>(index_.document(document));
  return *reading;
}

std::vector<Window> windows_around(Readings& readings, const std::vector<PassageHit>& passages, const Wanted& wanted) {
  Scorer scorer(readings, wanted);
  std::set<std::tuple<int64_t, size_t, size_t>> seen;
  std::map<int64_t, std::set<std::string>> spoken;  // by document, in all its passages
  std::vector<Window> out;
  for (const PassageHit& passage : passages) {
    Reading& reading = readings.of(passage.number);
    const auto& parts = reading.parts();
    size_t begin = 0;
    while (begin < parts.size() && parts[begin].span.end <= passage.span.begin) ++begin;
    size_t end = begin;
    while (end < parts.size() && parts[end].span.begin < passage.span.end) ++end;
    for (size_t i = begin; i < end; ++i) {
      for (const std::string& term : reading.terms(i)) {
        if (wanted.weights.contains(term)) spoken[passage.number].insert(term);
      }
    }
    for (size_t first = begin > kMostSentences ? begin - kMostSentences + 1 : 0; first < end; ++first) {
      size_t words = 0;
      for (size_t last = first + 1; last <= std::min(parts.size(), first + kMostSentences); ++last) {
        words += parts[last - 1].words;
        if (words > kMaxQuoteWords) break;
        if (last <= begin || parts[last - 1].heading || !seen.insert({passage.number, first, last}).second) continue;
        const double score = scorer.score(reading, first, last);
        if (score > 0) out.push_back({passage.number, {parts[first].span.begin, parts[last - 1].span.end}, score});
      }
    }
  }
  for (Window& window : out) {
    double sum = 0;
    const Reading& reading = readings.of(window.document);
    for (const auto& [term, weight] : wanted.weights) {
      const auto& title = reading.title();
      if (spoken[window.document].contains(term) || std::find(title.begin(), title.end(), term) != title.end()) {
        sum += weight;
      }
    }
    window.score += kDocument * sum / wanted.total();
  }
  std::sort(out.begin(), out.end(), [](const Window& a, const Window& b) {
    return std::tuple(-a.score, a.document, a.span.begin, a.span.end) <
           std::tuple(-b.score, b.document, b.span.begin, b.span.end);
  });
  return out;
}

double coverage(Readings& readings, int64_t document, const Span& span, const Wanted& wanted) {
  Reading& reading = readings.of(document);
  std::unordered_set<std::string> held(reading.title().begin(), reading.title().end());
  for (Term& term : terms_of(reading.text(span))) held.insert(std::move(term.text));
  for (size_t i = 0; i < reading.parts().size(); ++i) {
    const Reading::Part& part = reading.parts()[i];
    if (part.span.begin >= span.end) break;
    if (part.span.end <= span.begin || part.under < 0) continue;
    const auto& heading = reading.terms(static_cast<size_t>(part.under));
    held.insert(heading.begin(), heading.end());
  }
  double sum = 0;
  for (const auto& [term, weight] : wanted.weights) {
    if (held.contains(term)) sum += weight;
  }
  return sum / wanted.total();
}

}  // namespace hadal::research
