#include "base/paths.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/scratch.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

TEST(Paths, FilesBelowAreSortedWithoutLinksAndHiddenOnes) {
  const test::ScratchFolder scratch;
  for (const char* folder : {"top/b", "top/.git", "else"}) fs::create_directories(scratch / folder);
  for (const char* file : {"top/c.md", "top/b/a.md", "top/b/no.png", "top/.git/x.md", "top/.x.md", "else/y.md"})
    write_file_whole(scratch / file, "");
  fs::create_symlink("../else", scratch / "top/link");
  fs::create_symlink("../else/y.md", scratch / "top/y.md");
  const auto nothing = [](const Path& path, const std::string& why) { ADD_FAILURE() << path << ": " << why; };
  const auto is_text = [](const Path& path) { return path.extension() == ".md"; };
  EXPECT_EQ(files_below(scratch / "top", is_text, nothing),
            (std::vector<Path>{scratch / "top/b/a.md", scratch / "top/c.md"}));
  EXPECT_HAS(test::error_of([&] { files_below(scratch / "gone", is_text, nothing); }),
             "gone: cannot be read: No such file");
}

TEST(Paths, PipesAndDevicesAreWrittenThrough) {
  const test::ScratchFolder scratch;
  const Path pipe = scratch / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", scratch / "link");
  write_file_whole(scratch / "file", "x");
  for (const Path& path : {pipe, scratch / "link", Path("/dev/null"), Path("/dev/stdout"), Path("/dev/fd/1")})
    EXPECT_TRUE(is_written_through(path)) << path;
  for (const Path& path : {scratch / "file", scratch / "none", scratch.path()})
    EXPECT_FALSE(is_written_through(path)) << path;
}

}  // namespace
}  // namespace hadal
