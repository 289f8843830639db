#include "weights/load.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "formats/safetensors.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

void refused(const std::string& model, std::initializer_list<std::string_view> parts) {
  try {
    load_model(model);
    ADD_FAILURE() << "accepted; expected a refusal with: " << *parts.begin();
  } catch (const Error& e) {
    for (const auto part : parts)
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << part << "\n" << e.what();
  }
}

// Reads all tensors, lets `change` edit the list, and writes them again.
using Edit = std::function<void(std::vector<SafetensorsWriter::Tensor>&, std::vector<std::string>&)>;
void edit_tensors(const Path& folder, const Edit& change) {
  const Path path = folder / "model.safetensors";
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::vector<std::string> data;
  const auto file = Safetensors::open_file(path);
  for (const auto& [name, entry] : file.entries()) {
    tensors.push_back({name, entry.dtype, entry.shape});
    data.emplace_back(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size());
  }
  change(tensors, data);
  SafetensorsWriter writer(path, tensors);
  for (const auto& bytes : data) writer.write(bytes.data(), bytes.size());
  writer.commit();
}

void edit_config(const Path& folder, const char* patch) {
  Json config = parse_json(read_file(folder / "config.json"), "config.json");
  config.merge_patch(Json::parse(patch));
  write_file_whole(folder / "config.json", config.dump());
}

TEST(Load, GivesBackWhatWasSaved) {
  for (const bool deepseek : {true, false}) {
    const test::ModelFolder folder(deepseek);
    const auto original = test::make_model(test::byte_config(deepseek));
    const LoadedModel loaded = load_model(folder.text(), LoadAs::trainable);
    EXPECT_EQ(loaded.name, folder.path().filename().string());
    EXPECT_EQ(load_model(folder.text() + "/").name, loaded.name);
    EXPECT_EQ(loaded.tokenizer->vocab_size(), 259);
    const ParamList a = original->params(), b = loaded.model->params();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(b[i]->weight.frozen, b[i]->group == ParamGroup::buffer) << b[i]->name;
      const auto x = a[i]->weight.value().values(), y = b[i]->weight.value().values();
      EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << a[i]->name;
    }
  }
}

// What is left out of the files is no prediction layer, and what has none of its tensors is one of the trunk's.
TEST(Load, KnowsPredictionLayersByTheirTensors) {
  const test::ModelFolder without(true);
  edit_tensors(without.path(), [](auto& tensors, auto& data) {
    for (size_t i = tensors.size(); i-- > 0;) {
      if (!tensors[i].name.starts_with("model.layers.3.")) continue;
      tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
      data.erase(data.begin() + static_cast<std::ptrdiff_t>(i));
    }
  });
  for (const LoadAs as : {LoadAs::frozen, LoadAs::whole, LoadAs::trainable}) {
    EXPECT_EQ(load_model(without.text(), as).model->config.mtp_depth, 0);
    EXPECT_EQ(load_model(without.text(), as).model->blocks.size(), 3u);
  }
  const test::ModelFolder with(true);
  edit_config(with.path(), R"({"num_nextn_predict_layers": 2})");
  EXPECT_EQ(load_model(with.text(), LoadAs::whole).model->config.mtp_depth, 1);
  edit_config(with.path(), R"({"num_hidden_layers": 2, "num_nextn_predict_layers": 1})");
  refused(with.text(), {"model.layers.2.", "none of this model's"});
}

TEST(Load, FrozenKeepsBf16AndLeavesPredictionLayersOut) {
  const test::ModelFolder folder(true, DType::bf16);
  const LoadedModel loaded = load_model(folder.text());
  EXPECT_EQ(loaded.model->config.mtp_depth, 0);
  for (const Param* p : loaded.model->params()) {
    EXPECT_TRUE(p->weight.frozen) << p->name;
    EXPECT_EQ(p->weight.value().dtype(), p->shape.size() > 1 ? DType::bf16 : DType::f32) << p->name;
  }
  const auto file = Safetensors::open_folder(folder.path());
  for (const auto& [name, entry] : file.entries())
    EXPECT_EQ(entry.dtype, name.ends_with("e_score_correction_bias") ? "F32" : "BF16") << name;
}

