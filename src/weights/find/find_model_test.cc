// Models as they lie on people's disks: under odd names, in the folders of other programs, beside other files.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "weights/gguf_save.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\noid "
    "sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

// A folder with a GGUF file and a Hugging Face folder of one small model, and places of other programs that are empty.
class FindModel : public ::testing::Test {
 protected:
  void SetUp() override {
    root = model.path() / "disk";
    for (const char* name : {"HF_HUB_CACHE", "XDG_CACHE_HOME"}) ::unsetenv(name);
    ::setenv("HADAL_MODELS", (root / "models").c_str(), 1);
    ::setenv("HF_HOME", (root / "hf").c_str(), 1);
    ::setenv("OLLAMA_MODELS", (root / "ollama").c_str(), 1);
    fs::create_directories(root / "models");
    save_gguf(root / "a.gguf", *test::make_model(test::byte_config(false)), test::byte_tokenizer(),
              {.name = "tiny", .mix = "", .progress = {}});
    save_model(root / "folder", *test::make_model(test::byte_config(false)), test::byte_tokenizer(), DType::f32);
  }
  void TearDown() override {
    for (const char* name : {"HADAL_MODELS", "HF_HOME", "OLLAMA_MODELS"}) ::unsetenv(name);
  }
  Path put_gguf(const Path& path) const {
    fs::create_directories((root / path).parent_path());
    fs::copy(root / "a.gguf", root / path);
    return root / path;
  }
  Path put_folder(const Path& path) const {
    fs::create_directories((root / path).parent_path());
    fs::copy(root / "folder", root / path);
    return root / path;
  }
  void put_text(const Path& path, std::string_view text) const {
    fs::create_directories((root / path).parent_path());
    write_file_whole(root / path, text);
  }
  static std::string error(const std::string& name, bool tokenizer = false) {
    try {
      if (tokenizer)
        load_tokenizer(name);
      else
        load_model(name);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }
  static std::string loaded(const std::string& name) {
    const std::string said = error(name);
    EXPECT_EQ(load_tokenizer(name).vocab_size(), 259) << name;
    return said.empty() ? load_model(name).name : said;
  }
  const test::ModelFolder model{false};
  Path root;
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(FindModel, KnowsAGgufFileByItsBeginning) {
  EXPECT_EQ(loaded(put_gguf("blobs/sha256-0d5f").string()), "sha256-0d5f");
  EXPECT_EQ(loaded(put_gguf("x/Model.GGUF").string()), "Model");
  EXPECT_EQ(loaded((root / "x").string()), "x");
  EXPECT_EQ(loaded(put_gguf("models/Upper.GGUF").string()), "Upper");
  EXPECT_EQ(loaded("Upper"), "Upper");
  EXPECT_EQ(loaded(put_gguf("b/model.bin").string()), "model.bin");
  put_text("notes.txt", "hello");
  EXPECT_SAYS(error((root / "notes.txt").string()), "begins with the letters GGUF");
  put_text("old.ggml", "ggml....");
  EXPECT_SAYS(error((root / "old.ggml").string()), "predecessors");
}

TEST_F(FindModel, ChoosesTheModelAmongWhatBelongsToIt) {
  put_gguf("m/tiny-Q8_0.gguf");
  put_text("m/mmproj-tiny-f16.gguf", "GGUF");
  put_text("m/tiny.mmproj-Q8_0.gguf", "GGUF");
  put_gguf("m/mtp-tiny.gguf");
  put_text("m/tiny.imatrix.gguf", "GGUF");
  put_text("m/config.json", "{}");  // as repositories of GGUF files keep it
  EXPECT_EQ(loaded((root / "m").string()), "m");
  put_gguf("m/tiny-Q4_K_M.gguf");
  const std::string said = error((root / "m").string());
  EXPECT_SAYS(said, "tiny-Q4_K_M.gguf, tiny-Q8_0.gguf");
  EXPECT_EQ(loaded((root / "m").string() + ":q8_0"), "m");
  EXPECT_EQ(loaded((root / "m/tiny-Q8_0.gguf").string()), "tiny-Q8_0");
  EXPECT_SAYS(error((root / "m").string() + ":Q2_K"), "Q2_K in its name");
}

TEST_F(FindModel, ReadsTheCacheOfHuggingFacesTools) {
  put_folder("hf/hub/models--acme--tiny/snapshots/0123abcd");
  put_text("hf/hub/models--acme--tiny/refs/main", "0123abcd\n");
  const std::string repository = (root / "hf/hub/models--acme--tiny").string();
  for (const std::string& name :
       {repository, repository + "/", repository + "/snapshots/0123abcd", (root / "hf").string(),
        (root / "hf/hub").string(), (root / "hf/hub/acme/tiny").string(), std::string("acme/tiny"),
        std::string("hf:acme/tiny")})
    EXPECT_EQ(loaded(name), name.ends_with("abcd") ? "0123abcd" : "tiny") << name;
  put_folder("hf/hub/models--acme--tiny/snapshots/4567");
  EXPECT_EQ(find_model("acme/tiny").path.filename(), "0123abcd");
  put_text("hf/hub/models--acme--tiny/refs/main", "../../../folder");
  EXPECT_SAYS(error("acme/tiny"), "0123abcd, 4567");
  put_text("hf/hub/models--acme--tiny/refs/main", "4567");
  put_gguf("hf/hub/models--acme--other-GGUF/snapshots/89/other-Q8_0.gguf");
  EXPECT_EQ(loaded("acme/other-GGUF:Q8_0"), "other-GGUF");
  EXPECT_EQ(loaded("hf:acme/other-GGUF/other-Q8_0.gguf"), "other-GGUF");
  EXPECT_SAYS(error("acme/other-GGUF:Q2_K"), "`hadal pull hf:acme/other-GGUF:Q2_K`");
  EXPECT_SAYS(error("acme/tiny:Q8_0"), "`hadal pull hf:acme/tiny:Q8_0`");
  EXPECT_SAYS(error((root / "hf").string()), "models--acme--other-GGUF, models--acme--tiny");
}

TEST_F(FindModel, FindsWhatWasPulled) {
  put_folder("models/tiny");
  put_gguf("models/Other-7B-Instruct-Q4_K_M.gguf");
  put_gguf("models/Other-7B-Instruct-Q8_0.gguf");
  for (const char* name : {"tiny", "acme/tiny", "hf:acme/tiny", "tiny:latest", "https://huggingface.co/acme/tiny"})
    EXPECT_EQ(loaded(name), "tiny") << name;
  for (const char* name :
       {"Other-7B-Instruct-Q8_0", "acme/Other-7B-Instruct-GGUF:Q8_0", "hf:acme/Other-7B-Instruct-GGUF:q8_0",
        "Other-7B-Instruct:Q8_0", "hf:acme/x/Other-7B-Instruct-Q8_0.gguf", "hf.co/acme/Other-7B-Instruct-GGUF:Q8_0"})
    EXPECT_EQ(loaded(name), "Other-7B-Instruct-Q8_0") << name;
  // A model of the same name by someone else is not meant.
  put_text("models/.tiny.source", "acme/tiny\n");
  EXPECT_EQ(loaded("acme/tiny"), "tiny");
  EXPECT_SAYS(error("other/tiny"), "`hadal pull hf:other/tiny`");
  EXPECT_SAYS(error("acme/tiny:Q4_K_M"), "`hadal pull hf:acme/tiny:Q4_K_M`");
}

TEST_F(FindModel, NamesTheCommandThatFetchesIt) {
  EXPECT_SAYS(error("acme/tiny"), "`hadal pull hf:acme/tiny` fetches it");
  EXPECT_SAYS(error("hf:acme/tiny:Q4_K_M"), "`hadal pull hf:acme/tiny:Q4_K_M` fetches it");
  EXPECT_SAYS(error("acme/tiny:Q4_K_M"), "`hadal pull hf:acme/tiny:Q4_K_M` fetches it");
  EXPECT_SAYS(error("hf:acme/tiny/sub/x.gguf"), "`hadal pull hf:acme/tiny/sub/x.gguf` fetches it");
  EXPECT_SAYS(error("llama3.2:1b"), "`hadal pull hf:OWNER/llama3.2:1b` fetches it, with the name of its owner");
  EXPECT_SAYS(error("no-such-model"), "`hadal pull hf:OWNER/REPO`");
  EXPECT_SAYS(error("/no/such/path"), "there is no such file or folder");
  EXPECT_SAYS(error("acme/tiny", true), "`hadal pull hf:acme/tiny` fetches it");
  EXPECT_LT(error(std::string(100000, 'x')).size(), 1500u);
}

TEST_F(FindModel, ReadsOllamasStore) {
  put_gguf("ollama/blobs/sha256-77");
  put_text("ollama/manifests/registry.ollama.ai/library/tiny/1b", R"({"schemaVersion":2,"layers":[
    {"mediaType":"application/vnd.ollama.image.template","digest":"sha256:11"},{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:77"}]})");
  EXPECT_EQ(loaded("tiny:1b"), "tiny");
  put_text("ollama/manifests/registry.ollama.ai/library/tiny/bad",
           R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"../../x"}]})");
  EXPECT_SAYS(error("tiny:bad"), "expected a manifest");
  EXPECT_SAYS(error("tiny:2b"), "`hadal pull hf:OWNER/tiny:2b`");
}

