#include "tasks/task.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "tasks/kinds/kinds.h"

namespace hadal::tasks {
namespace {

constexpr double kHeldOutShare = 0.1;

const std::vector<const Task*>& registry() {
  static const std::vector<const Task*> tasks = {&countdown_task(), &arithmetic_task(), &knights_task(), &math_task()};
  return tasks;
}

}  // namespace

std::span<const Task* const> all_tasks() { return registry(); }

const Task& find_task(std::string_view name) {
  std::string names;
  for (const Task* task : all_tasks()) {
    if (task->name() == name) return *task;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", task->name());
  }
  fail("task: expected one of {}, found {}", names, brief(name));
}

const Task& task_of_kind(std::string_view kind) {
  std::string kinds;
  for (const Task* task : all_tasks()) {
    for (const std::string_view known : task->kinds()) {
      if (known == kind) return *task;
      kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", known);
    }
  }
  fail("kind of task: expected one of {}, found {}", kinds, brief(kind));
}

const Task& task_of(const OrderedJson& item, std::string_view where) {
  if (!item.is_object()) fail("{}: expected an item, an object with a \"task\", found {}", where, brief_json(item));
  const auto name = item.find("task");
  if (name == item.end() || !name->is_string())
    fail("{}: \"task\": expected a text, found {}", where, name == item.end() ? "none" : brief_json(*name));
  const Task* task = nullptr;
  try {
    task = &find_task(name->get_ref<const std::string&>());
  } catch (const Error& e) {
    fail("{}: {}", where, e.what());
  }
  task->check(item, where);
  if (const auto own = item.find("question"); own != item.end() && !own->is_string())
    fail("{}: \"question\": expected a text, found {}", where, brief_json(*own));
  return *task;
}

bool is_held_out(const Task& task, const OrderedJson& item) { return unit_hash(task.canonical(item)) < kHeldOutShare; }

std::string question_of(const Task& task, const OrderedJson& item, Wordings wordings, Rng& rng) {
  if (const auto own = item.find("question"); own != item.end() && own->is_string()) return own->get<std::string>();
  return task.question(item, wordings, rng);
}

Verdict judge_reply(const Task& task, const OrderedJson& item, std::string_view reply) {
  const ReplyAnswer found = reply_answer(reply);
  if (found.text) return task.judge(item, *found.text);
  Verdict verdict;
  verdict.why = found.why;
  return verdict;
}

}  // namespace hadal::tasks