// Loaded to run, matrices stay in the file: products pack what they read, and the numbers are those of a copy.
TEST(Load, RunsFromTheFile) {
  for (const bool deepseek : {true, false})
    for (const DType type : {DType::f32, DType::bf16})
      for (const Precision precision : {Precision::f32, Precision::bf16}) {
        const test::ModelFolder folder(deepseek, type);
        const LoadedModel copied = load_model(folder.text());
        const LoadedModel stored =
            load_model(folder.text(), LoadAs::frozen, RunPlan{.context = 64, .precision = precision});
        for (const Param* p : stored.model->params())
          EXPECT_EQ(bool{p->weight.value()}, p->shape.size() == 1) << p->name;
        const Context ctx = test::one_thread(precision);
        const Batch batch = test::make_batch({19, 1, 40}, 259);
        for (int again = 0; again < 2; ++again)  // the second time from packed copies
          for (const MlaForm form : {MlaForm::expanded, MlaForm::absorbed})
            test::expect_same_rows(forward(ctx, *copied.model, batch, {.mla_form = form}).hidden, 0,
                                   forward(ctx, *stored.model, batch, {.mla_form = form}).hidden, folder.text());
      }
}

TEST(Load, RefusesWhatDoesNotFit) {
  {
    const test::ModelFolder folder;
    edit_tensors(folder.path(), [](auto& tensors, auto& data) {
      for (size_t i = 0; i < tensors.size(); ++i)
        if (tensors[i].name == "model.norm.weight")
          tensors.erase(tensors.begin() + static_cast<int64_t>(i)), data.erase(data.begin() + static_cast<int64_t>(i));
    });
    refused(folder.text(), {folder.text(), "model.norm.weight", "none"});
  }
  {
    const test::ModelFolder folder;
    edit_tensors(folder.path(), [](auto& tensors, auto&) {
      for (auto& tensor : tensors)
        if (tensor.name == "lm_head.weight") std::swap(tensor.shape[0], tensor.shape[1]);
    });
    refused(folder.text(), {"model.safetensors", "lm_head.weight", "[264, 40]", "[40, 264]"});
  }
  {
    const test::ModelFolder folder;
    edit_tensors(folder.path(), [](auto& tensors, auto& data) {
      tensors.push_back({"model.layers.0.self_attn.q_norm.weight", "F32", {1}});
      data.push_back("1234");
    });
    refused(folder.text(), {"q_norm", "not support"});
  }
  {
    const test::ModelFolder folder;
    edit_tensors(folder.path(), [](auto& tensors, auto&) {
      for (auto& tensor : tensors)
        if (tensor.name == "lm_head.weight") tensor.dtype = "I32";
    });
    refused(folder.text(), {"lm_head.weight", "I32"});
  }
  {
    const test::ModelFolder folder;
    edit_config(folder.path(), R"({"hidden_size":41})");
    refused(folder.text(), {"model.embed_tokens.weight", "[264, 41]"});
  }
  {
    const test::ModelFolder folder;
    edit_config(folder.path(), R"({"vocab_size":258})");
    edit_tensors(folder.path(), [](auto& tensors, auto& data) {
      for (size_t i = 0; i < tensors.size(); ++i)
        if (tensors[i].shape.size() == 2 && tensors[i].shape[0] == 264)
          tensors[i].shape[0] = 258, data[i].resize(258 * 40 * 4);
    });
    refused(folder.text(), {"tokenizer does not fit", "259", "258"});
  }
  {
    const test::ModelFolder folder;
    std::filesystem::remove(folder.path() / "tokenizer.json");
    refused(folder.text(), {"tokenizer.json"});
  }
  {
    const test::ModelFolder folder;
    write_file_whole(folder.path() / "config.json", "{");
    refused(folder.text(), {"config.json", "JSON"});
  }
}

// Sizes that no machine has are refused before anything is allocated.
TEST(Load, RefusesGiantsAtOnce) {
  const test::ModelFolder folder;
  edit_config(
      folder.path(),
      R"({"n_routed_experts":4096,"moe_intermediate_size":262144,"hidden_size":65536,"n_group":1,"topk_group":1})");
  refused(folder.text(), {"expected"});
}

