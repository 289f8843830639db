// Which right replies are kept, how they become dialogues, and the folder that a killed run resumes from.
#include "rl/teach/replies.h"

#include <gtest/gtest.h>

#include "train/data/dialogue_formats.h"
#include "train/testing/test_support.h"

namespace hadal::rl {
namespace {

using test::TemporaryFolder;

Question question_of(int number) {
  auto item = std::make_shared<const OrderedJson>(OrderedJson{
      {"task", "math"}, {"question", fmt::format("What is {} + 0?", number)}, {"answer", std::to_string(number)}});
  return {&tasks::find_task("math"), item, 0, item->at("question").get<std::string>()};
}

// An item to which so many of the replies are right, each in other words.
AskedItem asked(int number, int right, int wrong) {
  AskedItem item{question_of(number), {}};
  for (int i = 0; i < right + wrong; ++i) {
    item.replies.push_back(
        judge(item.question, {fmt::format("<think>way {}</think>{}", i, i < right ? number : number + 1), true, 7}));
  }
  return item;
}

TEST(Replies, AnUnfinishedOneIsNotRight) {
  EXPECT_TRUE(judge(question_of(5), {"<think>so</think>5", true, 3}).right);
  EXPECT_FALSE(judge(question_of(5), {"<think>so</think>5", false, 3}).right);
  EXPECT_FALSE(judge(question_of(5), {"<think>so</think>6", true, 3}).right);
}

TEST(Replies, HardItemsComeFirst) {
  const std::vector<AskedItem> items = {asked(1, 8, 0), asked(2, 1, 7), asked(3, 0, 8), asked(4, 3, 5)};
  std::vector<size_t> order;
  for (const Kept& kept : choose_replies(items, 0, 2, 1)) {
    order.push_back(kept.item);
    EXPECT_TRUE(items[kept.item].replies[kept.reply].right);
  }
  EXPECT_EQ(order, (std::vector<size_t>{1, 3, 3, 0, 0}));
  order.clear();
  for (const Kept& kept : choose_replies(items, 2, 2, 1)) order.push_back(kept.item);
  EXPECT_EQ(order, (std::vector<size_t>{1, 3}));
}

TEST(Replies, AreDrawnAtRandomAndOnlyOnce) {
  const std::vector<AskedItem> items = {asked(1, 8, 0)};
  std::set<size_t> drawn;
  for (uint64_t seed = 0; seed < 40; ++seed) drawn.insert(choose_replies(items, 0, 1, seed).at(0).reply);
  EXPECT_GE(drawn.size(), 4u);
  AskedItem same = asked(1, 3, 0);
  same.replies[1] = same.replies[2] = same.replies[0];
  EXPECT_EQ(choose_replies({same}, 0, 3, 1).size(), 1u);
}

TEST(Replies, BecomeDialoguesWithThoughts) {
  const PartedReply parted = part_reply("<think>\n3+4 is 7\n</think>\n\n\\boxed{7}");
  EXPECT_EQ(parted.thinking, "3+4 is 7");
  EXPECT_EQ(parted.answer, "\\boxed{7}");
  EXPECT_EQ(part_reply("3+4 is 7</think>7").thinking, "3+4 is 7");
  EXPECT_EQ(part_reply("7").thinking, "");
  EXPECT_EQ(part_reply("7").answer, "7");

  const AskedItem item = asked(5, 1, 0);
  const Dialogue dialogue = read_dialogue(parse_ordered_json(chat_line(item, item.replies[0]), "line"), "line");
  ASSERT_EQ(dialogue.conversation.messages.size(), 2u);
  EXPECT_EQ(dialogue.conversation.messages[0].content, "What is 5 + 0?");
  EXPECT_EQ(dialogue.conversation.messages[1].reasoning, "way 0");
  EXPECT_EQ(dialogue.conversation.messages[1].content, "5");
}

TEST(Replies, AFolderGivesBackWhatWasAsked) {
  const TemporaryFolder folder;
  const ReplyFolder replies(folder.path() / "replies");
  EXPECT_TRUE(replies.empty());
  replies.bind({{"seed", 3}}, "r.toml");
  replies.bind({{"seed", 1}}, "r.toml");  // nothing depends on the first one
  EXPECT_TRUE(replies.empty());
  const std::vector<AskedItem> batch = {asked(1, 2, 1), asked(2, 0, 3)};
  replies.write(3, batch);
  EXPECT_FALSE(replies.empty());
  std::vector<AskedItem> read = {{question_of(1), {}}, {question_of(2), {}}};
  EXPECT_FALSE(replies.read(2, read));
  ASSERT_TRUE(replies.read(3, read));
  for (size_t i = 0; i < batch.size(); ++i) {
    ASSERT_EQ(read[i].replies.size(), 3u);
    EXPECT_EQ(read[i].num_right(), batch[i].num_right());
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(read[i].replies[k].reply.text, batch[i].replies[k].reply.text);
      EXPECT_EQ(read[i].replies[k].reply.tokens, 7);
    }
  }
  std::vector<AskedItem> others = {{question_of(8), {}}, {question_of(9), {}}};
  EXPECT_FALSE(replies.read(3, others));
  write_file_whole(folder.path() / "replies" / "00003.jsonl", "{\"item\": 1}\n");
  EXPECT_FALSE(replies.read(3, read));

  replies.bind({{"seed", 1}}, "r.toml");
  test::expect_contains(test::error_of([&] { replies.bind({{"seed", 2}}, "r.toml"); }), {"r.toml", "seed", "1", "2"});
}

}  // namespace
}  // namespace hadal::rl
