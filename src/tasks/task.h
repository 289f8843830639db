// A verifiable task: it makes up items by seed, words the question, writes out a way to the answer, and judges an
// answer. An item is one JSON object that names its task: {"task": "countdown", "numbers": [19, 36, 55], "target": 38}.
// A `question` in an item stands in place of our wording. Training never sees the tenth of all items that is_held_out()
// names; what is measured comes from that tenth alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "base/rng.h"

namespace hadal::tasks {

enum class Split { training, held_out };
enum class Wordings { training, held_out };  // three quarters of a task's wordings; the rest, which training never sees

// A way to the answer as a model is taught it: what stands between <think> and </think>, and what follows.
struct Trace {
  std::string thinking, answer;
};

struct Verdict {
  bool right = false;
  std::string answer;   // as it was found in the reply; "": none
  std::string why;      // in a few words, for people: "a number that was not given"
  double nearness = 0;  // in [0, 1]: how near a wrong answer comes, where the task can tell; 1: right
};

// Immutable; may be used from several threads. Every function takes items that check() has let through.
class Task {
 public:
  virtual ~Task() = default;

  virtual std::string_view name() const = 0;  // the item's "task"

  // What it can make up, the easiest first: {"countdown3", "countdown4"}. Recipes and reports name these.
  virtual std::span<const std::string_view> kinds() const = 0;
  virtual std::string kind(const OrderedJson& item) const = 0;  // of any item, also beyond kinds(): "countdown5"

  // Error naming `where` and the field that is missing, of another type or out of range. Takes linear time.
  virtual void check(const OrderedJson& item, std::string_view where) const = 0;
  // The text that is_held_out() hashes: equal for items that are the same in other words or another order.
  virtual std::string canonical(const OrderedJson& item) const = 0;

  // A solvable item of this kind, from its half of the rule; the same for the same state of `rng`, on every machine.
  virtual OrderedJson make(std::string_view kind, Split split, Rng& rng) const = 0;
  virtual std::string question(const OrderedJson& item, Wordings wordings, Rng& rng) const = 0;
  // Branches in random order; thinking of at most `max_bytes` bytes, or none at all (nullopt) where this draw of the
  // branches would take more, or where the task has no way to show.
  virtual std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng& rng) const = 0;

  // `answer` is what reply_answer() found. Takes linear time; never throws for what stands in the answer.
  virtual Verdict judge(const OrderedJson& item, std::string_view answer) const = 0;
};

std::span<const Task* const> all_tasks();
const Task& find_task(std::string_view name);     // Error listing the tasks there are
const Task& task_of_kind(std::string_view kind);  // that makes up this kind; Error listing the kinds there are
const Task& task_of(const OrderedJson& item, std::string_view where);  // by its "task", and checked; Error

bool is_held_out(const Task& task, const OrderedJson& item);  // unit_hash(canonical) < 0.1

// The item's own question, else one of the task's wordings.
std::string question_of(const Task& task, const OrderedJson& item, Wordings wordings, Rng& rng);

// The answer of a reply as it is judged: of what follows the one </think> (all of it where there is neither <think> nor
// </think>) the last \boxed{}, else the last <answer></answer>, else the last line that is not empty, without "The
// answer is", "Answer:" and a closing full stop. Boxes that differ are no answer, unless a "final answer is" follows.
struct ReplyAnswer {
  std::optional<std::string> text;  // none: there is no answer
  std::string why;                  // then, in a few words
};
ReplyAnswer reply_answer(std::string_view reply);

// Both steps: finds the answer in the reply and judges it.
Verdict judge_reply(const Task& task, const OrderedJson& item, std::string_view reply);

}  // namespace hadal::tasks
