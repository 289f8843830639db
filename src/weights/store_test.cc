#include "weights/store.h"

#include "base/testing/scratch.h"

namespace hadal::weights {
namespace {

namespace fs = std::filesystem;
using test::error_of;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    ::setenv("HADAL_MODELS", models.path().c_str(), 1);
    fs::create_directories(models / "tiny");
    write_file_whole(models / "tiny/config.json", R"({"model_type":"qwen2","torch_dtype":"bfloat16"})");
    write_file_whole(models / "tiny/model.safetensors", "12345");
    write_file_whole(models / "llama-Q4_K_M.gguf", gguf("llama"));
    fs::create_directories(models / "split");
    write_file_whole(models / "split/a-Q8_0-00001-of-00002.gguf", gguf("deepseek2"));
    write_file_whole(models / "split/a-Q8_0-00002-of-00002.gguf", "GGUF");
    fs::create_directories(models / ".half.partial/files");
    write_file_whole(models / ".half.partial/files/x.part", "123");
    write_file_whole(models / "README.md", "not a model");
    fs::create_directories(models / "empty");
  }
  ~StoreTest() override { ::unsetenv("HADAL_MODELS"); }
  static std::string gguf(const std::string& family) {
    std::string text("GGUF\3\0\0\0xxxxxxxxxxxxxxxx\x14\0\0\0\0\0\0\0general.architecture\x08\0\0\0", 56);
    text += static_cast<char>(family.size());
    return text + std::string(7, '\0') + family + "rest";
  }
  test::ScratchFolder models;
};

TEST_F(StoreTest, ListsWhatIsThere) {
  std::vector<std::string> rows;
  for (const auto& m : stored_models()) {
    if (m.path.parent_path() == models.path())
      rows.push_back(fmt::format("{} {} {} {}", m.name, to_text(m.kind), m.family, m.quantisation));
  }
  EXPECT_EQ(rows, (std::vector<std::string>{"half unfinished  ", "llama-Q4_K_M GGUF llama Q4_K_M",
                                            "split GGUF deepseek2 Q8_0", "tiny folder qwen2 bfloat16"}));
  EXPECT_EQ(find_stored_model("tiny").bytes, 5u + fs::file_size(models / "tiny/config.json"));
}

TEST_F(StoreTest, NamesSayHowAModelIsQuantised) {
  const std::pair<const char*, const char*> kNames[] = {{"a.Q5_0", "Q5_0"},     {"a-bf16-v2", "bf16"},
                                                        {"a_Q8_0", "Q8_0"},     {"Q6_K-a", "Q6_K"},
                                                        {"a-IQ4_XS", "IQ4_XS"}, {"a--q4_k_m-b", "q4_k_m"},
                                                        {"a-Q4", "Q4"},         {"a-Q4x", ""},
                                                        {"aQ8_0", ""},          {"a-MXFP4_b", "MXFP4"},
                                                        {"a-qwen2", ""},        {"a-TQ1_0", "TQ1_0"},
                                                        {"Qwen2.5-F16", "F16"}, {"a-", ""}};
  for (const auto& [name, quantisation] : kNames) {
    write_file_whole(models / (std::string(name) + ".gguf"), gguf("llama"));
    EXPECT_EQ(find_stored_model(name).quantisation, quantisation) << name;
  }
}

TEST_F(StoreTest, ABrokenModelDoesNotEndTheList) {
  write_file_whole(models / "tiny/config.json", "{\"model_type\":");
  EXPECT_EQ(find_stored_model("tiny").family, "");
  write_file_whole(models / "tiny/config.json", "[7]");
  EXPECT_EQ(find_stored_model("tiny").family, "");
  std::string cut = gguf("llama");
  cut.resize(58);
  write_file_whole(models / "llama-Q4_K_M.gguf", cut);
  EXPECT_EQ(find_stored_model("llama-Q4_K_M").family, "");
}

TEST_F(StoreTest, Removes) {
  remove_model(find_stored_model("tiny"));
  remove_model(find_stored_model("llama-Q4_K_M.gguf"));
  remove_model(find_stored_model("half"));
  EXPECT_HAS(error_of([] { find_stored_model("tiny"); }), "there are: split");
  EXPECT_EQ(models.names(), (std::vector<std::string>{"README.md", "empty", "split", "split/a-Q8_0-00001-of-00002.gguf",
                                                      "split/a-Q8_0-00002-of-00002.gguf"}));
}

TEST_F(StoreTest, NeverLeavesTheFolder) {
  const test::ScratchFolder outside;
  fs::create_directories(outside / "big");
  write_file_whole(outside / "big/config.json", "{}");
  fs::create_directory_symlink(outside / "big", models / "link");
  fs::create_directory_symlink(outside / "big", models / "tiny/inside");
  remove_model(find_stored_model("link"));
  remove_model(find_stored_model("tiny"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(models / "link")));
  EXPECT_TRUE(fs::exists(outside / "big/config.json"));
  for (const char* name : {"../big", "/etc", ".", "..", "", ".half.partial", "a/b", "README.md", "empty"})
    EXPECT_NE(error_of([&] { find_stored_model(name); }), "") << name;
}

// What says where a model is from goes with it.
TEST_F(StoreTest, KeepsTheNoteOfItsSource) {
  write_file_whole(source_note(models / "tiny"), "org/tiny\n");
  write_file_whole(source_note(models / "llama-Q4_K_M.gguf"), "org/llama-GGUF\n");
  const Path renamed = rename_model(find_stored_model("llama-Q4_K_M"), "llama");
  EXPECT_EQ(read_file(source_note(renamed)), "org/llama-GGUF\n");
  remove_model(find_stored_model("tiny"));
  EXPECT_FALSE(fs::exists(source_note(models / "tiny")));
  EXPECT_FALSE(fs::exists(source_note(models / "llama-Q4_K_M.gguf")));
}

TEST_F(StoreTest, KnowsGgufFilesByTheirBeginning) {
  write_file_whole(models / "sha256-77", gguf("qwen2"));
  write_file_whole(models / "Upper.GGUF", gguf("qwen2"));
  EXPECT_EQ(find_stored_model("sha256-77").family, "qwen2");
  EXPECT_EQ(find_stored_model("Upper").kind, ModelKind::gguf);
}

TEST_F(StoreTest, Renames) {
  EXPECT_EQ(rename_model(find_stored_model("tiny"), "small"), models / "small");
  EXPECT_EQ(rename_model(find_stored_model("llama-Q4_K_M"), "llama.gguf"), models / "llama.gguf");
  EXPECT_HAS(error_of([] { rename_model(find_stored_model("small"), "split"); }), "is there already");
  EXPECT_HAS(error_of([] { rename_model(find_stored_model("small"), "llama"); }), "is there already");
  EXPECT_HAS(error_of([] { rename_model(find_stored_model("small"), "../x"); }), "name: expected");
  EXPECT_HAS(error_of([] { rename_model(find_stored_model("half"), "whole"); }), "not finished");
  EXPECT_EQ(find_stored_model("small").family, "qwen2");
}

}  // namespace
}  // namespace hadal::weights
