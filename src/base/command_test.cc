#include "base/command.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hadal {
namespace {

TEST(Command, IsWhatItsUserTypes) {
  ::unsetenv("HADAL_CALLED_AS");
  EXPECT_EQ(command({"market", "show", "a b"}), "hadal market show 'a b'");
  ::setenv("HADAL_CALLED_AS", "../hadal/run", 1);
  EXPECT_EQ(command({"market", "--help"}), "../hadal/run market --help");
  ::setenv("HADAL_CALLED_AS", "\x1b[31m", 1);
  EXPECT_EQ(command({"market"}), "hadal market") << "no control characters from the environment";
  ::unsetenv("HADAL_CALLED_AS");
}

TEST(Command, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("markets/m.1"), "markets/m.1");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("x; rm 'y'"), "'x; rm '\\''y'\\'''");
}

}  // namespace
}  // namespace hadal
