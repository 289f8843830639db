#include "research/evidence/evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>

#include "research/evidence/windows.h"

namespace hadal::research {
namespace {

constexpr double kOtherWords = 0.35;  // words of the question outside the part that is asked
constexpr int64_t kPassages = 80;     // looked at for each list
constexpr double kFound = 0.62;       // covered by a quote and, less so, by its document
constexpr double kByDocument = 0.3;
constexpr double kNamedWeight = 2;  // a name or a number of the question, against another word

// The bridge: names in the best quotes that the question does not hold lead to what says more of them.
constexpr size_t kBridgeQuotes = 3, kBridgeNames = 6;
constexpr size_t kBridgeFrom = 3, kBridgeEvery = 3;  // of the quotes: the fourth, the seventh, ...
constexpr double kHeldAlready = 0.5;

double weight_of(const Index& index, const std::string& term) {
  const double rarity = index.rarity(term);
  return rarity > 0 ? rarity : index.most_rarity();
}

Wanted wanted_of(const Index& index, std::string_view question, std::string_view part) {
  Wanted wanted;
  const std::vector<std::string> own = content_words(part);
  const std::unordered_set<std::string> in_part(own.begin(), own.end());
  wanted.order = content_words(question);
  if (wanted.order.empty()) {
    for (Term& term : terms_of(question)) wanted.order.push_back(std::move(term.text));
  }
  for (const std::string& term : wanted.order) {
    wanted.weights[term] = weight_of(index, term) * (in_part.empty() || in_part.contains(term) ? 1 : kOtherWords);
  }
  for (Term& term : terms_of(question)) wanted.question_terms.push_back(std::move(term.text));
  wanted.kind = answer_kind(part);
  wanted.counted = counted_term(part);
  wanted.part = part;
  return wanted;
}

std::vector<PassageHit> merged(std::vector<PassageHit> a, const std::vector<PassageHit>& b) {
  std::set<std::pair<int64_t, size_t>> there;
  for (const PassageHit& hit : a) there.insert({hit.number, hit.span.begin});
  for (const PassageHit& hit : b) {
    if (there.insert({hit.number, hit.span.begin}).second) a.push_back(hit);
  }
  return a;
}

// Takes from several rankings what does not overlap with what was taken.
class Chooser {
 public:
  explicit Chooser(Readings& readings) : readings_(readings) {}

  bool take(const std::vector<Window>& list, size_t& at, Quote& quote) {
    for (; at < list.size(); ++at) {
      const Window& window = list[at];
      bool free = !said_.contains(plain(window));
      for (const Span& other : taken_[window.document]) {
        free = free && (window.span.end <= other.begin || window.span.begin >= other.end);
      }
      if (!free) continue;
      taken_[window.document].push_back(window.span);
      said_.insert(plain(window));
      quote.document = window.document;
      quote.span = window.span;
      quote.score = window.score;
      ++at;
      return true;
    }
    return false;
  }

 private:
  // Its words: what stands in several places is quoted once.
  std::string plain(const Window& window) {
    std::string text;
    for (const Term& term : terms_of(readings_.of(window.document).text(window.span))) text += term.text + " ";
    return text;
  }
  Readings& readings_;
  std::map<int64_t, std::vector<Span>> taken_;
  std::unordered_set<std::string> said_;
};

std::vector<Window> bridge(const Index& index, Readings& readings, std::string_view question,
                           const std::vector<Window>& best) {
  Wanted wanted = wanted_of(index, question, question);
  const std::unordered_set<std::string> asked(wanted.question_terms.begin(), wanted.question_terms.end());
  Chooser chooser(readings);
  std::map<std::string, double> names;
  size_t at = 0;
  Quote quote;
  std::unordered_set<std::string> held;
  for (size_t i = 0; i < kBridgeQuotes && chooser.take(best, at, quote); ++i) {
    const std::string_view text = readings.of(quote.document).text(quote.span);
    if (i == 0) {
      for (Term& term : terms_of(text)) held.insert(std::move(term.text));
    }
    for (const std::string& name : named_terms(text)) {
      if (asked.contains(name) || name.size() < 3 || name.find_first_of("0123456789") != std::string::npos) continue;
      names[name] = std::max(names[name], quote.score * index.rarity(name));
    }
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, score] : names) order.emplace_back(-score, name);
  std::sort(order.begin(), order.end());
  if (order.size() > kBridgeNames) order.resize(kBridgeNames);
  if (order.empty()) return {};
  std::string query;
  for (auto& [term, weight] : wanted.weights) {
    if (held.contains(term)) weight *= kHeldAlready;
  }
  for (const auto& [score, name] : order) {
    wanted.weights[name] = index.rarity(name) / std::sqrt(static_cast<double>(order.size()));
    query += name + " ";
  }
  std::vector<PassageHit> passages = index.passages(query + std::string(question), {.k = kPassages});
  std::vector<Window> windows = windows_around(readings, passages, wanted);
  std::erase_if(windows, [&](const Window& window) {
    for (const Term& term : terms_of(readings.of(window.document).text(window.span))) {
      for (const auto& [score, name] : order) {
        if (term.text == name) return false;
      }
    }
    return true;
  });
  return windows;
}

// Names and numbers weigh most: a text without them speaks of something else.
Wanted judged_by(const Index& index, std::string_view question, std::string_view part) {
  Wanted wanted = wanted_of(index, question, part);
  for (const std::string& name : named_terms(question)) {
    const auto at = wanted.weights.find(name);
    if (at != wanted.weights.end()) at->second = weight_of(index, name) * kNamedWeight;
  }
  return wanted;
}

}  // namespace

