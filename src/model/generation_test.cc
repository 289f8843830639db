#include "model/generation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "formats/gguf.h"
#include "model/load.h"
#include "model/test_folder.h"

namespace hadal {
namespace {

std::string refusal(const Path& folder) {
  try {
    advice_of_folder(folder, 259);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Generation, ReadsWhatAFolderAdvises) {
  const test::ModelFolder folder(true);
  const Path file = folder.path() / "generation_config.json";
  const auto plain = advice_of_folder(folder.path(), 259);
  EXPECT_FALSE(plain.temperature || plain.top_p || plain.top_k);

  write_file_whole(file, R"({"bos_token_id": 257, "eos_token_id": [200, 7, 200], "do_sample": true, "temperature": 0.6,
                            "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.05, "max_length": 100})");
  const auto advice = load_model(folder.text()).advice;
  EXPECT_EQ(advice.temperature, 0.6);
  EXPECT_EQ(advice.top_p, 0.95);
  EXPECT_EQ(advice.top_k, 20);
  EXPECT_EQ(advice.repetition_penalty, 1.05);
  EXPECT_FALSE(advice.min_p);
  std::vector<int32_t> ends = plain.ends;
  ends.insert(ends.begin(), {7, 200});
  EXPECT_EQ(advice.ends, ends);
  write_file_whole(file, dump_json(advice_to_json(advice)));
  EXPECT_EQ(advice_of_folder(folder.path(), 259), advice);

  write_file_whole(file, R"({"do_sample": false, "temperature": 0.6})");
  EXPECT_EQ(advice_of_folder(folder.path(), 259).temperature, 0);
}

TEST(Generation, RefusesWhatCannotBe) {
  const test::ModelFolder folder(true);
  const Path file = folder.path() / "generation_config.json";
  for (const auto& [text, part] : {std::pair(R"({"temperature": -1})", "temperature: expected a number from 0"),
                                   std::pair(R"({"top_p": 0})", "top_p: expected a number above 0 and at most 1, found 0"),
                                   std::pair(R"({"top_k": "many"})", "top_k: expected a number, found \"many\""),
                                   std::pair(R"({"eos_token_id": 259})", "eos_token_id: expected a token id below 259, found 259"),
                                   std::pair(R"({"eos_token_id": [-1]})", "eos_token_id: expected a token id, found -1"),
                                   std::pair("[]", "expected a JSON object"), std::pair("{", "generation_config.json")}) {
    write_file_whole(file, text);
    EXPECT_NE(refusal(folder.path()).find(part), std::string::npos) << text << "\n" << refusal(folder.path());
  }
}

TEST(Generation, ReadsWhatAGgufFileAdvises) {
  const test::ModelFolder folder(true);
  const Path path = folder.path() / "advice.gguf";
  const auto write = [&](GgufWriter::Keys keys) {
    GgufWriter writer(path, keys, {{"t", "F32", {1}}});
    writer.write(std::string(4, '\0').data(), 4);
    writer.commit();
    return advice_of_gguf(GgufFile::open(path), 259);
  };
  const auto advice = write({{"tokenizer.ggml.eos_token_id", uint32_t{258}}, {"tokenizer.ggml.eot_token_id", uint32_t{9}},
                             {"general.sampling.temp", 0.5f}, {"general.sampling.top_k", uint32_t{40}}});
  EXPECT_EQ(advice.ends, (std::vector<int32_t>{9, 258}));
  EXPECT_EQ(advice.temperature, 0.5);
  EXPECT_EQ(advice.top_k, 40);
  EXPECT_FALSE(advice.top_p);
  EXPECT_THROW(write({{"general.sampling.top_p", 2.0f}}), Error);
  EXPECT_THROW(write({{"tokenizer.ggml.eom_token_id", uint32_t{259}}}), Error);
}

}  // namespace
}  // namespace hadal
