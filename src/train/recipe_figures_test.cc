#include "train/recipe_figures.h"

#include "base/hash.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

constexpr const char* kModel =
    "[model]\nfamily = \"llama\"\nhidden = 32\nlayers = 1\nheads = 2\ncontext = 64\n[tokenizer]\n";

std::string stage(const std::string& length, const std::string& sources = "{ t = 1 }") {
  return "[[stage]]\nname = \"s\"\nsources = " + sources +
         "\nsequence_length = 32\nbatch_tokens = 64\nmicro_batch_tokens = 64\n" + length + "\n";
}

class RecipeFiguresTest : public ::testing::Test {
 protected:
  RecipeFiguresTest() {
    std::string lines;
    for (int i = 0; i < 200; ++i) lines += fmt::format("{{\"text\":\"document {} of this file\"}}\n", i);
    write_file_whole(folder_.path() / "t.jsonl", lines);
    write_file_whole(folder_.path() / "copy.jsonl", lines);
    write_file_whole(folder_.path() / "other.jsonl", lines + "{\"text\":\"one more\"}\n");
  }
  std::string source(const std::string& file, const std::string& more = "validation = 0.2") {
    return "[[source]]\nname = \"t\"\nkind = \"text\"\npath = \"" + file + "\"\n" + more + "\n";
  }
  RecipeFigures figures(const std::string& rest, const std::string& top = "",
                        const std::string& tokenizer = "bytes_only = true\n") {
    return figures_of(
        parse_recipe("name = \"r\"\noutput = \"out\"\n" + top + kModel + tokenizer + rest, folder_.path() / "r.toml"));
  }
  std::string held_out(const std::string& source, const std::string& top = "",
                       const std::string& rates = "matrix_lr = 0.1\n") {
    return figures(source + stage("steps = 3\n" + rates), top).held_out;
  }
  TemporaryFolder folder_;
};

TEST_F(RecipeFiguresTest, TokensAreThoseOfTheStages) {
  EXPECT_EQ(figures(source("t.jsonl") + stage("steps = 3")).tokens, 3 * 64);
  EXPECT_EQ(figures(source("t.jsonl") + stage("steps = 3") + stage("tokens = 1000")).tokens, 3 * 64 + 1064);
  EXPECT_EQ(figures(source("t.jsonl") + stage("minutes = 1")).tokens, 0);
}

TEST_F(RecipeFiguresTest, WhatIsHeldOutHasAHash) {
  const std::string hash = held_out(source("t.jsonl"));
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(held_out(source("t.jsonl"), "seed = 7\n", "matrix_lr = 0.5\nother_lr = 0.1\n"), hash);
  EXPECT_EQ(held_out(source("copy.jsonl")), hash);
  EXPECT_NE(held_out(source("t.jsonl", "validation = 0.3")), hash);
  EXPECT_NE(held_out(source("t.jsonl"), "run = { validation_tokens = 100 }\n"), hash);
  EXPECT_EQ(held_out(source("t.jsonl", "validation = 0")), "");
  EXPECT_EQ(held_out(source("t.jsonl"), "run = { validation_tokens = 0 }\n"), "");
}

// Another document moves nothing between the parts, and is itself held out or not.
TEST_F(RecipeFiguresTest, OnlyWhatIsHeldOutCounts) {
  const bool held = unit_hash("one more") < 0.2;
  EXPECT_EQ(held_out(source("other.jsonl")) == held_out(source("t.jsonl")), !held);
}

TEST_F(RecipeFiguresTest, MadeUpSourcesAreHeldOutBySeed) {
  const auto sums = [&](const std::string& seed) {
    return figures("[[source]]\nname = \"t\"\nkind = \"arithmetic\"\ndocuments = 100\n" + seed + stage("steps = 1"), "",
                   "vocab = 300\n")
        .held_out;
  };
  EXPECT_EQ(sums("seed = 1\n"), sums(""));
  EXPECT_NE(sums("seed = 2\n"), sums(""));
}

TEST_F(RecipeFiguresTest, CountsMemoryAndWritesNothing) {
  EXPECT_GT(figures(source("t.jsonl") + stage("steps = 3")).memory_bytes, uint64_t{64} << 20);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
}

TEST_F(RecipeFiguresTest, RefusesDataThatIsNotThere) {
  expect_contains(error_of([&] { figures(source("gone.jsonl") + stage("steps = 1")); }), {"gone.jsonl"});
}

}  // namespace
}  // namespace hadal
