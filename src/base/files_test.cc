#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <csignal>
#include <fstream>

#include "base/error.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() : folder_(fs::path(testing::TempDir()) / ("hadal_files_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }

  size_t num_files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  std::vector<std::string> lines(const std::string& name, size_t max_line_bytes = 1 << 20) const {
    std::vector<std::string> found;
    for_each_line(
        folder_ / name,
        [&](std::string_view line, int64_t number) {
          found.emplace_back(line);
          EXPECT_EQ(number, static_cast<int64_t>(found.size()));
          return true;
        },
        max_line_bytes);
    return found;
  }

  Path folder_;
};

// What the call throws must name `part`.
template <typename F>
void expect_error(F&& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "expected an Error with \"" << part << "\"";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

TEST_F(Files, WritesWholeAndReadsBack) {
  const std::string bytes("a\0b\nc", 5);
  write_file_whole(folder_ / "a", bytes);
  EXPECT_EQ(read_file(folder_ / "a"), bytes);
  write_file_whole(folder_ / "a", "");
  EXPECT_EQ(read_file(folder_ / "a"), "");
  EXPECT_EQ(num_files(), 1u);
}

TEST_F(Files, WithoutCommitTheOldFileStays) {
  write_file_whole(folder_ / "a", "old");
  {
    WholeFile file(folder_ / "a");
    file.write("new");
    EXPECT_EQ(read_file(folder_ / "a"), "old");
  }
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_EQ(num_files(), 1u);
}

TEST_F(Files, AFailedWriteLeavesTheOldFileAndNothingElse) {
  write_file_whole(folder_ / "a", "old");
  // A limit on the size of files fails a write as a full disk does, in the middle.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error([&] { write_file_whole(folder_ / "a", std::string(10000, 'x')); }, "cannot write");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_EQ(num_files(), 1u);
}

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  expect_error([&] { read_file(folder_ / "gone"); }, "gone: cannot open: No such file");
  expect_error([&] { read_file(folder_); }, "expected a file, found a folder");
  expect_error([&] { write_file_whole(folder_ / "gone" / "a", "x"); }, "cannot create");
  expect_error([&] { MappedFile{folder_ / "gone"}; }, "gone");
  write_file_whole(folder_ / "a", "12345");
  expect_error([&] { read_file(folder_ / "a", 4); }, "expected at most 4 bytes, found 5");
}

TEST_F(Files, ALinkStaysAndItsTargetIsReplaced) {
  fs::create_directory(folder_ / "there");
  write_file_whole(folder_ / "there" / "target", "old");
  fs::create_symlink("there/target", folder_ / "link");
  fs::create_symlink("link", folder_ / "second");
  write_file_whole(folder_ / "second", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "second"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_FALSE(fs::is_symlink(folder_ / "there" / "target"));
  EXPECT_EQ(read_file(folder_ / "there" / "target"), "new");
  fs::create_symlink("there/later", folder_ / "dangling");
  write_file_whole(folder_ / "dangling", "made");
  EXPECT_EQ(read_file(folder_ / "there" / "later"), "made");
  fs::create_symlink("round", folder_ / "round");
  expect_error([&] { write_file_whole(folder_ / "round", "x"); }, "leads to itself");
}

TEST_F(Files, PipesAndDescriptorsAreWrittenToAndFoldersAreNot) {
  const Path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  write_file_whole(pipe, "through");
  char got[16] = "";
  EXPECT_EQ(::read(reader, got, sizeof got), 7);
  EXPECT_STREQ(got, "through");
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe)) << "it is still a pipe";

  // Behind what was written there before, as a shell's `> file` has it.
  const int fd = ::open((folder_ / "out").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::write(fd, "head ", 5), 5);
  fs::create_symlink("/proc/self/fd/" + std::to_string(fd), folder_ / "stdout");
  write_file_whole(folder_ / "stdout", "body ");
  ASSERT_EQ(::write(fd, "tail", 4), 4);
  ::close(fd);
  EXPECT_EQ(read_file(folder_ / "out"), "head body tail");

  fs::create_directory(folder_ / "folder");
  expect_error([&] { write_file_whole(folder_ / "folder", "x"); }, "expected a file to write, found a folder");
  EXPECT_FALSE(fs::exists(folder_ / "folder.tmp"));
}

TEST_F(Files, MapsWhatIsThere) {
  write_file_whole(folder_ / "a", "12345");
  MappedFile file(folder_ / "a");
  EXPECT_EQ(file.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(file.bytes()[4]), '5');
  const MappedFile moved = std::move(file);
  EXPECT_EQ(moved.bytes().size(), 5u);
  write_file_whole(folder_ / "empty", "");
  EXPECT_EQ(MappedFile(folder_ / "empty").bytes().size(), 0u);
}

TEST_F(Files, CutsLines) {
  const std::vector<std::string> expected = {"one", "", "three", "last"};
  write_file_whole(folder_ / "a.txt", "one\n\nthree\r\nlast");
  EXPECT_EQ(lines("a.txt"), expected);
  write_file_whole(folder_ / "a.zst", zstd("one\n\nthree\r\nlast"));
  EXPECT_EQ(lines("a.zst"), expected);
  write_file_whole(folder_ / "empty.txt", "");
  EXPECT_TRUE(lines("empty.txt").empty());
}

TEST_F(Files, CutsLinesLongerThanItsBuffers) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += std::string(300'000, static_cast<char>('a' + i)) + "\n";
  write_file_whole(folder_ / "a.zst", zstd(text));
  const auto found = lines("a.zst");
  ASSERT_EQ(found.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(found[i], std::string(300'000, static_cast<char>('a' + i)));
  expect_error([&] { lines("a.zst", 200'000); }, "line 1: expected at most 200000 bytes");
}

TEST_F(Files, StopsWhenAsked) {
  write_file_whole(folder_ / "a.txt", "1\n2\n3\n");
  int seen = 0;
  for_each_line(folder_ / "a.txt", [&](std::string_view, int64_t) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
}

TEST_F(Files, BrokenCompressionIsAnError) {
  const std::string packed = zstd(std::string(100'000, 'x') + "\n");
  write_file_whole(folder_ / "cut.zst", packed.substr(0, packed.size() - 3));
  expect_error([&] { lines("cut.zst"); }, "cut off");
  write_file_whole(folder_ / "other.zst", "this is no zstd data");
  expect_error([&] { lines("other.zst"); }, "expected zstd data");
}

TEST_F(Files, FreeSpaceIsThatOfTheNearestParent) { EXPECT_GT(free_disk_bytes(folder_ / "not" / "yet" / "there"), 0u); }

}  // namespace
}  // namespace hadal
