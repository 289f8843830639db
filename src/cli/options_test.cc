#include "cli/options.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "cli/api_keys.h"
#include "cli/samples_file.h"

namespace hadal {
namespace {

using test::error_of;
using Ids = std::vector<TokenId>;

TEST(ParseIds, TakesListsAsPeopleWriteThem) {
  EXPECT_EQ(parse_ids("1,2,3", 10), (Ids{1, 2, 3}));
  EXPECT_EQ(parse_ids(" [ 1 , 2 ,3 ] ", 10), (Ids{1, 2, 3}));
  EXPECT_EQ(parse_ids("", 10), Ids{});
  EXPECT_EQ(parse_ids("9", 10), (Ids{9}));
}

TEST(ParseIds, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> kMistakes[] = {
      {"1,x", "\"x\""},      {"1 2", "expected a comma"}, {"10", "from 0 to 9"},
      {"-1", "from 0 to 9"}, {"1.5", "expected a comma"}, {"99999999999999999999", "expected whole numbers"}};
  for (const auto& [text, part] : kMistakes) EXPECT_HAS(error_of([&] { parse_ids(text, 10); }), part) << text;
}

TEST(Answers, ControlCharactersAreShownInATerminal) {
  EXPECT_EQ(without_controls("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(without_controls("\x1b[31m\x7f\r"), "\uFFFD[31m\uFFFD\uFFFD");
  EXPECT_EQ(without_controls("\u009b31m\u00e9"), "\uFFFD31m\u00e9") << "C1 too, and other letters stay";
}

// The sampling options of a command line: the model's own defaults stand where the user says nothing.
TEST(SamplingFlags, TheUserWinsOverTheModel) {
  SamplingFlags flags;
  CommandLine line("A verb.");
  flags.add_to(line);
  char verb[] = "hadal verb", option[] = "--temperature", value[] = "0.125", seed[] = "--seed", number[] = "5";
  char* argv[] = {verb, option, value, seed, number};
  ASSERT_EQ(line.parse(5, argv), std::nullopt);
  weights::GenerationDefaults defaults;
  defaults.temperature = 0.5;
  defaults.top_p = 0.25;
  defaults.top_k = 3;
  flags.take_defaults(line, defaults);
  EXPECT_EQ(flags.options.temperature, 0.125f);
  EXPECT_EQ(flags.options.top_p, 0.25f);
  EXPECT_EQ(flags.options.top_k, 3);
  EXPECT_EQ(flags.options.min_p, SamplingOptions().min_p);
  EXPECT_EQ(flags.request().sampling.seed, 5u);
}

TEST(EngineFlags, SizesTheCacheForItsStreams) {
  EngineFlags flags;
  flags.context = 100;
  flags.streams = 8;
  flags.stream_tokens = 50;
  flags.precision = "f32";
  const weights::RunPlan plan = flags.plan(2);
  EXPECT_EQ(plan.context, 100);
  EXPECT_EQ(plan.sequences, 2);
  EXPECT_EQ(plan.least_tokens, 400);
  EXPECT_EQ(plan.precision, Precision::f32);
}

TEST(ApiKeys, OneALineWithoutCommentsAndBlanks) {
  const test::ScratchFolder folder;
  write_file_whole(folder / "keys", "# ours\r\n  alpha \r\n\n\tbeta\n#gamma\n");
  EXPECT_EQ(read_api_keys(folder / "keys"), (std::vector<std::string>{"alpha", "beta"}));
  write_file_whole(folder / "none", "# nothing\n\n");
  EXPECT_HAS(error_of([&] { read_api_keys(folder / "none"); }), "expected at least one API key");
  EXPECT_HAS(error_of([&] { read_api_keys(folder / "absent"); }), "absent");
}

TEST(SamplesFile, WritesInTheOrderOfTheQuestions) {
  const test::ScratchFolder folder;
  write_file_whole(folder / "samples", "of the time before\n");
  SamplesFile file((folder / "samples").string());
  EXPECT_EQ(read_file(folder / "samples"), "of the time before\n") << "until the evaluation begins";
  file.begin();
  file.add(1, "b\n");
  EXPECT_EQ(read_file(folder / "samples"), "") << "its place is behind a";
  file.add(0, "a\n");
  EXPECT_EQ(read_file(folder / "samples"), "a\nb\n");
  file.add(3, "d\n");
  file.finish();
  EXPECT_EQ(read_file(folder / "samples"), "a\nb\nd\n") << "c never came";
  EXPECT_FALSE(file.failed());
  EXPECT_HAS(error_of([] { SamplesFile("/no/such/folder/file"); }), "nothing was asked");
}

}  // namespace
}  // namespace hadal
