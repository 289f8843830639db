#include "train/resumed.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "train/checkpoint.h"

namespace hadal {
namespace {

struct Record {
  std::string checkpoint;
  Json json;
};

std::optional<Record> newest_record(const Path& run) {
  const auto all = list_checkpoints(run);
  std::error_code ignored;
  for (auto checkpoint = all.rbegin(); checkpoint != all.rend(); ++checkpoint) {
    const Path file = *checkpoint / "recipe.json";
    if (!std::filesystem::is_regular_file(file, ignored)) continue;
    try {
      Json json = parse_json(read_file(file, 64 << 20), file.string());
      if (json.contains("values") && json["values"].is_object()) return Record{checkpoint->string(), std::move(json)};
    } catch (const Error& error) {
      log_warning("{}", error.what());
    }
  }
  if (!all.empty())
    log_info("{}: holds no copy of its recipe (an older hadal wrote it), so that nothing is compared",
             all.back().string());
  return std::nullopt;
}

std::string tokenizer_hash(const Tokenizer& tokenizer) {
  uint64_t hash = fnv1a("");
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) hash = fnv1a("\n", fnv1a(tokenizer.decode({&id, 1}), hash));
  for (const TokenId id : tokenizer.encode("The quick brown fox's 1234 jumps, isn't it?\n\n  Yes: 56 + 7."))
    hash = fnv1a(std::to_string(id), hash);
  return fmt::format("{:016x}", mix(hash));
}

// Of a configuration, what weights depend on: how long texts may be and how weights were drawn may change.
Json meaning_of(const ModelConfig& config) {
  Json json = parse_json(dump_json(config_to_json(config)), "config");
  for (const char* key : {"max_position_embeddings", "initializer_range"}) json.erase(key);
  return json;
}

bool changes_meaning(const std::string& key) {
  if (key == "seed" || key == "[optimizer] matrices" || key == "[rl] optimizer") return true;
  // `from` is judged by what it brings: check_start().
  if (key.starts_with("[tokenizer] ")) return key != "[tokenizer] from";
  if (key.starts_with("[model] "))
    return key != "[model] from" && key != "[model] context" && key != "[model] init_std";
  // Held-out documents that training may have seen, or those that it never saw.
  return key.starts_with("[[source]]") &&
         (key.ends_with(": validation") || key.ends_with(": validation_tail") || key.ends_with(": kind"));
}

std::string shortened(const std::string& value) { return value.size() > 200 ? value.substr(0, 200) + "..." : value; }

[[noreturn]] void refuse(const std::string& where, const std::string& key, const std::string& saved,
                         const std::string& found, const std::string& checkpoint) {
  fail("{}: {}: expected {}, with which {} was made, found {}; set it back, or begin a new run with another output",
       where, key, shortened(saved), checkpoint, shortened(found));
}

// "[[stage]] 2" of "[[stage]] 2: steps": what came or went as a whole is said once.
std::string part_of(const std::string& key) {
  const size_t end = key.find(": ");
  return end == std::string::npos ? key : key.substr(0, end);
}

}  // namespace

void write_record(const Path& folder, const RecipeFile& recipe, const ModelConfig& config, const Tokenizer& tokenizer) {
  OrderedJson json;
  json["recipe"] = recipe.file.string();
  json["values"] = OrderedJson::object();
  for (const TomlValue& v : recipe.values) json["values"][v.key] = v.value;
  json["model"] = meaning_of(config);
  json["tokenizer"] = tokenizer_hash(tokenizer);
  write_file_whole(folder / "recipe.json", dump_json(json, 1) + "\n");
}

void check_recipe(const RecipeFile& recipe) {
  const auto record = newest_record(recipe.output);
  if (!record) return;
  std::map<std::string, std::string> saved;
  for (const auto& [key, value] : record->json["values"].items())
    if (value.is_string()) saved[key] = value.get<std::string>();
  std::set<std::string> said;
  const auto say_once = [&](const std::string& key, const char* what) {
    const std::string part = part_of(key);
    if (said.insert(part).second) log_warning("{}: {} {} since {}", recipe.where(key), part, what, record->checkpoint);
  };
  std::set<std::string> found;
  for (const TomlValue& v : recipe.values) {
    found.insert(v.key);
    const auto before = saved.find(v.key);
    if (before == saved.end()) {
      say_once(v.key, "is new");
    } else if (before->second != v.value) {
      if (changes_meaning(v.key)) refuse(v.where, v.key, before->second, v.value, record->checkpoint);
      if (v.key != "output")
        log_warning("{}: {} is {} now; {} was made with {}", v.where, v.key, shortened(v.value), record->checkpoint,
                    shortened(before->second));
    }
  }
  for (const auto& [key, value] : saved)
    if (!found.contains(key)) say_once(key, "is gone");
}

void check_start(const RecipeFile& recipe, const ModelConfig& config, const Tokenizer& tokenizer) {
  const auto record = newest_record(recipe.output);
  if (!record) return;
  const Json now = meaning_of(config);
  Json saved = record->json.value("model", Json::object());
  if (!saved.contains("rope_scaling"))
    saved["rope_scaling"] = nullptr;  // other fields that it lacks are those of a newer hadal
  for (const auto& [key, before] : saved.items()) {
    const Json value = now.value(key, Json());
    if (before != value)
      refuse(recipe.where("[model] from"), "[model] " + key, dump_json(before), dump_json(value), record->checkpoint);
  }
  if (record->json.value("tokenizer", "") != tokenizer_hash(tokenizer)) {
    fail(
        "{}: expected the tokenizer with which {} was made, found another one (its texts have changed since); put it "
        "back, or begin a new run with "
        "another output",
        recipe.file.string(), record->checkpoint);
  }
}

}  // namespace hadal
