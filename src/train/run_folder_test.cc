#include "train/run_folder.h"

#include "train/checkpoint.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

TEST(RunFolder, BelongsToOneRunAtATime) {
  const TemporaryFolder folder;
  {
    const RunFolder first(folder.path() / "run");
    expect_contains(error_of([&] { RunFolder(folder.path() / "run"); }),
                    {"another run is training", std::to_string(getpid())});
    const RunFolder other(folder.path() / "other");
  }
  EXPECT_EQ(error_of([&] { RunFolder(folder.path() / "run"); }), "");  // the file is there, its lock is not
}

TEST(RunFolder, SaysWhatStandsInItsPlace) {
  const TemporaryFolder folder;
  folder.file("file", "text");
  expect_contains(error_of([&] { RunFolder(folder.path() / "file"); }), {"expected a folder", "is a file"});
  expect_contains(error_of([&] { RunFolder(folder.path() / "file" / "deep" / "run"); }),
                  {"expected a folder", "file is a file"});
  expect_contains(error_of([&] { RunFolder("/proc/self/run"); }), {"/proc/self/run", "cannot be made"});
}

TEST(RunFolder, ClearsWhatKilledRunsLeftAndNothingElse) {
  const TemporaryFolder folder;
  for (const char* name :
       {"unfinished-12", "unfinished-model", "removed-checkpoint-3", "unfinished-thoughts", "model"}) {
    make_folder(folder.path() / name);
    folder.file(std::string(name) + "/x", "");
  }
  for (const char* name : {"metrics.jsonl.tmp", "notes.tmp", "metrics.jsonl"}) folder.file(name, "");
  { const RunFolder run(folder.path()); }
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    left.push_back(entry.path().filename().string());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{"lock", "metrics.jsonl", "model", "notes.tmp", "unfinished-thoughts"}));
}

TEST(ReplaceFolder, ShowsTheOldOrTheNewOneWhole) {
  const TemporaryFolder folder;
  const Path target = folder.path() / "model";
  replace_folder(target, [](const Path& made) { write_file_whole(made / "a", "1"); });
  EXPECT_EQ(read_file(target / "a"), "1");
  replace_folder(target, [](const Path& made) { write_file_whole(made / "b", "2"); });
  EXPECT_EQ(read_file(target / "b"), "2");
  EXPECT_FALSE(std::filesystem::exists(target / "a"));
  expect_contains(error_of([&] {
                    replace_folder(target, [](const Path& made) {
                      write_file_whole(made / "b", "3");
                      fail("no room");
                    });
                  }),
                  {"no room"});
  EXPECT_EQ(read_file(target / "b"), "2");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace hadal
