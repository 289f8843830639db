#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "formats/safetensors.h"
#include "weights/gguf_model.h"

namespace hadal {
namespace {

OrderedJson describe_tensors(const Safetensors& file) {
  OrderedJson tensors = OrderedJson::array();
  for (const auto& [name, entry] : file.entries())
    tensors.push_back({{"name", name}, {"type", entry.dtype}, {"shape", entry.shape}, {"bytes", entry.bytes.size()}});
  return tensors;
}

std::map<std::string, int64_t> bytes_by_type(const Safetensors& file) {
  std::map<std::string, int64_t> bytes;
  for (const auto& [name, entry] : file.entries()) bytes[entry.dtype] += static_cast<int64_t>(entry.bytes.size());
  return bytes;
}

void describe_model(const ModelConfig& config, OrderedJson& json) {
  const ParameterCounts counts = count_parameters(config);
  json["parameters"] = counts.total;
  json["active_parameters"] = counts.active;
  json["context"] = config.max_context;
  json["kv_bytes_per_token"] = KvCache::bytes_per_token(config, KvType::bf16);
  json["kv_q8_bytes_per_token"] = KvCache::bytes_per_token(config, KvType::q8);
  json["config"] = config_to_json(config);
}

// The model, where the file has one (a vocabulary alone is no mistake), and the tokenizer, where it can be used.
OrderedJson inspect_gguf(const Path& path, const GgufFile& file) {
  OrderedJson json, keys, tensors = OrderedJson::array();
  std::map<std::string, int64_t> bytes;
  for (const auto& [key, value] : file.values()) keys[key] = describe(value);
  for (const auto& [name, tensor] : file.tensors()) {
    tensors.push_back(
        {{"name", name}, {"type", tensor.type_name()}, {"shape", tensor.shape}, {"bytes", tensor.bytes.size()}});
    bytes[tensor.type_name()] += static_cast<int64_t>(tensor.bytes.size());
  }
  json["path"] = path.string();
  if (!file.tensors().empty()) {
    weights::model_from_gguf(file, weights::LoadAs::frozen);  // all of it can be read
    describe_model(weights::config_from_gguf(file), json);
  }
  json["bytes"] = file.tensor_bytes();
  json["bytes_by_type"] = bytes;
  try {
    const Tokenizer tokenizer = weights::tokenizer_from_gguf(file);
    json["tokens"] = tokenizer.vocab_size();
    json["has_chat_template"] = !tokenizer.chat_template().empty();
  } catch (const Error& e) {
    json["tokenizer_error"] = e.what();
  }
  json["keys"] = keys;
  json["tensors"] = tensors;
  return json;
}

// A single safetensors file: its tensors. Else the model too, read as `generate` would read it.
OrderedJson inspect(const std::string& model) {
  const weights::ModelFiles files = weights::find_model(model);
  const Path& path = files.path;
  OrderedJson json;
  json["path"] = path.string();
  if (files.kind == weights::ModelFiles::Kind::tensors || Path(model).extension() == ".safetensors") {
    const auto file = Safetensors::open_file(files.kind == weights::ModelFiles::Kind::tensors ? path : Path(model));
    json["path"] = model;
    json["bytes"] = file.data_bytes();
    json["bytes_by_type"] = bytes_by_type(file);
    json["tensors"] = describe_tensors(file);
    return json;
  }
  if (files.kind == weights::ModelFiles::Kind::gguf) return inspect_gguf(path, GgufFile::open(path));
  const weights::LoadedModel loaded = weights::load_model(model);
  const Path config_path = path / "config.json";  // with the prediction layers, which running leaves out
  const ModelConfig config =
      config_from_json(parse_json(read_file(config_path), config_path.string()), config_path.string());
  const auto file = Safetensors::open_folder(path);
  json["name"] = loaded.name;
  describe_model(config, json);
  json["bytes"] = file.data_bytes();
  json["bytes_by_type"] = bytes_by_type(file);
  json["tokens"] = loaded.tokenizer->vocab_size();
  json["has_chat_template"] = !loaded.tokenizer->chat_template().empty();
  json["tensors"] = describe_tensors(file);
  return json;
}

std::string millions(int64_t n) { return fmt::format("{:.1f} million", static_cast<double>(n) / 1e6); }

std::string as_text(const OrderedJson& j) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<16}{}\n", name, value);
  };
  line("path", j["path"]);
  if (j.contains("config")) {
    const auto& c = j["config"];
    line("architecture", c["model_type"]);
    line("parameters",
         fmt::format("{}, of which a token uses {}", millions(j["parameters"]), millions(j["active_parameters"])));
    line("layers", fmt::format("{}, hidden size {}, {} heads", c["num_hidden_layers"].get<int64_t>(),
                               c["hidden_size"].get<int64_t>(), c["num_attention_heads"].get<int64_t>()));
    if (c.contains("num_experts_per_tok")) {
      line("experts", fmt::format("{}, of which {} are chosen, and {} shared", c["n_routed_experts"].get<int64_t>(),
                                  c["num_experts_per_tok"].get<int64_t>(), c["n_shared_experts"].get<int64_t>()));
    }
    line("context", fmt::format("{} tokens, {} bytes each ({} with --kv-cache q8)", j["context"].get<int64_t>(),
                                j["kv_bytes_per_token"].get<int64_t>(), j["kv_q8_bytes_per_token"].get<int64_t>()));
  }
  if (j.contains("tokens")) {
    line("vocabulary", fmt::format("{} tokens", j["tokens"].get<int64_t>()));
    line("chat template", j["has_chat_template"].get<bool>() ? "yes" : "no");
  }
  if (j.contains("tokenizer_error"))
    line("tokenizer", fmt::format("cannot be used: {}", j["tokenizer_error"].get<std::string>()));
  line("weights", fmt::format("{:.1f} MB in {} tensors", j["bytes"].get<double>() / 1e6, j["tensors"].size()));
  for (const auto& [type, bytes] : j["bytes_by_type"].items())
    line("  " + type, fmt::format("{:.1f} MB", bytes.get<double>() / 1e6));
  return text;
}

}  // namespace

int inspect_command(int argc, char** argv) {
  CommandLine app("Shows what a model is made of, and checks that it can be read.");
  std::string model;
  bool json = false;
  app.add_option("MODEL", model, "a Hugging Face folder, a .gguf or .safetensors file, or a name under models/")
      .required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const OrderedJson result = inspect(model);
  if (json)
    print_json(result);
  else
    print_text(as_text(result));
  return 0;
}

}  // namespace hadal
