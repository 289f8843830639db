// The weights of a GGUF file.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "weights/experts/memory_plan.h"
#include "weights/gguf/gguf_names.h"
#include "weights/gguf_model.h"

namespace hadal::weights {
namespace {

// How a parameter is read from the file.
struct Source {
  Param* param;
  const GgufTensor* tensor;  // null: zeros
  enum class Way { view, copy_f32, copy_bf16, stored } way;
};

// Files leave out leading dimensions of 1.
Shape without_ones(Shape shape) {
  const auto first = std::find_if(shape.begin(), shape.end() - 1, [](int64_t n) { return n != 1; });
  return {first, shape.end()};
}

std::optional<QuantType> quant_type_of(const GgufTensor& tensor) {
  const GgufType* type = gguf_type(tensor.type);
  return type == nullptr ? std::nullopt : quant_type_named(type->name);
}

void check_supported(const GgufTensor& tensor) {
  const std::string type = tensor.type_name();
  if (type == "F32" || type == "BF16" || quant_type_of(tensor)) return;
  fail(
      "{}: tensor \"{}\": expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL or IQ4_XS, found "
      "{}; take a "
      "file of another type",
      tensor.file, tensor.name, type);
}

QuantMatrix matrix_of(const GgufTensor& tensor) {
  return {.type = *quant_type_of(tensor),
          .data = tensor.bytes.data(),
          .rows = tensor.num_elements() / tensor.shape.back(),
          .cols = tensor.shape.back()};
}

// `runs`: products will pack what they read of a matrix, so that the file need not be copied.
Source find_source(const GgufFile& file, Param& param, bool frozen, bool runs) {
  const GgufTensor* tensor = file.find_tensor(gguf_name(param.name));
  if (tensor == nullptr) {
    if (param.group == ParamGroup::buffer) return {&param, nullptr, Source::Way::copy_f32};  // a correction of nothing
    fail("{}: expected the tensor \"{}\" {}, found none; the file is not complete", file.who(), gguf_name(param.name),
         param.shape);
  }
  if (without_ones(tensor->shape) != without_ones(param.shape)) {
    fail("{}: tensor \"{}\": expected {} (from the file's keys), found {}", tensor->file, tensor->name, param.shape,
         tensor->shape);
  }
  check_supported(*tensor);
  const bool blocks = tensor->type_name() != "F32" && tensor->type_name() != "BF16";
  if (!frozen || param.shape.size() < 2) return {&param, tensor, Source::Way::copy_f32};
  if (blocks && param.group != ParamGroup::router) return {&param, tensor, Source::Way::view};
  if (runs) return {&param, tensor, Source::Way::stored};
  return {&param, tensor,
          tensor->type_name() == "BF16" && param.group != ParamGroup::router ? Source::Way::copy_bf16
                                                                             : Source::Way::copy_f32};
}

// Every tensor must be read by the model: an unread one would silently be missing from it.
void refuse_unknown(const GgufFile& file, const std::vector<Source>& sources, const ModelConfig& config,
                    bool predicts) {
  std::set<const GgufTensor*> used;
  for (const Source& source : sources) used.insert(source.tensor);
  for (const auto& [name, tensor] : file.tensors()) {
    if (used.contains(&tensor)) continue;
    if (name == "rope_freqs.weight" && config.rope_scaling.kind == RopeScaling::Kind::factors) continue;
    const bool split = name.ends_with(".attn_k_b.weight") || name.ends_with(".attn_v_b.weight");
    if (config.is_mla() && !config.split_kv_b && split) continue;  // the file has both forms
    const bool in_layers = name.starts_with("blk.") && std::atoll(name.c_str() + 4) >= config.layers;
    if (in_layers && predicts) continue;  // for training alone
    fail("{}: the tensor \"{}\" {} is none of this model's; Hadal does not support what it is for", file.who(), name,
         tensor.shape);
  }
}

// The layers whose experts can be read on demand: those with all three stacks in the file.
struct StreamedBlock {
  BlockParams* block;
  ExpertStore::Layer layer;
};

ExpertStore::Stack stack_of(const GgufTensor& tensor) {
  return {tensor.file, static_cast<uint64_t>(tensor.bytes.data() - tensor.owner->bytes().data()),
          tensor.bytes.size() / static_cast<uint64_t>(tensor.shape.front())};
}

std::vector<StreamedBlock> find_streamed(Model& model, const std::vector<Source>& sources) {
  std::map<const Param*, const GgufTensor*> views;
  for (const Source& s : sources)
    if (s.way == Source::Way::view) views[s.param] = s.tensor;
  std::vector<StreamedBlock> list;
  for (BlockParams& block : model.blocks) {
    const auto& [gate, up, down] = block.moe.experts;
    if (!block.is_moe || !views.contains(&gate) || !views.contains(&up) || !views.contains(&down)) continue;
    if (views[&gate]->shape.size() != 3) continue;  // a file leaves out the dimension of a single expert
    list.push_back(
        {&block, {{stack_of(*views[&gate]), stack_of(*views[&up]), stack_of(*views[&down])}, gate.shape[0]}});
  }
  return list;
}

MemoryPlan plan_memory(const std::vector<Source>& sources, const ModelConfig& config,
                       const std::optional<RunPlan>& run) {
  MemoryPlan plan;
  for (const Source& s : sources) {
    const auto numbers = static_cast<uint64_t>(num_elements(s.param->shape));
    const bool view = s.way == Source::Way::view;
    if (view)
      plan.mapped_bytes += s.tensor->bytes.size();
    else if (s.way != Source::Way::stored)
      plan.copied_bytes += numbers * (s.way == Source::Way::copy_bf16 ? 2 : 4);
    if (run) plan.copied_bytes += packed_bytes(*s.param, config, *run, view);
  }
  return plan;
}

void count_experts(MemoryPlan& plan, const std::vector<StreamedBlock>& streamed, const ModelConfig& config) {
  for (const auto& [block, layer] : streamed) {
    plan.expert_bytes += layer.slot_bytes() * static_cast<uint64_t>(layer.experts);
    plan.least_expert_bytes =
        std::max(plan.least_expert_bytes, layer.slot_bytes() * static_cast<uint64_t>(config.top_k));
  }
  plan.expert_bytes = std::min(plan.expert_bytes, plan.mapped_bytes);  // slots are rounded up
}

// Experts are read from the store, the rest of the file is locked in memory.
std::shared_ptr<ExpertStore> stream_experts(const std::vector<StreamedBlock>& streamed,
                                            const std::vector<Source>& sources, uint64_t capacity_bytes) {
  std::vector<ExpertStore::Layer> layers;
  for (const auto& [block, layer] : streamed) layers.push_back(layer);
  auto store = std::make_shared<ExpertStore>(std::move(layers), capacity_bytes);
  for (size_t i = 0; i < streamed.size(); ++i) {
    const auto source = store->source(i);
    auto& experts = streamed[i].block->moe.experts;
    for (Param* param : {&experts.gate, &experts.up, &experts.down}) param->weight.stream_from(source);
  }
  std::vector<std::span<const std::byte>> kept;
  for (const Source& s : sources)
    if (s.way == Source::Way::view && s.param->weight.source() == nullptr) kept.push_back(s.tensor->bytes);
  auto keep = [&](int64_t i, int) { keep_resident(kept[static_cast<size_t>(i)]); };
  ThreadPool::shared().parallel_for(static_cast<int64_t>(kept.size()), keep);
  return store;
}

void read_weight(const Source& source, bool frozen) {
  Param& param = *source.param;
  if (source.way == Source::Way::view) {
    param.weight = Weight(matrix_of(*source.tensor), param.shape, source.tensor->owner);
    return;
  }
  if (source.tensor == nullptr) {
    param.weight = Weight(Tensor::zeros(param.shape));
  } else if (source.way == Source::Way::stored) {
    const auto forget = [tensor = *source.tensor](int64_t first, int64_t count) {
      const int64_t cols = tensor.shape.back(), rows = tensor.num_elements() / cols;
      const size_t row_bytes = tensor.bytes.size() / static_cast<size_t>(rows);
      let_go(tensor.bytes.subspan(static_cast<size_t>(first / cols) * row_bytes,
                                  static_cast<size_t>(count / cols) * row_bytes));
    };
    const auto read = [tensor = *source.tensor](int64_t first, std::span<float> out) {
      read_gguf_tensor(tensor, first, out);
    };
    param.weight = Weight(StoredNumbers{read, forget}, param.shape);
  } else if (source.way == Source::Way::copy_bf16) {
    Tensor value(param.shape, DType::bf16);
    std::memcpy(value.bf16(), source.tensor->bytes.data(), source.tensor->bytes.size());
    param.weight = Weight(std::move(value));
  } else {
    Tensor value(param.shape);
    read_gguf_tensor(*source.tensor, 0, value.values());
    param.weight = Weight(std::move(value));
  }
  param.weight.frozen = frozen || param.group == ParamGroup::buffer;
}

}  // namespace

void read_gguf_tensor(const GgufTensor& tensor, int64_t first, std::span<float> out) {
  check_supported(tensor);
  const auto count = static_cast<int64_t>(out.size()), cols = tensor.shape.back();
  HADAL_CHECK(first >= 0 && first + count <= tensor.num_elements() && first % cols == 0 && count % cols == 0, "{}",
              tensor.name);
  if (tensor.type_name() == "F32") {
    std::memcpy(out.data(), tensor.bytes.data() + first * 4, out.size_bytes());
  } else if (tensor.type_name() == "BF16") {
    for (int64_t i = 0; i < count; ++i) {
      Bf16 number;
      std::memcpy(&number, tensor.bytes.data() + (first + i) * 2, sizeof number);
      out[static_cast<size_t>(i)] = static_cast<float>(number);
    }
  } else {
    const QuantMatrix matrix = matrix_of(tensor);
    for (int64_t r = 0; r < count / cols; ++r) dequantise_row(matrix, first / cols + r, out.data() + r * cols);
  }
}

void check_gguf_head(const GgufFile& file) {
  for (const auto& [name, tensor] : file.tensors()) check_supported(tensor);
  const bool whole = file.integer("split.count").value_or(1) <= 1, first = file.integer("split.no").value_or(0) == 0;
  if (first) check_gguf_architecture(file);
  if (first) tokenizer_from_gguf(file);
  if (!whole) return;
  ModelConfig config = config_from_gguf(file);
  const bool predicts = config.mtp_depth > 0;
  config.mtp_depth = 0;
  Model model(config);
  std::vector<Source> sources;
  for (Param* param : model.params()) sources.push_back(find_source(file, *param, true, true));
  refuse_unknown(file, sources, config, predicts);
}

std::shared_ptr<Model> model_from_gguf(const GgufFile& file, LoadAs as, const std::optional<RunPlan>& run,
                                       std::shared_ptr<ExpertStore>* experts) {
  ModelConfig config = config_from_gguf(file);
  const bool predicts = config.mtp_depth > 0;
  if (as == LoadAs::frozen) config.mtp_depth = 0;  // prediction layers are for training alone
  check_trainable(config, file.who());
  const bool frozen = as != LoadAs::trainable;
  auto model = std::make_shared<Model>(config);
  std::vector<Source> sources;
  for (Param* param : model->params()) sources.push_back(find_source(file, *param, frozen, run.has_value()));
  refuse_unknown(file, sources, config, predicts);
  MemoryPlan plan = plan_memory(sources, config, run);
  const auto streamed = run && experts != nullptr ? find_streamed(*model, sources) : std::vector<StreamedBlock>();
  count_experts(plan, streamed, config);
  if (run)
    plan_run(plan, config, *run, file.who());
  else
    check_fits(plan, file.who());
  for (const Source& source : sources) read_weight(source, frozen);
  if (plan.expert_cache_bytes > 0) *experts = stream_experts(streamed, sources, plan.expert_cache_bytes);
  return model;
}

}  // namespace hadal::weights
