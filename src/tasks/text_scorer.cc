#include "tasks/text_scorer.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.h"

namespace hadal::tasks {
namespace {

constexpr size_t kStepTokens = 2048;  // of a forward, at least, where there are so many
constexpr int64_t kLogitRows = 256;   // at a time, so that a large vocabulary fits

int64_t whole_blocks(int64_t tokens) {
  return (tokens + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens * KvCache::kBlockTokens;
}

double log_prob(std::span<const float> logits, TokenId target) {
  const double best = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - best);
  return static_cast<double>(logits[static_cast<size_t>(target)]) - best - std::log(sum);
}

}  // namespace

TextScorer::TextScorer(Model& model, const Tokenizer& tokenizer, TextScorerOptions options)
    : model_(model), tokenizer_(tokenizer), options_(std::move(options)) {
  ctx_.precision = options_.precision;
  const int64_t own = model.config.max_context;
  context_ = static_cast<size_t>(options_.context > 0 ? options_.context : std::min<int64_t>(own, 4096));
  if (static_cast<int64_t>(context_) > own || context_ < 2)
    fail("context: expected a number from 2 to {} (the model's own), found {}", own, context_);
}

std::vector<TextScore> TextScorer::score(std::span<const std::string> texts) {
  std::vector<Window> windows;
  std::vector<TextScore> scores(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<TokenId> ids = tokenizer_.encode(texts[i]);
    scores[i].bytes = static_cast<int64_t>(texts[i].size());
    const TokenId before = tokenizer_.bos() >= 0 ? tokenizer_.bos() : tokenizer_.eos();
    if (before >= 0)
      ids.insert(ids.begin(), before);
    else if (!ids.empty())
      scores[i].bytes -= static_cast<int64_t>(tokenizer_.decode({ids.data(), 1}).size());
    scores[i].tokens = std::max<int64_t>(0, static_cast<int64_t>(ids.size()) - 1);
    add_windows(ids, i, windows);
  }
  size_t begin = 0, tokens = 0;
  for (size_t i = 0; i < windows.size() && !(options_.stop && *options_.stop); ++i) {
    const size_t length = windows[i].ids.size();
    tokens += options_.kv_type ? static_cast<size_t>(whole_blocks(static_cast<int64_t>(length))) : length;
    if (tokens < kStepTokens && i + 1 < windows.size()) continue;
    run({windows.data() + begin, i + 1 - begin}, scores);
    begin = i + 1;
    tokens = 0;
  }
  for (TextScore& score : scores) score.whole = true;
  for (size_t i = begin; i < windows.size(); ++i) scores[windows[i].text].whole = false;
  return scores;
}

void TextScorer::add_windows(const std::vector<TokenId>& ids, size_t text, std::vector<Window>& windows) const {
  size_t scored = 1;
  for (size_t begin = 0; scored < ids.size(); begin += context_ / 2) {
    const size_t end = std::min(ids.size(), begin + context_);
    windows.push_back(
        {{ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)}, scored - begin, text});
    scored = end;
  }
}

void TextScorer::run(std::span<const Window> windows, std::vector<TextScore>& scores) {
  Batch batch;
  std::vector<int64_t> rows;  // of the token before
  std::vector<TokenId> targets;
  std::vector<size_t> owners;
  for (const Window& window : windows) {
    for (size_t i = window.first_scored; i < window.ids.size(); ++i) {
      rows.push_back(static_cast<int64_t>(batch.ids.size() + i) - 1);
      targets.push_back(window.ids[i]);
      owners.push_back(window.text);
    }
    batch.append(window.ids);
  }
  const std::vector<double> found = log_probs(run_forward(batch), rows, targets);
  for (size_t i = 0; i < rows.size(); ++i) scores[owners[i]].log_prob += found[i];
}

std::vector<double> TextScorer::log_probs(const Tensor& hidden, std::span<const int64_t> rows,
                                          std::span<const TokenId> targets) const {
  const auto count = static_cast<int64_t>(rows.size());
  std::vector<double> found(rows.size());
  for (int64_t first = 0; first < count; first += kLogitRows) {
    const int64_t part = std::min(kLogitRows, count - first);
    const Tensor scored =
        logits(ctx_, model_, hidden, rows.subspan(static_cast<size_t>(first), static_cast<size_t>(part)));
    parallel_rows(ctx_, part, 8, [&](int64_t from, int64_t to) {
      for (int64_t r = from; r < to; ++r) {
        const auto at = static_cast<size_t>(first + r);
        found[at] = log_prob({scored.row(r), static_cast<size_t>(scored.cols())}, targets[at]);
      }
    });
  }
  return found;
}

Tensor TextScorer::run_forward(Batch& batch) {
  if (!options_.kv_type) return forward(ctx_, model_, batch).hidden;
  int64_t room = 0;
  for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) room += whole_blocks(batch.offsets[s + 1] - batch.offsets[s]);
  KvCache cache(model_.config, room, *options_.kv_type);
  std::deque<KvSequence> states;
  for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
    HADAL_CHECK(states.emplace_back(cache).extend(batch.offsets[s + 1] - batch.offsets[s]));
    batch.states.push_back(&states.back());
  }
  return forward(ctx_, model_, batch).hidden;
}

}  // namespace hadal::tasks
