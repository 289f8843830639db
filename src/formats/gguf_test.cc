#include "formats/gguf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

#include "base/error.h"

namespace hadal {
namespace {

// A file made byte by byte, so that each field can lie.
struct Bytes {
  std::string out;
  template <typename T>
  Bytes& put(T x) {
    out.append(reinterpret_cast<const char*>(&x), sizeof x);
    return *this;
  }
  Bytes& text(std::string_view x) {
    put(uint64_t{x.size()});
    out += x;
    return *this;
  }
  Bytes& head(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    out += "GGUF";
    return put(version).put(tensors).put(keys);
  }
  Bytes& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
    text(name).put(static_cast<uint32_t>(dims.size()));
    for (const uint64_t n : dims) put(n);
    return put(type).put(offset);
  }
  Bytes& data(size_t num_bytes) {
    out.resize((out.size() + 31) / 32 * 32 + num_bytes);
    return *this;
  }
};

class GgufTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("hadal_gguf_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void refused(const std::string& bytes, std::string_view part, const char* name = "raw.gguf") const {
    write_file_whole(folder_ / name, bytes);
    refused_file(folder_ / name, part);
  }
  void refused_file(const Path& path, std::string_view part) const {
    try {
      GgufFile::open(path);
      ADD_FAILURE() << "accepted; expected a refusal with: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
      EXPECT_NE(std::string_view(e.what()).find(path.parent_path().string()), std::string_view::npos) << e.what();
    }
  }
  // One tensor "a" of [2, 32] numbers counting up, and the keys.
  void write(const Path& path, const GgufWriter::Keys& keys, const std::vector<std::string>& names = {"a"}) const {
    std::vector<GgufWriter::Tensor> tensors;
    for (const std::string& name : names) tensors.push_back({name, "F32", {2, 32}});
    GgufWriter writer(path, keys, tensors);
    std::vector<float> numbers(64 * names.size());
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    writer.write(numbers.data(), numbers.size() * sizeof(float));
    writer.commit();
  }
  Path folder_;
};

