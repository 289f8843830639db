#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

class HfFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("hadal_hf_folder_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Json valid() {
    Json vocab = Json::object();
    for (int b = 0; b < 256; ++b) vocab[to_byte_alphabet(std::string(1, static_cast<char>(b)))] = b;
    vocab["ab"] = 256;
    return {{"version", "1.0"},
            {"added_tokens",
             {{{"id", 257}, {"content", "<s>"}, {"special", true}},
              {{"id", 258}, {"content", "<think>"}, {"special", false}}}},
            {"normalizer", nullptr},
            {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
            {"post_processor", nullptr},
            {"decoder", {{"type", "ByteLevel"}}},
            {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b"}}}}};
  }

  Tokenizer load(const std::string& tokenizer, const std::string& config = "") {
    write_file_whole(folder_ / "tokenizer.json", tokenizer);
    std::filesystem::remove(folder_ / "tokenizer_config.json");
    if (!config.empty()) write_file_whole(folder_ / "tokenizer_config.json", config);
    return Tokenizer::from_hf_folder(folder_);
  }

  // `named` must be in the message, and the file.
  void refuse(const std::string& tokenizer, const std::string& named, const std::string& config = "") {
    try {
      load(tokenizer, config);
      ADD_FAILURE() << "accepted what should fail with " << named;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(named), std::string::npos)
          << "\"" << e.what() << "\" does not name " << named;
      EXPECT_NE(std::string(e.what()).find("tokenizer"), std::string::npos) << e.what();
    }
  }
  template <typename Change>
  void refuse_changed(Change&& change, const std::string& named) {
    Json json = valid();
    change(json);
    refuse(json.dump(), named);
  }

  Path folder_;
};

TEST_F(HfFolder, LoadsTheValidOne) {
  const Tokenizer tokenizer =
      load(valid().dump(), R"({"bos_token": {"content": "<s>"}, "eos_token": null, "add_bos_token": true,
      "chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(tokenizer.vocab_size(), 259);
  EXPECT_EQ(tokenizer.encode("ab", true), (std::vector<TokenId>{257, 256}));
  EXPECT_EQ(tokenizer.bos(), 257);
  EXPECT_EQ(tokenizer.eos(), -1);
  EXPECT_EQ(tokenizer.chat_template(), "d");
  EXPECT_EQ(tokenizer.encode("<think>"), std::vector<TokenId>{258});
}

TEST_F(HfFolder, TemplateProcessingAndPairsOfMerges) {
  Json json = valid();
  json["model"]["merges"] = Json::array({Json::array({"a", "b"})});
  json["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}},
        {{"type", "TemplateProcessing"},
         {"single",
          {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}}}};
  EXPECT_EQ(load(json.dump()).encode("ab", true), (std::vector<TokenId>{257, 256}));
  EXPECT_EQ(load(json.dump()).encode("ab", false), std::vector<TokenId>{256});
  EXPECT_EQ(load(json.dump(), R"({"add_bos_token": false})").encode("ab", true), std::vector<TokenId>{256});
}

TEST_F(HfFolder, ChatTemplateFileWins) {
  write_file_whole(folder_ / "chat_template.jinja", "from the file");
  EXPECT_EQ(load(valid().dump(), R"({"chat_template": "from the config"})").chat_template(), "from the file");
}

TEST_F(HfFolder, SavesWhatItLoads) {
  Json json = valid();
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}};
  json["model"]["ignore_merges"] = true;
  json["added_tokens"][1]["lstrip"] = true;
  const Tokenizer first = load(
      json.dump(), R"({"bos_token": "<s>", "eos_token": "<s>", "add_eos_token": true, "chat_template": "t{{ 1 }}\n"})");
  first.save_hf_folder(folder_ / "again");
  const Tokenizer second = Tokenizer::from_hf_folder(folder_ / "again");
  const TokenizerParts &a = first.parts(), &b = second.parts();
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.types, b.types);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.pre_tokenizer_json, b.pre_tokenizer_json);
  EXPECT_EQ(
      std::tie(a.normalize_nfc, a.ignore_merges, a.bos, a.eos, a.add_bos, a.add_eos, a.strip_left, a.chat_template),
      std::tie(b.normalize_nfc, b.ignore_merges, b.bos, b.eos, b.add_bos, b.add_eos, b.strip_left, b.chat_template));
  EXPECT_TRUE(b.normalize_nfc && b.ignore_merges && b.add_eos && !b.add_bos);
}