TEST(Load, FindsModelsByName) {
  const test::ModelFolder folder;
  const std::string parent = folder.path().parent_path().string(), name = folder.path().filename().string();
  ::setenv("HADAL_MODELS", parent.c_str(), 1);
  EXPECT_EQ(find_model(name).path, folder.path());
  EXPECT_EQ(load_model(name).name, name);
  refused("no_such_model", {"no_such_model", name});
  ::unsetenv("HADAL_MODELS");
  refused("no_such_model", {"no_such_model"});
  refused("", {"model"});
  EXPECT_EQ(load_model((folder.path() / "model.safetensors").string()).name, name);
  write_file_whole(folder.path() / "x.gguf", "GGUF");
  refused((folder.path() / "x.gguf").string(), {"x.gguf", "cut short"});
}

// Matrices as DeepSeek-V3's checkpoints have them: fp8 beside a factor for each square of 128.
TEST(Load, ReadsFp8) {
  const test::ModelFolder folder;
  ModelConfig config = test::byte_config(true);
  config.hidden = 160;
  save_model(folder.path(), *test::make_model(config), test::byte_tokenizer(), DType::bf16);
  constexpr char kCodes[3] = {0x38, 0x40, static_cast<char>(0xb8)};
  constexpr float kValues[3] = {1, 2, -1};
  const auto squares = [](int64_t n) { return (n + 127) / 128; };
  edit_tensors(folder.path(), [&](auto& tensors, auto& data) {
    for (size_t i = 0, n = tensors.size(); i < n; ++i) {
      if (!tensors[i].name.ends_with("_proj.weight") || tensors[i].name.ends_with("eh_proj.weight")) continue;
      const int64_t rows = tensors[i].shape[0], cols = tensors[i].shape[1], factors = squares(rows) * squares(cols);
      tensors[i].dtype = "F8_E4M3";
      data[i].clear();
      for (int64_t at = 0; at < rows * cols; ++at) data[i] += kCodes[(at / cols * 7 + at % cols * 5) % 3];
      std::vector<float> scales;
      for (int64_t s = 0; s < factors; ++s) scales.push_back(1 + 0.5f * static_cast<float>(s));
      tensors.push_back({tensors[i].name + "_scale_inv", "F32", {squares(rows), squares(cols)}});
      data.emplace_back(reinterpret_cast<const char*>(scales.data()), scales.size() * sizeof(float));
    }
  });
  edit_config(folder.path(),
              R"({"quantization_config":{"quant_method":"fp8","fmt":"e4m3","weight_block_size":[128,128]}})");
  const Path copy = folder.path() / "copy";
  for (const LoadAs as : {LoadAs::frozen, LoadAs::trainable}) {
    const LoadedModel loaded = load_model(folder.text(), as);
    if (as == LoadAs::frozen) save_model(copy, *loaded.model, *loaded.tokenizer, DType::bf16);
    const LoadedModel again = load_model(copy.string(), LoadAs::frozen);
    for (const Param* p : loaded.model->params()) {
      if (!p->name.ends_with("_proj.weight") || p->name.ends_with("eh_proj.weight")) continue;
      EXPECT_EQ(p->weight.quant() != nullptr, as == LoadAs::frozen) << p->name;
      std::vector<float> numbers(static_cast<size_t>(num_elements(p->shape)));
      p->weight.read(0, numbers);
      const int64_t rows = p->weight.out(), cols = p->weight.in();
      for (int64_t at = 0; at < num_elements(p->shape); ++at) {
        const int64_t r = at / cols % rows, c = at % cols, square = r / 128 * squares(cols) + c / 128;
        ASSERT_EQ(numbers[static_cast<size_t>(at)],
                  kValues[(r * 7 + c * 5) % 3] * (1 + 0.5f * static_cast<float>(square)))
            << p->name << " " << at;
      }
    }
    EXPECT_EQ(again.model->params()[1]->weight.quant(), nullptr);
  }
  edit_tensors(folder.path(), [](auto& tensors, auto&) {
    for (auto& t : tensors)
      if (t.name.ends_with("1.self_attn.o_proj.weight_scale_inv")) t.name += "_x";
  });
  refused(folder.text(), {"1.self_attn.o_proj.weight_scale_inv"});
}

}  // namespace
}  // namespace hadal::weights
