#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {
namespace {

// Rows of numbers as JSON with all the digits a float has.
std::string as_json(const Tensor& scores) {
  std::string text = "{\"logits\":[";
  for (int64_t r = 0; r < scores.rows(); ++r) {
    text += r == 0 ? "[" : ",[";
    for (int64_t c = 0; c < scores.cols(); ++c)
      fmt::format_to(std::back_inserter(text), "{}{}", c == 0 ? "" : ",", scores.row(r)[c]);
    text += "]";
  }
  return text + "]}\n";
}

std::string as_text(const Tensor& scores, const Tokenizer& tokenizer, int64_t first_position) {
  static constexpr int64_t kBest = 5;
  std::string text;
  for (int64_t r = 0; r < scores.rows(); ++r) {
    const float* row = scores.row(r);
    std::vector<TokenId> order(static_cast<size_t>(scores.cols()));
    std::iota(order.begin(), order.end(), 0);
    const auto count = std::min(kBest, scores.cols());
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [&](TokenId a, TokenId b) { return row[a] > row[b]; });
    text += fmt::format("position {}:", first_position + r);
    for (const TokenId id : std::span(order).first(static_cast<size_t>(count))) {
      const std::string token = id < tokenizer.vocab_size() ? dump_json(Json(tokenizer.decode({&id, 1}))) : "(padding)";
      text += fmt::format("  {} {} {:.3f}", id, token, row[id]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

int logits_command(int argc, char** argv) {
  CommandLine app(
      "What a model says about the token after the given ones: one number for each token of the vocabulary.");
  std::string model, ids_text, precision = "auto";
  bool json = false, all = false;
  add_model_option(app, model);
  app.add_option("--ids", ids_text, "token ids, comma-separated").required();
  app.add_flag("--all", all, "after each of the tokens, not only the last");
  app.add_option("--precision", precision, "auto (bf16 products), or f32 (exact arithmetic on the file's weights)")
      .one_of({"auto", "f32"});
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const weights::LoadedModel loaded = weights::load_model(
      model, weights::LoadAs::frozen,
      weights::RunPlan{.sequences = 0, .precision = precision == "f32" ? Precision::f32 : Precision::bf16});
  const auto ids = parse_ids(ids_text, loaded.model->config.vocab);
  const auto count = static_cast<int64_t>(ids.size());
  if (count == 0) fail("ids: expected at least one token id, found none");
  if (count > loaded.model->config.max_context)
    fail("ids: expected at most {} (the context of the model), found {}", loaded.model->config.max_context, count);

  Context ctx;
  ctx.precision = precision == "f32" ? Precision::f32 : Precision::bf16;
  Batch batch{ids, std::vector<int32_t>(ids.size()), {0, static_cast<int32_t>(count)}, {}};
  std::iota(batch.positions.begin(), batch.positions.end(), 0);
  const Tensor hidden = forward(ctx, *loaded.model, batch).hidden;
  std::vector<int64_t> rows(all ? ids.size() : 1, count - 1);
  if (all) std::iota(rows.begin(), rows.end(), 0);
  const Tensor scores = logits(ctx, *loaded.model, hidden, rows);
  print_text(json ? as_json(scores) : as_text(scores, *loaded.tokenizer, rows.front()));
  return 0;
}

}  // namespace hadal
