#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "weights/gguf_save.h"

namespace hadal {

int quantize_command(int argc, char** argv) {
  CommandLine app("Writes a model as a GGUF file with quantised matrices.");
  std::string model, type = "Q4_K_M", out;
  bool json = false;
  add_model_option(app, model);
  app.add_option("--type", type, "how small: Q8_0, Q6_K, Q5_K_M, Q4_K_M or Q4_0")
      .show_default()
      .one_of({"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"});
  app.add_option("OUT", out, "the file to write, OUT.gguf").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (std::filesystem::exists(out)) fail("{}: expected a new file to write to, found something there", out);
  const weights::LoadedModel loaded = weights::load_model(model);
  ProgressLine line;
  const auto progress = [&](uint64_t done, uint64_t all) {
    line.show(fmt::format("{:.0f}% of {}", 100.0 * static_cast<double>(done) / static_cast<double>(all), out));
  };
  weights::save_gguf(out, *loaded.model, *loaded.tokenizer, {loaded.name, type, progress, loaded.defaults});
  line.clear();
  const uint64_t bytes = std::filesystem::file_size(out);
  if (json)
    print_json(OrderedJson{{"path", out}, {"type", type}, {"bytes", bytes}});
  else
    log_info("wrote {}, {:.1f} MB", out, static_cast<double>(bytes) / 1e6);
  return 0;
}

}  // namespace hadal
