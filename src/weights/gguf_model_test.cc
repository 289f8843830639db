#include "weights/gguf_model.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/gguf_save.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

// A model written as GGUF, in a folder that goes with it.
class Written {
 public:
  explicit Written(const ModelConfig& config, const std::string& mix = "") : model_(test::make_model(config)) {
    save_gguf(path(), *model_, test::byte_tokenizer(), {.name = "tiny", .mix = mix, .progress = {}});
  }
  Path path() const { return folder_.path() / "tiny.gguf"; }
  Model& model() { return *model_; }

  // The keys that `change` edits, and every tensor as it is.
  void rewrite(const std::function<void(GgufWriter::Keys&, std::vector<GgufWriter::Tensor>&)>& change) const {
    const GgufFile file = GgufFile::open(path());
    GgufWriter::Keys keys;
    for (const auto& [key, value] : file.values()) {
      if (value.type == GgufValueType::string && !value.is_array)
        keys.emplace_back(key, *file.text(key));
      else if (value.type == GgufValueType::f32)
        keys.emplace_back(key, static_cast<float>(*file.number(key)));
      else if (value.type == GgufValueType::boolean)
        keys.emplace_back(key, *file.boolean(key));
      else if (!value.is_array)
        keys.emplace_back(key, static_cast<uint32_t>(*file.integer(key)));
    }
    for (const char* list : {"tokenizer.ggml.tokens", "tokenizer.ggml.merges"}) {
      const auto texts = *file.texts(list);
      keys.emplace_back(list, std::vector<std::string>(texts.begin(), texts.end()));
    }
    std::vector<GgufWriter::Tensor> tensors;
    for (const auto& [name, tensor] : file.tensors()) tensors.push_back({name, tensor.type_name(), tensor.shape});
    change(keys, tensors);
    GgufWriter writer(path(), keys, tensors);
    for (const auto& [name, tensor] : file.tensors()) writer.write(tensor.bytes.data(), tensor.bytes.size());
    for (size_t extra = file.tensors().size(); extra < tensors.size(); ++extra)
      writer.write(std::string(4, '\0').data(), 4);
    writer.commit();
  }

 private:
  test::ModelFolder folder_;
  std::unique_ptr<Model> model_;
};

Tensor logits_of(Model& model) {
  Context ctx;
  ctx.precision = Precision::f32;
  const Batch batch = test::make_batch({19}, 259);
  std::vector<int64_t> rows(19);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  return logits(ctx, model, forward(ctx, model, batch).hidden, rows);
}

double largest_difference(Model& a, Model& b) {
  const Tensor x = logits_of(a), y = logits_of(b);
  double largest = 0;
  for (size_t i = 0; i < x.values().size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(x.values()[i]) - y.values()[i]));
  return largest;
}

ModelConfig deepseek() {
  ModelConfig c = test::byte_config(true);
  c.rope_scaling.mscale = c.rope_scaling.mscale_all_dim;
  return c;
}
ModelConfig softmax_deepseek() {
  ModelConfig c = deepseek();
  c.family = ModelConfig::Family::deepseek_v2;
  c.sigmoid_router = c.group_by_top2 = c.normalise_top_k = false;
  c.q_lora = 0, c.mtp_depth = 0, c.groups = c.top_groups = 1;
  return c;
}
ModelConfig llama() {
  ModelConfig c = test::byte_config(false);
  c.family = ModelConfig::Family::llama;
  c.qkv_bias = c.tied_head = false;
  c.rope_theta = 500;
  c.rope_scaling = {};
  c.rope_scaling.kind = RopeScaling::Kind::llama3;
  c.rope_scaling.factor = 8, c.rope_scaling.original_context = 16;
  return c;
}

TEST(GgufModel, SaysTheSameAfterWritingAndReading) {
  for (const ModelConfig& config : {deepseek(), softmax_deepseek(), test::byte_config(false), llama()}) {
    Written written(config);
    const LoadedModel loaded = load_model(written.path().string());
    EXPECT_EQ(loaded.name, "tiny");
    EXPECT_EQ(loaded.tokenizer->encode("some text", true), test::byte_tokenizer().encode("some text", true));
    EXPECT_EQ(loaded.tokenizer->chat_template(), test::byte_tokenizer().chat_template());
    EXPECT_LT(largest_difference(written.model(), *loaded.model), 2e-4) << static_cast<int>(config.family);
    EXPECT_EQ(loaded.model->config.group_by_top2, config.group_by_top2);
  }
}

