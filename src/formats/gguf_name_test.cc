#include "formats/gguf_name.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(GgufName, StemIsTheNameOfTheModel) {
  EXPECT_EQ(gguf_stem("x-00001-of-00003.gguf"), "x");
  EXPECT_EQ(gguf_stem("dir/x-Q4_K_M.GGUF"), "dir/x-Q4_K_M");
  EXPECT_EQ(gguf_stem("x-0001-of-00003.gguf"), "x-0001-of-00003") << "four digits";
  EXPECT_EQ(gguf_stem("x.safetensors"), "x.safetensors");
  EXPECT_EQ(gguf_stem("-00001-of-00003.gguf"), "");
  EXPECT_EQ(gguf_stem(".gguf"), "");
  EXPECT_EQ(gguf_stem(""), "");
}

TEST(GgufName, PartsNameTheOthers) {
  const auto part = gguf_part("dir/x-00002-OF-00012.Gguf");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->stem, "dir/x");
  EXPECT_EQ(part->number, 2);
  EXPECT_EQ(part->count, 12);
  EXPECT_EQ(part->name(1), "dir/x-00001-of-00012.Gguf");
  for (const char* other : {"x.gguf", "x-00001-of-00003", "x-a0001-of-00003.gguf", "x_00001-of-00003.gguf", "f.gguf"})
    EXPECT_FALSE(gguf_part(other)) << other;
}

}  // namespace
}  // namespace hadal
