// Writing a model as a Hugging Face folder.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "formats/safetensors.h"
#include "model/rope_angles.h"
#include "weights/gguf/number_source.h"
#include "weights/hf_names.h"
#include "weights/load.h"

namespace hadal::weights {
namespace {

struct Output {
  SafetensorsWriter::Tensor tensor;
  NumberSource numbers;
};

class Outputs {
 public:
  Outputs(Model& model, DType dtype) : c_(model.config), dtype_(dtype) {
    for (BlockParams& block : model.blocks) note(block);
    for (MtpParams& mtp : model.mtp) note(mtp.block);
    for (const Param* param : model.params()) add(*param);
  }
  std::vector<Output> list;

 private:
  // Parameters that Hugging Face's files have in another order or form.
  void note(const BlockParams& block) {
    if (c_.split_kv_b) split_[&block.mla.k_b] = split_[&block.mla.v_b] = &block.mla;
    if (c_.rope_pairs) turned_.insert({&block.gqa.q, &block.gqa.k});
  }
  void add(const Param& param) {
    HADAL_CHECK(param.weight, "{} has no values", param.name);
    const std::string type = dtype_ == DType::f32 || param.keep_f32 ? "F32" : "BF16";
    const auto shape = entry_shape(param);
    if (const auto mla = split_.find(&param); mla != split_.end()) {
      if (&param == &mla->second->v_b) return;  // written with k_b
      std::string name = param.name;
      name.replace(name.find("k_b_proj"), 8, "kv_b_proj");
      const NumberSource numbers = joined_kv_b(c_, *mla->second);
      list.push_back({{name, type, {numbers.rows, numbers.cols}}, numbers});
    } else if (turned_.contains(&param)) {
      list.push_back({{param.name, type, shape}, to_halves(param.weight, c_.head_dim)});
    } else if (is_stack(param)) {
      for (int64_t e = 0; e < param.shape[0]; ++e)
        list.push_back({{expert_name(param.name, e), type, shape}, numbers_of(param.weight, e * shape[0], shape[0])});
    } else {
      list.push_back({{param.name, type, shape}, numbers_of(param.weight)});
    }
  }
  const ModelConfig& c_;
  DType dtype_;
  std::map<const Param*, const MlaParams*> split_;
  std::set<const Param*> turned_;
};

void write_numbers(SafetensorsWriter& writer, const Output& output) {
  std::vector<Bf16> narrow;
  output.numbers.for_each_piece([&](std::span<const float> numbers) {
    if (output.tensor.dtype == "F32") return writer.write(numbers.data(), numbers.size_bytes());
    narrow.resize(numbers.size());
    std::transform(numbers.begin(), numbers.end(), narrow.begin(), [](float x) { return Bf16(x); });
    writer.write(narrow.data(), narrow.size() * sizeof(Bf16));
  });
}

// The configuration as a Hugging Face folder expresses it.
ModelConfig folder_config(const Path& folder, const ModelConfig& config) {
  ModelConfig saved = config;
  if (saved.rope_scaling.kind == RopeScaling::Kind::factors) {
    const std::optional<RopeScaling> scaling = as_llama3(saved);
    if (!scaling) {
      fail(
          "{}: a Hugging Face folder has no field for rotary factors (rope_freqs.weight) other than those of Llama 3; "
          "keep the model's GGUF file",
          folder.string());
    }
    saved.rope_scaling = *scaling;
  }
  return saved;
}

}  // namespace

void save_description(const Path& folder, const ModelConfig& model, const Tokenizer& tokenizer, DType dtype,
                      const GenerationDefaults& defaults) {
  OrderedJson config = config_to_json(folder_config(folder, model));
  config["torch_dtype"] = dtype == DType::f32 ? "float32" : "bfloat16";
  write_file_whole(folder / "config.json", config.dump(2) + "\n");
  tokenizer.save_hf_folder(folder);
  if (defaults == GenerationDefaults{}) return;
  OrderedJson generation = defaults_to_json(defaults);
  if (tokenizer.bos() >= 0) generation["bos_token_id"] = tokenizer.bos();
  if (const TokenId pad = tokenizer.parts().pad; pad >= 0) generation["pad_token_id"] = pad;
  write_file_whole(folder / "generation_config.json", dump_json(generation, 2) + "\n");
}

void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype,
                const GenerationDefaults& defaults) {
  folder_config(folder, model.config);  // refuses what a folder cannot express before anything is written
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot make this folder: {}", folder.string(), error.message());
  const auto outputs = Outputs(model, dtype).list;
  std::vector<SafetensorsWriter::Tensor> tensors;
  for (const Output& output : outputs) tensors.push_back(output.tensor);
  SafetensorsWriter writer(folder / "model.safetensors", tensors);
  for (const Output& output : outputs) write_numbers(writer, output);
  writer.commit();
  save_description(folder, model.config, tokenizer, dtype, defaults);
}

}  // namespace hadal::weights
