#include "tasks/items_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

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

}  // namespace
}  // namespace hadal::tasks
