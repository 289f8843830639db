#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

// The examples of FIPS 180-4.
TEST(Digest, GivesTheStandardsExamples) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Digest sha1(Digest::Kind::sha1);
  sha1.add("a");
  sha1.add("bc");
  EXPECT_EQ(sha1.hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Digest, ReadsFilesWhole) {
  const Path path = Path(testing::TempDir()) / "digest_test";
  write_file_whole(path, "abc");
  EXPECT_EQ(sha256_of_file(path), sha256("abc"));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_of_file(path), Error);
}

}  // namespace
}  // namespace hadal
