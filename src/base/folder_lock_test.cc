#include "base/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <thread>

#include "base/testing/scratch.h"

namespace hadal {
namespace {

using test::error_of;

TEST(FolderLock, BelongsToOneAtATimeAndNamesIt) {
  const test::ScratchFolder folder;
  {
    const FolderLock first(folder.path(), "another works here", "wait");
    const std::string error = error_of([&] { FolderLock(folder.path(), "another works here", "wait"); });
    EXPECT_HAS(error, folder.path().string() + ": another works here: process " + std::to_string(::getpid()) + " on ");
    EXPECT_TRUE(error.ends_with("; wait")) << error;
  }
  EXPECT_EQ(error_of([&] { FolderLock(folder.path(), "", ""); }), "");
  EXPECT_HAS(error_of([&] { FolderLock(folder / "gone", "", ""); }), "cannot be written");
}

TEST(FolderLock, WaitsWithPatienceAndGoesOnWithoutWhereItIsNotNeeded) {
  const test::ScratchFolder folder;
  auto first = std::make_unique<FolderLock>(folder.path(), "", "");
  EXPECT_EQ(error_of([&] { FolderLock(folder.path(), "", "", .01, false); }), "");
  EXPECT_HAS(error_of([&] { FolderLock(folder.path(), "another works here", "", .01); }), "another works here");
  std::thread end([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    first.reset();
  });
  EXPECT_EQ(error_of([&] { FolderLock(folder.path(), "", "", 600); }), "");
  end.join();
}

TEST(FolderLock, AKilledProcessGivesItBack) {
  const test::ScratchFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock held(folder.path(), "", "");
    static_cast<void>(!::write(ready[1], "x", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_HAS(error_of([&] { FolderLock(folder.path(), "busy", ""); }), "process " + std::to_string(child));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(error_of([&] { FolderLock(folder.path(), "", ""); }), "");
  ::close(ready[0]), ::close(ready[1]);
}

TEST(FolderLock, AFolderThatWasRemovedAndMadeAnewIsLockedAnew) {
  const test::ScratchFolder folder;
  std::filesystem::create_directory(folder / "run");
  const auto first = std::make_unique<FolderLock>(folder / "run", "", "");
  std::filesystem::remove_all(folder / "run");
  std::filesystem::create_directory(folder / "run");
  const FolderLock second(folder / "run", "", "");
  EXPECT_HAS(error_of([&] { FolderLock(folder / "run", "busy", ""); }), "busy");
}

}  // namespace
}  // namespace hadal
