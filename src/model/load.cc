#include "model/load.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/memory.h"
#include "formats/safetensors.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxConfigBytes = 16 << 20;
constexpr std::string_view kEachExpert = "experts.*.";

// ---- Finding ----

std::vector<Path> model_folders() {
  std::vector<Path> folders;
  if (const char* extra = std::getenv("HADAL_MODELS"); extra != nullptr && *extra != '\0') folders.emplace_back(extra);
  folders.emplace_back("models");
  return folders;
}

bool is_model(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path / "config.json", ignored) || path.extension() == ".gguf";
}

std::vector<std::string> known_models() {
  std::set<std::string> names;
  for (const Path& folder : model_folders()) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
      if (is_model(entry.path())) names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

// ---- One parameter and the tensors of the file that hold it ----

struct Source {
  Param* param;
  std::vector<const SafetensorsEntry*> entries;  // one, or one an expert
  DType dtype;
};

std::string expert_name(const std::string& name, int64_t expert) {
  std::string result = name;
  const size_t star = result.find(kEachExpert) + kEachExpert.size() - 2;
  return result.replace(star, 1, std::to_string(expert));
}
bool is_stack(const Param& param) { return param.name.find(kEachExpert) != std::string::npos; }
std::vector<int64_t> entry_shape(const Param& param) {
  return is_stack(param) ? std::vector<int64_t>(param.shape.begin() + 1, param.shape.end()) : param.shape;
}

const SafetensorsEntry* find_entry(const Safetensors& file, const std::string& name, const std::vector<int64_t>& shape, const std::string& who) {
  const SafetensorsEntry* entry = file.find(name);
  if (entry == nullptr) fail("{}: expected the tensor \"{}\" {}, found none; the folder is not complete", who, name, shape);
  if (entry->shape != shape) {
    fail("{}: tensor \"{}\": expected {} (from config.json), found {}", entry->file, name, shape, entry->shape);
  }
  if (entry->dtype != "F32" && entry->dtype != "BF16" && entry->dtype != "F16") {
    fail("{}: tensor \"{}\": expected F32, BF16 or F16, found {}", entry->file, name, entry->dtype);
  }
  return entry;
}

Source find_source(const Safetensors& file, Param& param, bool frozen, const std::string& who) {
  Source source{&param, {}, DType::f32};
  const auto shape = entry_shape(param);
  if (is_stack(param)) {
    for (int64_t e = 0; e < param.shape[0]; ++e) source.entries.push_back(find_entry(file, expert_name(param.name, e), shape, who));
  } else {
    source.entries.push_back(find_entry(file, param.name, shape, who));
  }
  // Matrices stay as the file has them; vectors are few and are read in f32.
  const bool all_bf16 = std::all_of(source.entries.begin(), source.entries.end(), [](auto* e) { return e->dtype == "BF16"; });
  if (frozen && all_bf16 && param.shape.size() > 1) source.dtype = DType::bf16;
  return source;
}

// Tensors that the model does not read would be a part of it that is silently left out.
void refuse_unknown(const Safetensors& file, const std::vector<Source>& sources, const ModelConfig& config, const std::string& who) {
  std::set<const SafetensorsEntry*> used;
  for (const Source& source : sources) used.insert(source.entries.begin(), source.entries.end());
  for (const auto& [name, entry] : file.entries()) {
    if (used.contains(&entry) || name.ends_with("rotary_emb.inv_freq")) continue;
    if (config.tied_head && name == "lm_head.weight") continue;
    int64_t layer = -1;  // beyond the last one: prediction layers, and their copies of embedding and head
    if (name.starts_with("model.layers.")) layer = std::atoll(name.c_str() + std::string_view("model.layers.").size());
    if (layer >= config.layers) continue;
    fail("{}: the tensor \"{}\" {} is none of this model's; Hadal does not support what it is for", who, name, entry.shape);
  }
}

void check_memory(const std::vector<Source>& sources, const std::string& who) {
  uint64_t needed = 0;
  for (const Source& s : sources) needed += static_cast<uint64_t>(num_elements(s.param->shape)) * (s.dtype == DType::bf16 ? 2 : 4);
  const uint64_t available = available_memory_bytes();
  if (needed > available) {
    fail("{}: the weights need {:.1f} GB of memory, and this machine has {:.1f} GB left; free some, or take a smaller model", who,
         static_cast<double>(needed) / 1e9, static_cast<double>(available) / 1e9);
  }
}

void read_weight(const Source& source, bool frozen) {
  Param& param = *source.param;
  Tensor value(param.shape, source.dtype);
  const auto size = static_cast<size_t>(num_elements(entry_shape(param)));
  for (size_t i = 0; i < source.entries.size(); ++i) {
    if (source.dtype == DType::bf16) source.entries[i]->read(std::span(value.bf16() + i * size, size));
    else source.entries[i]->read(std::span(value.f32() + i * size, size));
  }
  param.weight = Weight(std::move(value));
  param.weight.frozen = frozen || param.group == ParamGroup::buffer;
}

void check_tokenizer(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& who) {
  if (tokenizer.vocab_size() > config.vocab) {
    fail("{}: the tokenizer does not fit the model: it has {} tokens, config.json says vocab_size {}", who, tokenizer.vocab_size(),
         config.vocab);
  }
  for (const auto& [name, id] : {std::pair("bos_token", tokenizer.bos()), std::pair("eos_token", tokenizer.eos())}) {
    if (id >= config.vocab) fail("{}: the tokenizer does not fit the model: its {} is {}, config.json says vocab_size {}", who, name, id, config.vocab);
  }
}

}  // namespace

