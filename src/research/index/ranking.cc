// BM25 over documents and passages, neighbours in the query that stand side by side in the text, and the second hop.
#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "research/index/impl.h"

namespace hadal::research {
namespace {

constexpr double kK1 = 1.5, kB = 0.75;
constexpr double kTitleWeight = 2;      // a term in the title counts as so many
constexpr double kPairWeight = 0.2;     // of two query terms side by side, against one term
constexpr double kTitleContext = 0.35;  // a passage is about its title, too
constexpr double kDocumentShare = 0.1;

// The second hop: how much a document is lifted, as shares of the score of the one that leads to it.
constexpr size_t kStrong = 8;            // documents that lead further
constexpr double kTitleInQuery = 0.5;    // its title stands in the query: of the best score
constexpr double kNamed = 0.65;          // a strong one names its title, or links to it
constexpr double kNames = 0.2;           // it names a strong one's title
constexpr double kLeastTitleWeight = 4;  // a title of common words is named by chance
constexpr size_t kMostNaming = 200;      // a title that so many documents name tells nothing

double rarity(double all, double with) { return std::log1p((all - with + 0.5) / (with + 0.5)); }

struct QueryTerm {
  std::string text;
  double times = 0;
};

struct Query {
  std::vector<QueryTerm> terms;                            // each once
  std::map<std::pair<size_t, size_t>, double> neighbours;  // places in `terms`, how often
};

Query parse(std::string_view text) {
  std::vector<Term> all = terms_of(text);
  constexpr size_t kMostTerms = 400;  // a longer query is cut: its first words say what it is about
  if (all.size() > kMostTerms) all.resize(kMostTerms);
  std::vector<Term> kept;
  for (const Term& term : all) {
    if (!is_stop_term(term.text)) kept.push_back(term);
  }
  if (kept.empty()) kept = std::move(all);
  Query query;
  std::unordered_map<std::string, size_t> places;
  size_t last = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto [at, is_new] = places.try_emplace(kept[i].text, query.terms.size());
    if (is_new) query.terms.push_back({kept[i].text, 0});
    query.terms[at->second].times += 1;
    if (i > 0 && last != at->second) query.neighbours[{last, at->second}] += 1;
    last = at->second;
  }
  return query;
}

// Calls use(posting) where the second term stands right behind the first.
template <typename Use>
void each_pair(const Postings& first, const Postings& second, Use use) {
  const auto key = [](const Posting& p) { return std::tuple(p.row, !p.title, p.offset); };
  size_t j = 0;
  for (Posting wanted : first) {
    wanted.offset += 1;
    while (j < second.size() && key(second[j]) < key(wanted)) ++j;
    if (j < second.size() && key(second[j]) == key(wanted)) use(second[j]);
  }
}

std::vector<Scored> sorted(std::vector<Scored> hits) {
  std::sort(hits.begin(), hits.end(),
            [](const Scored& a, const Scored& b) { return a.score != b.score ? a.score > b.score : a.key < b.key; });
  return hits;
}

// How often a term or a pair stands in each document, in the order of their numbers.
using Counts = std::vector<std::pair<int64_t, double>>;
void count_in(Counts& counts, const Posting& posting) {
  const int64_t number = document_of(posting.row);
  if (counts.empty() || counts.back().first != number) counts.emplace_back(number, 0);
  counts.back().second += posting.title ? kTitleWeight : 1;
}

class DocumentScores {
 public:
  explicit DocumentScores(Index::Impl& index) : index_(index), sizes_(index.sizes()), scores_(sizes_.size()) {}

  void add(const Counts& counts, double weight) {
    const double idf = rarity(static_cast<double>(index_.count), static_cast<double>(counts.size())) * weight;
    for (const auto& [number, times] : counts) {
      const auto slot = static_cast<size_t>(number);
      if (slot >= sizes_.size()) continue;
      const double norm = kK1 * (1 - kB + kB * sizes_[slot].length / index_.mean_length);
      scores_[slot] += idf * times * (kK1 + 1) / (times + norm);
    }
  }