// Flags of added tokens, other special tokens and named templates are written as they were read.
TEST_F(HfFolder, KeepsFlagsAndTemplates) {
  Json json = valid();
  json["added_tokens"][0]["rstrip"] = json["added_tokens"][0]["normalized"] = true;
  json["added_tokens"][1]["single_word"] = true;
  const Tokenizer first =
      load(json.dump(), R"({"bos_token": "<s>", "pad_token": {"content": "<s>"}, "unk_token": "<think>",
      "chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]})");
  EXPECT_EQ(first.encode("a <think> b").size(), 5u);
  EXPECT_EQ(first.encode("a<think>_").size(), 9u);  // beside a letter it is text
  EXPECT_EQ(first.encode("é<think>").size(), 9u);
  first.save_hf_folder(folder_ / "again");
  const TokenizerParts second = Tokenizer::from_hf_folder(folder_ / "again").parts();
  const std::vector<TokenId> s{257}, think{258};
  EXPECT_EQ(std::tie(second.strip_right, second.normalized, second.single_word), std::tie(s, s, think));
  EXPECT_EQ(second.pad, 257);
  EXPECT_EQ(second.unk, 258);
  EXPECT_EQ(second.chat_template, "d");
  EXPECT_EQ(second.named_templates, (std::vector<std::pair<std::string, std::string>>{{"tool_use", "t"}}));
  EXPECT_EQ(load(valid().dump(), R"({"pad_token": "<of another vocabulary>"})").parts().pad, -1);
  write_file_whole(folder_ / "special_tokens_map.json", R"({"bos_token": "<nowhere>", "eos_token": "<s>"})");
  EXPECT_EQ(load(valid().dump()).bos(), -1);
  EXPECT_EQ(load(valid().dump()).eos(), 257);
  EXPECT_EQ(load(valid().dump(), R"({"eos_token": "<think>"})").eos(), 258);
}

// Hugging Face's tokenizers number added tokens from the vocabulary's size on: those before other tokens, and all where
// a number was left out, must stand in the vocabulary.
TEST_F(HfFolder, AddedTokensKeepTheirIdsElsewhere) {
  const auto saved_vocab = [&](const Json& json) {
    load(json.dump()).save_hf_folder(folder_ / "again");
    return parse_json(read_file(folder_ / "again/tokenizer.json"), "saved").at("model").at("vocab");
  };
  EXPECT_FALSE(saved_vocab(valid()).contains("<s>"));
  Json json = valid();
  json["model"]["vocab"]["ab"] = 259;
  EXPECT_EQ(saved_vocab(json).at("<think>"), 258);  // 256 is a hole
  json["added_tokens"][0]["id"] = 256;
  json["added_tokens"][1]["id"] = 257;
  EXPECT_EQ(saved_vocab(json).at("<s>"), 256);
}

TEST_F(HfFolder, ReadsVocabAndMerges) {
  const auto write = [&](const char* name, const std::string& text) { write_file_whole(folder_ / name, text); };
  Json vocab = valid()["model"]["vocab"];
  write("vocab.json", vocab.dump());
  write("merges.txt", "#version: 0.2\na b\n");
  write("added_tokens.json", R"({"<think>": 258, "<|endoftext|>": 257})");
  const Tokenizer plain = Tokenizer::from_hf_folder(folder_);
  EXPECT_EQ(plain.encode("ab<|endoftext|><think>", true), (std::vector<TokenId>{256, 257, 258}));
  EXPECT_EQ(plain.eos(), 257);
  EXPECT_TRUE(plain.is_special(257) && !plain.is_special(258));
  EXPECT_FALSE(plain.parts().normalize_nfc);

  write("special_tokens_map.json", R"({"bos_token": "<new>", "additional_special_tokens": ["<think>"]})");
  write("tokenizer_config.json",
        R"({"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "chat_template": "t",
      "added_tokens_decoder": {"259": {"content": "<|im_end|>", "special": true, "lstrip": true}}})");
  const Tokenizer qwen = Tokenizer::from_hf_folder(folder_);
  EXPECT_EQ(qwen.eos(), 259);
  EXPECT_EQ(qwen.bos(), 260);
  EXPECT_TRUE(qwen.is_special(258));
  EXPECT_EQ(qwen.encode("ab <|im_end|>", true), (std::vector<TokenId>{256, 259}));
  EXPECT_EQ(qwen.encode("e\u0301"), qwen.encode("é"));
  EXPECT_EQ(qwen.chat_template(), "t");

  for (const auto& [name, text, named] :
       {std::tuple("vocab.json", "[]", "vocab.json"), std::tuple("vocab.json", R"({"a": -1})", "\"a\""),
        std::tuple("vocab.json", R"({"a": 99999999})", "\"a\""),
        std::tuple("added_tokens.json", R"({"<x>": "y"})", "<x>"), std::tuple("merges.txt", "a", "merge 0"),
        std::tuple("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {}}})", "added_tokens_decoder")}) {
    const std::string before = read_file(folder_ / name);
    write(name, text);
    try {
      Tokenizer::from_hf_folder(folder_);
      ADD_FAILURE() << name << " " << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(named), std::string_view::npos) << e.what();
    }
    write(name, before);
  }
}

