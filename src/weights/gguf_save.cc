#include "weights/gguf_save.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/quant.h"
#include "model/rope_angles.h"
#include "weights/gguf/gguf_keys.h"
#include "weights/gguf/gguf_names.h"
#include "weights/gguf/number_source.h"
#include "weights/gguf/quant_mix.h"

namespace hadal::weights {
namespace {

struct Output {
  GgufWriter::Tensor tensor;
  NumberSource numbers;
};

std::string natural_type(const Param& param, const NumberSource& numbers) {
  if (param.shape.size() < 2 || param.group == ParamGroup::router) return "F32";
  const Weight& weight = param.weight;
  if (weight.quant() == nullptr) return weight.value().dtype() == DType::bf16 ? "BF16" : "F32";
  if (weight.quant()->type == QuantType::fp8_e4m3) return "BF16";
  return numbers.same != nullptr ? std::string(quant_format(weight.quant()->type).name) : "F32";
}

class Outputs {
 public:
  Outputs(Model& model, const QuantMix* mix) : c_(model.config), mix_(mix) {
    for (BlockParams& block : model.blocks) {
      if (c_.is_mla() && !c_.split_kv_b) joined_[&block.mla.kv_b] = &block.mla;
      const bool turn = c_.family == ModelConfig::Family::llama && !c_.rope_pairs;
      if (turn) turned_[&block.gqa.q] = turned_[&block.gqa.k] = true;
    }
    for (const Param* param : model.params()) add(*param);
  }
  std::vector<Output> list;

 private:
  void add(const Param& param) {
    HADAL_CHECK(param.weight, "{} has no values", param.name);
    const std::string name = gguf_name(param.name);
    if (name.starts_with("blk.") && std::atoll(name.c_str() + 4) >= c_.layers) return;
    if (const auto mla = joined_.find(&param); mla != joined_.end()) {
      const std::string layer = name.substr(0, name.find("attn_kv_b"));
      put(param, layer + "attn_k_b.weight", {c_.heads, c_.kv_lora, c_.nope_dim}, split_k_b(c_, *mla->second));
      put(param, layer + "attn_v_b.weight", {c_.heads, c_.v_dim, c_.kv_lora}, split_v_b(c_, *mla->second));
    } else {
      const bool turn = turned_.contains(&param);
      put(param, name, param.shape, turn ? to_pairs(param.weight, c_.head_dim) : numbers_of(param.weight));
    }
  }
  void put(const Param& param, const std::string& name, const Shape& shape, NumberSource numbers) {
    std::string type = natural_type(param, numbers);
    if (mix_ != nullptr) {
      Param as_written;
      as_written.name = param.name, as_written.shape = shape, as_written.group = param.group;
      if (const auto wanted = quant_type_of(*mix_, as_written, c_)) type = quant_format(*wanted).name;
    }
    list.push_back({{name, type, shape}, std::move(numbers)});
  }
  const ModelConfig& c_;
  const QuantMix* mix_;
  std::map<const Param*, const MlaParams*> joined_;
  std::map<const Param*, bool> turned_;
};

void write_bf16(GgufWriter& writer, std::span<const float> numbers) {
  std::vector<Bf16> narrow(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) narrow[i] = Bf16(numbers[i]);
  writer.write(narrow.data(), narrow.size() * sizeof(Bf16));
}

void write_blocks(GgufWriter& writer, QuantType type, int64_t cols, std::span<const float> numbers) {
  const int64_t rows = static_cast<int64_t>(numbers.size()) / cols;
  const int64_t row_bytes = QuantMatrix{.type = type, .cols = cols}.row_bytes();
  std::vector<std::byte> bytes(static_cast<size_t>(rows * row_bytes));
  ThreadPool::shared().parallel_for(
      rows, [&](int64_t r, int) { quantise_row(type, numbers.data() + r * cols, cols, bytes.data() + r * row_bytes); });
  writer.write(bytes.data(), bytes.size());
}

void write_output(GgufWriter& writer, const Output& output, const Path& path) {
  const std::string& type = output.tensor.type;
  const QuantMatrix* blocks = output.numbers.same != nullptr ? output.numbers.same->quant() : nullptr;
  if (blocks != nullptr && type == quant_format(blocks->type).name) {  // copied unchanged
    return writer.write(blocks->data, static_cast<size_t>(blocks->bytes()));
  }
  output.numbers.for_each_piece([&](std::span<const float> numbers) {
    if (type == "F32") return writer.write(numbers.data(), numbers.size_bytes());
    if (type == "BF16") return write_bf16(writer, numbers);
    for (const float x : numbers)
      if (!std::isfinite(x))
        fail("{}: tensor \"{}\": expected finite values to quantise, found {}", path.string(), output.tensor.name, x);
    write_blocks(writer, *quant_type_named(type), output.numbers.cols, numbers);
  });
}

// general.file_type of a mix, or of the type of most weights.
uint32_t file_type(const QuantMix* mix, const std::vector<Output>& outputs) {
  std::map<std::string, int64_t> numbers;
  for (const Output& o : outputs) numbers[o.tensor.type] += num_elements(o.tensor.shape);
  const auto most =
      std::max_element(numbers.begin(), numbers.end(), [](auto& a, auto& b) { return a.second < b.second; });
  static const std::map<std::string, uint32_t> known = {{"F32", 0},   {"F16", 1},     {"BF16", 32},   {"Q4_0", 2},
                                                        {"Q8_0", 7},  {"Q4_K", 15},   {"Q4_K_M", 15}, {"Q5_K", 17},
                                                        {"Q6_K", 18}, {"Q5_K_M", 17}, {"IQ4_NL", 25}, {"IQ4_XS", 30}};
  const auto found = known.find(mix != nullptr ? mix->name : most->first);
  return found == known.end() ? 1024 : found->second;  // 1024: guessed
}

}  // namespace

void save_gguf(const Path& path, Model& model, const Tokenizer& tokenizer, const GgufSaveOptions& options) {
  std::optional<QuantMix> named;
  if (!options.mix.empty()) named = quant_mix_named(options.mix);
  const QuantMix* mix = named ? &*named : nullptr;
  const std::vector<Output> outputs = Outputs(model, mix).list;
  GgufWriter::Keys keys;
  add_config_keys(model.config, path.string(), keys);
  keys.emplace_back("general.type", std::string("model"));
  keys.emplace_back("general.name", options.name);
  keys.emplace_back("general.file_type", file_type(mix, outputs));
  keys.emplace_back("general.quantization_version", uint32_t{2});
  add_tokenizer_keys(model.config, tokenizer, path.string(), keys);
  add_defaults_keys(tokenizer, options.defaults, keys);
  const std::vector<float> factors = rope_factors(model.config);
  std::vector<GgufWriter::Tensor> tensors;
  if (!factors.empty()) tensors.push_back({"rope_freqs.weight", "F32", {static_cast<int64_t>(factors.size())}});
  uint64_t done = 0, all = 0;
  for (const Output& o : outputs)
    tensors.push_back(o.tensor), all += static_cast<uint64_t>(num_elements(o.tensor.shape)) * sizeof(float);
  GgufWriter writer(path, keys, tensors);
  writer.write(factors.data(), factors.size() * sizeof(float));
  for (const Output& o : outputs) {
    write_output(writer, o, path);
    done += static_cast<uint64_t>(num_elements(o.tensor.shape)) * sizeof(float);
    if (options.progress) options.progress(done, all);
  }
  writer.commit();
}

}  // namespace hadal::weights
