#include "cluster/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/testing/supervised.h"
#include "cluster/testing/supervisor_main.h"

namespace hadal::cluster {
namespace {

using hadal::test::error_of;
using hadal::test::ScratchFolder;
using test::shell_order;
using test::Supervised;
using test::text_of;
using test::wait_until;

bool runs(pid_t id) { return ::kill(id, 0) == 0; }

// The number that a script writes when it is there.
pid_t id_in(const Path& file) {
  std::string text;
  wait_until([&] { return (text = text_of(file)).ends_with('\n'); });
  return static_cast<pid_t>(std::stol(text));
}

TEST(Supervisor, OrdersComeBackAsTheyWereWritten) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "true", 3);
  order.environment = {{"A", "b c"}, {"MLFLOW_TRACKING_TOKEN", "0123456789"}};
  order.cores = {0, 2};
  order.slots = 2;
  order.memory_bytes = 5;
  order.grace_s = .5;
  order.time_limit_s = 7;
  order.log_bytes = 9;
  write_order(folder / "o", order, ::geteuid(), ::getegid());
  struct stat status {};
  ASSERT_EQ(::stat((folder / "o").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const Order read = read_order(folder / "o");
  EXPECT_EQ(read.name, order.name);
  EXPECT_EQ(read.attempt, 3);
  EXPECT_EQ(read.folder, order.folder);
  EXPECT_EQ(read.command, order.command);
  EXPECT_EQ(read.environment, order.environment);
  EXPECT_EQ(read.cores, order.cores);
  EXPECT_EQ(read.slots, 2);
  EXPECT_EQ(read.memory_bytes, 5);
  EXPECT_EQ(read.grace_s, .5);
  EXPECT_EQ(read.kill_after_s, 3600);
  EXPECT_EQ(read.time_limit_s, 7);
  EXPECT_EQ(read.log_bytes, 9);
  write_file_whole(folder / "o", R"({"name": "x"})");
  EXPECT_HAS(error_of([&] { read_order(folder / "o"); }), "key 'run' not found");
}

TEST(Supervisor, RunsAProgramAndSaysHowItEnded) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "echo out; echo err >&2; pwd -P; exit 5");
  order.slots = 2;
  Supervised run(order);
  EXPECT_EQ(run.wait(), 5);
  const AttemptEnd end = run.end();
  EXPECT_EQ(end.code, 5);
  EXPECT_EQ(end.why, "exit code 5");
  EXPECT_FALSE(end.suspended || end.stopped);
  EXPECT_GT(end.seconds, 0);
  EXPECT_DOUBLE_EQ(end.core_seconds, 2 * end.seconds);
  EXPECT_GE(end.ended, end.started);
  EXPECT_EQ(text_of(folder / "log"), "out\nerr\n" + std::filesystem::canonical(folder.path()).string() + "\n");
  EXPECT_EQ(text_of(folder / "attempt"), "1\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "log.tail"));
  EXPECT_EQ(Supervised(shell_order(folder.path(), "exit 0", 2)).end().why, "exit code 0");
  const AttemptEnd killed = Supervised(shell_order(folder.path(), "kill -SEGV $$", 3)).end();
  EXPECT_EQ(killed.code, 128 + SIGSEGV);
  EXPECT_EQ(killed.why, "signal 11 (Segmentation fault)");
}

TEST(Supervisor, TheEnvironmentIsTheOrders) {
  const ScratchFolder folder;
  ::setenv("HADAL_TEST_LEAK", "1", 1);
  Order order = shell_order(folder.path(), "");
  order.command = {"env"};
  order.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/h"}, {"USER", "u"}, {"LOGNAME", "l"}, {"A", "b c"}};
  EXPECT_EQ(Supervised(order).end().code, 0);
  EXPECT_EQ(text_of(folder / "log"), "A=b c\nHOME=/h\nLOGNAME=l\nPATH=/usr/bin:/bin\nUSER=u\n");
  ::unsetenv("HADAL_TEST_LEAK");
}

TEST(Supervisor, WhatCannotBeStartedIsSaidInWords) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "");
  order.command = {"no-such-program-here"};
  AttemptEnd end = Supervised(order).end();
  EXPECT_EQ(end.code, 127);
  EXPECT_EQ(end.why, "no-such-program-here: cannot be started: No such file or directory");
  EXPECT_EQ(text_of(folder / "log"), end.why + "\n");
  write_file_whole(folder / "plain", "#!/bin/sh\n");
  order.attempt = 2;
  order.command = {(folder / "plain").string()};
  end = Supervised(order).end();
  EXPECT_EQ(end.code, 126);
  EXPECT_HAS(end.why, "plain: cannot be started: Permission denied");
  order.attempt = 3;
  order.command = {"true"};
  order.cores = {1023};
  end = Supervised(order).end();
  EXPECT_EQ(end.code, 126);
  EXPECT_HAS(end.why, "cannot be bound to its cores");
}

}  // namespace
}  // namespace hadal::cluster
