// Verifiers that are programs: what they answer, and that nothing they do gets out of the sandbox or stops the run.
#include "tasks/command_verifier.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/json.h"
#include "base/testing/scratch.h"

namespace hadal::tasks {
namespace {

// What stands around the lines that a test gives: `reply` and `item` are there, and say() answers.
constexpr const char* kBefore = R"(import json, os, socket, subprocess, sys, time
def say(reward, **more):
    print(json.dumps({"reward": reward + 0, **more}), flush=True)
def works(action):
    try:
        action()
        return True
    except Exception as error:
        print(repr(error), file=sys.stderr, flush=True)
        return False
for line in sys.stdin:
    line = json.loads(line)
    item, reply = line["item"], line["reply"]
)";

class CommandVerifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = test::error_of([&] { check_sandbox(spec().sandbox); });
    if (!problem.empty()) GTEST_SKIP() << "needs a sandbox: " << problem;
  }

  CommandSpec spec(std::vector<std::string> command = {"true"}) const {
    CommandSpec spec;
    spec.sandbox.who = "r.toml:3: verifier";
    spec.sandbox.command = std::move(command);
    spec.sandbox.folder = folder_.path();
    spec.line_seconds = 120;
    return spec;
  }
  CommandSpec python(const std::string& body) {
    std::string script = kBefore;
    for (size_t begin = 0; begin < body.size();) {
      const size_t end = std::min(body.find('\n', begin), body.size());
      script += "    " + body.substr(begin, end - begin) + "\n";
      begin = end + 1;
    }
    write_file_whole(folder_ / "check.py", script);
    return spec({"python3", "check.py"});
  }
  // The reward for one reply by this script; -1: none.
  double reward(const std::string& body, const std::string& reply = "x") {
    CommandVerifier verifier(python(body));
    const auto verdict = verifier.judge(OrderedJson::object(), reply);
    EXPECT_TRUE(verdict) << verifier.problem();
    return verdict ? verdict->reward : -1;
  }
  // Waits until nothing holds folder/lock any more.
  void expect_lock_is_free() {
    const int fd = ::open((folder_ / "lock").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(::flock(fd, LOCK_EX), 0);
    ::close(fd);
  }

  test::ScratchFolder folder_;
};

constexpr const char* kLeaveAChild = R"(
import fcntl
file = open("lock")
fcntl.flock(file, fcntl.LOCK_EX)
if os.fork() == 0:
    os.setsid()
    time.sleep(100000)
)";

