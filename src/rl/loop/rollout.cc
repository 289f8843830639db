#include "rl/loop/rollout.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

namespace hadal::rl {
namespace {

constexpr int64_t kAtOnce = 512;         // sequences in one step of the engine
constexpr int64_t kPromptTokens = 4096;  // of all prompts in one step
constexpr int64_t kLongPrompt = 128;     // what the cache counts for a prompt

int64_t num_at_once(const RolloutSpec& spec) { return std::min(kAtOnce, spec.items * spec.samples); }

EngineOptions engine_options(const weights::LoadedModel& model, const RolloutSpec& spec, Precision precision,
                             uint64_t cache_bytes) {
  const ModelConfig& config = model.model->config;
  if (cache_bytes == 0) cache_bytes = rollout_cache_bytes(config, spec, precision, available_memory_bytes() / 4);
  EngineOptions o;
  o.precision = precision;
  o.ends = model.defaults.ends;
  o.max_running = static_cast<int>(num_at_once(spec));
  o.prefill_chunk = kPromptTokens;
  o.cache_tokens = static_cast<int64_t>(cache_bytes) / KvCache::bytes_per_token(config, kv_type_of(precision));
  return o;
}

chat::Prompt prompt_of(const chat::ChatRenderer& renderer, const std::string& question) {
  chat::Conversation conversation;
  conversation.messages.push_back({.role = "user", .content = question});
  return renderer.prompt(conversation);
}

}  // namespace

int64_t longest_rollout(const ModelConfig& config, const RolloutSpec& spec) {
  return std::min(config.max_context, kLongPrompt + spec.max_thinking_tokens + spec.max_answer_tokens);
}

uint64_t rollout_cache_bytes(const ModelConfig& config, const RolloutSpec& spec, Precision precision, uint64_t room) {
  const auto of_token = static_cast<uint64_t>(KvCache::bytes_per_token(config, kv_type_of(precision)));
  const auto all = of_token * static_cast<uint64_t>(num_at_once(spec) * longest_rollout(config, spec));
  return std::max(of_token * static_cast<uint64_t>(config.max_context), std::min(room, all));
}

Roller::Roller(const weights::LoadedModel& model, const RolloutSpec& spec, Precision precision,
               const std::atomic<bool>* stop, uint64_t cache_bytes)
    : spec_(spec),
      tokenizer_(model.tokenizer),
      renderer_(*model.tokenizer),
      context_(model.model->config.max_context),
      stop_(stop) {
  thinks_ = prompt_of(renderer_, "1").reply.begins_in_reasoning;
  if (thinks_) think_end_ = tokenizer_->find("</think>");
  thinks_ = think_end_ >= 0;
  engine_ = std::make_unique<Engine>(model.model, model.tokenizer, engine_options(model, spec, precision, cache_bytes));
}

Roller::~Roller() = default;

std::vector<TokenId> Roller::prompt(const std::string& question) const { return prompt_of(renderer_, question).ids; }

bool Roller::fits(const std::vector<TokenId>& prompt) const {
  if (std::ssize(prompt) < context_) return true;
  if (!std::exchange(warned_, true))
    log_warning("a question takes {} tokens, and the context holds {}: it is not asked, nor are others like it",
                prompt.size(), context_);
  return false;
}

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
  std::vector<std::optional<Generation>> generations(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (!fits(prompts[i])) continue;
    GenerateRequest asked = request(prompts[i]);
    asked.sampling.temperature = static_cast<float>(spec_.temperature);
    asked.sampling.seed = seeds[i];
    asked.answers = static_cast<int>(spec_.samples);
    asked.log_probs = LogProbs::at_temperature;
    generations[i] = engine_->submit(asked);
  }
  std::vector<std::vector<Rollout>> groups;
  for (auto& generation : generations) {
    groups.emplace_back();
    if (!generation) continue;
    for (GenerateResult& result : generation->wait()) groups.back().push_back(rollout_of(std::move(result)));
  }
  return groups;
}

std::vector<Rollout> Roller::greedy(std::span<const std::vector<TokenId>> prompts) const {
  constexpr std::chrono::milliseconds kLook{100};
  std::vector<std::optional<Generation>> generations(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i)
    if (fits(prompts[i])) generations[i] = engine_->submit(request(prompts[i]));
  std::vector<Rollout> rollouts;
  for (auto& generation : generations) {
    rollouts.emplace_back();
    rollouts.back().thinks = thinks_;
    if (!generation) continue;
    do {
      if (stop_ != nullptr && *stop_) throw Stopped{};
    } while (!generation->wait_for(kLook));
    rollouts.back() = rollout_of(std::move(generation->wait().front()));
    rollouts.back().log_probs.clear();
  }
  return rollouts;
}

// No row of the cache outlives the weights that made it; and what the engine's thread reads next is what was written.
void Roller::weights_changed() {
  engine_->between_steps([] {});
}

}  // namespace hadal::rl
