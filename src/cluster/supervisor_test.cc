#include "cluster/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "cluster/supervisor/log_keeper.h"
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

TEST(Supervisor, SuspendsByAskingTheProgramToSave) {
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(), "trap 'echo saved; exit 3' USR1; sleep 1000 & echo $! > child; wait"));
  const pid_t child = id_in(folder / "child");
  run.signal(SIGHUP);  // a terminal that is closed
  run.signal(SIGUSR1);
  const AttemptEnd end = run.end();
  EXPECT_EQ(end.code, 3);
  EXPECT_EQ(end.why, "exit code 3; 1 process that it left behind was killed");
  EXPECT_TRUE(end.suspended);
  EXPECT_FALSE(end.stopped);
  EXPECT_FALSE(runs(child));
  EXPECT_EQ(text_of(folder / "log"), "saved\n");
}

TEST(Supervisor, KillsWhatIgnoresSignals) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "trap '' USR1 TERM; echo $$ > id; exec sleep 1000");
  order.grace_s = order.kill_after_s = .05;
  Supervised run(order);
  const pid_t id = id_in(folder / "id");
  run.signal(SIGUSR1);
  const AttemptEnd end = run.end();
  EXPECT_EQ(end.code, 137);
  EXPECT_EQ(end.why, "had not saved 0.05 s after SIGUSR1; killed 0.05 s after SIGTERM");
  EXPECT_TRUE(end.suspended);
  EXPECT_FALSE(runs(id));
}

TEST(Supervisor, StopsTheWholeGroupEvenWhereItIsFrozen) {
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(), "trap 'echo bye; exit 4' TERM; sleep 1000 & echo $$ > id; wait"));
  ::kill(id_in(folder / "id"), SIGSTOP);
  run.signal(SIGTERM);
  const AttemptEnd end = run.end();
  EXPECT_EQ(end.code, 4);
  EXPECT_TRUE(end.stopped);
  EXPECT_FALSE(end.suspended);
  EXPECT_EQ(text_of(folder / "log"), "bye\n");
}

TEST(Supervisor, TheTimeLimitStops) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "exec sleep 1000");
  order.time_limit_s = .05;
  const AttemptEnd end = Supervised(order).end();
  EXPECT_EQ(end.why, "time limit of 0.05 s; signal 15 (Terminated)");
  EXPECT_EQ(end.code, 128 + SIGTERM);
  EXPECT_TRUE(end.stopped);
}

TEST(Supervisor, MemoryIsWatchedOverAllProcesses) {
  const ScratchFolder folder;
  // Two that hold 24 MiB each, in what they read from /dev/zero, and wait for somebody who reads.
  Order order = shell_order(folder.path(),
                            "mkfifo f; exec 3<>f; dd if=/dev/zero of=f bs=24M 2>/dev/null & "
                            "dd if=/dev/zero of=f bs=24M 2>/dev/null");
  order.memory_bytes = 40 << 20;
  const AttemptEnd end = Supervised(order).end();
  EXPECT_EQ(end.code, 137);
  EXPECT_HAS(end.why, "memory above 40 MiB");  // by watching, or by a control group where there may be one
  EXPECT_FALSE(end.stopped);
}

TEST(Supervisor, WhatForksAwayIsKilled) {
  const ScratchFolder folder;
  // A daemon by the book: a child that ends, a session of its own, the standard streams closed.
  const AttemptEnd end = Supervised(shell_order(folder.path(),
                                                "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' <&- >&- 2>&- &); "
                                                "until [ -s daemon ]; do sleep .01; done"))
                             .end();
  EXPECT_EQ(end.why, "exit code 0; 1 process that it left behind was killed");
  EXPECT_FALSE(runs(id_in(folder / "daemon")));
}

