#include "formats/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/half.h"
#include "base/json.h"
#include "base/rng.h"

namespace hadal {
namespace {

class SafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("hadal_safetensors_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Path raw(std::string_view header, std::string_view data, const char* name = "raw.safetensors") const {
    const uint64_t length = header.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(header).append(data);
    write_file_whole(folder_ / name, bytes);
    return folder_ / name;
  }
  // Opening must throw an Error that names the file and contains `part`.
  void refused(const Path& path, std::string_view part) const {
    try {
      Safetensors::open_file(path);
      ADD_FAILURE() << "accepted; expected a refusal with: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
      EXPECT_NE(std::string_view(e.what()).find(path.string()), std::string_view::npos) << e.what();
    }
  }
  Path two_tensors(const Path& path) const {
    SafetensorsWriter writer(path, {{"a", "F32", {2, 2}}, {"b", "BF16", {3}}, {"empty", "F32", {0, 4}}});
    const float a[] = {1, -2, 3.5f, 1e-30f};
    const Bf16 b[] = {Bf16(1.0f), Bf16(-0.5f), Bf16(3.140625f)};
    writer.write(a, sizeof a);
    writer.write(b, sizeof b);
    writer.commit();
    return path;
  }
  Path folder_;
};

TEST_F(SafetensorsTest, WritesWhatItReads) {
  const auto file = Safetensors::open_file(two_tensors(folder_ / "model.safetensors"));
  ASSERT_EQ(file.entries().size(), 3u);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.data_bytes(), 22u);
  std::vector<float> a(4), b(3), none;
  file.find("a")->read(std::span(a));
  file.find("b")->read(std::span(b));
  file.find("empty")->read(std::span(none));
  EXPECT_EQ(a, (std::vector<float>{1, -2, 3.5f, 1e-30f}));
  EXPECT_EQ(b, (std::vector<float>{1, -0.5f, 3.140625f}));
  EXPECT_EQ(file.find("b")->shape, (std::vector<int64_t>{3}));
  EXPECT_EQ(file.find("c"), nullptr);
  std::vector<Bf16> rounded(4);
  file.find("a")->read(std::span(rounded));
  EXPECT_EQ(static_cast<float>(rounded[2]), 3.5f);
}

TEST_F(SafetensorsTest, WithoutCommitNothingAppears) {
  { SafetensorsWriter writer(folder_ / "gone.safetensors", {{"a", "F32", {2}}}); }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "gone.safetensors"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SafetensorsTest, ReadsHalfPrecision) {
  EXPECT_EQ(half_to_float(0x3c00), 1.0f);
  EXPECT_EQ(half_to_float(0xc000), -2.0f);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(half_to_float(0x03ff), 1023 * 0x1p-24f);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0f);
  EXPECT_TRUE(std::isinf(half_to_float(0x7c00)));
  EXPECT_TRUE(std::isnan(half_to_float(0x7e00)));
  EXPECT_TRUE(std::signbit(half_to_float(0x8000)));
  const auto file = Safetensors::open_file(
      raw(R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", std::string_view("\x00\x3c\x00\xc0", 4)));
  std::vector<float> h(2);
  file.find("h")->read(std::span(h));
  EXPECT_EQ(h, (std::vector<float>{1, -2}));
}

TEST_F(SafetensorsTest, OtherTypesAreListedButNotRead) {
  const auto file =
      Safetensors::open_file(raw(R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", "12345678"));
  std::vector<float> one(1);
  EXPECT_THROW(file.find("i")->read(std::span(one)), Error);
}

TEST_F(SafetensorsTest, RefusesHostileFiles) {
  const auto one = [&](std::string_view tensor, std::string_view data = "0123456789abcdef") {
    return raw(fmt::format(R"({{"a":{}}})", tensor), data);
  };
  write_file_whole(folder_ / "short.safetensors", "1234");
  refused(folder_ / "short.safetensors", "only 4 bytes");
  refused(raw("not json", ""), "JSON");
  refused(raw("[1,2]", ""), "object");
  refused(raw("", ""), "JSON");
  refused(raw(std::string(200'000, '['), ""), "JSON");
  refused(one("3"), "expected an object");
  refused(one("1e999"), "JSON");  // a number beyond all ranges
  refused(one(R"({"shape":[4],"data_offsets":[0,16]})"), "dtype");
  refused(one(R"({"dtype":"Q9","shape":[4],"data_offsets":[0,16]})"), "Q9");
  refused(one(R"({"dtype":"F32","shape":4,"data_offsets":[0,16]})"), "shape");
  refused(one(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"), "shape");
  refused(one(R"({"dtype":"F32","shape":[4.0],"data_offsets":[0,16]})"), "shape");
  refused(one(fmt::format(R"({{"dtype":"F32","shape":[{}{}],"data_offsets":[0,16]}})", std::string(100, '['),
                          std::string(100, ']'))),
          "shape");
  refused(one(R"({"dtype":"F32","shape":[4]})"), "data_offsets");
  refused(one(R"({"dtype":"F32","shape":[4],"data_offsets":[0]})"), "data_offsets");
  refused(one(R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})"), "data_offsets");
  refused(one(R"({"dtype":"F32","shape":[8],"data_offsets":[0,32]})"), "cut short");
  refused(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,16]})"), "12 bytes");
  refused(one(R"({"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,16]})"), "too large");
  refused(one(R"({"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]})"), "too large");
  refused(one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16]})"), "too large");
  refused(one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]})"), "dimensions");
  refused(one(R"({"dtype":"F32","shape":[3],"data_offsets":[4,16]})"), "begin");
  refused(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})"), "16 bytes of data");
  refused(
      raw(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          "123"),
      "begin");
  refused(
      raw(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          "1"),
      "twice");
  refused(raw(R"({"__metadata__":7})", ""), "__metadata__");
}

