#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {

int export_command(int argc, char** argv) {
  CLI::App app("Writes a model in a format that other programs read.");
  std::string model, format, out;
  bool json = false;
  add_model_option(app, model);
  app.add_option("--to", format, "hf: a Hugging Face folder (BF16); gguf")->required()->check(CLI::IsMember({"hf", "gguf"}));
  app.add_option("OUT", out, "the folder or file to write")->required();
  add_common_options(app, &json);
  if (const auto code = parse_options(app, argc, argv)) return *code;
  if (format == "gguf") fail("this version does not write GGUF files; export --to hf, and convert the folder with llama.cpp's converter");
  const Path target(out);
  if (std::filesystem::exists(target) && !(std::filesystem::is_directory(target) && std::filesystem::is_empty(target))) {
    fail("{}: expected a new or an empty folder to write to, found something there", out);
  }
  const LoadedModel loaded = load_model(model, LoadAs::whole);
  save_model(target, *loaded.model, *loaded.tokenizer, DType::bf16);
  if (json) print_json(OrderedJson{{"path", out}, {"format", format}});
  else log_info("wrote {}", out);
  return 0;
}

}  // namespace hadal