TEST(GgufModel, RunsFromTheFile) {
  for (const ModelConfig& config : {deepseek(), llama()}) {
    const Written written(config);
    const LoadedModel copied = load_model(written.path().string());
    const LoadedModel stored =
        load_model(written.path().string(), LoadAs::frozen, RunPlan{.context = 64, .precision = Precision::f32});
    for (const Param* p : stored.model->params()) EXPECT_EQ(bool{p->weight.value()}, p->shape.size() == 1) << p->name;
    EXPECT_EQ(largest_difference(*copied.model, *stored.model), 0);
  }
}

// GGUF to a Hugging Face folder and back: joined latents, heads in halves.
TEST(GgufModel, BecomesAHuggingFaceFolder) {
  for (const ModelConfig& config : {deepseek(), test::byte_config(false)}) {
    Written written(config);
    const Path folder = written.path().parent_path() / "hf";
    const LoadedModel loaded = load_model(written.path().string());
    save_model(folder, *loaded.model, *loaded.tokenizer, DType::f32);
    const LoadedModel again = load_model(folder.string());
    EXPECT_FALSE(again.model->config.split_kv_b);
    EXPECT_LT(largest_difference(written.model(), *again.model), 1e-5);
  }
  Written with_factors(llama());
  const LoadedModel loaded = load_model(with_factors.path().string());
  EXPECT_TRUE(loaded.model->config.rope_pairs);
  EXPECT_THROW(save_model(with_factors.path().parent_path() / "hf", *loaded.model, *loaded.tokenizer, DType::f32),
               Error);
}

TEST(GgufModel, QuantisedBlocksStayAsTheyAre) {
  ModelConfig config = deepseek();
  config.hidden = 256, config.expert_inner = 32, config.layers = 4;
  Written written(config, "Q4_K_M");
  const GgufFile file = GgufFile::open(written.path());
  EXPECT_EQ(file.find_tensor("output.weight")->type_name(), "Q6_K");
  EXPECT_EQ(file.find_tensor("token_embd.weight")->type_name(), "Q4_K");
  EXPECT_EQ(file.find_tensor("blk.1.ffn_gate_exps.weight")->type_name(), "Q4_K");
  EXPECT_EQ(file.find_tensor("blk.1.ffn_down_exps.weight")->type_name(), "Q5_0");  // rows of 32
  EXPECT_EQ(file.find_tensor("blk.1.ffn_gate_inp.weight")->type_name(), "F32");
  EXPECT_EQ(file.find_tensor("blk.1.exp_probs_b.bias")->type_name(), "F32");

  const LoadedModel loaded = load_model(written.path().string());
  const Param& gate = loaded.model->blocks[1].moe.experts.gate;
  ASSERT_NE(gate.weight.quant(), nullptr);
  EXPECT_EQ(gate.weight.quant()->type, QuantType::q4_k);
  const Path copy = written.path().parent_path() / "copy.gguf";
  save_gguf(copy, *loaded.model, *loaded.tokenizer, {.name = "copy", .mix = "", .progress = {}});
  const GgufFile again = GgufFile::open(copy);
  for (const auto& [name, tensor] : file.tensors()) {
    ASSERT_NE(again.find_tensor(name), nullptr) << name;
    const auto bytes = again.find_tensor(name)->bytes;
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), tensor.bytes.begin(), tensor.bytes.end())) << name;
  }
  EXPECT_EQ(largest_difference(*loaded.model, *load_model(copy.string()).model), 0);
}

TEST(GgufModel, RefusesWhatItDoesNotKnow) {
  const auto refused = [](const char* key, GgufWriter::Value value, std::string_view part) {
    const Written written(test::byte_config(false));
    written.rewrite([&](auto& keys, auto&) {
      std::erase_if(keys, [&](const auto& k) { return k.first == key; });
      keys.emplace_back(key, value);
    });
    try {
      load_model(written.path().string());
      ADD_FAILURE() << "accepted: " << key;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
      EXPECT_NE(std::string_view(e.what()).find("tiny.gguf"), std::string_view::npos) << e.what();
    }
  };
  refused("general.architecture", std::string("mamba"),
          "general.architecture: expected deepseek2, qwen2 or llama, found mamba");
  refused("qwen2.attention.sliding_window", uint32_t{4}, "qwen2.attention.sliding_window");
  refused("qwen2.rope.scaling.type", std::string("longrope"), "qwen2.rope.scaling.type");
  refused("qwen2.expert_count", uint32_t{4}, "qwen2.expert_count");
  refused("qwen2.block_count", uint32_t{5000}, "num_hidden_layers");
  refused("qwen2.block_count", uint32_t{3}, "blk.2.attn_norm.weight");
  refused("qwen2.block_count", uint32_t{1}, "none of this model's");
  refused("qwen2.embedding_length", uint32_t{41}, "expected [");
  refused("qwen2.embedding_length", std::string("41"), "qwen2.embedding_length");
  refused("tokenizer.ggml.model", std::string("llama"), "tokenizer.ggml.model");
  refused("tokenizer.ggml.pre", std::string("unheard-of"), "unheard-of");
  refused("tokenizer.ggml.eos_token_id", uint32_t{300}, "eos_token_id");

  const Written written(test::byte_config(false));
  written.rewrite([](auto&, auto& tensors) { tensors.push_back({"extra.weight", "F32", {1}}); });
  EXPECT_THROW(load_model(written.path().string()), Error);
}

