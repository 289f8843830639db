// A model goes through both formats and comes back the same: weights' bits, configuration, tokenizer, ends, defaults.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "weights/gguf_save.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

const Path kGoldens = Path(HADAL_SOURCE_DIR) / "tests/goldens/data";

class RoundTrip : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    top_ = std::filesystem::temp_directory_path() / fmt::format("hadal_round_trip_{}_{}", ::getpid(), GetParam());
    std::filesystem::create_directories(top_ / "first");
    for (const auto& file : std::filesystem::directory_iterator(kGoldens / GetParam() / "hf"))
      write_file_whole(top_ / "first" / file.path().filename(), read_file(file.path()));
  }
  void TearDown() override { std::filesystem::remove_all(top_); }

  // What real folders say and the goldens do not: templates, flags, several ends, sampling defaults.
  void say_more() {
    const Path folder = top_ / "first";
    Json tokenizer = parse_json(read_file(folder / "tokenizer.json"), "tokenizer");
    Json& added = tokenizer["added_tokens"];
    const int first = added[0]["id"], second = added[1]["id"], third = added[2]["id"];
    added[0]["lstrip"] = added[1]["rstrip"] = added[1]["normalized"] = added[2]["single_word"] = true;
    added[2]["special"] = false;
    write_file_whole(folder / "tokenizer.json", dump_json(tokenizer));
    Json config = parse_json(read_file(folder / "tokenizer_config.json"), "config");
    config["unk_token"] = added[0]["content"];
    config["chat_template"] = {{{"name", "default"}, {"template", "{{ messages }}\n"}},
                               {{"name", "rag"}, {"template", "r"}}};
    write_file_whole(folder / "tokenizer_config.json", dump_json(config));
    const Json generation = {{"eos_token_id", {first, second, third, 7, 8}},
                             {"do_sample", true},
                             {"temperature", 0.6},
                             {"top_p", 0.95},
                             {"top_k", 20},
                             {"min_p", 0.05},
                             {"repetition_penalty", 1.05}};
    write_file_whole(folder / "generation_config.json", dump_json(generation));
  }

  void export_and_back() {
    const LoadedModel first = load_model((top_ / "first").string(), LoadAs::whole);
    save_gguf(top_ / "m.gguf", *first.model, *first.tokenizer,
              {.name = "m", .mix = "", .progress = {}, .defaults = first.defaults});
    const LoadedModel middle = load_model((top_ / "m.gguf").string(), LoadAs::whole);
    save_model(top_ / "second", *middle.model, *middle.tokenizer, DType::bf16, middle.defaults);
  }

  Path top_;
};

Json config_of(const Path& folder) {
  Json json = parse_json(
      config_to_json(config_from_json(parse_json(read_file(folder / "config.json"), "config"), "config")).dump(),
      "config");
  json.erase("num_nextn_predict_layers");  // prediction layers do not go to GGUF files
  return json;
}

TEST_P(RoundTrip, TheModelIsTheSame) {
  export_and_back();
  const Safetensors first = Safetensors::open_folder(top_ / "first"),
                    second = Safetensors::open_folder(top_ / "second");
  const int64_t layers = load_model((top_ / "first").string()).model->config.layers;
  for (const auto& [name, entry] : first.entries()) {
    if (name.starts_with(fmt::format("model.layers.{}.", layers))) continue;  // a prediction layer
    const SafetensorsEntry* other = second.find(name);
    ASSERT_NE(other, nullptr) << name;
    EXPECT_EQ(entry.dtype, other->dtype) << name;
    EXPECT_EQ(entry.shape, other->shape) << name;
    EXPECT_TRUE(std::ranges::equal(entry.bytes, other->bytes)) << name;
  }
  EXPECT_EQ(config_of(top_ / "first"), config_of(top_ / "second"));
}

