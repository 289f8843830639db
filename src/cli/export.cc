#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "model/gguf_save.h"

namespace hadal {

int export_command(int argc, char** argv) {
  CLI::App app("Writes a model in a format that other programs read.");
  std::string model, format, out;
  bool json = false;
  add_model_option(app, model);
  app.add_option("--to", format, "hf: a Hugging Face folder (BF16); gguf: a GGUF file, in the types that the model has")->required()->check(CLI::IsMember({"hf", "gguf"}));
  app.add_option("OUT", out, "the folder or file to write")->required();
  add_common_options(app, &json);
  if (const auto code = parse_options(app, argc, argv)) return *code;
  const Path target(out);
  const bool empty_folder = format == "hf" && std::filesystem::is_directory(target) && std::filesystem::is_empty(target);
  if (std::filesystem::exists(target) && !empty_folder) {
    fail("{}: expected a new {} to write to, found something there", out, format == "hf" ? "or an empty folder" : "file");
  }
  const LoadedModel loaded = load_model(model, LoadAs::whole);
  if (format == "hf") save_model(target, *loaded.model, *loaded.tokenizer, DType::bf16, loaded.advice);
  else save_gguf(target, *loaded.model, *loaded.tokenizer, {.name = loaded.name, .mix = "", .progress = {}, .advice = loaded.advice});
  if (json) print_json(OrderedJson{{"path", out}, {"format", format}});
  else log_info("wrote {}", out);
  return 0;
}

}  // namespace hadal