TEST_F(GgufTest, ReadsWhatIsWritten) {
  const Path path = folder_ / "x.gguf";
  GgufWriter writer(path,
                    {{"u", uint32_t{7}},
                     {"f", 0.5f},
                     {"yes", true},
                     {"text", std::string("words")},
                     {"list", std::vector<std::string>{"one", "", "three"}},
                     {"numbers", std::vector<int32_t>{-1, 2}}},
                    {{"matrix", "F32", {3, 2}}, {"blocks", "Q8_0", {2, 2, 32}}, {"one", "F16", {1}}});
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  writer.write(numbers.data(), 24);
  const std::string blocks(4 * 34, 'b');
  writer.write(blocks.data(), blocks.size());
  writer.write("hi", 2);
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.commit();

  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.integer("u"), 7);
  EXPECT_EQ(file.number("u"), 7.0);
  EXPECT_EQ(file.number("f"), 0.5);
  EXPECT_EQ(file.boolean("yes"), true);
  EXPECT_EQ(file.text("text"), "words");
  EXPECT_EQ(file.texts("list"), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_EQ(file.integers("numbers"), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(file.integer("absent"), std::nullopt);
  EXPECT_THROW(file.integer("text"), Error);
  EXPECT_THROW(file.text("u"), Error);
  EXPECT_THROW(file.number("numbers"), Error);
  ASSERT_NE(file.find_tensor("matrix"), nullptr);
  EXPECT_EQ(file.find_tensor("matrix")->shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(std::memcmp(file.find_tensor("matrix")->bytes.data(), numbers.data(), 24), 0);
  EXPECT_EQ(file.find_tensor("blocks")->type_name(), "Q8_0");
  EXPECT_EQ(file.find_tensor("blocks")->bytes.size(), 4u * 34);
  EXPECT_EQ(std::memcmp(file.find_tensor("one")->bytes.data(), "hi", 2), 0);
  EXPECT_EQ(file.tensor_bytes(), 24u + 4 * 34 + 2);
}

TEST_F(GgufTest, RefusesBadHeaders) {
  refused("GGML", "begins with the letters GGUF");
  refused("GG", "cut short");
  refused(Bytes().head(0, 0, 77).out, "version 2 or 3, found 77");
  refused(Bytes().head(0, 0, 0x03000000).out, "big-endian");
  refused(Bytes().head(uint64_t{1} << 60, 0).out, "tensors");
  refused(Bytes().head(0, uint64_t{1} << 60).out, "number of keys");
  refused(Bytes().head(0, 1).put(uint64_t{INT64_MAX}).data(64).out, "the name of a key");
  refused(Bytes().head(0, 1).text("").data(64).out, "1 to 65536 bytes, found 0");
  refused(Bytes().head(0, 1).text("a\x1b[2J").data(64).out, "control characters");
  refused(Bytes().head(0, 1).text("k").put(uint32_t{13}).data(64).out, "type of value below 13");
  refused(Bytes().head(0, 1).text("k").put(uint32_t{8}).put(uint64_t{1000}).data(64).out, "k of 1000 bytes");
}

TEST_F(GgufTest, RefusesBadArraysAndKeys) {
  refused(Bytes().head(0, 1).text("k").put(uint32_t{9}).put(uint32_t{9}).data(64).out, "arrays of arrays");
  refused(Bytes().head(0, 1).text("k").put(uint32_t{9}).put(uint32_t{0}).put(UINT64_MAX).data(64).out,
          "the length of \"k\"");
  refused(Bytes().head(0, 1).text("k").put(uint32_t{9}).put(uint32_t{8}).put(uint64_t{1} << 61).data(64).out,
          "the length of \"k\"");
  refused(Bytes().head(0, 2).text("k").put(uint32_t{0}).put('x').text("k").put(uint32_t{0}).put('x').data(64).out,
          "\"k\" twice");
  for (const uint32_t alignment : {0u, 24u, 1u << 31}) {
    refused(Bytes().head(0, 1).text("general.alignment").put(uint32_t{4}).put(alignment).out, "power of two");
  }
}

TEST_F(GgufTest, RefusesBadTensors) {
  refused(Bytes().head(1, 0).tensor("t", {}, 0, 0).data(64).out, "1 to 4 dimensions, found 0");
  refused(Bytes().head(1, 0).tensor("t", {1, 1, 1, 1, 1}, 0, 0).data(64).out, "1 to 4 dimensions, found 5");
  refused(Bytes().head(1, 0).tensor("t", {4, 0}, 0, 0).data(64).out, "found 0 after [4]");
  refused(Bytes().head(1, 0).tensor("t", {uint64_t{1} << 33, uint64_t{1} << 31}, 0, 0).data(64).out,
          "product below 2^63");
  refused(Bytes().head(1, 0).tensor("t", {uint64_t{1} << 31, uint64_t{1} << 31}, 0, 0).data(64).out,
          "size below 2^64 bytes");
  refused(Bytes().head(1, 0).tensor("t", {33}, 8, 0).data(64).out, "multiple of 32 elements for Q8_0, found 33");
  refused(Bytes().head(1, 0).tensor("t", {4}, 0, 8).data(64).out, "multiple of 32, found 8");
  refused(Bytes().head(1, 0).tensor("t", {4}, 0, uint64_t{1} << 40).data(64).out, "within the 64 bytes");
  refused(Bytes().head(1, 0).tensor("t", {17}, 0, 0).data(64).out, "within the 64 bytes");
  refused(Bytes().head(2, 0).tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).data(64).out, "\"t\" twice");
  refused(Bytes().head(2, 0).tensor("t", {9}, 0, 0).tensor("u", {4}, 0, 32).data(64).out, "bytes of their own");
  refused(Bytes().head(2, 0).tensor("t", {4}, 77, 0).tensor("u", {4}, 77, 0).data(64).out, "bytes of their own");
}

TEST_F(GgufTest, UnknownTypesAreNamedByNumber) {
  write_file_whole(folder_ / "x.gguf", Bytes().head(1, 0).tensor("t", {4}, 77, 0).data(64).out);
  const GgufFile file = GgufFile::open(folder_ / "x.gguf");
  EXPECT_EQ(file.find_tensor("t")->type_name(), "type 77");
  EXPECT_TRUE(file.find_tensor("t")->bytes.empty());
}

TEST_F(GgufTest, RefusesTheMalformedGoldens) {
  const Path malformed = Path(HADAL_SOURCE_DIR) / "tests/goldens/data/malformed";
  refused_file(malformed / "wrong_magic.gguf", "GGUF");
  refused_file(malformed / "unsupported_version.gguf", "found 77");
  refused_file(malformed / "truncated_in_keys.gguf", "cut short");
  refused_file(malformed / "huge_tensor_count.gguf", "tensors");
  refused_file(malformed / "huge_string_length.gguf", "cut short");
  refused_file(malformed / "tensor_outside_file.gguf", "\"blk.0.ffn_down.weight\"");
  refused_file(malformed / "dimensions_overflow.gguf", "dimensions");
  refused_file(malformed / "duplicate_tensor_name.gguf", "\"blk.0.attn_q.weight\" twice");
  EXPECT_EQ(GgufFile::open(malformed / "valid.gguf").integer("llama.block_count"), 1);
}

// Whatever byte is cut off or flipped, the file is read or refused; nothing else.
TEST_F(GgufTest, SurvivesDamage) {
  write(folder_ / "x.gguf", {{"u", uint32_t{7}}, {"list", std::vector<std::string>{"one", "two"}}}, {"a", "b"});
  const std::string whole = read_file(folder_ / "x.gguf");
  const auto attempt = [&](const std::string& bytes) {
    write_file_whole(folder_ / "y.gguf", bytes);
    try {
      const GgufFile file = GgufFile::open(folder_ / "y.gguf");
      for (const auto& [key, value] : file.values()) describe(value);
    } catch (const Error&) {
    }
  };
  for (size_t i = 0; i < 220; ++i) {
    attempt(whole.substr(0, i));
    for (const char bit : {'\x01', '\x80'}) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ bit);
      attempt(flipped);
    }
  }
}

