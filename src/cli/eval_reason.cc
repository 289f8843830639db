// How often a model's replies to the items of verifiable tasks are right.
#include <algorithm>
#include <map>
#include <string>

#include "assistant/answer_many.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "chat/reply_parser.h"
#include "cli/eval_task.h"
#include "tasks/item_scores.h"
#include "tasks/items_file.h"

namespace hadal {
namespace {

using tasks::TaskItem;

// Everything about one run of the task.
class ReasonEval {
 public:
  ReasonEval(const EvalOptions& o, const std::vector<TaskItem>& items, const weights::LoadedModel& loaded)
      : o_(o),
        items_(items),
        engine_(loaded.model, loaded.tokenizer, engine_options(o, loaded)),
        assistant_(engine_),
        format_(chat::reply_format(*loaded.tokenizer)),
        scores_(o.answers, o.votes) {}

  OrderedJson run(SamplesFile& replies) {
    replies.begin();
    ProgressLine progress;
    answer_many(assistant_, questions(), request(), [&](size_t i, const Answered& answers) {
      replies.add(i, take(i, answers));
      progress.show(
          fmt::format("{} of {} items, pass@1 {:.3f}", scores_.num_items(), items_.size(), scores_.pass_at_1()));
    });
    progress.clear();
    replies.finish();
    OrderedJson result = result_of(o_, static_cast<size_t>(scores_.num_items()), items_.size());
    result.update(scores_.to_json());
    if (refused_ > 0) result["refused"] = refused_;
    return result;
  }

 private:
  std::vector<chat::Conversation> questions() const {
    const auto wordings = o_.held_out_wordings ? tasks::Wordings::held_out : tasks::Wordings::training;
    std::vector<chat::Conversation> all;
    for (const TaskItem& item : items_) {
      Rng rng(o_.seed, all.size());
      all.push_back({{{"user", tasks::question_of(*item.task, *item.item, wordings, rng)}}});
      set_thinking(all.back(), o_.think > 0);
    }
    return all;
  }

  AnswerManyOptions request() const {
    AnswerManyOptions options;
    options.request.sampling.temperature = static_cast<float>(o_.temperature);
    options.request.sampling.seed = o_.seed;
    options.request.answers = static_cast<int>(o_.answers);
    options.request.think_tokens = o_.think;
    options.request.max_tokens = o_.think + o_.max_tokens;
    options.parallel = std::max<int64_t>(1, o_.parallel / o_.answers);
    options.stop = &eval_stopped;
    return options;
  }

  // Counts the replies to item i; returns them as lines.
  std::string take(size_t i, const Answered& answers) {
    const TaskItem& item = items_[i];
    std::vector<tasks::ScoredReply> scored(static_cast<size_t>(o_.answers), {.finished = false});
    std::string lines;
    if (!answers) {
      ++refused_;
      if (refused_ == std::ssize(items_))
        fail("none of the {} items could be asked; the last one: {}", refused_, answers.error());
      log_warning("item {}: {}; it counts as wrong", i + 1, answers.error());
    }
    for (size_t r = 0; answers && r < answers->size(); ++r) {
      const GenerateResult& result = (*answers)[r].result;
      const std::string reply = tagged_reply(format_, (*answers)[r]);
      tasks::Verdict verdict = tasks::judge_reply(*item.task, *item.item, reply);
      const bool finished = result.finish == FinishReason::stop;
      lines += dump_json(OrderedJson{{"item", *item.item},
                                     {"reply", reply},
                                     {"right", verdict.right && finished},
                                     {"answer", verdict.answer},
                                     {"why", finished ? verdict.why : "unfinished"}}) +
               "\n";
      scored[r] = {verdict.right, finished, result.think_tokens, std::nullopt};
      if (!verdict.answer.empty()) scored[r].answer = std::move(verdict.answer);
    }
    scores_.add(item.task->kind(*item.item), scored);
    return lines;
  }

  const EvalOptions& o_;
  const std::vector<TaskItem>& items_;
  Engine engine_;
  Assistant assistant_;
  chat::ReplyFormat format_;
  tasks::ItemScores scores_;
  int64_t refused_ = 0;  // items
};

// Of those that training never sees; each by its kind, its number and the seed alone.
std::vector<TaskItem> make_items(const EvalOptions& o) {
  std::vector<TaskItem> items;
  std::map<std::string, uint64_t> drawn;
  for (const auto& [kind, count] : o.made) {
    const tasks::Task& task = tasks::task_of_kind(kind);
    for (int64_t i = 0; i < count; ++i) {
      Rng rng(o.seed ^ fnv1a(kind), drawn[kind]++);
      items.push_back({&task, std::make_shared<OrderedJson>(task.make(kind, tasks::Split::held_out, rng))});
    }
  }
  return items;
}

}  // namespace

Measure prepare_reason(const EvalOptions& o) {
  return [&o, items = o.made.empty() ? tasks::read_task_items(o.file, o.limit) : make_items(o)](
             const weights::LoadedModel& loaded, SamplesFile& replies) {
    return ReasonEval(o, items, loaded).run(replies);
  };
}

}  // namespace hadal
