#include "train/data/reason_source.h"

#include <map>

#include "train/data/documents.h"
#include "train/reason_data.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;

SourceSpec countdown_source() {
  SourceSpec s;
  s.name = "reason";
  s.kind = SourceKind::reason;
  s.where = "r.toml:9";
  s.tasks = {{"countdown3", 0.3}, {"countdown4", 0.7}};
  s.documents = 300;
  s.seed = 5;
  return s;
}

std::vector<ReasonDialogue> dialogues(const SourceSpec& source, tasks::Split split, int64_t count) {
  std::vector<ReasonDialogue> out;
  EXPECT_TRUE(for_each_reason_dialogue(source, split, count, [&](ReasonDialogue&& d) {
    out.push_back(std::move(d));
    return true;
  }));
  return out;
}

std::string reply_of(const ReasonDialogue& d) {
  const chat::Message& answer = d.conversation.messages.at(1);
  return "<think>" + answer.reasoning.value() + "</think>" + answer.content.value();
}

TEST(ReasonSource, DialogueIDependsOnSeedAndIAlone) {
  SourceSpec source = countdown_source();
  const auto all = dialogues(source, tasks::Split::training, 60);
  source.documents = 7;
  for (const int64_t i : {0, 1, 59}) {
    const ReasonDialogue one = make_reason_dialogue(source, tasks::Split::training, i);
    const ReasonDialogue& same = all[static_cast<size_t>(i)];
    EXPECT_EQ(one.item, same.item);
    EXPECT_EQ(reply_of(one), reply_of(same));
    EXPECT_EQ(one.conversation.messages[0].content, same.conversation.messages[0].content);
  }
  source.seed = 6;
  EXPECT_NE(make_reason_dialogue(source, tasks::Split::training, 0).item, all[0].item);
}

TEST(ReasonSource, TracesAreRightShortAndOfTheTrainingHalf) {
  SourceSpec source = countdown_source();
  source.max_thinking_bytes = 300;
  std::map<std::string, int> kinds;
  for (const tasks::Split split : {tasks::Split::training, tasks::Split::held_out}) {
    for (const ReasonDialogue& d : dialogues(source, split, 200)) {
      const tasks::Task& task = tasks::task_of(d.item, "test");
      ++kinds[task.kind(d.item)];
      EXPECT_EQ(tasks::is_held_out(task, d.item), split == tasks::Split::held_out) << d.item;
      EXPECT_TRUE(tasks::judge_reply(task, d.item, reply_of(d)).right) << d.item << reply_of(d);
      EXPECT_LE(d.conversation.messages[1].reasoning.value().size(), 300u);
    }
  }
  EXPECT_EQ(kinds.size(), 2u);
  EXPECT_NEAR(kinds["countdown3"], 120, 40);
}

TEST(ReasonSource, AShareAnswersAtOnce) {
  SourceSpec source = countdown_source();
  const auto whole = dialogues(source, tasks::Split::training, 200);
  source.without_thinking = 0.25;
  int at_once = 0;
  for (size_t i = 0; const ReasonDialogue& d : dialogues(source, tasks::Split::training, 200)) {
    const auto &now = d.conversation.messages, &before = whole[i++].conversation.messages;
    EXPECT_EQ(now[0].content, before[0].content);
    EXPECT_EQ(now[1].content, before[1].content);
    if (now[1].reasoning)
      EXPECT_EQ(now[1].reasoning, before[1].reasoning);
    else
      ++at_once;
  }
  EXPECT_NEAR(at_once, 50, 25);
}

TEST(ReasonSource, DocumentsAreThoseDialoguesAndTheLastOnesAreHeldOut) {
  SourceSpec source = countdown_source();
  const auto all = dialogues(source, tasks::Split::training, source.documents);
  size_t training = 0, held_out = 0;
  for_each_document(source, [&](Document&& d) {
    if (d.validation) return ++held_out, true;
    EXPECT_EQ(d.content() + all[training].conversation.messages[1].reasoning.value() + "\n", d.words());
    EXPECT_EQ(d.conversation.messages[1].reasoning, all[training].conversation.messages[1].reasoning);
    return ++training, true;
  });
  EXPECT_EQ(training, 300u);
  EXPECT_GT(held_out, 100u);
  source.max_megabytes = 0.01;  // as a tokenizer is learnt from it
  double bytes = 0;
  for_each_document(source, [&](Document&& d) { return bytes += static_cast<double>(d.words().size()), true; });
  EXPECT_LE(bytes, 1e4);
  EXPECT_GT(bytes, 5e3);
}

TEST(ReasonSource, SaysWhichKindHasNoTraces) {
  SourceSpec source = countdown_source();
  check_reason_source(source);
  source.max_thinking_bytes = 3;
  expect_contains(error_of([&] { check_reason_source(source); }),
                  {"r.toml:9", "\"reason\"", "countdown3", "max_thinking_bytes = 3"});
}

TEST(ReasonSource, ItsKeyFollowsWhatTheTasksMake) {
  SourceSpec source = countdown_source();
  const std::string key = reason_source_key(source);
  EXPECT_EQ(reason_source_key(source), key);
  source.tasks[0].second = 0.4;
  EXPECT_NE(reason_source_key(source), key);
  source = countdown_source();
  source.without_thinking = 0.1;
  EXPECT_NE(reason_source_key(source), key);
  source = countdown_source();
  source.max_thinking_bytes = 600;
  EXPECT_NE(reason_source_key(source), key);
}

TEST(ReasonData, WritesLinesThatASourceOfDialoguesReads) {
  const test::TemporaryFolder folder;
  Recipe recipe;
  recipe.file = "r.toml";
  expect_contains(error_of([&] { for_each_reason_line(recipe, {}, [](const std::string&) { return true; }); }),
                  {"r.toml", "\"reason\""});
  recipe.sources = {countdown_source()};
  std::string lines;
  for_each_reason_line(recipe, {.items = 20, .seed = 8}, [&](const std::string& line) {
    lines += line + "\n";
    return true;
  });
  SourceSpec made = countdown_source();
  made.seed = 8;
  const auto expected = dialogues(made, tasks::Split::training, 20);
  SourceSpec read;
  read.kind = SourceKind::chat;
  read.path = folder.file("traces.jsonl", lines);
  size_t count = 0;
  for_each_document(read, [&](Document&& d) {
    const auto& messages = expected.at(count++).conversation.messages;
    EXPECT_EQ(d.conversation.messages.at(0).content, messages[0].content);
    EXPECT_EQ(d.conversation.messages.at(1).content, messages[1].content);
    EXPECT_EQ(d.conversation.messages.at(1).reasoning, messages[1].reasoning);
    return true;
  });
  EXPECT_EQ(count, 20u);
}

TEST(ReasonData, SourcesShareTheItemsByTheirDocuments) {
  Recipe recipe;
  recipe.sources = {countdown_source(), countdown_source(), countdown_source()};
  recipe.sources[0].documents = 600;
  recipe.sources[1].documents = 200;
  recipe.sources[2].documents = 1;
  recipe.sources[1].tasks = {{"arithmetic", 1.0}};
  std::map<std::string, int> lines;
  for_each_reason_line(recipe, {.items = 50}, [&](const std::string& line) {
    ++lines[parse_json(line, "line").at("item").at("task")];
    return true;
  });
  EXPECT_EQ(lines, (std::map<std::string, int>{{"countdown", 37}, {"arithmetic", 13}}));
}

}  // namespace
}  // namespace hadal
