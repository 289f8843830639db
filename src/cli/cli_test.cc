// The command line as a stranger meets it: runs the program and looks at its exit code and its two streams.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace hadal {
namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
};

Path scratch() {
  static const Path folder = [] {
    const Path path = std::filesystem::temp_directory_path() / ("hadal_cli_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    return path;
  }();
  return folder;
}

Outcome run(const std::string& arguments, const std::string& input = "") {
  const Path out = scratch() / "out", err = scratch() / "err", in = scratch() / "in";
  write_file_whole(in, input);
  const std::string command = fmt::format("'{}/hadal' {} <'{}' >'{}' 2>'{}'", HADAL_BINARY_DIR, arguments, in.string(), out.string(), err.string());
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

TEST(Cli, HelpAndVersion) {
  for (const char* arguments : {"", "--help", "help"}) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 0);
    EXPECT_NE(o.out.find("usage: hadal VERB"), std::string::npos);
    EXPECT_EQ(o.err, "");
  }
  EXPECT_EQ(run("--version").out.substr(0, 6), "hadal ");
  for (const char* verb : {"chat", "serve", "generate", "eval", "bench", "inspect", "tokenize", "detokenize", "logits", "export"}) {
    const Outcome o = run(std::string(verb) + " --help");
    EXPECT_EQ(o.code, 0) << verb;
    EXPECT_NE(o.out.find(std::string("hadal ") + verb), std::string::npos) << o.out;
  }
}

TEST(Cli, MistakesOfUsageAreExitCode2) {
  for (const char* arguments : {"swim", "generate --no-such-option", "logits", "generate --prompt x --max-tokens -3", "tokenize", "eval --task dance --file x",
                                "inspect", "export --to zip out"}) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 2) << arguments << "\n" << o.err;
    EXPECT_EQ(o.out, "") << arguments;
    EXPECT_NE(o.err, "") << arguments;
  }
}

}  // namespace
}  // namespace hadal
