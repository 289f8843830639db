#include "tasks/item_scores.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "tasks/answer.h"
#include "tasks/measures.h"

namespace hadal::tasks {
namespace {

// The mean over items of pass@k.
double mean_pass(const std::vector<int64_t>& right, int64_t samples, int64_t k) {
  double sum = 0;
  for (const int64_t count : right) sum += pass_at_k(samples, count, k);
  return sum / static_cast<double>(right.size());
}

OrderedJson interval_of(double share, int64_t items) {
  const Interval interval = wilson_interval(std::llround(share * static_cast<double>(items)), items);
  return OrderedJson::array({interval.low, interval.high});
}

}  // namespace

ItemScores::ItemScores(int64_t samples, int64_t votes) : samples_(samples), votes_(votes) {
  HADAL_CHECK(samples > 0 && votes >= 0 && votes <= samples, "samples {}, votes {}", samples, votes);
}

void ItemScores::add(std::string_view name, std::span<const ScoredReply> replies) {
  HADAL_CHECK(std::ssize(replies) == samples_, "replies {}", replies.size());
  auto kind = std::ranges::find(kinds_, name, &Kind::name);
  if (kind == kinds_.end()) kind = kinds_.insert(kind, Kind{std::string(name)});
  const auto is_right = [](const ScoredReply& reply) { return reply.right && reply.finished; };
  ++kind->items;
  kind->right.push_back(std::ranges::count_if(replies, is_right));
  kind->all_right += kind->right.back();
  for (const ScoredReply& reply : replies) {
    kind->unfinished += reply.finished ? 0 : 1;
    kind->think_tokens += reply.think_tokens;
  }
  if (votes_ == 0) return;
  std::vector<std::optional<std::string>> answers;
  for (const ScoredReply& reply : replies.first(static_cast<size_t>(votes_)))
    answers.push_back(reply.finished ? reply.answer : std::nullopt);
  const Vote vote = majority_vote(answers, same_answer);
  if (vote.winner && is_right(replies[*vote.winner])) ++kind->right_votes;
}

int64_t ItemScores::num_items() const {
  int64_t items = 0;
  for (const Kind& kind : kinds_) items += kind.items;
  return items;
}

double ItemScores::pass_at_1() const {
  int64_t right = 0;
  for (const Kind& kind : kinds_) right += kind.all_right;
  return static_cast<double>(right) / static_cast<double>(num_items() * samples_);
}

OrderedJson ItemScores::to_json(const Kind& kind) const {
  const double pass = static_cast<double>(kind.all_right) / static_cast<double>(kind.items * samples_);
  OrderedJson at_k = OrderedJson::object();
  for (int64_t k = 1; k <= samples_; k *= 2) at_k[std::to_string(k)] = mean_pass(kind.right, samples_, k);
  OrderedJson json{
      {"items", kind.items},
      {"pass@1", pass},
      {"interval_95", interval_of(pass, kind.items)},
      {"pass@k", at_k},
      {"think_tokens", static_cast<double>(kind.think_tokens) / static_cast<double>(kind.items * samples_)},
      {"unfinished", kind.unfinished}};
  if (votes_ > 0) {
    const double right = static_cast<double>(kind.right_votes) / static_cast<double>(kind.items);
    json["votes"] = {{"of", votes_}, {"right", right}, {"interval_95", interval_of(right, kind.items)}};
  }
  return json;
}

OrderedJson ItemScores::to_json() const {
  OrderedJson json{{"items", num_items()}, {"pass@1", pass_at_1()}, {"by_task", OrderedJson::object()}};
  for (const Kind& kind : kinds_) json["by_task"][kind.name] = to_json(kind);
  return json;
}

}  // namespace hadal::tasks