TEST_F(HfFolder, RefusesHostileFiles) {
  EXPECT_THROW(Tokenizer::from_hf_folder(folder_ / "absent"), Error);
  refuse("", "JSON");
  refuse("{", "JSON");
  refuse("[]", "object");
  refuse("{}", "model");
  refuse(R"({"model": 3})", "model");
  refuse_changed([](Json& j) { j["model"].erase("vocab"); }, "vocab");
  refuse_changed([](Json& j) { j["model"].erase("merges"); }, "merges");
  refuse_changed([](Json& j) { j.erase("pre_tokenizer"); }, "pre_tokenizer");
  refuse_changed([](Json& j) { j["model"]["type"] = "Unigram"; }, "Unigram");
  refuse_changed([](Json& j) { j["model"]["type"] = 7; }, "type");
  refuse_changed([](Json& j) { j["model"]["byte_fallback"] = true; }, "byte_fallback");
  refuse_changed([](Json& j) { j["model"]["byte_fallback"] = "yes"; }, "byte_fallback");
  refuse_changed([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word_suffix");
  refuse_changed([](Json& j) { j["model"]["vocab"] = Json::array(); }, "vocab");
  refuse_changed([](Json& j) { j["model"]["vocab"].erase("a"); }, "0x61");
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = "x"; }, "ab");
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = -1; }, "-1");
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = 1.5; }, "ab");
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = 2'000'000'000; }, "ab");  // would plan a huge table
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = 18'000'000'000'000'000'000u; }, "ab");
  refuse_changed([](Json& j) { j["model"]["vocab"]["ab"] = 5; }, "expected an id of its own");
  refuse_changed([](Json& j) { j["model"]["merges"] = {"a"}; }, "merge 0");
  refuse_changed([](Json& j) { j["model"]["merges"] = {"a b c"}; }, "merge 0");
  refuse_changed([](Json& j) { j["model"]["merges"] = {"a c"}; }, "ac");
  refuse_changed([](Json& j) { j["model"]["merges"] = {"a zz"}; }, "zz");
  refuse_changed([](Json& j) { j["model"]["merges"] = {1}; }, "merge 0");
  refuse_changed([](Json& j) { j["normalizer"] = {{"type", "Lowercase"}}; }, "Lowercase");
  refuse_changed([](Json& j) { j["decoder"] = {{"type", "Metaspace"}}; }, "Metaspace");
  refuse_changed([](Json& j) { j["post_processor"] = {{"type", "BertProcessing"}}; }, "BertProcessing");
  refuse_changed([](Json& j) { j["added_tokens"][0]["id"] = 5; }, "<s>");
  refuse_changed([](Json& j) { j["added_tokens"][0]["id"] = 1 << 30; }, "<s>");
  refuse_changed([](Json& j) { j["added_tokens"][0]["content"] = ""; }, "257");
  refuse_changed([](Json& j) { j["added_tokens"][1]["content"] = "<s>"; }, "<s>");
  refuse_changed([](Json& j) { j["added_tokens"][0].erase("content"); }, "content");
  refuse_changed([](Json& j) { j["added_tokens"][0]["single_word"] = 1; }, "single_word");
  refuse_changed([](Json& j) { j["added_tokens"] = 5; }, "added_tokens");
  refuse(valid().dump(), "bos_token", R"({"bos_token": "<nowhere>"})");
  refuse(valid().dump(), "object", "[]");
  refuse(valid().dump(), "chat_template", R"({"chat_template": 3})");
}

}  // namespace
}  // namespace hadal
