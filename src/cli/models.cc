#include <unistd.h>

#include <iostream>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "hub/download.h"
#include "weights/store.h"

namespace hadal {
namespace {

void list_models(bool json) {
  const auto models = weights::stored_models();
  OrderedJson array = OrderedJson::array();
  std::string text;
  size_t width = 4;
  for (const auto& model : models) width = std::max(width, model.name.size() + 2);
  for (const auto& m : models) {
    array.push_back({{"name", m.name},
                     {"path", m.path.string()},
                     {"kind", weights::to_text(m.kind)},
                     {"bytes", m.bytes},
                     {"family", m.family},
                     {"quantisation", m.quantisation},
                     {"finished", m.kind != weights::ModelKind::unfinished}});
    text += fmt::format("{:<{}}{:>10}  {:<12}{:<14}{}\n", without_controls(m.name), width, bytes_text(m.bytes),
                        weights::to_text(m.kind), without_controls(m.family), without_controls(m.quantisation));
  }
  if (json) return print_json(OrderedJson{{"models", array}});
  if (models.empty()) log_info("there are no models; `{}` fetches one", command({"pull", "hf:owner/repo"}));
  print_text(text);
}

bool agreed(const weights::StoredModel& model) {
  if (::isatty(STDIN_FILENO) == 0) fail("{}: nobody can be asked here whether to remove it; say --yes", model.name);
  fmt::print(stderr, "Remove {} ({})? [y/N] ", model.path.string(), bytes_text(model.bytes));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int models_command(int argc, char** argv) {
  CommandLine app("Lists, removes and renames the models on this disk.");
  bool json = false, yes = false;
  std::string name, new_name;
  app.add_command("list", "list them (the default)").add_flag("--json", json, "print one JSON document");
  CommandLine& remove = app.add_command("remove", "remove one from the disk");
  remove.add_option("NAME", name, "as the list shows it").required();
  remove.add_flag("--yes", yes, "do not ask");
  CommandLine& rename = app.add_command("rename", "give one another name");
  rename.add_option("OLD", name, "as the list shows it").required();
  rename.add_option("NEW", new_name, "its new name").required();
  app.add_flag("--json", json, "print one JSON document");
  if (const auto code = app.parse(argc, argv)) return *code;

  if (remove.chosen()) {
    const weights::StoredModel model = weights::find_stored_model(name);
    if (!yes && !agreed(model)) {
      log_info("{} is kept", model.name);
      return 1;
    }
    weights::remove_model(model);
    if (json)
      print_json(OrderedJson{{"removed", model.name}, {"path", model.path.string()}, {"bytes", model.bytes}});
    else
      log_info("removed {} ({})", model.name, bytes_text(model.bytes));
  } else if (rename.chosen()) {
    const Path path = weights::rename_model(weights::find_stored_model(name), new_name);
    if (json)
      print_json(OrderedJson{{"name", new_name}, {"path", path.string()}});
    else
      log_info("{} is {} now", name, path.string());
  } else {
    list_models(json);
  }
  return 0;
}

}  // namespace hadal