TEST_F(FindModel, TakesTheFilesOfAFolderForTheFolder) {
  const std::string folder = (root / "folder").string();
  for (const char* file : {"/model.safetensors", "/config.json", "/tokenizer.json"})
    EXPECT_EQ(loaded(folder + file), "folder") << file;
  fs::rename(root / "folder/model.safetensors", root / "folder/odd.safetensors");
  EXPECT_EQ(loaded(folder), "folder");  // the only weights there are
  EXPECT_EQ(loaded(folder + "/odd.safetensors"), "folder");
  fs::create_directories(root / "lone");
  fs::rename(root / "folder/odd.safetensors", root / "lone/x.safetensors");
  EXPECT_SAYS(error((root / "lone/x.safetensors").string()), "expected config.json");
  EXPECT_SAYS(error((root / "lone").string()), "expected config.json beside the weights");
}

TEST_F(FindModel, SaysWhatIsThereInstead) {
  fs::remove(root / "folder/model.safetensors");
  put_text("folder/pytorch_model.bin", "PK\x03\x04");
  EXPECT_SAYS(error((root / "folder").string()), "pickled ones (pytorch_model.bin)");
  EXPECT_EQ(error((root / "folder").string(), true), "");  // its tokenizer is whole
  EXPECT_SAYS(error((root / "folder/pytorch_model.bin").string()), "pickled weights");
  put_text("lone/pytorch_model-00001-of-00002.bin", "anything");
  EXPECT_SAYS(error((root / "lone/pytorch_model-00001-of-00002.bin").string()), "pickled weights");
  put_text("meta/consolidated.00.pth", "PK\x03\x04");
  EXPECT_SAYS(error((root / "meta").string()), "pickled weights (consolidated.00.pth)");
  put_text("nothing/readme.md", "x");
  EXPECT_SAYS(error((root / "nothing").string()), "found neither in this folder");
}

TEST_F(FindModel, CallsPointersOfGitLfsByTheirName) {
  const std::string folder = (root / "folder").string();
  for (const char* file :
       {"model.safetensors", "tokenizer.json", "config.json", "generation_config.json", "chat_template.jinja"}) {
    const Path path = root / "folder" / file;
    const std::string whole = fs::exists(path) ? read_file(path) : "";
    write_file_whole(path, kPointer);
    EXPECT_SAYS(error(folder), "Git LFS") << file;
    EXPECT_SAYS(error(folder), std::string(file));
    const bool of_the_tokenizer =
        file == std::string_view("tokenizer.json") || file == std::string_view("chat_template.jinja");
    EXPECT_EQ(error(folder, true).find("git lfs pull") != std::string::npos, of_the_tokenizer) << file;
    if (whole.empty())
      fs::remove(path);
    else
      write_file_whole(path, whole);
  }
  EXPECT_EQ(error(folder), "");
  put_text("p/x.gguf", kPointer);
  EXPECT_SAYS(error((root / "p").string()), "Git LFS");
  EXPECT_SAYS(error((root / "p/x.gguf").string(), true), "Git LFS");
}

}  // namespace
}  // namespace hadal::weights
