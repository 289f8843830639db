// Every JSON file of a model's folder is refused where it nests too deep, and what an error shows of it is short.
#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/load.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

std::string nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

std::string refusal(const Path& folder) {
  try {
    load_model(folder.string());
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

// `text` has an @ where the nested value goes.
void expect_refused(const Path& folder, const char* name, const std::string& text) {
  for (const size_t levels : {size_t{10}, size_t{1000}, size_t{1'000'000}}) {
    std::string content = text;
    content.replace(content.find('@'), 1, nested(levels));
    write_file_whole(folder / name, content);
    const std::string message = refusal(folder);
    EXPECT_NE(message.find(name), std::string::npos) << name << " " << levels << " " << message;
    EXPECT_LT(message.size(), folder.string().size() + 400) << name << " " << levels;
  }
}

TEST(DeepJson, FilesOfAFolderAreRefused) {
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    for (const char* text :
         {"@", "{\"eos_token_id\": @, \"model_type\": @@, \"added_tokens\": @@, \"eos_token\": @@}"}) {
      const test::ModelFolder folder(true);
      std::string content = text;
      for (size_t at; (at = content.find("@@")) != std::string::npos;) content.replace(at, 2, nested(10));
      expect_refused(folder.path(), name, content);
    }
  }
}

TEST(DeepJson, IndexAndHeaderOfTensorsAreRefused) {
  const test::ModelFolder folder(true);
  for (const size_t levels : {size_t{10}, size_t{1000}, size_t{1'000'000}}) {
    const std::string header = "{\"a\": " + nested(levels) + "}";
    const uint64_t length = header.size();
    write_file_whole(folder.path() / "model.safetensors",
                     std::string(reinterpret_cast<const char*>(&length), sizeof length) + header);
    const std::string message = refusal(folder.path());
    EXPECT_NE(message.find("model.safetensors"), std::string::npos) << message;
    EXPECT_LT(message.size(), folder.text().size() + 400);
  }
  std::filesystem::remove(folder.path() / "model.safetensors");
  expect_refused(folder.path(), "model.safetensors.index.json", "{\"weight_map\": @}");
  expect_refused(folder.path(), "model.safetensors.index.json", "{\"weight_map\": {\"a\": @}}");
}

}  // namespace
}  // namespace hadal::weights
