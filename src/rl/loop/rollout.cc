#include "rl/loop/rollout.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory.h"

namespace hadal::rl {
namespace {

constexpr int64_t kAtOnce = 512;         // sequences in one step of the engine
constexpr int64_t kPromptTokens = 4096;  // of all prompts in one step
constexpr int64_t kLongPrompt = 128;     // what the cache counts for a prompt

// All sequences at their full length, or as much of that as a quarter of the free memory holds: where the cache is full
// the engine preempts, to the same bits.
EngineOptions engine_options(const weights::LoadedModel& model, const RolloutSpec& spec, Precision precision) {
  EngineOptions o;
  o.precision = precision;
  o.ends = model.defaults.ends;
  o.max_running = static_cast<int>(std::min(kAtOnce, spec.items * spec.samples));
  o.prefill_chunk = kPromptTokens;
  const int64_t context = model.model->config.max_context;
  const int64_t longest = std::min(context, kLongPrompt + spec.max_thinking_tokens + spec.max_answer_tokens);
  const auto bytes = static_cast<int64_t>(available_memory_bytes() / 4);
  const int64_t fit = bytes / KvCache::bytes_per_token(model.model->config, kv_type_of(precision));
  o.cache_tokens = std::max(context, std::min(fit, o.max_running * longest));
  return o;
}

chat::Prompt prompt_of(const chat::ChatRenderer& renderer, const std::string& question) {
  chat::Conversation conversation;
  conversation.messages.push_back({.role = "user", .content = question});
  return renderer.prompt(conversation);
}

}  // namespace

Roller::Roller(const weights::LoadedModel& model, const RolloutSpec& spec, Precision precision)
    : spec_(spec), tokenizer_(model.tokenizer), renderer_(*model.tokenizer) {
  thinks_ = prompt_of(renderer_, "1").reply.begins_in_reasoning;
  if (thinks_) think_end_ = tokenizer_->find("</think>");
  thinks_ = think_end_ >= 0;
  engine_ = std::make_unique<Engine>(model.model, model.tokenizer, engine_options(model, spec, precision));
}

Roller::~Roller() = default;

std::vector<TokenId> Roller::prompt(const std::string& question) const { return prompt_of(renderer_, question).ids; }

GenerateRequest Roller::request(const std::vector<TokenId>& prompt) const {
  GenerateRequest request;
  request.prompt = prompt;
  request.sampling = {.temperature = 0, .top_p = 1};
  request.max_tokens = spec_.max_thinking_tokens + spec_.max_answer_tokens;
  if (thinks_) {
    request.think_end = think_end_;
    request.think_tokens = spec_.max_thinking_tokens;
  }
  return request;
}

Rollout Roller::rollout_of(GenerateResult&& result) const {
  Rollout r;
  r.thinks = thinks_;
  r.text = tokenizer_->decode(result.ids);
  const bool thought = !thinks_ || std::ranges::find(result.ids, think_end_) != result.ids.end();
  r.finished = result.finish == FinishReason::stop && result.end && thought;
  r.think_tokens = result.think_tokens;
  r.ids = std::move(result.ids);
  if (result.end) {
    r.ids.push_back(result.end->id);
    result.log_probs.push_back(*result.end);
  }
  for (const TokenLogProb& token : result.log_probs) r.log_probs.push_back(token.log_prob);
  r.mask.assign(r.ids.size(), 1);
  if (result.forced >= 0) r.mask[static_cast<size_t>(result.forced)] = 0;
  return r;
}

std::vector<std::vector<Rollout>> Roller::sample(std::span<const std::vector<TokenId>> prompts,
                                                 std::span<const uint64_t> seeds) const {
  std::vector<Generation> generations;
  for (size_t i = 0; i < prompts.size(); ++i) {
    GenerateRequest asked = request(prompts[i]);
    asked.sampling.temperature = static_cast<float>(spec_.temperature);
    asked.sampling.seed = seeds[i];
    asked.answers = static_cast<int>(spec_.samples);
    asked.log_probs = LogProbs::at_temperature;
    generations.push_back(engine_->submit(asked));
  }
  std::vector<std::vector<Rollout>> groups;
  for (Generation& generation : generations) {
    groups.emplace_back();
    for (GenerateResult& result : generation.wait()) groups.back().push_back(rollout_of(std::move(result)));
  }
  return groups;
}

std::vector<Rollout> Roller::greedy(std::span<const std::vector<TokenId>> prompts) const {
  std::vector<Generation> generations;
  for (const auto& prompt : prompts) generations.push_back(engine_->submit(request(prompt)));
  std::vector<Rollout> rollouts;
  for (Generation& generation : generations) {
    rollouts.push_back(rollout_of(std::move(generation.wait().front())));
    rollouts.back().log_probs.clear();
  }
  return rollouts;
}

// No row of the cache outlives the weights that made it; and what the engine's thread reads next is what was written.
void Roller::weights_changed() {
  engine_->between_steps([] {});
}

}  // namespace hadal::rl