// The head of a file that is being fetched: nothing before it is whole, then all but the bytes of tensors.
TEST_F(GgufTest, AHeadIsReadBeforeTheRest) {
  const Path path = folder_ / "whole.gguf", head = folder_ / "head";
  {
    GgufWriter writer(path, {{"general.architecture", std::string("x")}, {"list", std::vector<std::string>{"a", "bc"}}},
                      {{"t", "F32", {3, 8}}, {"u", "F32", {1000}}});
    writer.write(std::string(4096, '\1').data(), 96);
    writer.write(std::string(4096, '\1').data(), 4000);
    writer.commit();
  }
  const std::string bytes = read_file(path);
  size_t complete = 0;
  for (size_t count = 1; count <= bytes.size() && complete == 0; ++count) {
    write_file_whole(head, bytes.substr(0, count));
    const auto file = GgufFile::open_head(head, bytes.size());
    if (!file) continue;
    complete = count;
    EXPECT_EQ(file->text("general.architecture"), "x");
    EXPECT_EQ(file->tensors().size(), 2u);
    EXPECT_EQ(file->find_tensor("t")->shape, (std::vector<int64_t>{3, 8}));
    EXPECT_TRUE(file->find_tensor("u")->bytes.empty());
  }
  EXPECT_GT(complete, 100u);
  EXPECT_LT(complete, bytes.size() - 4000);
  write_file_whole(head, bytes.substr(0, complete));
  EXPECT_THROW(GgufFile::open_head(head, bytes.size() - 100), Error);  // a file that would be cut short
  write_file_whole(head, "<html>");
  EXPECT_THROW(GgufFile::open_head(head, 100000), Error);
}

TEST_F(GgufTest, PartsAreReadTogether) {
  const auto part = [&](uint32_t number, const char* file, const std::vector<std::string>& names) {
    write(folder_ / file, {{"split.no", number}, {"split.count", uint32_t{2}}, {"split.tensors.count", uint32_t{3}}},
          names);
  };
  part(0, "m-00001-of-00002.gguf", {"a", "b"});
  refused_file(folder_ / "m-00001-of-00002.gguf", "m-00002-of-00002.gguf is not there");
  part(1, "m-00002-of-00002.gguf", {"c"});
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const GgufFile file = GgufFile::open(folder_ / name);
    EXPECT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.who(), (folder_ / "m-00001-of-00002.gguf").string());
  }
  part(1, "m-00002-of-00002.gguf", {"b"});
  refused_file(folder_ / "m-00001-of-00002.gguf", "\"b\" twice");
  part(1, "m-00002-of-00002.gguf", {"c", "d"});
  refused_file(folder_ / "m-00001-of-00002.gguf", "expected 3 tensors");
  part(0, "other.gguf", {"a"});
  refused_file(folder_ / "other.gguf", "name the parts as they were");
  part(1, "n-00002-of-00002.gguf", {"a"});
  refused_file(folder_ / "n-00002-of-00002.gguf", "first part n-00001-of-00002.gguf");
}

}  // namespace
}  // namespace hadal