TEST_F(CommandVerifierTest, OneProgramJudgesManyReplies) {
  CommandVerifier verifier(python("say(len(reply) / item['length'], why=str(os.getpid()))"));
  std::string process;
  for (const std::string& reply : {std::string("abc"), std::string("a\nb"), std::string("\u00e4\u2028\x01"),
                                   std::string("\"}\\"), std::string(300'000, '(')}) {
    const auto verdict = verifier.judge({{"length", 3}}, reply);
    ASSERT_TRUE(verdict) << verifier.problem();
    EXPECT_EQ(verdict->reward, reply.size() > 3 && reply[0] != '\xc3' ? 100'000 : 1);
    EXPECT_TRUE(verdict->right);
    EXPECT_TRUE(process.empty() || process == verdict->why);
    process = verdict->why;
  }
}

TEST_F(CommandVerifierTest, ItSaysWhatIsRight) {
  CommandVerifier verifier(python("print(reply, flush=True)"));
  const auto right = [&](const std::string& answer) { return verifier.judge({}, answer).value().right; };
  EXPECT_TRUE(right(R"({"reward": 1})"));
  EXPECT_FALSE(right(R"({"reward": 0.9})"));
  EXPECT_TRUE(right(R"({"reward": 0.9, "right": true})"));
  EXPECT_FALSE(right(R"({"reward": 2, "right": false, "more": []})"));
  EXPECT_EQ(verifier.judge({}, R"({"reward": -3, "why": "too\u0007 short"})").value().why, "too\\x07 short");
}

TEST_F(CommandVerifierTest, WhatIsNoVerdictIsNone) {
  CommandVerifier verifier(python(R"(
if reply == "die": os.abort()
if reply == "stop": sys.exit(3)
if reply == "noise": reply = "2" * 20000000
if reply == "two lines": reply = '{"reward": 1}\n{"reward": 1}'
if reply == "errors":
    sys.stderr.write("e" * 20000000)
    reply = '{"reward": 1}'
print(reply, flush=True)
)"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"die", "signal 6"},
      {"stop", "exit code 3"},
      {"noise", "more than 65536 bytes"},
      {"two lines", "more than one line"},
      {"rubbish", "it wrote rubbish"},
      {"", "it wrote  where"},
      {"[1]", "{\"reward\": a number}"},
      {"{}", "{\"reward\": a number}"},
      {R"({"reward": NaN})", "NaN"},
      {R"({"reward": "1"})", "a number}"},
      {R"({"reward": null})", "a number}"},
      {R"({"reward": 1e999})", "1e999"},
      {R"({"reward": 1e7})", "of at most 1"},
      {R"({"reward": 1, "right": 1})", "a number}"},
      {R"({"reward": 1, "why": 1})", "a number}"},
      {std::string(1000, '['), "[["},
  };
  for (const auto& [reply, problem] : cases) {
    SCOPED_TRACE(reply.substr(0, 20));
    EXPECT_FALSE(verifier.judge({}, reply));
    EXPECT_HAS(verifier.problem(), problem);
    EXPECT_TRUE(verifier.judge({}, R"({"reward": 1})")) << "a fresh one: " << verifier.problem();
  }
  EXPECT_TRUE(verifier.judge({}, "errors")) << verifier.problem();
}

TEST_F(CommandVerifierTest, OneThatHangsIsKilledWithItsChildren) {
  write_file_whole(folder_ / "lock", "");
  CommandSpec hangs = python(std::string(kLeaveAChild) + "time.sleep(100000)");
  hangs.line_seconds = 0.3, hangs.start_seconds = 0;
  CommandVerifier impatient(hangs);
  EXPECT_FALSE(impatient.judge({}, "x"));
  EXPECT_HAS(impatient.problem(), "no answer within 0.3 s");
  expect_lock_is_free();
}

TEST_F(CommandVerifierTest, WhatItStartedDiesWithIt) {
  write_file_whole(folder_ / "lock", "");
  {
    CommandVerifier verifier(python(std::string(kLeaveAChild) + "say(1)"));
    EXPECT_TRUE(verifier.judge({}, "x")) << verifier.problem();
    const int fd = ::open((folder_ / "lock").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_NE(::flock(fd, LOCK_EX | LOCK_NB), 0) << "the child holds it";
    ::close(fd);
  }
  expect_lock_is_free();
  CommandVerifier verifier(python(std::string(kLeaveAChild) + "sys.exit(0)"));
  EXPECT_FALSE(verifier.judge({}, "x"));
  expect_lock_is_free();
}

TEST_F(CommandVerifierTest, OneThatEndsAfterALineIsStartedAgain) {
  CommandVerifier verifier(spec({"sh", "-c", "read line; echo '{\"reward\": 1}'"}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(verifier.judge({}, std::string(200'000, 'x'))) << verifier.problem();
}

// What it leaks, and what it left running, ends from time to time.
TEST_F(CommandVerifierTest, AFreshOneTakesOverAfterAThousandLines) {
  CommandVerifier verifier(
      spec({"sh", "-c", "n=0; while read -r line; do n=$((n+1)); echo \"{\\\"reward\\\": $n}\"; done"}));
  for (int i = 0; i < 2002; ++i) {
    const auto verdict = verifier.judge({}, "x");
    ASSERT_TRUE(verdict) << verifier.problem();
    ASSERT_EQ(verdict->reward, i % 1000 + 1);
  }
}

TEST_F(CommandVerifierTest, ManyFailuresInARowAreAnError) {
  write_file_whole(folder_ / "check.sh", R"(while read -r line; do
  case "$line" in
    *yes*) echo '{"reward": 1}' ;;
    *) echo that way >&2; echo no ;;
  esac
done)");
  CommandVerifier verifier(spec({"sh", "check.sh"}));
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i < kFailuresInARow; ++i) EXPECT_FALSE(verifier.judge({}, "no"));
    EXPECT_TRUE(verifier.judge({}, "yes"));
  }
  for (int i = 1; i < kFailuresInARow; ++i) EXPECT_FALSE(verifier.judge({}, "no"));
  const std::string error = test::error_of([&] { verifier.judge({}, "no"); });
  for (const char* part : {"r.toml:3: verifier", "sh check.sh", "8 times in a row", "it wrote no", "that way"})
    EXPECT_HAS(error, part);
}

TEST_F(CommandVerifierTest, ItSeesAndWritesOnlyWhatIsItsOwn) {
  const test::ScratchFolder other;
  write_file_whole(other / "secret", "s");
  write_file_whole(folder_ / "data", "d");
  ::setenv("HADAL_TEST_SECRET", "s", 1);
  EXPECT_EQ(reward("say(sum(works(a) for a in [lambda: open('data').read(), lambda: open('/etc/passwd').read(), "
                   "lambda: open('/tmp/mine', 'w').write('x'), lambda: open('/dev/shm/mine', 'w').write('x')]))"),
            4);
  CommandVerifier verifier(python("say(works(lambda: eval(reply)))"));
  for (const std::string action :
       {"open('data', 'a')", "open('new', 'w')", "open('/etc/new', 'w')", "open('/usr/new', 'w')", "open('/new', 'w')",
        "open('/dev/new', 'w')", "open('/run/new', 'w')", "open('/var/tmp/new', 'w')", "os.mkdir('/root/new')",
        "open('/proc/sys/kernel/core_pattern', 'w')", "os.setuid(0)", "os.chroot('.')"}) {
    const auto verdict = verifier.judge({}, action);
    ASSERT_TRUE(verdict) << verifier.problem();
    EXPECT_EQ(verdict->reward, 0) << action;
  }
  EXPECT_EQ(reward("say(os.path.exists(reply))", (other / "secret").string()), 0);
  EXPECT_EQ(reward("say(len(os.listdir('/run')) + len(os.listdir('/dev/shm')))"), 0);
  EXPECT_EQ(reward("say('HADAL_TEST_SECRET' in os.environ)"), 0);
  EXPECT_EQ(reward("say(works(lambda: open('/proc/1/environ').read().index('HADAL_TEST_SECRET')))"), 0);
  EXPECT_LT(reward("say(sum(name.isdigit() for name in os.listdir('/proc')))"), 8);
  EXPECT_EQ(reward("say(os.getuid() == 0)"), 0);
  EXPECT_FALSE(std::filesystem::exists("/tmp/mine"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
}

TEST_F(CommandVerifierTest, ItHasNoNetwork) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {::htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(::ntohs(address.sin_port));
  EXPECT_EQ(reward("say(works(lambda: socket.create_connection(('127.0.0.1', int(reply)), 5)))", port), 0);
  EXPECT_EQ(reward("say(works(lambda: socket.create_connection(('1.1.1.1', 80), 5)))"), 0);
  ::close(fd);
}

TEST_F(CommandVerifierTest, ItIsLimited) {
  CommandSpec limited = python(R"(
def fill(path):
    with open(path, "wb") as file:
        for i in range(64): file.write(bytes(1 << 20))
def bomb():
    count = 0
    try:
        while count < 2000:
            if os.fork() == 0: time.sleep(100000)
            count += 1
    except OSError:
        pass
    return count
if reply == "disk": say(works(lambda: fill("/tmp/big")) + works(lambda: fill("/dev/shm/big")))
if reply == "memory": say(works(lambda: bytearray(1 << 30)))
if reply == "processes": say(bomb())
)");
  limited.sandbox.memory_mb = 256, limited.sandbox.processes = 20, limited.sandbox.disk_mb = 4;
  CommandVerifier verifier(limited);
  for (const char* what : {"disk", "memory"}) {
    const auto verdict = verifier.judge({}, what);
    ASSERT_TRUE(verdict) << verifier.problem();
    EXPECT_EQ(verdict->reward, 0) << what;
  }
  const auto verdict = verifier.judge({}, "processes");
  ASSERT_TRUE(verdict) << verifier.problem();
  EXPECT_LE(verdict->reward, 20);
  EXPECT_GE(verdict->reward, 1);
}

// What root alone can read is read for it, and nothing more.
TEST_F(CommandVerifierTest, AFolderOfOnesOwnIsSeen) {
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::owner_all);
  EXPECT_EQ(reward("say(open('check.py').read().count('import json'))"), 2);
  EXPECT_EQ(reward("status = open('/proc/self/status').read()\n"
                   "say(int(status.split('CapEff:')[1].split()[0], 16) in (0, 4) and "
                   "int(status.split('NoNewPrivs:')[1].split()[0]))"),
            1);
}

TEST_F(CommandVerifierTest, FilesThatTheCommandNamesAreSeen) {
  const test::ScratchFolder other;
  write_file_whole(other / "check.sh", "while read line; do echo '{\"reward\": 1}'; done");
  CommandVerifier verifier(spec({"sh", (other / "check.sh").string()}));
  EXPECT_TRUE(verifier.judge({}, "x")) << verifier.problem();
}

TEST_F(CommandVerifierTest, WorksAsNobodyToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become nobody";
  CommandSpec alive = python("say(os.getuid() == 65534)");
  const pid_t child = ::fork();
  if (child == 0) {
    const bool nobody = ::setgid(65534) == 0 && ::setuid(65534) == 0;
    std::string problem = "no nobody";
    if (nobody) {
      problem = test::error_of([&] {
        CommandVerifier verifier(alive);
        const auto verdict = verifier.judge({}, "x");
        if (!verdict || verdict->reward != 1) fail("{}", verdict ? "another user" : verifier.problem());
      });
    }
    if (!problem.empty()) ::dprintf(2, "%s\n", problem.c_str());
    ::_exit(problem.empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(CommandVerifierTest, ProgramsThatAreNotThereAreRefused) {
  for (const char* program : {"no-such-verifier", "./check.py", "/tmp/no/such"}) {
    const std::string error = test::error_of([&] { CommandVerifier verifier(spec({program})); });
    for (const char* part : {"r.toml:3: verifier", program, "expected a program"}) EXPECT_HAS(error, part);
  }
  CommandSpec hidden = spec();
  hidden.sandbox.folder = "/tmp";
  EXPECT_HAS(test::error_of([&] { CommandVerifier verifier(hidden); }), "a folder of its own");
  hidden.sandbox.folder = folder_ / "none";
  EXPECT_HAS(test::error_of([&] { CommandVerifier verifier(hidden); }), "No such file");
}

class WithPath {
 public:
  explicit WithPath(const std::string& path) : before_(std::getenv("PATH")) { ::setenv("PATH", path.c_str(), 1); }
  ~WithPath() { ::setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

TEST(Sandbox, NothingRunsWithoutOne) {
  const test::ScratchFolder folder;
  const SandboxSpec spec{.who = "r.toml:3: verifier", .command = {"true"}, .folder = folder.path()};
  const WithPath path(folder.path().string());
  std::string error = test::error_of([&] { check_sandbox(spec); });
  for (const char* part : {"r.toml:3: verifier", "bwrap", "apt-get install bubblewrap"}) EXPECT_HAS(error, part);

  // As bwrap fails where the kernel lets nobody make namespaces.
  write_file_whole(folder / "bwrap", "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n");
  std::filesystem::permissions(folder / "bwrap", std::filesystem::perms::owner_all);
  error = test::error_of([&] { check_sandbox(spec); });
  for (const char* part : {"no sandbox can be made here", "No permissions to create a new namespace", "sysctl"})
    EXPECT_HAS(error, part);
}

}  // namespace
}  // namespace hadal::tasks