TEST(GgufModel, LinearScalingDividesEveryFrequency) {
  const Written written(test::byte_config(false));
  written.rewrite([](auto& keys, auto&) { keys.emplace_back("qwen2.rope.scaling.factor", 2.0f); });
  const LoadedModel loaded = load_model(written.path().string());
  EXPECT_EQ(loaded.model->rope.inv_freq[0], 0.5f);
}

// Folder, GGUF and folder again say the same of linear scaling, in both kinds of attention.
TEST(GgufModel, LinearScalingGoesBothWays) {
  for (ModelConfig config : {test::byte_config(false), llama(), deepseek()}) {
    config.rope_scaling = {.kind = RopeScaling::Kind::linear, .factor = 3};
    Written written(config);
    const LoadedModel loaded = load_model(written.path().string());
    EXPECT_EQ(loaded.model->config.rope_scaling.kind, RopeScaling::Kind::linear);
    EXPECT_LT(largest_difference(written.model(), *loaded.model), 2e-4);
    const Path folder = written.path().parent_path() / "hf";
    save_model(folder, *loaded.model, *loaded.tokenizer, DType::f32);
    const LoadedModel again = load_model(folder.string());
    EXPECT_EQ(again.model->config.rope_scaling.factor, 3);
    EXPECT_LT(largest_difference(written.model(), *again.model), 2e-4);
  }
}

// -1 in a key that has no sign, as some converters write it.
TEST(GgufModel, ATokenOfMinusOneIsNone) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eot_token_id"}) {
    const Written written(test::byte_config(false));
    written.rewrite([&](auto& keys, auto&) {
      std::erase_if(keys, [&](const auto& k) { return k.first == key; });
      keys.emplace_back(key, UINT32_MAX);
    });
    const LoadedModel loaded = load_model(written.path().string());
    if (key == std::string_view("tokenizer.ggml.eos_token_id")) {
      EXPECT_EQ(loaded.tokenizer->eos(), -1);
    }
    if (key == std::string_view("tokenizer.ggml.bos_token_id")) {
      EXPECT_EQ(loaded.tokenizer->bos(), -1);
    }
  }
}

TEST(GgufModel, PassesOverKeysThatChangeNothing) {
  using Value = GgufWriter::Value;
  const std::pair<const char*, Value> harmless[] = {{"qwen2.attention.sliding_window", uint32_t{0}},
                                                    {"qwen2.attention.sliding_window", uint32_t{512}},
                                                    {"qwen2.final_logit_softcapping", 0.0f},
                                                    {"qwen2.attention.causal", true},
                                                    {"qwen2.logit_scale", 1.0f},
                                                    {"qwen2.expert_weights_norm", false},
                                                    {"qwen2.expert_feed_forward_length", uint32_t{7}},
                                                    {"qwen2.rope.scaling.yarn_beta_fast", 32.0f},
                                                    {"qwen2.tensor_data_layout", std::string("Meta AI original pth")},
                                                    {"qwen2.attention.layer_norm_epsilon", 1e-5f},
                                                    {"qwen2.pooling_type", uint32_t{0}}};
  for (const auto& [key, value] : harmless) {
    Written written(test::byte_config(false));
    written.rewrite([&](auto& keys, auto&) { keys.emplace_back(key, value); });
    EXPECT_LT(largest_difference(written.model(), *load_model(written.path().string()).model), 2e-4) << key;
  }
  const std::pair<const char*, Value> others[] = {{"qwen2.attention.causal", false},
                                                  {"qwen2.logit_scale", 0.5f},
                                                  {"qwen2.final_logit_softcapping", 30.0f},
                                                  {"qwen2.attention.sliding_window", uint32_t{511}}};
  for (const auto& [key, value] : others) {
    const Written written(test::byte_config(false));
    written.rewrite([&](auto& keys, auto&) { keys.emplace_back(key, value); });
    EXPECT_THROW(load_model(written.path().string()), Error) << key;
  }
  Written written(test::byte_config(false));  // a number a layer, all the same
  written.rewrite([&](auto& keys, auto&) {
    for (auto& [key, value] : keys)
      if (key == "qwen2.attention.head_count_kv") value = std::vector<int32_t>{2, 2};
  });
  EXPECT_LT(largest_difference(written.model(), *load_model(written.path().string()).model), 2e-4);
}

