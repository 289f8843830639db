#include "weights/load.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/git_lfs.h"
#include "base/json.h"
#include "base/memory.h"
#include "formats/safetensors.h"
#include "weights/experts/memory_plan.h"
#include "weights/gguf_model.h"
#include "weights/hf_names.h"

namespace hadal::weights {
namespace {

constexpr uint64_t kMaxConfigBytes = 16 << 20;

// ---- One parameter and its tensors in the file ----

struct Source {
  Param* param;
  std::vector<const SafetensorsEntry*> entries;  // one, or one an expert
  std::vector<const SafetensorsEntry*> scales;   // of fp8, as many; null where an entry is of another type
  enum class Way { f32, bf16, fp8, stored } way = Way::f32;
};

constexpr std::string_view kFp8 = "F8_E4M3";
int64_t squares(int64_t n) { return (n + QuantMatrix::kScaleSquare - 1) / QuantMatrix::kScaleSquare; }

const SafetensorsEntry* find_entry(const Safetensors& file, const std::string& name, const std::vector<int64_t>& shape,
                                   const std::string& who) {
  const SafetensorsEntry* entry = file.find(name);
  if (entry == nullptr)
    fail("{}: expected the tensor \"{}\" {}, found none; the folder is not complete", who, name, shape);
  if (entry->shape != shape) {
    fail("{}: tensor \"{}\": expected {} (from config.json), found {}", entry->file, name, shape, entry->shape);
  }
  if (entry->dtype != "F32" && entry->dtype != "BF16" && entry->dtype != "F16" &&
      (entry->dtype != kFp8 || shape.size() != 2)) {
    fail("{}: tensor \"{}\": expected F32, BF16 or F16 (or F8_E4M3 for a matrix), found {}", entry->file, name,
         entry->dtype);
  }
  return entry;
}

// The scales of an fp8 matrix, one for each square.
const SafetensorsEntry* find_scales(const Safetensors& file, const SafetensorsEntry& entry, const std::string& who) {
  if (entry.dtype != kFp8) return nullptr;
  const auto* scales =
      find_entry(file, entry.name + "_scale_inv", {squares(entry.shape[0]), squares(entry.shape[1])}, who);
  if (scales->dtype != "F32")
    fail("{}: tensor \"{}\": expected F32, found {}", scales->file, scales->name, scales->dtype);
  return scales;
}

// `runs`: products will pack what they read of a matrix, so that the file need not be copied.
Source find_source(const Safetensors& file, Param& param, bool frozen, bool runs, const std::string& who) {
  Source source{&param, {}, {}};
  const auto shape = entry_shape(param);
  const int64_t count = is_stack(param) ? param.shape[0] : 1;
  for (int64_t i = 0; i < count; ++i) {
    source.entries.push_back(find_entry(file, is_stack(param) ? expert_name(param.name, i) : param.name, shape, who));
    source.scales.push_back(find_scales(file, *source.entries.back(), who));
  }
  // Matrices keep the file's type; vectors are few and are read as f32.
  const auto all = [&](std::string_view type) {
    return std::all_of(source.entries.begin(), source.entries.end(), [&](auto* e) { return e->dtype == type; });
  };
  const bool matrix = frozen && param.shape.size() > 1;
  if (matrix && all("BF16")) source.way = Source::Way::bf16;
  const bool scaled = std::ranges::any_of(source.scales, [](auto* s) { return s != nullptr; });
  if (matrix && runs && !scaled) source.way = Source::Way::stored;
  if (matrix && all(kFp8) && param.group != ParamGroup::router) source.way = Source::Way::fp8;
  return source;
}

// Layers after the last are for training if they hold tensors of prediction; others would be the model's own.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kLayers = "model.layers.";
  return name.starts_with(kLayers) ? std::atoll(std::string(name.substr(kLayers.size(), 12)).c_str()) : -1;
}
bool predicts(const Safetensors& file, int64_t layer) {
  return file.find(fmt::format("model.layers.{}.eh_proj.weight", layer)) != nullptr;
}

// Every tensor must be read by the model: an unread one would silently be missing from it.
void refuse_unknown(const Safetensors& file, const std::vector<Source>& sources, const ModelConfig& config,
                    const std::string& who) {
  std::set<const SafetensorsEntry*> used;
  for (const Source& source : sources) {
    used.insert(source.entries.begin(), source.entries.end());
    used.insert(source.scales.begin(), source.scales.end());
  }
  for (const auto& [name, entry] : file.entries()) {
    if (used.contains(&entry) || name.ends_with("rotary_emb.inv_freq")) continue;
    if (config.tied_head && name == "lm_head.weight") continue;
    const int64_t layer = layer_of(name);
    if (layer >= config.layers && predicts(file, layer)) continue;  // with their copies of embedding and head
    fail("{}: the tensor \"{}\" {} is none of this model's; Hadal does not support what it is for", who, brief(name),
         entry.shape);
  }
}

void check_memory(const std::vector<Source>& sources, const ModelConfig& config, const std::optional<RunPlan>& run,
                  const std::string& who) {
  MemoryPlan plan;
  for (const Source& s : sources) {
    const uint64_t bytes = s.way == Source::Way::f32    ? 4
                           : s.way == Source::Way::bf16 ? 2
                           : s.way == Source::Way::fp8  ? 1
                                                        : 0;
    plan.copied_bytes += static_cast<uint64_t>(num_elements(s.param->shape)) * bytes;
    if (run) plan.copied_bytes += packed_bytes(*s.param, config, *run, s.way == Source::Way::fp8);
  }
  if (!run) return check_fits(plan, who);
  plan_run(plan, config, *run, who);
}

// fp8 matrices one below the other, with their factors: QuantMatrix, with memory of its own.
struct Fp8 {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  QuantMatrix matrix;

