// A line of what `hadal verify` reads: the item is checked, the reply judged. The same reply gets the same verdict
// twice, and a right one says what it found.
#include "base/json.h"
#include "fuzz.h"
#include "tasks/task.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  const OrderedJson line = parse_ordered_json(input, "line");
  if (!line.is_object() || !line.contains("item") || !line.contains("reply") || !line["reply"].is_string()) return;
  const tasks::Task& task = tasks::task_of(line["item"], "item");
  tasks::is_held_out(task, line["item"]);
  const auto& reply = line["reply"].get_ref<const std::string&>();
  const tasks::Verdict verdict = tasks::judge_reply(task, line["item"], reply);
  HADAL_CHECK(tasks::judge_reply(task, line["item"], reply).right == verdict.right);
  HADAL_CHECK(verdict.nearness >= 0 && verdict.nearness <= 1 &&
              (verdict.right ? !verdict.answer.empty() : !verdict.why.empty()));
}