// A process that forks and ends at once, and so on: whoever looks for it comes too late.
TEST(Supervisor, WhatForksFasterThanOneLooksIsKilled) {
  if (!std::filesystem::exists("/usr/bin/perl")) GTEST_SKIP() << "needs perl";
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(),
                             "perl -e 'open my $f, \">\", \"flies\"; while (1) { fork and exit }' & "
                             "until [ -e flies ]; do sleep .01; done; exit 7"));
  EXPECT_EQ(run.end().code, 7);
}

constexpr const char* kFamily =
    "echo $PPID > worker; (setsid sleep 1000 & echo $! > away); echo $$ > id; exec sleep 1000";

TEST(Supervisor, NothingOutlivesItsSupervisor) {
  for (const bool watch : {true, false}) {
    const ScratchFolder folder;
    Supervised run(shell_order(folder.path(), kFamily));
    const pid_t id = id_in(folder / "id"), away = id_in(folder / "away"), worker = id_in(folder / "worker");
    ASSERT_NE(worker, run.id());
    ::kill(watch ? run.id() : worker, SIGKILL);
    std::optional<AttemptEnd> end;
    wait_until([&] { return (end = read_attempt_end(folder.path(), 1)).has_value(); });
    EXPECT_HAS(end->why, "its supervisor was killed");
    EXPECT_EQ(end->code, 137);
    EXPECT_FALSE(runs(id) || runs(away));
    EXPECT_EQ(run.wait(), 137);
  }
}

TEST(Supervisor, TheProgramDiesAlsoWhereAllOfItsSupervisorIsKilled) {
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(), "echo $PPID > worker; echo $$ > id; exec sleep 1000"));
  const pid_t id = id_in(folder / "id"), worker = id_in(folder / "worker");
  run.signal(SIGSTOP);  // it cannot see that its worker ends
  ::kill(worker, SIGKILL);
  run.signal(SIGKILL);
  run.wait();
  wait_until([&] {  // nobody may be there to ask for it
    const std::string stat = text_of(fmt::format("/proc/{}/stat", id));
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  });
  EXPECT_FALSE(read_attempt_end(folder.path(), 1));
}

TEST(Supervisor, AnAttemptIsTakenOnce) {
  const ScratchFolder folder;
  const Order order = shell_order(folder.path(), "echo ran >> count");
  std::vector<std::unique_ptr<Supervised>> all;
  for (int i = 0; i < 6; ++i) all.push_back(std::make_unique<Supervised>(order, folder / fmt::format("order{}", i)));
  std::vector<int> codes;
  for (const auto& run : all) codes.push_back(run->wait());
  std::sort(codes.begin(), codes.end());
  EXPECT_EQ(codes, (std::vector<int>{0, 4, 4, 4, 4, 4}));
  EXPECT_EQ(text_of(folder / "count"), "ran\n");
}

TEST(Supervisor, AnOlderAttemptDoesNotStartBehindANewerOne) {
  const ScratchFolder folder;
  EXPECT_EQ(Supervised(shell_order(folder.path(), "true", 2)).wait(), 0);
  EXPECT_EQ(Supervised(shell_order(folder.path(), "echo > ran", 1)).wait(), 4);
  EXPECT_FALSE(std::filesystem::exists(folder / "ran"));
  EXPECT_EQ(text_of(folder / "attempt"), "2\n");
  write_file_whole(folder / "attempt", "7\n");  // also where its folder is gone
  EXPECT_EQ(Supervised(shell_order(folder.path(), "echo > ran", 3)).wait(), 4);
  EXPECT_FALSE(std::filesystem::exists(folder / "ran"));
}

TEST(Supervisor, TheNewestOfManyThatStartTogetherStays) {
  const ScratchFolder folder;
  std::vector<std::unique_ptr<Supervised>> all;
  for (int attempt = 1; attempt <= 8; ++attempt)
    all.push_back(std::make_unique<Supervised>(shell_order(folder.path(), "true", attempt)));
  int code = -1;
  for (const auto& run : all) code = run->wait();
  EXPECT_EQ(code, 0) << "the newest runs";
  EXPECT_EQ(text_of(folder / "attempt"), "8\n");
}