  std::vector<Scored> hits() const {
    std::vector<Scored> out;
    for (size_t i = 0; i < scores_.size(); ++i) {
      if (scores_[i] > 0) out.push_back({static_cast<int64_t>(i), scores_[i]});
    }
    return sorted(std::move(out));
  }

 private:
  Index::Impl& index_;
  const std::vector<Sizes>& sizes_;
  std::vector<double> scores_;
};

std::vector<Scored> first_hop(Index::Impl& index, const Query& query) {
  DocumentScores scores(index);
  for (const QueryTerm& term : query.terms) {
    Counts counts;
    for (const Posting& posting : index.postings(term.text)) count_in(counts, posting);
    scores.add(counts, term.times);
  }
  for (const auto& [pair, times] : query.neighbours) {
    Counts counts;
    each_pair(index.postings(query.terms[pair.first].text), index.postings(query.terms[pair.second].text),
              [&](const Posting& posting) { count_in(counts, posting); });
    scores.add(counts, kPairWeight * times);
  }
  return scores.hits();
}

size_t documents_with(Index::Impl& index, const std::string& term) {
  size_t count = 0;
  int64_t last = -1;
  for (const Posting& posting : index.postings(term)) {
    const int64_t number = document_of(posting.row);
    if (number != last) ++count;
    last = number;
  }
  return count;
}

class SecondHop {
 public:
  explicit SecondHop(Index::Impl& index) : index_(index) {}

  std::vector<Scored> lift(std::string_view query, const std::vector<Scored>& first) {
    if (first.empty()) return first;
    std::unordered_map<int64_t, double> scores;
    for (const Scored& hit : first) scores[hit.key] = hit.score / first[0].score;
    for (const int64_t number : index_.titles_in(terms_of(query))) {
      if (telling(title_of(number))) scores[number] += kTitleInQuery;
    }
    std::vector<Scored> strong = ranked(scores);
    if (strong.size() > kStrong) strong.resize(kStrong);
    std::unordered_map<int64_t, double> lifts;
    for (const Scored& hit : strong) follow(hit, lifts);
    for (const auto& [number, lift] : lifts) scores[number] += lift;
    return ranked(scores);
  }

 private:
  static std::vector<Scored> ranked(const std::unordered_map<int64_t, double>& scores) {
    std::vector<Scored> out;
    for (const auto& [number, score] : scores) out.push_back({number, score});
    return sorted(std::move(out));
  }

  std::vector<std::string> title_of(int64_t number) {
    Statement read(index_.database, "SELECT title FROM documents WHERE number = ?");
    read.bind(1, number);
    return read.step() ? title_terms(read.text(0)) : std::vector<std::string>();
  }

  bool telling(const std::vector<std::string>& title) {
    double weight = 0;
    for (const std::string& term : title) {
      weight += rarity(static_cast<double>(index_.count), static_cast<double>(documents_with(index_, term)));
    }
    // In a small collection no word is rare: a share of what one that stands once would weigh.
    const double most = rarity(static_cast<double>(index_.count), 1);
    return weight >= std::min(kLeastTitleWeight, most);
  }

  void follow(const Scored& from, std::unordered_map<int64_t, double>& lifts) {
    const auto raise = [&](int64_t number, double lift) {
      if (number != from.key) lifts[number] = std::max(lifts[number], lift);
    };
    Statement read(index_.database, "SELECT title, text FROM documents WHERE number = ?");
    read.bind(1, from.key);
    if (!read.step()) return;
    constexpr size_t kMostText = size_t{256} << 10;
    const std::vector<std::string> title = title_terms(read.text(0));
    const std::string text = read.text(1).substr(0, kMostText);
    for (const int64_t number : index_.titles_in(terms_of(text))) {
      if (telling(title_of(number))) raise(number, kNamed * from.score);
    }
    Statement links(index_.database,
                    "SELECT d.number FROM links l JOIN documents d ON d.url = l.url WHERE l.document = ? LIMIT 500");
    links.bind(1, from.key);
    while (links.step()) raise(links.integer(0), kNamed * from.score);
    if (!telling(title)) return;
    const std::vector<int64_t> naming = documents_naming(title);
    if (naming.size() > kMostNaming) return;
    for (const int64_t number : naming) raise(number, kNames * from.score);
  }