Path find_model(const std::string& name_or_path) {
  const Path path(name_or_path);
  if (name_or_path.empty()) fail("model: expected a folder, a file or a name, found an empty text");
  if (std::filesystem::exists(path) && (path.has_parent_path() || is_model(path))) return path;
  if (path == path.filename()) {
    for (const Path& folder : model_folders())
      for (const Path& candidate : {folder / path, folder / (name_or_path + ".gguf")})
        if (std::filesystem::exists(candidate)) return candidate;
  }
  if (std::filesystem::exists(path)) return path;
  const auto names = known_models();
  if (names.empty()) fail("{}: there is no such model, and none under models/; give the path of a Hugging Face folder", name_or_path);
  fail("{}: there is no such model; under models/ there are: {}", name_or_path, fmt::join(names, ", "));
}

LoadedModel load_model(const std::string& name_or_path, bool frozen) {
  const Path folder = find_model(name_or_path);
  const std::string who = folder.string();
  if (folder.extension() == ".gguf" || std::filesystem::is_regular_file(folder)) {
    fail("{}: expected a Hugging Face folder (config.json, model.safetensors, tokenizer.json), found a file; this version does not "
         "read GGUF files", who);
  }
  const Path config_path = folder / "config.json";
  ModelConfig config = config_from_json(parse_json(read_file(config_path, kMaxConfigBytes), config_path.string()), config_path.string());

  const auto file = Safetensors::open_folder(folder);
  if (frozen) config.mtp_depth = 0;  // prediction layers serve training
  auto model = std::make_shared<Model>(config);
  std::vector<Source> sources;
  for (Param* param : model->params()) sources.push_back(find_source(file, *param, frozen, who));
  refuse_unknown(file, sources, config, who);
  check_memory(sources, who);
  auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_hf_folder(folder));
  check_tokenizer(config, *tokenizer, who);
  for (const Source& source : sources) read_weight(source, frozen);
  const Path name = folder.filename().empty() || folder.filename() == "." ? std::filesystem::absolute(folder).lexically_normal().parent_path().filename() : folder.filename();
  return {std::move(model), std::move(tokenizer), name.string()};
}

namespace {

struct Output {
  const Param* param;
  SafetensorsWriter::Tensor tensor;
  int64_t first = 0;  // of the parameter's numbers
};

std::vector<Output> list_outputs(Model& model, DType dtype) {
  std::vector<Output> outputs;
  for (const Param* param : model.params()) {
    HADAL_CHECK(param->weight.value(), "{} has no values", param->name);
    const std::string type = dtype == DType::f32 || param->keep_f32 ? "F32" : "BF16";
    const auto shape = entry_shape(*param);
    const int64_t count = is_stack(*param) ? param->shape[0] : 1;
    for (int64_t i = 0; i < count; ++i) {
      const std::string name = is_stack(*param) ? expert_name(param->name, i) : param->name;
      outputs.push_back({param, {name, type, shape}, i * num_elements(shape)});
    }
  }
  return outputs;
}

void write_numbers(SafetensorsWriter& writer, const Output& output) {
  const Tensor& value = output.param->weight.value();
  const auto size = static_cast<size_t>(num_elements(output.tensor.shape));
  const bool from_bf16 = value.dtype() == DType::bf16, to_bf16 = output.tensor.dtype == "BF16";
  const Bf16* narrow = from_bf16 ? value.bf16() + output.first : nullptr;
  const float* wide = from_bf16 ? nullptr : value.f32() + output.first;
  if (from_bf16 && to_bf16) return writer.write(narrow, size * sizeof(Bf16));
  if (!from_bf16 && !to_bf16) return writer.write(wide, size * sizeof(float));
  if (to_bf16) {
    std::vector<Bf16> numbers(size);
    std::transform(wide, wide + size, numbers.begin(), [](float x) { return Bf16(x); });
    writer.write(numbers.data(), size * sizeof(Bf16));
  } else {
    std::vector<float> numbers(size);
    std::transform(narrow, narrow + size, numbers.begin(), [](Bf16 x) { return static_cast<float>(x); });
    writer.write(numbers.data(), size * sizeof(float));
  }
}

}  // namespace

void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot make this folder: {}", folder.string(), error.message());
  const auto outputs = list_outputs(model, dtype);
  std::vector<SafetensorsWriter::Tensor> tensors;
  for (const Output& output : outputs) tensors.push_back(output.tensor);
  SafetensorsWriter writer(folder / "model.safetensors", tensors);
  for (const Output& output : outputs) write_numbers(writer, output);
  writer.commit();
  OrderedJson config = config_to_json(model.config);
  config["torch_dtype"] = dtype == DType::f32 ? "float32" : "bfloat16";
  write_file_whole(folder / "config.json", config.dump(2) + "\n");
  tokenizer.save_hf_folder(folder);
}

}  // namespace hadal
