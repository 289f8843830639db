// A toy of reinforcement learning: a random model of some thousand parameters that is rewarded for any answer at all,
// so that it has something to learn without having been trained. Tests only.
#pragma once

#include <string>

#include "model/testing/tiny_models.h"
#include "rl/rl_run.h"
#include "train/testing/test_support.h"
#include "weights/load.h"

namespace hadal::test {

inline ModelConfig toy_config() {
  ModelConfig c = tiny_deepseek(true);
  c.vocab = 300, c.layers = 2, c.first_dense = 2, c.mtp_depth = 0;
  c.experts = 0, c.top_k = 0, c.shared_experts = 0, c.expert_inner = 0, c.groups = 1, c.top_groups = 1;
  c.max_context = 512;
  return c;
}

// Writes a model's folder, which thinks before it answers.
inline Path toy_start(const TemporaryFolder& folder, const std::string& name = "start") {
  const Tokenizer tokenizer = tiny_tokenizer(true);
  ModelConfig config = toy_config();
  config.bos = tokenizer.bos(), config.eos = tokenizer.eos();
  const auto model = make_model(config);
  const Path path = folder.path() / name;
  std::filesystem::create_directories(path);
  weights::save_model(path, *model, tokenizer, DType::bf16);
  return path;
}

// `more`: further keys of [rl].
inline rl::RlRecipe toy_recipe(const TemporaryFolder& folder, const std::string& output, const std::string& more = "",
                               const std::string& run = "") {
  return rl::parse_rl_recipe(fmt::format(R"(name = "toy"
output = "{}"
start = "start"

[run]
checkpoint_every_minutes = 0
validate_every_steps = 2
{}

[rl]
steps = 4
tasks = {{ countdown3 = 1 }}
items = 6
samples = 8
train_samples = 6
max_thinking_tokens = 6
max_answer_tokens = 40
micro_batch_tokens = 700
format_share = 0.5
development_items = 4
samples_every = 2
matrix_lr = 0.01
other_lr = 0.01
warmup_steps = 0
{}
)",
                                         output, run, more),
                             folder.path() / "toy.toml");
}

}  // namespace hadal::test