  Fp8(std::span<const SafetensorsEntry* const> entries, std::span<const SafetensorsEntry* const> factors) {
    const int64_t rows = entries[0]->shape[0], cols = entries[0]->shape[1];
    const auto count = static_cast<int64_t>(entries.size());
    bytes.reserve(static_cast<size_t>(count * rows * cols));
    scales.resize(static_cast<size_t>(count * squares(rows) * squares(cols)));
    for (const SafetensorsEntry* e : entries) bytes.insert(bytes.end(), e->bytes.begin(), e->bytes.end());
    for (size_t i = 0; i < factors.size(); ++i) {
      const auto size = static_cast<size_t>(squares(rows) * squares(cols));
      factors[i]->read(std::span(scales).subspan(i * size, size));
    }
    matrix = {.type = QuantType::fp8_e4m3,
              .data = bytes.data(),
              .rows = count * rows,
              .cols = cols,
              .scales = scales.data(),
              .stack_rows = rows};
  }
};

void read_f32(const SafetensorsEntry* entry, const SafetensorsEntry* scales, std::span<float> out) {
  if (scales == nullptr) return entry->read(out);
  const Fp8 fp8({&entry, 1}, {&scales, 1});
  for (int64_t r = 0; r < fp8.matrix.rows; ++r) dequantise_row(fp8.matrix, r, out.data() + r * fp8.matrix.cols);
}

// Splits a range of a parameter's elements by the entries that hold them: calls read(entry, first element, elements).
template <typename Read>
void for_each_run(int64_t entry_size, int64_t first, int64_t count, Read&& read) {
  for (int64_t done = 0; done < count;) {
    const int64_t at = (first + done) % entry_size, run = std::min(count - done, entry_size - at);
    read(static_cast<size_t>((first + done) / entry_size), at, done, run);
    done += run;
  }
}

StoredNumbers stored_numbers(const Source& source, std::shared_ptr<const Safetensors> file) {
  const int64_t size = num_elements(entry_shape(*source.param));
  StoredNumbers numbers;
  numbers.read = [entries = source.entries, size, file](int64_t first, std::span<float> out) {
    for_each_run(size, first, static_cast<int64_t>(out.size()),
                 [&](size_t entry, int64_t at, int64_t done, int64_t count) {
                   entries[entry]->read(out.subspan(static_cast<size_t>(done), static_cast<size_t>(count)), at);
                 });
  };
  numbers.forget = [entries = source.entries, size, file](int64_t first, int64_t count) {
    for_each_run(size, first, count, [&](size_t entry, int64_t at, int64_t, int64_t run) {
      const size_t bytes = entries[entry]->dtype == "F32" ? 4 : 2;
      let_go(entries[entry]->bytes.subspan(static_cast<size_t>(at) * bytes, static_cast<size_t>(run) * bytes));
    });
  };
  return numbers;
}

void read_weight(const Source& source, bool frozen, const std::shared_ptr<const Safetensors>& file) {
  Param& param = *source.param;
  if (source.way == Source::Way::stored) {
    param.weight = Weight(stored_numbers(source, file), param.shape);
    return;
  }
  if (source.way == Source::Way::fp8) {
    const auto fp8 = std::make_shared<const Fp8>(source.entries, source.scales);
    param.weight = Weight(fp8->matrix, param.shape, fp8);
    return;
  }
  Tensor value(param.shape, source.way == Source::Way::bf16 ? DType::bf16 : DType::f32);
  const auto size = static_cast<size_t>(num_elements(entry_shape(param)));
  for (size_t i = 0; i < source.entries.size(); ++i) {
    if (source.way == Source::Way::bf16)
      source.entries[i]->read(std::span(value.bf16() + i * size, size));
    else
      read_f32(source.entries[i], source.scales[i], std::span(value.f32() + i * size, size));
  }
  param.weight = Weight(std::move(value));
  param.weight.frozen = frozen || param.group == ParamGroup::buffer;
}

void check_tokenizer(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& who) {
  if (tokenizer.vocab_size() > config.vocab) {
    fail("{}: the tokenizer does not fit the model: it has {} tokens, the model has room for {}", who,
         tokenizer.vocab_size(), config.vocab);
  }
  for (const auto& [name, id] : {std::pair("bos_token", tokenizer.bos()), std::pair("eos_token", tokenizer.eos())}) {
    if (id >= config.vocab)
      fail("{}: the tokenizer does not fit the model: its {} is {}, the model has room for {}", who, name, id,
           config.vocab);
  }
}

void refuse_lone_tensors(const ModelFiles& files) {
  if (files.kind == ModelFiles::Kind::tensors)
    fail("{}: expected config.json and the tokenizer's files beside the weights, found none; fetch them too",
         files.path.string());
}

Tokenizer tokenizer_of_folder(const Path& folder) {
  for (const char* name : {"chat_template.jinja", "merges.txt"}) {  // these would be read as plain text
    const Path path = folder / name;
    if (name == std::string_view("merges.txt") && std::filesystem::exists(folder / "tokenizer.json"))
      continue;  // not read then
    if (std::filesystem::exists(path) && is_lfs_pointer(read_file(path))) fail_lfs_pointer(path.string());
  }
  return Tokenizer::from_hf_folder(folder);
}

LoadedModel load_folder(const ModelFiles& files, LoadAs as, const std::optional<RunPlan>& run) {
  const Path& folder = files.path;
  const std::string who = folder.string();
  const Path config_path = folder / "config.json";
  ModelConfig config =
      config_from_json(parse_json(read_file(config_path, kMaxConfigBytes), config_path.string()), config_path.string());

  const auto file = std::make_shared<const Safetensors>(files.weights.empty() ? Safetensors::open_folder(folder)
                                                                              : Safetensors::open_file(files.weights));
  // num_nextn_predict_layers may speak of layers that were left out of the files.
  int64_t predicting = 0;
  while (predicting < config.mtp_depth && predicts(*file, config.layers + predicting)) ++predicting;
  config.mtp_depth = as == LoadAs::frozen ? 0 : predicting;  // for training alone
  check_trainable(config, who);
  auto model = std::make_shared<Model>(config);
  std::vector<Source> sources;
  for (Param* param : model->params())
    sources.push_back(find_source(*file, *param, as != LoadAs::trainable, run.has_value(), who));
  refuse_unknown(*file, sources, config, who);
  check_memory(sources, config, run, who);
  auto tokenizer = std::make_shared<const Tokenizer>(tokenizer_of_folder(folder));
  GenerationDefaults defaults = defaults_of_folder(folder, config.vocab);
  for (const Source& source : sources) read_weight(source, as != LoadAs::trainable, file);
  return {std::move(model), std::move(tokenizer), "", {}, std::move(defaults)};
}

LoadedModel load_gguf(const Path& path, LoadAs as, const std::optional<RunPlan>& run) {
  const GgufFile file = GgufFile::open(path);
  std::shared_ptr<ExpertStore> experts;
  auto model = model_from_gguf(file, as, run, &experts);
  GenerationDefaults defaults = defaults_of_gguf(file, model->config.vocab);
  return {std::move(model), std::make_shared<const Tokenizer>(tokenizer_from_gguf(file)), "", std::move(experts),
          std::move(defaults)};
}

}  // namespace

LoadedModel load_model(const std::string& name_or_path, LoadAs as, const std::optional<RunPlan>& run) {
  HADAL_CHECK(!run || as == LoadAs::frozen);
  const ModelFiles files = find_model(name_or_path);
  refuse_lone_tensors(files);
  LoadedModel loaded =
      files.kind == ModelFiles::Kind::gguf ? load_gguf(files.path, as, run) : load_folder(files, as, run);
  check_tokenizer(loaded.model->config, *loaded.tokenizer, files.path.string());
  add_ends_by_text(loaded.defaults, *loaded.tokenizer);
  loaded.name = files.name;
  return loaded;
}

Tokenizer load_tokenizer(const std::string& name_or_path) {
  const ModelFiles files = find_model(name_or_path);
  refuse_lone_tensors(files);
  return files.kind == ModelFiles::Kind::gguf ? tokenizer_from_gguf(GgufFile::open(files.path))
                                              : tokenizer_of_folder(files.path);
}

}  // namespace hadal::weights
