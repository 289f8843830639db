#include "weights/generation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/gguf.h"
#include "weights/gguf/gguf_keys.h"

namespace hadal::weights {
namespace {

constexpr int64_t kMaxBytes = 1 << 24;

// The ends of turns and of texts by name: those that llama.cpp knows (llama-vocab.cpp), and DeepSeek-Coder's.
constexpr const char* kEndTexts[] = {"<|im_end|>",
                                     "<|eot_id|>",
                                     "<|end|>",
                                     "<|endoftext|>",
                                     "<|end_of_text|>",
                                     "<|eom_id|>",
                                     "<|EOT|>",
                                     "<end_of_turn>",
                                     "<turn|>",
                                     "<end_of_utterance>",
                                     "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                                     "<|return|>",
                                     "<|call|>",
                                     "<|calls|>",
                                     "<|flush|>",
                                     "<|tool_response>",
                                     "</s>",
                                     "<eos>",
                                     "<EOT>",
                                     "_<EOT>",
                                     "[EOT]",
                                     "[EOS]"};

// The valid range of each sampling parameter.
struct Range {
  const char* name;
  double low;
  bool low_itself;
  double high;
  const char* expected;
};
constexpr Range kRanges[] = {{"temperature", 0, true, 100, "a number from 0 to 100"},
                             {"top_p", 0, false, 1, "a number above 0 and at most 1"},
                             {"min_p", 0, true, 0.999999, "a number from 0 to below 1"},
                             {"repetition_penalty", 0, false, 100, "a number above 0 and at most 100"},
                             {"top_k", 0, true, 1 << 24, "a whole number from 0 up"}};

void ignore_value(const std::string& who, std::string_view expected, std::string_view found) {
  log_warning("{}: expected {}, found {}; this sampling default is ignored", who, expected, found);
}

// Sets the field with this name in generation_config.json.
void set_field(GenerationDefaults& defaults, std::string_view name, const std::string& who, double value) {
  const Range& range = *std::ranges::find_if(kRanges, [&](const Range& r) { return name == r.name; });
  const bool above = range.low_itself ? value >= range.low : value > range.low;
  if (!above || !(value <= range.high) || (name == "top_k" && value != std::floor(value))) {
    return ignore_value(who, range.expected, fmt::format("{}", value));
  }
  if (name == "temperature") defaults.temperature = value;
  if (name == "top_p") defaults.top_p = value;
  if (name == "min_p") defaults.min_p = value;
  if (name == "repetition_penalty") defaults.repetition_penalty = value;
  if (name == "top_k") defaults.top_k = static_cast<int>(value);
}

void add_end(GenerationDefaults& defaults, const std::string& who, int64_t id, int64_t vocab) {
  if (id < 0 || id >= vocab) fail("{}: expected a token id below {}, found {}", who, vocab, id);
  const auto at = std::lower_bound(defaults.ends.begin(), defaults.ends.end(), id);
  if (at == defaults.ends.end() || *at != id) defaults.ends.insert(at, static_cast<int32_t>(id));
}

void add_ends(GenerationDefaults& defaults, const Json& json, const std::string& file, int64_t vocab) {
  const auto found = json.find("eos_token_id");
  if (found == json.end() || found->is_null()) return;
  const std::string who = file + ": eos_token_id";
  for (const Json& id : found->is_array() ? *found : Json::array({*found})) {
    if (id == -1) continue;  // none
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      fail("{}: expected a token id, found {}", who, brief_json(id));
    add_end(defaults, who, id.get<int64_t>(), vocab);
  }
}

// Files that do not tell added tokens from others still build only the others from merges.
bool is_built_by_merges(const TokenizerParts& parts, TokenId id) {
  if (parts.types[static_cast<size_t>(id)] != TokenType::normal) return false;
  const std::string& text = parts.tokens[static_cast<size_t>(id)];
  return std::ranges::any_of(parts.merges, [&](const std::string& merge) {
    const size_t space = merge.find(' ');
    return merge.size() == text.size() + 1 && space != std::string::npos &&
           text.starts_with(std::string_view(merge).substr(0, space)) &&
           text.ends_with(std::string_view(merge).substr(space + 1));
  });
}

std::optional<double> as_number(const GgufValue& value) {
  if (value.is_array) return std::nullopt;
  if (const auto whole = whole_number(value)) return static_cast<double>(*whole);
  float narrow;
  double wide;
  if (value.type == GgufValueType::f32) return std::memcpy(&narrow, value.bytes.data(), sizeof narrow), narrow;
  if (value.type == GgufValueType::f64) return std::memcpy(&wide, value.bytes.data(), sizeof wide), wide;
  return std::nullopt;
}

Json read_object(const Path& path) {
  Json json = parse_json(read_file(path, kMaxBytes), path.string());
  if (!json.is_object()) fail("{}: expected a JSON object, found {}", path.string(), json.type_name());
  return json;
}

}  // namespace

GenerationDefaults defaults_of_folder(const Path& folder, int64_t vocab) {
  GenerationDefaults defaults;
  const Path config = folder / "config.json", path = folder / "generation_config.json";
  add_ends(defaults, read_object(config), config.string(), vocab);
  if (!std::filesystem::exists(path)) return defaults;
  const Json json = read_object(path);
  add_ends(defaults, json, path.string(), vocab);
  const auto sample = json.find("do_sample");
  if (sample != json.end() && sample->is_boolean() && !sample->get<bool>()) {
    defaults.temperature = 0;  // greedy, whatever the other fields say
    return defaults;
  }
  for (const char* name : {"temperature", "top_p", "min_p", "repetition_penalty", "top_k"}) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) continue;
    const std::string who = path.string() + ": " + name;
    if (found->is_number())
      set_field(defaults, name, who, found->get<double>());
    else
      ignore_value(who, "a number", brief_json(*found));
  }
  return defaults;
}

