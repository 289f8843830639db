#include "tasks/task.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"

namespace hadal::tasks {
namespace {

OrderedJson shared_rule() {
  const Path file = Path(HADAL_SOURCE_DIR) / "tests/reason/held_out_rule.json";
  return parse_ordered_json(read_file(file), file.string());
}

TEST(Task, TheRuleOfWhatIsHeldOutIsThatOfTheSharedFile) {
  for (const OrderedJson& row : shared_rule()) {
    EXPECT_NEAR(unit_hash(row.at("canonical").get<std::string>()), row.at("unit_hash").get<double>(), 1e-15);
    const Task& task = task_of(row.at("item"), "row");
    EXPECT_EQ(task.canonical(row.at("item")), row.at("canonical"));
    EXPECT_EQ(is_held_out(task, row.at("item")), row.at("held_out").get<bool>());
  }
}

TEST(Task, NamesLeadToTasks) {
  for (const Task* task : all_tasks()) {
    EXPECT_EQ(&find_task(task->name()), task);
    for (const std::string_view kind : task->kinds()) EXPECT_EQ(&task_of_kind(kind), task);
  }
  EXPECT_EQ(find_task("math").name(), "math");
  EXPECT_THROW(find_task("dance"), Error);
  EXPECT_THROW(task_of_kind("countdown"), Error);
  for (const char* item : {"[]", "{}", "{\"task\":1}", "{\"task\":\"dance\"}"})
    EXPECT_THROW(task_of(parse_ordered_json(item, "test"), "line 3"), Error) << item;
}

}  // namespace
}  // namespace hadal::tasks
