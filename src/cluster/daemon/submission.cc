// A Submission as JSON: {"idea", "why", "recipe": {"name", "text"} or "command": [...], "files": [{"path", "base64"}],
// "folder", "environment": {NAME: VALUE}, "slots", "nodes", "memory_bytes", "time_s", "seed", "metric", "version"}.
#include <cmath>
#include <set>

#include "base/base64.h"
#include "base/json.h"
#include "base/toml_table.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

// Reads the fields of an object, and knows those that nobody asked for.
class SubmittedFields {
 public:
  explicit SubmittedFields(const Json& object) : object_(object) {}

  std::string text(const char* name, size_t most) {
    const Json* value = find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) wrong(name, "a text", *value);
    std::string text = value->get<std::string>();
    if (text.size() > most) refuse(413, "{}: expected at most {} bytes, found {}", name, most, text.size());
    if (text.find('\0') != std::string::npos) refuse(400, "{}: holds a byte 0", name);
    return text;
  }
  int64_t whole(const char* name, int64_t fallback, int64_t low, int64_t high) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer() || value->get<int64_t>() < low || value->get<int64_t>() > high)
      wrong(name, fmt::format("a whole number from {} to {}", low, high).c_str(), *value);
    return value->get<int64_t>();
  }
  double number(const char* name, double fallback) {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_number() || !(value->get<double>() > 0) || value->get<double>() > 1e10)
      wrong(name, "a number above 0", *value);
    return value->get<double>();
  }
  const Json* find(const char* name) {
    asked_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void finish() const {
    for (const auto& [name, value] : object_.items())
      if (!asked_.contains(name))
        refuse(400, "the submission: does not know the field {}; did you mean {}?", brief(name),
               nearest_word(name, {asked_.begin(), asked_.end()}));
  }
  [[noreturn]] static void wrong(const char* name, const char* expected, const Json& found) {
    refuse(400, "{}: expected {}, found {}", name, expected, brief_json(found));
  }

 private:
  const Json& object_;
  std::set<std::string> asked_;
};

// Below the run's folder, and nothing that the cluster itself writes there.
void check_file_name(const std::string& name) {
  static const std::set<std::string> kTaken = {"attempt", "attempts",    "environment.json", "log",          "log.tail",
                                               "lock",    "recipe.toml", "version",          "metrics.jsonl"};
  const Path path(name);
  bool inside = !name.empty() && name.size() <= 1'000 && name.find('\0') == std::string::npos && !path.is_absolute();
  for (const Path& part : path) inside = inside && !part.empty() && part != "." && part != "..";
  if (!inside) refuse(400, "--with {}: expected the name of a file that stays in the run's folder", brief(name));
  if (kTaken.contains(path.begin()->string()))
    refuse(400, "--with {}: the cluster writes a file of this name itself; give it another", brief(name));
}

}  // namespace