TEST_P(RoundTrip, TheTokenizerIsTheSame) {
  say_more();
  export_and_back();
  const LoadedModel loaded[] = {load_model((top_ / "first").string()), load_model((top_ / "m.gguf").string()),
                                load_model((top_ / "second").string())};
  const TokenizerParts& a = loaded[0].tokenizer->parts();

  for (size_t i = 1; i < 3; ++i) {
    const TokenizerParts& b = loaded[i].tokenizer->parts();
    for (size_t id = 0; id < a.tokens.size(); ++id) {
      EXPECT_EQ(a.types[id], b.types[id]) << id;
      if (a.types[id] != TokenType::unused) {
        EXPECT_EQ(a.tokens[id], b.tokens[id]);
      }
    }
    EXPECT_EQ(a.merges, b.merges);
    const auto rest = [](const TokenizerParts& p) {
      return std::tie(p.normalize_nfc, p.ignore_merges, p.bos, p.eos, p.unk, p.pad, p.add_bos, p.add_eos, p.strip_left,
                      p.strip_right, p.single_word, p.normalized, p.chat_template, p.named_templates);
    };
    EXPECT_TRUE(rest(a) == rest(b)) << i;
    EXPECT_EQ(a.single_word.size(), 1u);
    EXPECT_EQ(loaded[0].defaults.ends, loaded[i].defaults.ends);
    EXPECT_EQ(dump_json(defaults_to_json(loaded[0].defaults)), dump_json(defaults_to_json(loaded[i].defaults)));
    std::vector<std::string> texts = {"",
                                      " ",
                                      "  a  \n\n b",
                                      "It's we'LL don't",
                                      "e\u0301 \u212B x",
                                      "1234567 12½ ²",
                                      "你好 world かな",
                                      "a\r\n\r\nb",
                                      "\xff\x80 x",
                                      "foo_bar(x) += 1;",
                                      "😀👩‍👩‍👧",
                                      "ᄒ\u1161\u11ab"};
    for (const TokenId id : {a.bos, a.eos, a.strip_left[0], a.strip_right[0], a.single_word[0]})
      if (id >= 0)
        texts.push_back("x " + a.tokens[static_cast<size_t>(id)] + " y" + a.tokens[static_cast<size_t>(id)] + "z");
    for (const std::string& text : texts)
      for (const bool special : {false, true})
        EXPECT_EQ(loaded[0].tokenizer->encode(text, special), loaded[i].tokenizer->encode(text, special))
            << i << " " << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RoundTrip,
                         testing::Values("deepseek_v3_tiny", "deepseek_v2lite_tiny", "qwen2_tiny", "llama3_tiny"));

// The second and third ends have keys of their own; the message's end is known by its text.
TEST(GgufKeys, NamesEndsForOtherReaders) {
  const test::ModelFolder folder(false, DType::bf16);
  const LoadedModel loaded = load_model(folder.text());
  GenerationDefaults defaults;
  defaults.ends = {5, 9, 257};
  const Path path = folder.path() / "m.gguf";
  save_gguf(path, *loaded.model, *loaded.tokenizer, {.name = "m", .mix = "", .progress = {}, .defaults = defaults});
  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(file.integer("tokenizer.ggml.eos_token_id"), 257);
  EXPECT_EQ(file.integer("tokenizer.ggml.eot_token_id"), 5);
  EXPECT_EQ(file.integer("tokenizer.ggml.eom_token_id"), 9);
  EXPECT_FALSE(file.integers("tokenizer.hadal.end_token_ids"));
  EXPECT_FALSE(file.number("general.sampling.temp"));
  EXPECT_FALSE(file.text("tokenizer.hadal.normalizer"));
}

// A rule that no name of tokenizer.ggml.pre means is refused, not written as another.
TEST(GgufKeys, RefusesRulesWithoutAName) {
  const test::ModelFolder folder(false, DType::bf16);
  const LoadedModel loaded = load_model(folder.text());
  const auto refused = [&](const Json& rule, bool ignore_merges, std::string_view part) {
    TokenizerParts parts = loaded.tokenizer->parts();
    parts.pre_tokenizer_json = dump_json(rule);
    parts.ignore_merges = ignore_merges;
    try {
      save_gguf(folder.path() / "m.gguf", *loaded.model, Tokenizer::from_parts(parts, "t"),
                {.name = "m", .mix = "", .progress = {}});
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
    }
  };
  refused({{"type", "ByteLevel"}, {"add_prefix_space", true}}, false, "add_prefix_space");
  refused({{"type", "ByteLevel"}, {"add_prefix_space", false}}, true, "ignore_merges true");
  refused({{"type", "Sequence"},
           {"pretokenizers",
            {{{"type", "Split"}, {"pattern", {{"Regex", "x+"}}}, {"behavior", "Isolated"}},
             {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}},
          false, "x+");
}

}  // namespace
}  // namespace hadal::weights