GenerationDefaults defaults_of_gguf(const GgufFile& file, int64_t vocab) {
  GenerationDefaults defaults;
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = token_named(file, key)) add_end(defaults, file.who() + ": " + key, *id, vocab);
  }
  for (const int64_t id : file.integers(kEndsKey).value_or(std::vector<int64_t>()))
    add_end(defaults, file.who() + ": " + kEndsKey, id, vocab);
  constexpr std::pair<const char*, const char*> kNames[] = {{"temperature", "temp"},
                                                            {"top_p", "top_p"},
                                                            {"min_p", "min_p"},
                                                            {"repetition_penalty", "penalty_repeat"},
                                                            {"top_k", "top_k"}};
  for (const auto& [name, short_name] : kNames) {
    const std::string key = std::string("general.sampling.") + short_name, who = file.who() + ": " + key;
    const auto found = file.values().find(key);
    if (found == file.values().end()) continue;
    if (const auto value = as_number(found->second))
      set_field(defaults, name, who, *value);
    else
      ignore_value(who, "a number", describe(found->second));
  }
  return defaults;
}

void add_ends_by_text(GenerationDefaults& defaults, const Tokenizer& tokenizer) {
  const TokenizerParts& parts = tokenizer.parts();
  for (const char* text : kEndTexts) {
    const TokenId id = tokenizer.find(text);
    if (id < 0 || parts.types[static_cast<size_t>(id)] == TokenType::unused || is_built_by_merges(parts, id)) continue;
    add_end(defaults, text, id, tokenizer.vocab_size());
  }
}

OrderedJson defaults_to_json(const GenerationDefaults& defaults) {
  OrderedJson json = OrderedJson::object();
  if (defaults.ends.size() == 1) json["eos_token_id"] = defaults.ends[0];
  if (defaults.ends.size() > 1) json["eos_token_id"] = defaults.ends;
  if (defaults.temperature == 0) {
    json["do_sample"] = false;
    return json;
  }
  const auto put = [&](const char* name, const auto& value) {
    if (!value) return;
    json["do_sample"] = true;
    json[name] = *value;
    // 0.6 where a GGUF file had the float beside it
    if constexpr (std::is_same_v<decltype(*value), const double&>)
      if (*value == static_cast<double>(static_cast<float>(*value)))
        json[name] = std::stod(fmt::format("{}", static_cast<float>(*value)));
  };
  put("temperature", defaults.temperature);
  put("top_p", defaults.top_p);
  put("top_k", defaults.top_k);
  put("min_p", defaults.min_p);
  put("repetition_penalty", defaults.repetition_penalty);
  return json;
}

}  // namespace hadal::weights