  std::vector<int64_t> documents_naming(const std::vector<std::string>& title) {
    Postings places = index_.postings(title[0]);
    for (size_t k = 1; k < title.size() && !places.empty(); ++k) {
      Postings next;
      each_pair(places, index_.postings(title[k]), [&](const Posting& posting) { next.push_back(posting); });
      places = std::move(next);
    }
    std::vector<int64_t> out;
    for (const Posting& place : places) {
      const int64_t number = document_of(place.row);
      if (!place.title && (out.empty() || out.back() != number)) out.push_back(number);
    }
    return out;
  }

  Index::Impl& index_;
};

}  // namespace

std::vector<Scored> rank_documents(Index::Impl& index, std::string_view text, int hops) {
  const Query query = parse(text);
  std::vector<Scored> hits = first_hop(index, query);
  return hops > 1 ? SecondHop(index).lift(text, hits) : hits;
}

std::vector<Scored> rank_passages(Index::Impl& index, std::string_view text, int hops) {
  const Query query = parse(text);
  const std::vector<Scored> documents = rank_documents(index, text, hops);
  struct Passage {
    double body = 0, title = 0;
  };
  std::unordered_map<int64_t, Passage> passages;
  std::unordered_map<int64_t, double> titles;  // by document: terms of the query in its title
  const auto all = static_cast<double>(index.passages);
  const auto count = [&](const auto& each, double weight) {
    std::vector<std::pair<int64_t, double>> rows;
    each([&](const Posting& posting) {
      if (posting.title) return;
      if (rows.empty() || rows.back().first != posting.row) rows.emplace_back(posting.row, 0);
      rows.back().second += 1;
    });
    const double idf = rarity(all, static_cast<double>(rows.size())) * weight;
    for (const auto& [row, times] : rows) passages[row].body += idf * times * (kK1 + 1) / (times + kK1);
    return idf;
  };
  for (const QueryTerm& term : query.terms) {
    const Postings& list = index.postings(term.text);
    const double idf = count([&](const auto& use) { std::for_each(list.begin(), list.end(), use); }, 1);
    int64_t last = -1;
    for (const Posting& posting : list) {
      if (!posting.title || posting.row == last) continue;
      titles[document_of(posting.row)] += idf;
      last = posting.row;
    }
  }
  for (const auto& [pair, times] : query.neighbours) {
    const Postings& first = index.postings(query.terms[pair.first].text);
    const Postings& second = index.postings(query.terms[pair.second].text);
    count([&](const auto& use) { each_pair(first, second, use); }, kPairWeight);
  }
  std::unordered_map<int64_t, double> shares;
  for (const Scored& hit : documents) shares[hit.key] = hit.score / documents[0].score;
  double best = 0;
  for (const auto& [row, passage] : passages) best = std::max(best, passage.body);
  std::vector<Scored> hits;
  for (const auto& [row, passage] : passages) {
    const int64_t number = document_of(row);
    const auto title = titles.find(number);
    const auto share = shares.find(number);
    hits.push_back({row, passage.body + (title == titles.end() ? 0 : kTitleContext * title->second) +
                             kDocumentShare * best * (hops > 1 ? 3 : 1) * (share == shares.end() ? 0 : share->second)});
  }
  return sorted(std::move(hits));
}

}  // namespace hadal::research