Submission read_submission(const std::string& body) {
  Json json;
  try {
    json = parse_json(body, "the submission");
  } catch (const Error& mistake) {
    refuse(400, "{}", mistake.what());
  }
  if (!json.is_object()) refuse(400, "the submission: expected an object, found {}", json.type_name());
  SubmittedFields fields(json);
  Submission read;
  read.idea = fields.text("idea", 64);
  read.why = fields.text("why", 10'000);
  if (const Json* recipe = fields.find("recipe")) {
    if (!recipe->is_object()) fields.wrong("recipe", "an object", *recipe);
    SubmittedFields of_recipe(*recipe);
    read.recipe_name = of_recipe.text("name", 255);
    read.recipe = of_recipe.text("text", 1 << 20);
    of_recipe.finish();
    if (read.recipe_name.empty() || read.recipe.empty()) refuse(400, "recipe: expected its name and its text");
  }
  if (const Json* command = fields.find("command")) {
    if (!command->is_array()) fields.wrong("command", "a list of texts", *command);
    size_t bytes = 0;
    for (const Json& word : *command) {
      if (!word.is_string() || word.get<std::string>().find('\0') != std::string::npos)
        fields.wrong("command", "texts without a byte 0", word);
      read.command.push_back(word.get<std::string>());
      bytes += read.command.back().size();
    }
    if (bytes > 1 << 20) refuse(413, "command: expected at most 1 MiB, found {} bytes", bytes);
  }
  if (read.recipe.empty() == (read.command.empty() || read.command[0].empty()))
    refuse(400, "the submission: expected a recipe or a command, found {}", read.recipe.empty() ? "neither" : "both");
  if (const Json* files = fields.find("files")) {
    if (!files->is_array()) fields.wrong("files", "a list", *files);
    if (files->size() > 1'000) refuse(413, "files: expected at most 1,000, found {}", files->size());
    std::set<std::string> names;
    for (const Json& file : *files) {
      if (!file.is_object()) fields.wrong("files", "objects", file);
      SubmittedFields of_file(file);
      const std::string name = of_file.text("path", 1'000), text = of_file.text("base64", kMaxSubmissionBytes);
      of_file.finish();
      check_file_name(name);
      const auto bytes = bytes_of_base64(text);
      if (!bytes) refuse(400, "--with {}: expected base64", brief(name));
      if (!names.insert(Path(name).lexically_normal().string()).second)
        refuse(400, "--with {}: stands there twice", brief(name));
      read.files.emplace_back(name, *bytes);
    }
  }
  read.submit_folder = fields.text("folder", 4'096);
  if (const Json* environment = fields.find("environment")) {
    if (!environment->is_object()) fields.wrong("environment", "an object", *environment);
    for (const auto& [name, value] : environment->items()) {
      // Values may be secrets: no error quotes one.
      if (!value.is_string() || name.empty() || name.find('=') != std::string::npos ||
          name.find('\0') != std::string::npos || value.get<std::string>().find('\0') != std::string::npos)
        refuse(400, "environment: expected texts by name, found something else at {}", brief(name));
      read.environment.emplace_back(name, value.get<std::string>());
    }
  }
  read.size.nodes = static_cast<int>(fields.whole("nodes", 0, 0, 100'000));
  read.size.slots =
      static_cast<int>(fields.whole("slots", read.size.nodes > 0 ? 0 : 1, read.size.nodes > 0 ? 0 : 1, 1'000'000));
  read.size.memory_bytes = fields.whole("memory_bytes", 0, 0, int64_t{1} << 50);
  read.time_limit_s = fields.number("time_s", 0);
  read.seed = fields.whole("seed", -1, 0, int64_t{1} << 62);
  read.metric = fields.text("metric", 250);
  read.version = fields.text("version", 1'000);
  fields.finish();
  return read;
}

std::string submission_text(const Submission& submission) {
  OrderedJson json;
  if (!submission.idea.empty()) json["idea"] = submission.idea;
  if (!submission.why.empty()) json["why"] = submission.why;
  if (!submission.recipe.empty()) json["recipe"] = {{"name", submission.recipe_name}, {"text", submission.recipe}};
  if (!submission.command.empty()) json["command"] = submission.command;
  if (!submission.files.empty()) {
    json["files"] = OrderedJson::array();
    for (const auto& [path, content] : submission.files)
      json["files"].push_back({{"path", path}, {"base64", base64(content)}});
  }
  if (!submission.submit_folder.empty()) json["folder"] = submission.submit_folder;
  if (!submission.environment.empty()) {
    json["environment"] = OrderedJson::object();
    for (const auto& [name, value] : submission.environment) json["environment"][name] = value;
  }
  if (submission.size.nodes > 0) json["nodes"] = submission.size.nodes;
  if (submission.size.slots > 0) json["slots"] = submission.size.slots;
  if (submission.size.memory_bytes > 0) json["memory_bytes"] = submission.size.memory_bytes;
  if (submission.time_limit_s > 0) json["time_s"] = submission.time_limit_s;
  if (submission.seed >= 0) json["seed"] = submission.seed;
  if (!submission.metric.empty()) json["metric"] = submission.metric;
  if (!submission.version.empty()) json["version"] = submission.version;
  return dump_json(json);
}

}  // namespace hadal::cluster