// Prediction layers are those that have such tensors, whatever the keys count.
TEST(GgufModel, NeverTakesALayerOfTheTrunkForOneOfPrediction) {
  ModelConfig config = deepseek();
  config.mtp_depth = 0;
  const auto with_keys = [&](uint32_t blocks, uint32_t predicting, int prediction_layer) {
    auto written = std::make_unique<Written>(config);
    written->rewrite([&](auto& keys, auto& tensors) {
      std::erase_if(keys, [](const auto& k) { return k.first == "deepseek2.block_count"; });
      keys.emplace_back("deepseek2.block_count", blocks);
      keys.emplace_back("deepseek2.nextn_predict_layers", predicting);
      if (prediction_layer >= 0)
        tensors.push_back({fmt::format("blk.{}.nextn.eh_proj.weight", prediction_layer), "F32", {1}});
    });
    return written;
  };
  struct Case {
    uint32_t blocks, predicting;
    int layer;
  };
  // None in the file, counted or not; one in the file, counted or not; two announced and one there; announced nowhere.
  for (const Case c : {Case{3, 1, -1}, {4, 1, -1}, {4, 1, 3}, {3, 1, 3}, {5, 2, 3}, {4, 0, 3}, {3, 0, 3}, {5, 2, -1}}) {
    const auto written = with_keys(c.blocks, c.predicting, c.layer);
    const LoadedModel loaded = load_model(written->path().string());
    EXPECT_EQ(loaded.model->config.layers, 3) << c.blocks << " " << c.predicting << " " << c.layer;
    EXPECT_LT(largest_difference(written->model(), *loaded.model), 2e-4);
  }
  for (const Case c : {Case{6, 1, -1}, {2, 1, -1}, {3, 1, 1}, {6, 2, 3}}) {
    try {
      load_model(with_keys(c.blocks, c.predicting, c.layer)->path().string());
      ADD_FAILURE() << "accepted: " << c.blocks << " " << c.predicting << " " << c.layer;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find("nextn_predict_layers"), std::string_view::npos) << e.what();
    }
  }
}

// llama.cpp has one number for DeepSeek's two; a model with different ones cannot be written.
TEST(GgufModel, RefusesToWriteWhatTheFormatCannotSay) { EXPECT_THROW(Written{test::byte_config(true)}, Error); }

// As converters pad: rows of the head without a token have names, and types of several kinds.
TEST(GgufModel, PaddingIsNoPartOfTheVocabulary) {
  const Written written(test::byte_config(false));
  written.rewrite([](auto& keys, auto&) {
    for (auto& [key, value] : keys) {
      if (key != "tokenizer.ggml.tokens") continue;
      auto tokens = std::get<std::vector<std::string>>(value);
      tokens[258] = "[PAD258]", tokens[260] = "<|im_end|>", tokens[262] = "<dummy00002>", tokens[263] = "";
      value = tokens;
    }
    std::vector<int32_t> types(264, 1);  // the old converter's: all user-defined behind the bytes
    for (size_t id = 256; id < types.size(); ++id) types[id] = 4;
    keys.emplace_back("tokenizer.ggml.token_type", types);
  });
  const Tokenizer tokenizer = load_tokenizer(written.path().string());
  EXPECT_EQ(tokenizer.vocab_size(), 261);
  EXPECT_EQ(tokenizer.parts().types[258], TokenType::unused);  // a hole
  EXPECT_EQ(tokenizer.parts().types[259], TokenType::unused);
  EXPECT_EQ(tokenizer.find("<|im_end|>"), 260);
  EXPECT_EQ(tokenizer.encode("[PAD258]").size(), 8u);  // text like any other
}

TEST(GgufModel, AFolderOfOneFileIsThatModel) {
  Written written(test::byte_config(false));
  const Path folder = written.path().parent_path() / "alone";
  std::filesystem::create_directories(folder);
  std::filesystem::copy(written.path(), folder / "x.gguf");
  EXPECT_EQ(load_model(folder.string()).name, "alone");
  EXPECT_EQ(load_tokenizer(folder.string()).vocab_size(), 259);
  std::filesystem::copy(written.path(), folder / "y.gguf");
  EXPECT_THROW(load_model(folder.string()), Error);
}

}  // namespace
}  // namespace hadal::weights