TEST_F(SafetensorsTest, RefusesTheMalformedGoldens) {
  const Path malformed = Path(HADAL_SOURCE_DIR) / "tests/goldens/data/malformed";
  refused(malformed / "header_bomb.safetensors", "header");
  refused(malformed / "offsets_outside_file.safetensors", "\"b\"");
  const auto valid = Safetensors::open_file(malformed / "valid.safetensors");
  ASSERT_EQ(valid.entries().size(), 1u);
  EXPECT_EQ(valid.entries().begin()->second.shape, (std::vector<int64_t>{4, 4}));
}

// Any damage is either harmless or an Error; tensors of an accepted file can be read to the last byte.
TEST_F(SafetensorsTest, SurvivesMutatedHeaders) {
  const std::string good = read_file(two_tensors(folder_ / "good.safetensors"));
  const Path path = folder_ / "mutated.safetensors";
  static constexpr std::string_view kBytes = "0123456789[]{}\",:-.eEFB \\\xff";
  Rng rng(7);
  int accepted = 0;
  const int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    std::string bytes = good;
    const size_t header_end = 8 + static_cast<size_t>(static_cast<unsigned char>(good[0]));
    for (uint64_t changes = 1 + rng.below(3); changes > 0; --changes) {
      const size_t at = rng.below(header_end);
      switch (rng.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          bytes[at] = kBytes[rng.below(kBytes.size())];
          break;
        case 2:
          bytes.insert(at, 1, kBytes[rng.below(kBytes.size())]);
          break;
        default:
          bytes.resize(bytes.size() - std::min<size_t>(bytes.size(), rng.below(30)));
          break;
      }
      if (bytes.size() < header_end) bytes.resize(header_end, ' ');
    }
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      const auto file = Safetensors::open_file(path);
      for (const auto& [name, entry] : file.entries()) {
        std::vector<float> out(static_cast<size_t>(entry.num_elements()));
        if (entry.dtype == "F32" || entry.dtype == "BF16" || entry.dtype == "F16") entry.read(std::span(out));
      }
      ++accepted;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, kRounds / 2);
}

TEST_F(SafetensorsTest, ReadsShards) {
  const auto shard = [&](const char* file, const char* name, float value) {
    SafetensorsWriter writer(folder_ / file, {{name, "F32", {1}}});
    writer.write(&value, sizeof value);
    writer.commit();
  };
  shard("one.safetensors", "a", 1);
  shard("two.safetensors", "b", 2);
  const auto index = [&](std::string_view map) {
    write_file_whole(folder_ / "model.safetensors.index.json", fmt::format(R"({{"weight_map":{}}})", map));
    return Safetensors::open_folder(folder_);
  };
  const auto both = index(R"({"a":"one.safetensors","b":"two.safetensors"})");
  std::vector<float> b(1);
  both.find("b")->read(std::span(b));
  EXPECT_EQ(b[0], 2);
  EXPECT_THROW(index(R"({"a":"two.safetensors","b":"one.safetensors"})"), Error);
  EXPECT_THROW(index(R"({"a":"missing.safetensors"})"), Error);
  EXPECT_THROW(index(R"({"a":"../one.safetensors"})"), Error);
  EXPECT_THROW(index(R"({"a":".."})"), Error);
  EXPECT_THROW(index(R"({"a":3})"), Error);
  EXPECT_THROW(index("7"), Error);
  shard("two.safetensors", "a", 2);
  EXPECT_THROW(index(R"({"a":"one.safetensors","b":"two.safetensors"})"), Error);
  std::filesystem::remove(folder_ / "model.safetensors.index.json");
  EXPECT_THROW(Safetensors::open_folder(folder_), Error);
}

}  // namespace
}  // namespace hadal
