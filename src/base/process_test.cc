#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/testing/scratch.h"

namespace hadal {
namespace {

using Kind = ProcessStream::Kind;

ProcessOptions shell(const std::string& script) {
  ProcessOptions options{.command = {"sh", "-c", script}};
  options.input = options.output = options.error = {Kind::pipe};
  return options;
}

std::string all(Process& process) {
  std::string text;
  for (std::string piece; !(piece = process.read()).empty();) text += piece;
  return text;
}

bool is_there(pid_t id) { return ::kill(id, 0) == 0; }

TEST(Process, EndsWithItsCodeOrItsSignal) {
  Process quits(shell("exit 3"));
  EXPECT_EQ(quits.wait().text(), "exit code 3");
  EXPECT_EQ(quits.poll()->code, 3) << "again";
  Process killed(shell("kill -9 $$"));
  EXPECT_EQ(killed.wait().signal, SIGKILL);
  EXPECT_FALSE(killed.wait().ok());
  EXPECT_TRUE(Process(shell("true")).wait().ok());
}

TEST(Process, WhatCannotBeStartedIsNamed) {
  EXPECT_HAS(test::error_of([] { Process({.command = {"no-such-program-here"}}); }), "no-such-program-here");
  EXPECT_HAS(test::error_of([] { Process({.command = {"true"}, .folder = "/no/such/folder"}); }), "/no/such/folder");
  EXPECT_HAS(test::error_of([] {
               Process({.command = {"true"}, .output = {Kind::file, "/no/such/file"}});
             }),
             "/no/such/file");
}

TEST(Process, PipesFolderAndEnvironment) {
  const test::ScratchFolder folder;
  ::setenv("HADAL_TEST_A", "old", 1);
  ProcessOptions options = shell("read line; echo $line $HADAL_TEST_A $HADAL_TEST_B; pwd -P; echo no >&2");
  options.folder = folder.path();
  options.environment = {{"HADAL_TEST_A", "new"}, {"HADAL_TEST_B", "b"}};
  Process process(options);
  process.write("hello\n");
  process.close_input();
  EXPECT_EQ(all(process), "hello new b\n" + std::filesystem::canonical(folder.path()).string() + "\n");
  EXPECT_EQ(process.read_error(), "no\n");
  EXPECT_TRUE(process.wait().ok());
}

TEST(Process, FilesAreAppendedTo) {
  const test::ScratchFolder folder;
  ProcessOptions options = shell("echo more");
  options.output = {Kind::file, folder / "log"};
  write_file_whole(folder / "log", "before\n");
  Process(options).wait();
  EXPECT_EQ(read_file(folder / "log"), "before\nmore\n");
}

// The script says when its trap is set and its child runs, so nothing here depends on time.
TEST(Process, StopIsPoliteFirstAndTakesTheWholeGroup) {
  Process polite(shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"));
  EXPECT_EQ(polite.read(), "ready\n");
  EXPECT_FALSE(polite.poll()) << "it runs";
  EXPECT_EQ(polite.stop(60'000).code, 3);
  EXPECT_EQ(all(polite), "bye\n");

  Process deaf(shell("trap '' TERM; sleep 1000 & echo $!; wait"));
  const pid_t child = std::stoi(deaf.read());
  EXPECT_TRUE(is_there(child));
  EXPECT_EQ(deaf.stop(1).signal, SIGKILL);
  EXPECT_EQ(all(deaf), "") << "the pipe is closed when the child, too, is gone";
}

TEST(Process, TheDestructorLeavesNothingBehind) {
  const test::ScratchFolder folder;
  const std::string lock = (folder / "lock").string();
  {
    Process process(shell("exec 9>'" + lock + "'; flock 9; sleep 1000 & echo started; wait"));
    EXPECT_EQ(process.read(), "started\n");
  }
  const int fd = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(::flock(fd, LOCK_EX), 0);  // waits until the child, which holds the lock too, is gone
  ::close(fd);
}

TEST(Process, InheritsNoOtherFiles) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);  // without O_CLOEXEC
  Process process(shell("ls /proc/self/fd | wc -l"));
  EXPECT_LE(std::stoi(all(process)), 4) << "three streams, and the folder that ls reads";
  ::close(ends[0]);
  ::close(ends[1]);
}

// As much both ways as no pipe holds.
TEST(Process, BothWaysAtOnceWithoutWaiting) {
  Process process(shell("tee /dev/stderr"));
  const std::string text(1 << 20, 'x');
  std::string_view unsent = text;
  std::string output, error;
  while (output.size() < text.size() || error.size() < text.size()) {
    const Process::Ready ready = process.wait_ready(!unsent.empty(), 60'000);
    ASSERT_TRUE(ready.input || ready.output || ready.error);
    if (ready.input) unsent.remove_prefix(process.write_some(unsent));
    if (ready.output) output += process.read();
    if (ready.error) error += process.read_error();
  }
  EXPECT_TRUE(output == text && error == text);
  Process::Ready ready = process.wait_ready(true, 0);
  EXPECT_TRUE(ready.input);
  EXPECT_FALSE(ready.output || ready.error) << "nothing to read";
  process.close_input();
  while (!process.wait_ready(false, 60'000).output) {
  }
  EXPECT_EQ(process.read(), "");
  EXPECT_FALSE(process.wait_ready(false, 0).output) << "an end is read once";
}

TEST(Process, WritingToOneThatEndedIsAnError) {
  Process process(shell("exit 0"));
  process.wait();
  EXPECT_HAS(test::error_of([&] { process.write("x"); }), "sh: cannot write to it");
  EXPECT_HAS(test::error_of([&] { process.write_some("x"); }), "Broken pipe");
}

TEST(Process, DetachedOnesGoOn) {
  pid_t id = 0;
  {
    Process process(shell("exec sleep 1000"));
    id = process.id();
    process.detach();
  }
  EXPECT_TRUE(is_there(id));
  ::kill(id, SIGKILL);
}

TEST(Process, OfItsOwnSessionOrOfOurs) {
  ProcessOptions options = shell("ps -o sid= -p $$ | tr -d ' \\n'");
  EXPECT_EQ(
      [&] {
        Process process(options);
        return all(process);
      }(),
      std::to_string(::getsid(0)));
  options.own_session = true;
  Process process(options);
  EXPECT_EQ(all(process), std::to_string(process.id()));
}

TEST(Process, AFileIsMadeForWhomItIsFor) {
  const test::ScratchFolder folder;
  ProcessOptions options = shell("echo a");
  options.output = {Kind::file, folder / "log", 0600};
  EXPECT_TRUE(Process(options).wait().ok());
  EXPECT_EQ(read_file(folder / "log"), "a\n");
  EXPECT_EQ(std::filesystem::status(folder / "log").permissions(), std::filesystem::perms(0600));
}

}  // namespace
}  // namespace hadal
