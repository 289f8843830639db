#include "tasks/measures.h"

#include <cmath>
#include <numbers>
#include <vector>

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

}  // namespace hadal::tasks
