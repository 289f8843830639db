#include <algorithm>

#include "base/bf16.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "weights/gguf_save.h"

namespace hadal {
namespace {

// Whether each number of a weight is one of bf16. Quantised blocks count as such: they are rounded either way.
bool fits_bf16(const Param& param) {
  const Weight& weight = param.weight;
  if (weight.quant() == nullptr && weight.value().dtype() == DType::bf16) return true;
  constexpr int64_t kPiece = 1 << 20;
  const int64_t all = num_elements(param.shape), cols = param.shape.back(),
                piece = std::max(cols, kPiece / cols * cols);
  std::vector<float> numbers;
  for (int64_t first = 0; first < all; first += piece) {
    numbers.resize(static_cast<size_t>(std::min(piece, all - first)));
    weight.read(first, numbers);
    for (const float number : numbers)
      if (static_cast<float>(Bf16(number)) != number) return false;
  }
  return true;
}

// BF16 where that loses nothing, and for quantised models, whose folder would else be as large as that of a model in
// F32.
DType folder_type(Model& model) {
  for (const Param* param : model.params()) {
    const QuantMatrix* blocks = param->weight.quant();
    if (blocks != nullptr && quant_format(blocks->type).name != "F16") return DType::bf16;
  }
  for (const Param* param : model.params())
    if (!param->keep_f32 && !fits_bf16(*param)) return DType::f32;
  return DType::bf16;
}

}  // namespace

int export_command(int argc, char** argv) {
  CommandLine app("Writes a model in a format that other programs read.");
  std::string model, format, out;
  bool json = false;
  add_model_option(app, model);
  app.add_option("--to", format,
                 "hf: a Hugging Face folder (BF16, or F32 for a model that has more); gguf: a GGUF file, in the types "
                 "that the model has")
      .required()
      .one_of({"hf", "gguf"});
  app.add_option("OUT", out, "the folder or file to write").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const Path target(out);
  const bool empty_folder =
      format == "hf" && std::filesystem::is_directory(target) && std::filesystem::is_empty(target);
  if (std::filesystem::exists(target) && !empty_folder) {
    fail("{}: expected a new {} to write to, found something there", out,
         format == "hf" ? "or an empty folder" : "file");
  }
  const weights::LoadedModel loaded = weights::load_model(model, weights::LoadAs::whole);
  if (format == "hf")
    weights::save_model(target, *loaded.model, *loaded.tokenizer, folder_type(*loaded.model), loaded.defaults);
  else
    weights::save_gguf(target, *loaded.model, *loaded.tokenizer,
                       {.name = loaded.name, .mix = "", .progress = {}, .defaults = loaded.defaults});
  if (json)
    print_json(OrderedJson{{"path", out}, {"format", format}});
  else
    log_info("wrote {}", out);
  return 0;
}

}  // namespace hadal