TEST(Supervisor, ALongLogKeepsHeadAndTail) {
  const ScratchFolder folder;
  constexpr int64_t kKept = 1 << 20, kWritten = 100'000'000;
  Order order = shell_order(folder.path(), fmt::format("echo begin; yes 0123456789 | head -c {}; echo end", kWritten));
  order.log_bytes = kKept;
  EXPECT_EQ(Supervised(order).end().code, 0);
  const std::string head = text_of(folder / "log"), tail = text_of(folder / "log.tail");
  EXPECT_EQ(head.size(), static_cast<size_t>(kKept));
  EXPECT_TRUE(head.starts_with("begin\n0123456789\n"));
  EXPECT_TRUE(tail.ends_with("end\n"));
  const size_t line = tail.find('\n') + 1;
  EXPECT_LE(tail.size(), kKept + line);
  EXPECT_GE(tail.size(), static_cast<size_t>(kKept) - 16);
  const auto left_out = kWritten + 6 + 4 - head.size() - (tail.size() - line);
  EXPECT_EQ(tail.substr(0, line), fmt::format("[left out here: {} bytes]\n", left_out));
  EXPECT_EQ(tail.substr(line, 11), "0123456789\n") << "from the beginning of a line";

  // The next attempt goes on behind it.
  order.attempt = 2;
  order.command = {"echo", "more"};
  EXPECT_EQ(Supervised(order).end().code, 0);
  EXPECT_EQ(text_of(folder / "log").size(), head.size());
  const std::string longer = text_of(folder / "log.tail");
  EXPECT_TRUE(longer.ends_with("end\nmore\n"));
  EXPECT_LE(longer.size(), kKept + line);
}

