#include "train/run/tensorboard.h"

#include <bit>
#include <cstring>

#include "base/hash.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

TEST(Crc32c, KnowsThePublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283u);  // RFC 3720's polynomial over the usual check text
  EXPECT_EQ(crc32c("6789", 4, crc32c("12345", 5)), 0xE3069283u);
  EXPECT_EQ(crc32c("", 0), 0u);
}

TEST(TensorBoard, AnEventHasTheBytesOfTheProtocol) {
  // wall_time 1.5, step 300, one scalar "a" = 2: written out by hand from event.proto and summary.proto.
  const unsigned char expected[] = {0x09, 0,    0,    0,    0,    0,    0,   0xF8, 0x3F, 0x10, 0xAC, 0x02,
                                    0x2A, 0x0A, 0x0A, 0x08, 0x0A, 0x01, 'a', 0x15, 0,    0,    0,    0x40};
  const std::string event = encode_event(1.5, 300, {{"a", 2.0f}});
  ASSERT_EQ(event.size(), sizeof expected);
  EXPECT_EQ(std::memcmp(event.data(), expected, sizeof expected), 0);
}

TEST(TensorBoard, RecordsCarryLengthAndMaskedChecksums) {
  const std::string record = tf_record("hello");
  ASSERT_EQ(record.size(), 8 + 4 + 5 + 4u);
  uint64_t length;
  uint32_t crc;
  std::memcpy(&length, record.data(), 8);
  std::memcpy(&crc, record.data() + 8 + 4 + 5, 4);
  EXPECT_EQ(length, 5u);
  const uint32_t unmasked = std::rotl(crc - 0xa282ead8u, 15);
  EXPECT_EQ(unmasked, crc32c("hello", 5));
}

TEST(TensorBoard, FilesBeginWithTheirVersion) {
  const test::TemporaryFolder folder;
  EventFile(folder.path()).write(1, {{"loss", 0.5f}});
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    EXPECT_NE(read_file(entry.path()).find("brain.Event:2"), std::string::npos);
  }
  EXPECT_EQ(files, 1);
}

}  // namespace
}  // namespace hadal
