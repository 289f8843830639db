#include "model/generation.h"

#include <algorithm>

#include "base/error.h"
#include "formats/gguf.h"

namespace hadal {
namespace {

constexpr int64_t kMaxBytes = 1 << 24;

double in_range(const std::string& who, double value, double low, bool low_itself, double high) {
  const bool fits = (low_itself ? value >= low : value > low) && value <= high;
  if (!fits) fail("{}: expected a number {} {} and at most {}, found {}", who, low_itself ? "from" : "above", low, high, value);
  return value;
}

// Sets the field of one of generation_config.json's names.
void set_field(GenerationAdvice& advice, std::string_view name, const std::string& who, double value) {
  if (name == "temperature") advice.temperature = in_range(who, value, 0, true, 100);
  if (name == "top_p") advice.top_p = in_range(who, value, 0, false, 1);
  if (name == "min_p") advice.min_p = in_range(who, value, 0, true, 0.999999);
  if (name == "repetition_penalty") advice.repetition_penalty = in_range(who, value, 0, false, 100);
  if (name == "top_k") advice.top_k = static_cast<int>(in_range(who, value, 0, true, 1 << 24));
}

void add_end(GenerationAdvice& advice, const std::string& who, int64_t id, int64_t vocab) {
  if (id < 0 || id >= vocab) fail("{}: expected a token id below {}, found {}", who, vocab, id);
  const auto at = std::lower_bound(advice.ends.begin(), advice.ends.end(), id);
  if (at == advice.ends.end() || *at != id) advice.ends.insert(at, static_cast<int32_t>(id));
}

void add_ends(GenerationAdvice& advice, const Json& json, const std::string& file, int64_t vocab) {
  const auto found = json.find("eos_token_id");
  if (found == json.end() || found->is_null()) return;
  const std::string who = file + ": eos_token_id";
  for (const Json& id : found->is_array() ? *found : Json::array({*found})) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) fail("{}: expected a token id, found {}", who, brief_json(id));
    add_end(advice, who, id.get<int64_t>(), vocab);
  }
}

Json read_object(const Path& path) {
  Json json = parse_json(read_file(path, kMaxBytes), path.string());
  if (!json.is_object()) fail("{}: expected a JSON object, found {}", path.string(), json.type_name());
  return json;
}

}  // namespace

GenerationAdvice advice_of_folder(const Path& folder, int64_t vocab) {
  GenerationAdvice advice;
  const Path config = folder / "config.json", path = folder / "generation_config.json";
  add_ends(advice, read_object(config), config.string(), vocab);
  if (!std::filesystem::exists(path)) return advice;
  const Json json = read_object(path);
  add_ends(advice, json, path.string(), vocab);
  const auto sample = json.find("do_sample");
  if (sample != json.end() && sample->is_boolean() && !sample->get<bool>()) {
    advice.temperature = 0;  // the likeliest token, whatever else stands there
    return advice;
  }
  for (const char* name : {"temperature", "top_p", "min_p", "repetition_penalty", "top_k"}) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) continue;
    const std::string who = path.string() + ": " + name;
    if (!found->is_number()) fail("{}: expected a number, found {}", who, brief_json(*found));
    set_field(advice, name, who, found->get<double>());
  }
  return advice;
}

GenerationAdvice advice_of_gguf(const GgufFile& file, int64_t vocab) {
  GenerationAdvice advice;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = file.integer(key)) add_end(advice, file.who() + ": " + key, *id, vocab);
  }
  constexpr std::pair<const char*, const char*> kNames[] = {{"temperature", "temp"}, {"top_p", "top_p"}, {"min_p", "min_p"},
                                                            {"repetition_penalty", "penalty_repeat"}};
  for (const auto& [name, short_name] : kNames) {
    const std::string key = std::string("general.sampling.") + short_name;
    if (const auto value = file.number(key)) set_field(advice, name, file.who() + ": " + key, *value);
  }
  const char* const top_k = "general.sampling.top_k";
  if (const auto value = file.integer(top_k)) set_field(advice, "top_k", file.who() + ": " + top_k, static_cast<double>(*value));
  return advice;
}

OrderedJson advice_to_json(const GenerationAdvice& advice) {
  OrderedJson json = OrderedJson::object();
  if (advice.ends.size() == 1) json["eos_token_id"] = advice.ends[0];
  if (advice.ends.size() > 1) json["eos_token_id"] = advice.ends;
  if (advice.temperature == 0) {
    json["do_sample"] = false;
    return json;
  }
  const auto put = [&](const char* name, const auto& value) {
    if (!value) return;
    json["do_sample"] = true;
    json[name] = *value;
  };
  put("temperature", advice.temperature);
  put("top_p", advice.top_p);
  put("top_k", advice.top_k);
  put("min_p", advice.min_p);
  put("repetition_penalty", advice.repetition_penalty);
  return json;
}

}  // namespace hadal