TEST(Supervisor, OfAVeryLongLineTheEndIsKept) {  // progress bars know no line ends
  const ScratchFolder folder;
  Order order = shell_order(folder.path(), "head -c 1000000 /dev/zero | tr '\\0' =; echo end");
  order.log_bytes = 100'000;
  EXPECT_EQ(Supervised(order).end().code, 0);
  const std::string tail = text_of(folder / "log.tail");
  EXPECT_TRUE(tail.ends_with("===end\n"));
  EXPECT_GE(tail.size(), 100'000u);
}

TEST(Supervisor, TheLogGoesOnOverAttempts) {
  const ScratchFolder folder;
  for (int attempt = 1; attempt <= 3; ++attempt)
    EXPECT_EQ(Supervised(shell_order(folder.path(), fmt::format("echo {}", attempt), attempt)).wait(), 0);
  EXPECT_EQ(text_of(folder / "log"), "1\n2\n3\n");
}

TEST(Supervisor, SecretsAreMaskedInTheLogAndInNoArgument) {
  const ScratchFolder folder;
  Order order = shell_order(folder.path(),
                            "echo \"a $T b $L\"; printf %s \"${T%??}\"; sleep .1; printf '%s|' \"${T#????????????}\"; "
                            "echo $K $NAME; tr '\\0' ' ' < /proc/$PPID/cmdline > arguments; printf secret-");
  order.environment = {{"T", ""}, {"MLFLOW_TRACKING_TOKEN", "secret-0123456"}, {"NAME", "secret"}, {"MY_KEY", "short"}};
  order.environment[0].second = "secret-0123456";
  order.environment.emplace_back("L", "0123456");
  order.environment.emplace_back("K", "short");
  EXPECT_EQ(Supervised(order).end().code, 0);
  EXPECT_EQ(text_of(folder / "log"), "a *** b 0123456\n***|short secret\nsecret-");
  EXPECT_EQ(text_of(folder / "arguments").find("secret"), std::string::npos);
}

// What is to be shown: all bytes that lie in a secret hidden, overlapping secrets as one.
std::string masked(const std::string& text, const std::vector<std::string>& secrets) {
  std::string marks(text.size(), '.');
  for (size_t end = 1; end <= text.size(); ++end)
    for (const std::string& secret : secrets) {
      if (!std::string_view(text).substr(0, end).ends_with(secret)) continue;
      const size_t first = end - secret.size();
      if (marks[first] == '.') marks[first] = '(';
      for (size_t i = first + 1; i < end; ++i) marks[i] = '-';
    }
  std::string shown;
  for (size_t i = 0; i < text.size(); ++i)
    shown += marks[i] == '.' ? std::string(1, text[i]) : marks[i] == '(' ? "***" : "";
  return shown;
}

TEST(Supervisor, ASecretMayHaveAnotherInIt) {
  const std::vector<std::vector<std::string>> cases = {
      {"0123456789", "345678"}, {"0123456789", "012345"}, {"0123456789", "456789"},           {"012345", "345678"},
      {"aaaaaa", "aaaaaaaa"},   {"abcabcabc", "abcabc"},  {"abcdef", "defghi", "abcdefghij"}, {"0123456789"}};
  const std::vector<std::string> texts = {"x0123456789y",
                                          "0123456345678",
                                          "01234567",
                                          "0123450123456789",
                                          "0123456780123456789",
                                          "aaaaaaaaaaaaaaaaaaaaa!",
                                          "abcabcabcabcabcab",
                                          "zabcdefghijz",
                                          "abcdefghi abcdefghij abcdef",
                                          "",
                                          "plain"};
  for (const auto& secrets : cases) {
    std::vector<std::pair<std::string, std::string>> environment;
    for (const std::string& secret : secrets) environment.emplace_back("T" + secret + "_TOKEN", secret);
    for (const std::string& text : texts) {
      const std::string expected = masked(text, secrets);
      for (size_t first = 0; first <= text.size(); ++first)
        for (size_t second = first; second <= text.size(); ++second) {
          Masker masker(environment);
          std::string shown = masker.pass(text.substr(0, first)) + masker.pass(text.substr(first, second - first));
          shown += masker.pass(text.substr(second)) + masker.rest();
          EXPECT_EQ(shown, expected) << text << ", cut at " << first << " and " << second;
        }
    }
  }
  EXPECT_EQ(masked("x0123456789y", cases[0]), "x***y");
  // What can be no secret any more is passed on at once.
  Masker masker({{"A_TOKEN", "0123456789"}, {"B_TOKEN", "345678"}});
  EXPECT_EQ(masker.pass("x01234"), "x");
  EXPECT_EQ(masker.pass("5678"), "");
  EXPECT_EQ(masker.pass("x34"), "012***x");
  EXPECT_EQ(masker.rest(), "34");
}

TEST(Supervisor, ADeletedFolderEndsNothing) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "r1");
  Order order = shell_order(folder / "r1", "echo $$ > id; exec sleep 1000");
  Supervised run(order, folder / "order");
  const pid_t id = id_in(folder / "r1" / "id");
  std::filesystem::remove_all(folder / "r1");
  EXPECT_TRUE(runs(id));
  run.signal(SIGTERM);
  EXPECT_EQ(run.wait(), 128 + SIGTERM);
  EXPECT_FALSE(read_attempt_end(folder / "r1", 1));
  EXPECT_EQ(Supervised(order, folder / "order").wait(), 1) << "nor does it start in none";
}

TEST(Supervisor, AFullDiskEndsNoRun) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small disk";
  const ScratchFolder folder;
  // Seen by this process and its children alone.
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "may not mount";
  Order order = shell_order(folder.path(), "cat /dev/zero > full; yes | head -c 100000; echo end; rm full; exit 5");
  order.log_bytes = 20000;
  AttemptEnd end = Supervised(order).end();
  EXPECT_EQ(end.code, 5);
  EXPECT_TRUE(text_of(folder / "log.tail").ends_with("y\nend\n"));
  // Also where it stays full: the room for its end was taken before.
  order = shell_order(folder.path(), "cat /dev/zero > full; exit 6", 2);
  EXPECT_EQ(Supervised(order).end().code, 6);
  ::umount(folder.path().c_str());
}

