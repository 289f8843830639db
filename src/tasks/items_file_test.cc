#include "tasks/items_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

namespace hadal::tasks {
namespace {

class ItemsFile : public ::testing::Test {
 protected:
  ~ItemsFile() override { std::filesystem::remove(path_); }
  std::vector<Fields> read(const std::string& content, int64_t limit = 0) {
    write_file_whole(path_, content);
    return read_items(path_, {"question", "answer"}, limit);
  }
  std::string error(const std::string& content) {
    try {
      read(content);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  Path path_ = std::filesystem::temp_directory_path() / fmt::format("hadal_items_{}.jsonl", getpid());
};

TEST_F(ItemsFile, ReadsTheFieldsThatAreAskedFor) {
  const auto items =
      read("\xEF\xBB\xBF{\"question\":\"1+1\",\"answer\":2,\"other\":[]}\n \r\n{\"question\":\"q\",\"answer\":\"a\"}");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0], (Fields{{"question", "1+1"}, {"answer", "2"}}));
  EXPECT_EQ(items[1].at("answer"), "a");
}

TEST_F(ItemsFile, TakesTheFirstLinesOnly) {
  std::string lines;
  for (int i = 0; i < 5; ++i) lines += fmt::format("{{\"question\":\"q\",\"answer\":{}}}\n", i);
  EXPECT_EQ(read(lines, 3).size(), 3u);
  EXPECT_EQ(read(lines + "not JSON\n", 5).size(), 5u);
}

TEST_F(ItemsFile, NamesTheLineThatIsWrong) {
  EXPECT_NE(error("{\"question\":\"q\",\"answer\":1}\n{\"question\":\"q\"}\n")
                .find("line 2: expected an object with a text \"answer\""),
            std::string::npos);
  EXPECT_NE(error("[1]\n").find("line 1"), std::string::npos);
  EXPECT_NE(error("{\"question\":\"q\",\"answer\":null}").find("\"answer\""), std::string::npos);
  EXPECT_NE(error("\n\n").find("expected at least one line"), std::string::npos);
}

TEST_F(ItemsFile, ReadsItemsOfVerifiableTasks) {
  const std::string countdown = R"({"task": "countdown", "numbers": [19, 36, 55], "target": 38})";
  write_file_whole(path_, countdown + "\n\n" + countdown + "\n{\"task\": \"countdown\"}");
  const auto items = read_task_items(path_, 2);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].task->name(), "countdown");
  EXPECT_EQ(items[1].item->at("target"), 38);
  for (const std::string& bad : {std::string("{\"task\": \"countdown\"}"), std::string("[]"), std::string("{")}) {
    write_file_whole(path_, countdown + "\n\n" + bad);
    try {
      read_task_items(path_, 0);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("line 3"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace hadal::tasks
