// What does it cost to train on the bits that were sampled? One update of the
// reasoner on roll-outs, with latent attention expanded (what pretraining
// takes) and absorbed (what the engine computes), and the same gradient by way
// of log-probabilities in place of signed weights. Usage: policy_forward_cost
// [--record]   Prints CPU milliseconds of forward and backward, the least of
// some rounds side by side; with --record it appends them to
// bench/results/policy_forward_cost.csv.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"
#include "model/model.h"
#include "record.h"

namespace {

using namespace hadal;

// Of all threads: programs beside this one should not be counted.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// About the shape of recipes/reason_start.toml.
ModelConfig reasoner() {
  ModelConfig c;
  c.family = ModelConfig::Family::deepseek_v3;
  c.vocab = 1000, c.hidden = 256, c.layers = 10, c.heads = c.kv_heads = 8, c.max_context = 1024;
  c.dense_inner = 768, c.first_dense = c.layers;
  c.kv_lora = 96, c.nope_dim = 32, c.rope_dim = 16, c.v_dim = 32;
  check(c, "reasoner");
  return c;
}

// Roll-outs of one length, a tenth of it the prompt, with advantages of both
// signs.
struct Step {
  Batch batch;
  std::vector<int32_t> targets;
  std::vector<float> weights;
};
Step make_step(int64_t tokens, int64_t length) {
  Step step;
  Rng rng(1);
  for (int64_t s = 0; s < tokens / length; ++s) {
    std::vector<int32_t> ids(static_cast<size_t>(length));
    for (int32_t& id : ids) id = static_cast<int32_t>(rng.below(1000));
    step.batch.append(ids);
    for (int64_t t = 0; t < length; ++t) {
      step.targets.push_back(static_cast<int32_t>(rng.below(1000)));
      step.weights.push_back(t < length / 10 ? 0.0f : s % 4 == 0 ? 0.75f : -0.25f);
    }
  }
  return step;
}

void cross_entropy(const Context& ctx, const Model& model, const Step& step, MlaForm form) {
  language_model_loss(ctx, model, step.batch, step.targets, step.weights,
                      {.mtp_weight = 0, .mla_form = form, .scale = 1e-3f});
}

void log_probs(const Context& ctx, const Model& model, const Step& step) {
  const Tensor hidden = forward(ctx, model, step.batch, {.mla_form = MlaForm::absorbed}).hidden;
  const Tensor normed = rms_norm(ctx, hidden, model.norm.weight, model.config.norm_eps);
  weighted_sum(ctx, token_log_probs(ctx, normed, model.head_weight(), step.targets), step.weights, -1e-3f);
}

int run(int argc, char** argv) {
  const bool record = argc > 1 && std::string_view(argv[1]) == "--record";
  Model model(reasoner());
  initialise(model.params(), 1);
  constexpr int kRounds = 5;
  constexpr int64_t kTokens = 1600;
  fmt::print(
      "length,expanded_ms,absorbed_ms,log_probs_ms,absorbed_cost,log_"
      "probs_cost\n");
  for (const int64_t length : {100, 200, 400, 800}) {
    const Step step = make_step(kTokens, length);
    const std::array<std::function<void(const Context&)>, 3> ways = {
        [&](const Context& ctx) { cross_entropy(ctx, model, step, MlaForm::expanded); },
        [&](const Context& ctx) { cross_entropy(ctx, model, step, MlaForm::absorbed); },
        [&](const Context& ctx) { log_probs(ctx, model, step); }};
    std::array<double, 3> least;
    least.fill(std::numeric_limits<double>::infinity());
    for (int round = 0; round < kRounds; ++round)
      for (size_t way = 0; way < ways.size(); ++way) {
        Tape tape;
        Context ctx;
        ctx.tape = &tape;
        const double start = cpu_ms();
        ways[way](ctx);
        tape.backward();
        least[way] = std::min(least[way], cpu_ms() - start);
      }
    const std::string row = fmt::format("{},{:.0f},{:.0f},{:.0f},{:.3f},{:.3f}", length, least[0], least[1], least[2],
                                        least[1] / least[0] - 1, least[2] / least[1] - 1);
    fmt::print("{}\n", row);
    std::fflush(stdout);
    if (record)
      bench::append("policy_forward_cost",
                    "commit,cpu,level,length,expanded_ms,absorbed_ms,log_probs_"
                    "ms,absorbed_cost,log_probs_cost,command",
                    fmt::format("{},{},{},{},{}", bench::commit(), bench::cpu_model(), cpu_level_name(cpu_level()), row,
                                bench::command_line(argc, argv)));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const hadal::Error& e) {
    fmt::print(stderr, "policy_forward_cost: {}\n", e.what());
    return 1;
  }
}
