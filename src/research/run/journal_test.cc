#include "research/run/journal.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"

namespace hadal::research {
namespace {

using test::error_of;
using test::ScratchFolder;

TEST(Journal, GivesBackWhatWasWritten) {
  ScratchFolder folder;
  const Path file = folder / "journal.jsonl";
  {
    Journal journal(file);
    journal.append("begin", "one", {{"a", 1}}, 10, 0.5);
    journal.append("page", "two \"quoted\" \xff", {{"b", {1, 2}}}, 20, 1.5);
    EXPECT_TRUE(journal_is_held(file));
    EXPECT_HAS(error_of([&] { Journal second(file); }), "another process");
  }
  EXPECT_FALSE(journal_is_held(file));
  const std::vector<JournalLine> lines = read_journal(file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].kind, "page");
  EXPECT_EQ(lines[1].archive, 20u);
  EXPECT_EQ(lines[1].data, (OrderedJson{{"b", {1, 2}}}));
  Journal again(file);
  EXPECT_EQ(again.append("done", "", {}, 30, 2).number, 3);
}

TEST(Journal, ATornLineIsCutOff) {
  ScratchFolder folder;
  const Path file = folder / "journal.jsonl";
  {
    Journal journal(file);
    journal.append("begin", "", {{"a", 1}}, 0, 0);
    journal.append("page", "", {{"b", 2}}, 0, 0);
  }
  const std::string whole = read_file(file);
  const size_t first = whole.find('\n') + 1;
  for (size_t length = first; length < whole.size(); ++length) {
    write_file_whole(file, whole.substr(0, length));
    Journal journal(file);
    ASSERT_EQ(journal.lines().size(), 1u) << length;
    journal.append("page", "", {{"b", 2}}, 0, 0);
    EXPECT_EQ(read_file(file), whole);
  }
}

TEST(Journal, AnyOtherByteIsMissed) {
  ScratchFolder folder;
  const Path file = folder / "journal.jsonl";
  {
    Journal journal(file);
    journal.append("begin", "", {{"a", 1}}, 0, 0);
    journal.append("page", "", {{"b", 2}}, 0, 0);
  }
  const std::string whole = read_file(file);
  for (size_t at = 0; at + 1 < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write_file_whole(file, changed);
    EXPECT_HAS(error_of([&] { read_journal(file); }), "line") << at;
  }
}

}  // namespace
}  // namespace hadal::research
