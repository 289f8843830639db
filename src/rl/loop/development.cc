#include "rl/loop/development.h"

#include <algorithm>

#include "base/json.h"
#include "rl/loop/reward.h"
#include "tasks/measures.h"

namespace hadal::rl {

uint64_t development_seed(uint64_t run_seed) { return seed_of({run_seed, 3}); }

std::vector<Question> development_questions(const Items& items, int64_t count, uint64_t seed) {
  std::vector<Question> questions;
  for (size_t kind = 0; kind < items.kinds().size(); ++kind)
    for (Question& question : items.development(kind, count, seed_of({seed, kind})))
      questions.push_back(std::move(question));
  return questions;
}

std::vector<KindScore> measure_development(const Roller& roller, const Items& items, int64_t count, uint64_t seed) {
  const std::vector<Question> questions = development_questions(items, count, seed);
  std::vector<std::vector<TokenId>> prompts;
  for (const Question& question : questions) prompts.push_back(roller.prompt(question.text));

  std::vector<KindScore> scores;
  for (const Items::Kind& kind : items.kinds()) scores.push_back({kind.name});
  const std::vector<Rollout> replies = roller.greedy(prompts);
  for (size_t i = 0; i < questions.size(); ++i) {
    KindScore& score = scores[questions[i].kind];
    const Reward reward = reward_of({}, {}, questions[i], replies[i]);
    score.failed_verdicts += reward.judged ? 0 : 1;
    if (!reward.judged) continue;
    ++score.items;
    score.right += reward.right ? 1 : 0;
    score.unfinished += replies[i].finished ? 0 : 1;
    score.think_tokens += replies[i].think_tokens;
  }
  return scores;
}

double mean_pass(const std::vector<KindScore>& scores) {
  double sum = 0;
  for (const KindScore& score : scores) sum += score.pass_at_1();
  return sum / static_cast<double>(scores.size());
}

OrderedJson scores_json(const std::vector<KindScore>& scores) {
  OrderedJson json = OrderedJson::object();
  for (const KindScore& s : scores) {
    const tasks::Interval interval = s.items > 0 ? tasks::wilson_interval(s.right, s.items) : tasks::Interval{0, 1};
    json[s.kind] = {
        {"items", s.items},
        {"pass@1", s.pass_at_1()},
        {"interval_95", {interval.low, interval.high}},
        {"think_tokens", static_cast<double>(s.think_tokens) / static_cast<double>(std::max<int64_t>(s.items, 1))},
        {"unfinished", s.unfinished}};
    if (s.failed_verdicts > 0) json[s.kind]["failed_verdicts"] = s.failed_verdicts;
  }
  return json;
}

}  // namespace hadal::rl
