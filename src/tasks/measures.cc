#include "tasks/measures.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"

namespace hadal::tasks {

double Perplexity::bits_per_byte() const { return nats / std::numbers::ln2 / static_cast<double>(bytes); }
double Perplexity::per_token() const { return std::exp(nats / static_cast<double>(tokens)); }

Perplexity measure_perplexity(TextScorer& scorer, std::span<const std::string> texts) {
  Perplexity p;
  for (const TextScore& score : scorer.score(texts)) {
    if (!score.whole) continue;
    ++p.measured;
    p.nats -= score.log_prob;
    p.bytes += score.bytes;
    p.tokens += score.tokens;
  }
  return p;
}

Choices measure_choices(TextScorer& scorer, std::span<const TextPair> pairs) {
  std::vector<std::string> texts;
  for (const TextPair& pair : pairs) {
    texts.push_back(pair.good);
    texts.push_back(pair.bad);
  }
  const std::vector<TextScore> scores = scorer.score(texts);
  Choices c;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const TextScore &good = scores[2 * i], &bad = scores[2 * i + 1];
    if (!good.whole || !bad.whole) continue;
    ++c.measured;
    c.right += good.log_prob > bad.log_prob ? 1 : 0;
  }
  return c;
}

// 1 - C(samples - correct, k) / C(samples, k), as a product that neither overflows nor cancels.
double pass_at_k(int64_t samples, int64_t correct, int64_t k) {
  HADAL_CHECK(0 <= correct && correct <= samples && 1 <= k && k <= samples);
  double all_wrong = samples - correct < k ? 0 : 1;
  for (int64_t i = samples - correct + 1; i <= samples && all_wrong > 0; ++i)
    all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
  return 1 - all_wrong;
}

Interval wilson_interval(int64_t correct, int64_t items) {
  HADAL_CHECK(0 <= correct && correct <= items && items > 0);
  constexpr double kZ = 1.959963984540054;  // of 95%
  const auto n = static_cast<double>(items);
  const double share = static_cast<double>(correct) / n, scale = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / scale;
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / scale;
  // At the ends the bound is the share itself, which rounding would miss.
  return {correct == 0 ? 0 : centre - half, correct == items ? 1 : centre + half};
}

Vote majority_vote(std::span<const std::optional<std::string>> answers,
                   const std::function<bool(std::string_view, std::string_view)>& equal) {
  struct Class {
    size_t first, votes;
  };
  std::vector<Class> classes;
  Vote vote;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) continue;
    ++vote.voters;
    const auto same =
        std::ranges::find_if(classes, [&](const Class& c) { return equal(*answers[c.first], *answers[i]); });
    if (same == classes.end())
      classes.push_back({i, 1});
    else
      ++same->votes;
  }
  for (const Class& c : classes)
    if (c.votes > vote.votes) vote.winner = c.first, vote.votes = c.votes;
  return vote;
}

}  // namespace hadal::tasks
