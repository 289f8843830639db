#include "train/recipe_figures.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/threads.h"
#include "formats/gguf.h"
#include "train/data/documents.h"
#include "train/run/run_tokenizer.h"
#include "train/training_memory.h"
#include "weights/gguf_model.h"
#include "weights/load.h"

namespace hadal {
namespace {

// Of a source's documents that are held out, in their order; "" where there are none, or none to train on.
std::string held_out_of(const SourceSpec& source) {
  Digest digest;
  bool any = false, training = false;
  for_each_document(source, [&](Document&& d) {
    training |= !d.validation;
    if (!d.validation) return true;
    any = true;
    const std::string words = d.words();
    digest.add(fmt::format("{}|{}|", d.conversation.messages.size(), words.size()));
    digest.add(words);
    return true;
  });
  if (!training)
    fail("{}source \"{}\": expected documents to train on, found none", source.where_prefix(), source.name);
  return any ? digest.hex() : "";
}

std::string held_out_of(const Recipe& recipe) {
  std::set<std::string> used;
  for (const StageSpec& stage : recipe.stages)
    for (const auto& [name, share] : stage.sources) used.insert(name);
  std::vector<std::string> all;
  for (const SourceSpec& source : recipe.sources)
    if (used.contains(source.name)) all.push_back(held_out_of(source));
  std::erase(all, "");
  if (all.empty() || recipe.validation_tokens == 0) return "";
  std::sort(all.begin(), all.end());
  Digest digest;
  digest.add(fmt::format("{}|", recipe.validation_tokens));
  for (const std::string& one : all) digest.add(one);
  return digest.hex().substr(0, 32);
}

}  // namespace

int64_t tokens_of(const Recipe& recipe) {
  int64_t tokens = 0;
  for (const StageSpec& stage : recipe.stages) {
    if (stage.plan.minutes > 0) return 0;
    // A step has its batch_tokens at most; a stage of tokens ends with the step that reaches them.
    tokens += stage.plan.steps > 0 ? stage.plan.steps * stage.batch_tokens : stage.plan.tokens + stage.batch_tokens;
  }
  return tokens;
}

ModelConfig shape_of(const Recipe& recipe) {
  return recipe.start.empty() ? recipe.model : shape_of_model(model_named(recipe, recipe.start));
}

ModelConfig shape_of_model(const std::string& model) {
  const weights::ModelFiles files = weights::find_model(model);
  if (files.kind == weights::ModelFiles::Kind::gguf) return weights::config_from_gguf(GgufFile::open(files.path));
  const Path file = files.path / "config.json";
  return config_from_json(parse_json(read_file(file, 16 << 20), file.string()), file.string());
}

RecipeFigures figures_of(const Recipe& recipe) {
  const ModelConfig shape = shape_of(recipe);
  check_sources(recipe);
  return {tokens_of(recipe), held_out_of(recipe),
          plan_training(recipe, shape, ThreadPool::shared().size()).needed_bytes()};
}

}  // namespace hadal