TEST(Supervisor, AProgramDoesNotWriteItsOwnEnd) {
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(),
                             "echo '{\"code\":0,\"why\":\"\",\"suspended\":false,\"stopped\":false,\"started\":0,"
                             "\"ended\":0,\"seconds\":0,\"core_seconds\":0}' > attempts/1/exit.json; "
                             "echo $$ > id; exec sleep 1000"));
  id_in(folder / "id");
  EXPECT_FALSE(read_attempt_end(folder.path(), 1)) << "it runs still";
  run.signal(SIGTERM);
  EXPECT_EQ(run.end().code, 128 + SIGTERM);
}

// What a program does to its own folder keeps nobody from seeing its end, nor from stopping it.
TEST(Supervisor, AProgramDoesNotStandInTheWayOfItsEnd) {
  for (const char* script : {"mkdir -p attempts/1/exit.json/full", "chmod 000 attempts/1", "chmod 000 .", "rm -rf ./*",
                             "mv attempts away", "mkfifo log.tail.tmp; head -c 5000 /dev/zero"}) {
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "r1");
    Order order = shell_order(folder / "r1", fmt::format("{}; exit 5", script));
    order.log_bytes = 1024;
    Supervised run(order, folder / "order");
    EXPECT_EQ(run.end().code, 5) << script;
  }
}

TEST(Supervisor, AnAttemptDoesNotStandInTheWayOfTheNext) {
  for (const char* script : {"rm attempt; mkfifo attempt", "rm attempt; mkdir attempt",
                             "mkdir attempts/2; mkfifo attempts/2/exit.json.tmp", "chmod 000 attempts"}) {
    const ScratchFolder folder;
    EXPECT_EQ(Supervised(shell_order(folder.path(), script)).wait(), 0);
    EXPECT_EQ(Supervised(shell_order(folder.path(), "exit 5", 2)).end().code, 5) << script;
    EXPECT_EQ(text_of(folder / "attempt"), "2\n") << script;
  }
}

TEST(Supervisor, IsStoppedAlsoWhereItsProgramFrozeIt) {
  const ScratchFolder folder;
  Supervised run(shell_order(folder.path(), "kill -STOP $PPID; echo $$ > id; exec sleep 1000"));
  id_in(folder / "id");
  run.signal(SIGTERM);
  EXPECT_EQ(run.end().code, 128 + SIGTERM);
}

TEST(Supervisor, EndsThatAreNoneOfOurs) {
  const ScratchFolder folder;
  EXPECT_FALSE(read_attempt_end(folder.path(), 1));
  EXPECT_EQ(Supervised(shell_order(folder.path(), "true")).wait(), 0);
  const Path end = folder / "attempts" / "1" / "exit.json";
  const std::string text = read_file(end);
  std::filesystem::rename(end, folder / "elsewhere");
  std::filesystem::create_symlink(folder / "elsewhere", end);
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "damaged: a link");
  std::filesystem::remove(end);
  ::mkfifo(end.c_str(), 0600);  // is not waited for
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "expected a file");
  std::filesystem::remove(end);
  ::mknod(end.c_str(), S_IFSOCK | 0600, 0);
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "damaged");
  std::filesystem::remove(end);
  write_file_whole(end, text.substr(0, text.size() / 2));
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "damaged");
  EXPECT_FALSE(read_attempt_end(folder.path(), 1)->code);
  write_file_whole(end, R"({"code": "x"})");
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "damaged");
  write_file_whole(end, std::string(5000, ' ') + text);
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "4 KiB");
  std::filesystem::rename(folder / "attempts", folder / "others");
  std::filesystem::create_symlink(folder / "others", folder / "attempts");
  EXPECT_HAS(read_attempt_end(folder.path(), 1)->why, "damaged: a link");
}

}  // namespace
}  // namespace hadal::cluster
