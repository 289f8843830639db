#include "train/run/model_card.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "weights/load.h"

namespace hadal {
namespace {

std::string parent_text(const Recipe& recipe) {
  std::string text = recipe.start.string();
  const Json card = read_card(weights::find_model(model_named(recipe, recipe.start)).path);
  const auto name = card.find("name"), step = card.find("step");
  if (name != card.end() && name->is_string() && step != card.end() && step->is_number_integer())
    text += fmt::format(" (\"{}\" after step {})", name->get<std::string>().substr(0, 100), step->get<int64_t>());
  return text;
}

std::string grouped(int64_t number) {  // 1,234,567
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string figures_text(const OrderedJson& validation) {
  std::string text =
      "| source | nats a token | bits a byte | next token right | tokens measured |\n|---|---|---|---|---|\n";
  for (const auto& source : validation.items()) {
    const OrderedJson& v = source.value();
    const auto number = [&](const char* key) {
      return v.contains(key) ? fmt::format("{:.4f}", v.at(key).get<double>()) : std::string("-");
    };
    text += fmt::format("| {} | {} | {} | {} | {} |\n", source.key(), number("loss"), number("bits_per_byte"),
                        number("accuracy"), grouped(v.value("tokens", int64_t{0})));
  }
  return text;
}

std::string readme(const OrderedJson& card, const Recipe& recipe) {
  std::string state =
      fmt::format("after step {}, {} tokens read", card["step"].get<int64_t>(), grouped(card["tokens"].get<int64_t>()));
  if (card.contains("best"))
    state += fmt::format("; the best by {}: {:.4f} there", card["best"]["by"].get<std::string>(),
                         card["best"]["value"].get<double>());
  else if (card["finished"] == true)
    state += ", the end of the run";
  else
    state += ", where the run was stopped; it is not finished";
  std::string data;
  for (const auto& source : card["data"])
    data += fmt::format("{}{}", data.empty() ? "" : ", ", source.get<std::string>());
  std::string text = fmt::format(
      "# {}\n\nWritten by `hadal train` together with the weights in this folder; every figure here is of exactly "
      "these weights.\n\n| | |\n|---|---|\n"
      "| weights | {} |\n| parameters | {}, of which a token uses {} |\n| recipe | [recipe.toml](recipe.toml), a copy "
      "of {} |\n"
      "| trained further from | {} |\n| data | {} |\n\n## Held-out documents\n\n",
      recipe.name, state, grouped(card["parameters"]["total"].get<int64_t>()),
      grouped(card["parameters"]["active"].get<int64_t>()), recipe.file.filename().string(),
      card.contains("parent") ? card["parent"].get<std::string>() : "random weights", data);
  const std::string command = fmt::format("    hadal train {} --measure FOLDER\n", recipe.file.filename().string());
  if (!card.contains("validation"))
    return text + "Not measured: the run was stopped. This measures it, with this folder as FOLDER:\n\n" + command;
  if (card["validation"].empty()) return text + "None: nothing of the data was held out.\n";
  return fmt::format(
      "{}Documents of each source that training never saw; read from the files of this folder, as this does:\n\n{}\n{}",
      text, command, figures_text(card["validation"]));
}

}  // namespace

std::string best_by(const Recipe& recipe) {
  return recipe.best_source.empty() ? "" : fmt::format("{}/{}", recipe.best_source, recipe.best_figure);
}

void write_card(const Path& folder, const ModelCard& card, const Recipe& recipe, const ModelConfig& config) {
  const ParameterCounts counts = count_parameters(config);
  OrderedJson json;
  json["name"] = recipe.name;
  json["step"] = card.step;
  json["tokens"] = card.tokens;
  json["finished"] = card.finished;
  json["parameters"] = {{"total", counts.total}, {"active", counts.active}};
  json["recipe"] = recipe.file.filename().string();
  if (!recipe.start.empty()) json["parent"] = parent_text(recipe);
  json["data"] = OrderedJson::array();
  for (const SourceSpec& source : recipe.sources)
    json["data"].push_back(source.path.empty() ? source.name
                                               : fmt::format("{} ({})", source.name, source.path.filename().string()));
  if (card.best)
    json["best"] = {{"by", best_by(recipe)}, {"value", *card.best}, {"validation_tokens", recipe.validation_tokens}};
  if (card.measured) json["validation"] = evaluations_json(*card.measured);
  write_file_whole(folder / "card.json", fmt::format("{}\n", dump_json(json, 1)));
  write_file_whole(folder / "README.md", readme(json, recipe));
  std::error_code ignored;
  if (std::filesystem::is_regular_file(recipe.file, ignored))
    write_file_whole(folder / "recipe.toml", read_file(recipe.file, 16 << 20));
}

Json read_card(const Path& folder) {
  std::error_code ignored;
  const Path file = folder / "card.json";
  if (folder.empty() || !std::filesystem::is_regular_file(file, ignored)) return Json::object();
  try {
    Json json = parse_json(read_file(file, 16 << 20), file.string());
    if (json.is_object()) return json;
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
  return Json::object();
}

}  // namespace hadal