Evidence gather(const Index& index, std::string_view question, const std::vector<SubQuestion>& parts,
                size_t max_quotes) {
  Readings readings(index);
  const std::vector<PassageHit> passages = index.passages(question, {.k = kPassages});
  std::vector<std::vector<Window>> lists;
  lists.push_back(windows_around(readings, passages, wanted_of(index, question, question)));
  if (parts.size() > 1) {
    for (const SubQuestion& part : parts) {
      const auto own = merged(index.passages(part.text, {.k = kPassages}), passages);
      lists.push_back(windows_around(readings, own, wanted_of(index, question, part.text)));
    }
  }
  const std::vector<Window> led = bridge(index, readings, question, lists[0]);

  Evidence evidence;
  Chooser chooser(readings);
  std::vector<size_t> places(lists.size(), 0);
  size_t bridge_place = 0, turn = 0, dry = 0;
  while (evidence.quotes.size() < max_quotes && dry < lists.size()) {
    const size_t count = evidence.quotes.size();
    Quote quote;
    if (count >= kBridgeFrom && (count - kBridgeFrom) % kBridgeEvery == 0 && chooser.take(led, bridge_place, quote)) {
      evidence.quotes.push_back(quote);
      if (evidence.quotes.size() >= max_quotes) break;
    }
    const size_t list = turn++ % lists.size();
    if (chooser.take(lists[list], places[list], quote)) {
      evidence.quotes.push_back(quote);
      dry = 0;
    } else {
      ++dry;
    }
  }

  std::vector<Wanted> judged;
  for (const SubQuestion& part : parts) judged.push_back(judged_by(index, question, part.text));
  evidence.found.assign(parts.size(), false);
  std::map<std::pair<int64_t, size_t>, double> whole;
  const auto document_coverage = [&](int64_t document, size_t p) {
    const auto [at, is_new] = whole.try_emplace({document, p}, 0);
    constexpr size_t kMostText = size_t{512} << 10;
    const size_t length = readings.of(document).document().document.text.size();
    if (is_new) at->second = coverage(readings, document, {0, std::min(length, kMostText)}, judged[p]);
    return at->second;
  };
  std::unordered_set<std::string> held;
  std::vector<double> best(parts.size(), 0);
  for (Quote& quote : evidence.quotes) {
    quote.score = -1;
    for (size_t p = 0; p < parts.size(); ++p) {
      const double covered = coverage(readings, quote.document, quote.span, judged[p]);
      best[p] = std::max(best[p], (1 - kByDocument) * covered + kByDocument * document_coverage(quote.document, p));
      if (covered > quote.score) {
        quote.score = covered;
        quote.sub_question = p;
      }
    }
    for (Term& term : terms_of(readings.of(quote.document).text(quote.span))) held.insert(std::move(term.text));
  }
  for (size_t p = 0; p < parts.size(); ++p) evidence.found[p] = best[p] >= kFound;
  for (const Term& term : terms_of(question)) {
    if (is_stop_term(term.text) || held.contains(term.text)) continue;
    const std::string word(question.substr(term.begin, term.end - term.begin));
    if (std::find(evidence.missing.begin(), evidence.missing.end(), word) == evidence.missing.end()) {
      evidence.missing.push_back(word);
    }
  }
  return evidence;
}

std::vector<Conflict> conflicts(const Index& index, const Evidence& evidence) {
  // Quotes with the same unit, mostly the same words around it, and no figure of that unit in common.
  struct Stated {
    size_t quote;
    std::map<std::string, std::set<std::string>> by_unit;
    std::set<std::string> words;
  };
  std::map<size_t, std::vector<Stated>> by_part;
  Readings readings(index);
  for (size_t i = 0; i < evidence.quotes.size(); ++i) {
    const Quote& quote = evidence.quotes[i];
    const std::string_view text = readings.of(quote.document).text(quote.span);
    Stated stated{i, {}, {}};
    for (const Figure& figure : figures_in(text)) {
      if (!figure.unit.empty()) stated.by_unit[figure.unit].insert(figure.value);
    }
    for (std::string& word : content_words(text)) stated.words.insert(std::move(word));
    by_part[quote.sub_question].push_back(std::move(stated));
  }
  std::vector<Conflict> out;
  for (const auto& [part, all] : by_part) {
    std::set<size_t> in;
    for (size_t a = 0; a < all.size(); ++a) {
      for (size_t b = a + 1; b < all.size(); ++b) {
        if (evidence.quotes[all[a].quote].document == evidence.quotes[all[b].quote].document) continue;
        size_t common = 0;
        for (const std::string& word : all[a].words) common += all[b].words.contains(word);
        if (common * 4 < std::min(all[a].words.size(), all[b].words.size())) continue;
        for (const auto& [unit, values] : all[a].by_unit) {
          const auto other = all[b].by_unit.find(unit);
          if (other == all[b].by_unit.end()) continue;
          const bool agree = std::any_of(values.begin(), values.end(),
                                         [&](const std::string& value) { return other->second.contains(value); });
          if (!agree) in.insert({all[a].quote, all[b].quote});
        }
      }
    }
    if (!in.empty()) out.push_back({part, {in.begin(), in.end()}});
  }
  return out;
}

}  // namespace hadal::research
