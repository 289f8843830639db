// Log-probabilities of given tokens, as the engine has them while it samples or as training has them.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "rl/log_probs.h"
#include "tasks/items_file.h"

namespace hadal {
namespace {

struct LogProbsOptions {
  std::string model, file, as, precision = "auto";
  int parallel = 32;
  float temperature = 1;
  bool json = false;

  Precision products() const { return precision == "f32" ? Precision::f32 : Precision::bf16; }
};

struct Lines {
  std::vector<rl::TokenSequence> sequences;
  std::vector<std::string> where;  // "rollouts.jsonl: line 3"
};

std::vector<TokenId> ids_of(const OrderedJson& line, const char* field, const std::string& where) {
  const auto found = line.is_object() ? line.find(field) : line.end();
  if (!line.is_object() || found == line.end() || !found->is_array())
    fail("{}: expected an object with a list \"{}\" of token ids, found {}", where, field, brief_json(line));
  std::vector<TokenId> ids;
  for (const OrderedJson& id : *found) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX)
      fail("{}: {}: expected token ids, found {}", where, field, brief_json(id));
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

Lines read_lines(const std::string& file) {
  Lines lines;
  tasks::for_each_item(file, 0, [&](OrderedJson&& json, const std::string& where, int64_t) {
    lines.sequences.push_back({ids_of(json, "prompt_ids", where), ids_of(json, "ids", where)});
    lines.where.push_back(where);
  });
  return lines;
}

void check(const Lines& lines, const weights::LoadedModel& loaded) {
  for (size_t i = 0; i < lines.sequences.size(); ++i)
    rl::check(lines.sequences[i], loaded.model->config, *loaded.tokenizer, lines.where[i]);
}

using LogProbLists = std::vector<std::vector<float>>;

LogProbLists as_rollout(const LogProbsOptions& o, const Lines& lines) {
  size_t longest = 2;
  for (const auto& [prompt, ids] : lines.sequences) longest = std::max(longest, prompt.size() + ids.size());
  const auto context = static_cast<int64_t>(longest);
  const weights::LoadedModel loaded =
      weights::load_model(o.model, weights::LoadAs::frozen,
                          weights::RunPlan{.context = context, .sequences = o.parallel, .precision = o.products()});
  check(lines, loaded);
  Engine engine(loaded.model, loaded.tokenizer,
                {.max_context = std::min(context, loaded.model->config.max_context),
                 .cache_tokens = context * o.parallel,
                 .max_running = o.parallel,
                 .precision = o.products()});
  return rl::rollout_log_probs(engine, lines.sequences, o.temperature);
}

LogProbLists as_train(const LogProbsOptions& o, const Lines& lines) {
  const weights::LoadedModel loaded = weights::load_model(o.model, weights::LoadAs::trainable);
  check(lines, loaded);
  Context ctx;
  ctx.precision = o.products();
  return rl::train_log_probs(ctx, *loaded.model, lines.sequences, o.temperature);
}

void check_finite(const LogProbLists& lists, const Lines& lines) {
  for (size_t i = 0; i < lists.size(); ++i)
    for (const float log_prob : lists[i])
      if (!std::isfinite(log_prob))
        fail("{}: expected finite log-probabilities, found {}; the model's weights are broken", lines.where[i],
             log_prob);
}

// With all the digits a float has.
std::string as_json(const LogProbLists& lists) {
  std::string text = "{\"log_probs\":[";
  for (size_t i = 0; i < lists.size(); ++i) text += fmt::format("{}[{}]", i == 0 ? "" : ",", fmt::join(lists[i], ","));
  return text + "]}\n";
}

std::string as_text(const LogProbLists& lists, const Lines& lines) {
  std::string text;
  for (size_t i = 0; i < lists.size(); ++i) text += fmt::format("{}: {}\n", lines.where[i], fmt::join(lists[i], " "));
  return text;
}

}  // namespace

int logprobs_command(int argc, char** argv) {
  CommandLine app(
      "Log-probabilities of given tokens: lines {\"prompt_ids\", \"ids\"}, of which those of ids are computed, each "
      "after all that stands before it.");
  LogProbsOptions o;
  add_model_option(app, o.model);
  app.add_option("-f,--file", o.file, "JSON lines (.zst too)").required();
  app.add_option("--as", o.as,
                 "rollout: one token a step through the engine's cache; train: as the policy loss has them")
      .required()
      .one_of({"rollout", "train"});
  app.add_option("--parallel", o.parallel, "sequences at once, with --as rollout").range(1, 1024).show_default();
  app.add_option("--temperature", o.temperature, "logits are divided by it").above_zero().show_default();
  app.add_option("--precision", o.precision, "auto (bf16 products), or f32").one_of({"auto", "f32"});
  add_common_options(app, &o.json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const Lines lines = read_lines(o.file);
  const LogProbLists lists = o.as == "rollout" ? as_rollout(o, lines) : as_train(o, lines);
  check_finite(lists, lines);
  print_text(o.json ? as_json(lists) : as_text(lists, lines));
  return 0;
}

}  // namespace hadal
