// The shared verdicts: what a reply is worth, attempts to cheat among them.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tasks/task.h"

namespace hadal::tasks {
namespace {

// How many lines the file has.
int64_t expect_agreement(const char* name) {
  int64_t judged = 0;
  for_each_line(Path(HADAL_SOURCE_DIR) / "tests/reason" / name, [&](std::string_view line, int64_t number) {
    const OrderedJson row = parse_ordered_json(line, "row");
    const auto reply = row.at("reply").get<std::string>();
    const Verdict verdict = judge_reply(task_of(row.at("item"), "row"), row.at("item"), reply);
    EXPECT_EQ(verdict.right, row.at("right").get<bool>())
        << "line " << number << ": " << brief(reply) << ": " << verdict.why << "; expected: " << row.at("why");
    EXPECT_EQ(verdict.right, verdict.nearness == 1) << "line " << number;
    EXPECT_FALSE(verdict.why.empty()) << "line " << number;
    ++judged;
    return true;
  });
  return judged;
}

TEST(Verdicts, AgreeWithTheSharedOnes) { EXPECT_EQ(expect_agreement("verdicts.jsonl"), 40); }
TEST(Verdicts, AttemptsToCheatEarnNothing) { EXPECT_GE(expect_agreement("attempts.jsonl"), 160); }

}  // namespace
}  // namespace hadal::tasks
