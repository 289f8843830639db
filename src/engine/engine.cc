#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <limits>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/steps/log_probs.h"
#include "engine/steps/sequence.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int64_t whole_blocks(int64_t tokens) {
  return (tokens + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens * KvCache::kBlockTokens;
}

EngineOptions complete(EngineOptions o, const ModelConfig& config) {
  if (o.max_context < 0 || o.max_context > config.max_context) {
    fail("max_context: expected a number from 1 to {}, the model's own, found {}", config.max_context, o.max_context);
  }
  if (o.max_context == 0) o.max_context = config.max_context;
  if (o.cache_tokens == 0)
    o.cache_tokens = std::max(4 * o.max_context, o.max_running * std::min(o.max_context, kShortTokens));
  if (o.cache_tokens < 0 || o.cache_tokens > INT64_MAX / 2)
    fail("cache_tokens: expected a number from 0 up, found {}", o.cache_tokens);
  o.cache_tokens = whole_blocks(std::max(o.cache_tokens, o.max_context));  // one sequence always fits
  if (!o.kv_type) o.kv_type = kv_type_of(o.precision);
  const auto needed =
      static_cast<uint64_t>(o.cache_tokens) * static_cast<uint64_t>(KvCache::bytes_per_token(config, *o.kv_type));
  if (const uint64_t available = available_memory_bytes(); needed > available) {
    fail(
        "max_context: a {} cache of {} tokens needs {:.1f} GB of memory, and this machine has {:.1f} GB left; take a "
        "smaller context{}",
        kv_type_name(*o.kv_type), o.cache_tokens, static_cast<double>(needed) / 1e9,
        static_cast<double>(available) / 1e9, *o.kv_type == KvType::q8 ? "" : ", or a q8 cache");
  }
  if (o.max_running < 1 || o.prefill_chunk < 1)
    fail("max_running and prefill_chunk: expected at least 1, found {} and {}", o.max_running, o.prefill_chunk);
  return o;
}

using Sequences = std::deque<std::unique_ptr<Sequence>>;

std::vector<Scheduler::Standing> standings(const Sequences& sequences) {
  std::vector<Scheduler::Standing> all;
  for (const auto& sequence : sequences) all.push_back(sequence->standing());
  return all;
}

// A caller of between_steps(), waiting for its turn.
struct Visit {
  const std::function<void()>& fn;
  InFlight in_flight;
  bool done = false;
  std::exception_ptr error = nullptr;
};

}  // namespace

struct Engine::Impl {
  Impl(std::shared_ptr<Model> model_in, std::shared_ptr<const Tokenizer> tokenizer_in, EngineOptions options_in)
      : model(std::move(model_in)),
        tokenizer(std::move(tokenizer_in)),
        options(complete(options_in, model->config)),
        cache(model->config, options.cache_tokens, *options.kv_type),
        scheduler({options.max_running, options.prefill_chunk, KvCache::kBlockTokens}) {
    ctx.precision = options.precision;
    sampled_vocab = std::min(model->config.vocab, tokenizer->vocab_size());  // rows beyond the tokenizer are padding,
    for (TokenId id = 0; id < sampled_vocab; ++id)  // and so are those of holes in its numbering
      if (tokenizer->parts().types[static_cast<size_t>(id)] == TokenType::unused) never_sampled.push_back(id);
    thread = std::thread([this] { run(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    thread.join();
  }

  void check(const GenerateRequest& request) const;
  void check_thinking(const GenerateRequest& request) const;
  Generation submit(const GenerateRequest& request, OnPiece on_piece);
  void between_steps(const std::function<void()>& fn, InFlight in_flight);

  // On the engine's thread.
  void run();
  bool take_in();
  void drop_cancelled();
  bool receive_visitor();
  void admit(bool only_begun);
  void step();
  void make_room();
  std::vector<Sequence*> feed(Tensor& scores);
  void sample(std::span<Sequence* const> complete, const Tensor& scores);
  TokenLogProb choose(Sequence& sequence, std::span<float> logits) const;
  bool is_end(TokenId token) const {
    return token == model->config.eos || token == tokenizer->eos() ||
           std::ranges::find(options.ends, token) != options.ends.end();
  }

  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  const EngineOptions options;
  int64_t sampled_vocab = 0;
  std::vector<TokenId> never_sampled;

  // Of the engine's thread. Both in order of arrival; all that wait are younger than those that run.
  KvCache cache;
  Context ctx;
  const Scheduler scheduler;
  Sequences running, waiting;
  bool queue_changed = false;  // places have to be told again

  std::atomic<uint64_t> groups = 0;  // so many requests came
  std::mutex mutex;
  std::condition_variable work, visited;
  Sequences arrived;
  std::deque<Visit*> visitors;
  bool stopping = false;
  Stats stats;
  std::thread thread;
};

void Engine::Impl::check(const GenerateRequest& request) const {
  const auto length = static_cast<int64_t>(request.prompt.size());
  if (length == 0) fail("prompt: expected at least one token, found an empty prompt");
  if (length >= options.max_context) {
    fail("prompt: expected fewer than {} tokens (the context, with room for an answer), found {}; shorten it",
         options.max_context, length);
  }
  for (const TokenId id : request.prompt)
    if (id < 0 || id >= model->config.vocab)
      fail("prompt: expected token ids from 0 to {}, found {}", model->config.vocab - 1, id);
  for (const auto& [id, bias] : request.sampling.logit_bias)
    if (id < 0 || id >= sampled_vocab)
      fail("logit_bias: expected token ids from 0 to {}, found {}", sampled_vocab - 1, id);
  for (const TokenId id : request.given)
    if (id < 0 || id >= sampled_vocab || std::ranges::find(never_sampled, id) != never_sampled.end())
      fail("given: expected token ids of the tokenizer, from 0 to {}, found {}", sampled_vocab - 1, id);
  if (request.max_tokens < 0)
    fail("max_tokens: expected a number from 0 up (0: as many as the context holds), found {}", request.max_tokens);
  for (const auto& stop : request.stop)
    if (stop.empty()) fail("stop: expected texts of at least one character, found an empty one");
  if (request.answers < 1) fail("n: expected at least 1 answer, found {}", request.answers);
  if (request.top_log_probs < 0) fail("top_logprobs: expected a number from 0 up, found {}", request.top_log_probs);
  if (request.top_log_probs > 0 && request.log_probs == LogProbs::none)
    fail("top_logprobs: expected log-probabilities to be asked for, found none");
  if (request.log_probs == LogProbs::at_temperature && request.sampling.temperature == 0)
    fail("temperature: expected a number above 0 for log-probabilities at it, found 0");
  check_thinking(request);
}

void Engine::Impl::check_thinking(const GenerateRequest& request) const {
  for (const auto& [name, id] : {std::pair("think_begin", request.think_begin), {"think_end", request.think_end}})
    if (id < -1 || id >= sampled_vocab)
      fail("{}: expected a token id from 0 to {}, or -1 for none, found {}", name, sampled_vocab - 1, id);
  if (request.think_end >= 0 && is_end(request.think_end))
    fail("think_end: expected another token than one that ends an answer, found {}", request.think_end);
  if (request.think_tokens && *request.think_tokens < 0)
    fail("think_tokens: expected a number from 0 up, found {}", *request.think_tokens);
}

Generation Engine::Impl::submit(const GenerateRequest& request, OnPiece on_piece) {
  check(request);
  const auto length = static_cast<int64_t>(request.prompt.size());
  const int64_t room = options.max_context - length;
  const int64_t limit = request.max_tokens == 0 ? room : std::min(room, request.max_tokens);
  const auto state = std::make_shared<GenerationState>(request.answers, length, std::move(on_piece));
  const uint64_t group = groups++;
  Sequences sequences;
  for (int i = 0; i < request.answers; ++i)
    sequences.push_back(std::make_unique<Sequence>(request, i, group, limit, state));
  {
    const std::lock_guard lock(mutex);
    std::ranges::move(sequences, std::back_inserter(arrived));
    stats.waiting += request.answers;
  }
  work.notify_all();
  return Generation(state);
}

void Engine::Impl::between_steps(const std::function<void()>& fn, InFlight in_flight) {
  HADAL_CHECK(std::this_thread::get_id() != thread.get_id(), "between_steps() from the engine's own thread");
  Visit visitor{fn, in_flight};
  std::unique_lock lock(mutex);
  visitors.push_back(&visitor);
  ++stats.visitors;
  work.notify_all();
  visited.wait(lock, [&] { return visitor.done; });
  if (visitor.error) std::rethrow_exception(visitor.error);
}

void Engine::Impl::run() {
  while (take_in()) {
    const auto start = Clock::now();
    drop_cancelled();
    if (receive_visitor()) continue;
    if (!running.empty()) step();
    const std::lock_guard lock(mutex);
    stats.busy_seconds += seconds_since(start);
  }
  for (Sequences* sequences : {&running, &waiting})
    for (auto& sequence : *sequences) sequence->finish(FinishReason::cancelled);
  const std::lock_guard lock(mutex);
  for (Visit* visitor : visitors) {
    visitor->error = std::make_exception_ptr(Error("the engine ends before its steps do"));
    visitor->done = true;
  }
  visited.notify_all();
}

// Waits for something to do. False: the engine ends.
bool Engine::Impl::take_in() {
  std::unique_lock lock(mutex);
  stats.running = std::ssize(running);
  work.wait(lock,
            [&] { return stopping || !arrived.empty() || !visitors.empty() || !running.empty() || !waiting.empty(); });
  queue_changed |= !arrived.empty();
  std::ranges::move(arrived, std::back_inserter(waiting));
  arrived.clear();
  return !stopping;
}

void Engine::Impl::drop_cancelled() {
  const auto gone = [](auto& sequence) {
    if (sequence->cancelled()) sequence->finish(FinishReason::cancelled);
    return sequence->done();
  };
  queue_changed |= std::erase_if(waiting, gone) > 0;
  std::erase_if(running, gone);
}

// Runs a visitor's function once it may; until then only sequences that have begun are admitted. False: keep stepping.
bool Engine::Impl::receive_visitor() {
  Visit* visitor = nullptr;
  {
    const std::lock_guard lock(mutex);
    if (!visitors.empty()) visitor = visitors.front();
  }
  const bool in_flight = !running.empty() || (!waiting.empty() && waiting.front()->has_begun());
  if (visitor == nullptr || (visitor->in_flight == InFlight::finish && in_flight)) {
    admit(/*only_begun=*/visitor != nullptr);
    return false;
  }
  for (auto& sequence : running) sequence->drop_cache();
  try {
    visitor->fn();
  } catch (...) {
    visitor->error = std::current_exception();
  }
  const std::lock_guard lock(mutex);
  visitors.pop_front();
  --stats.visitors;
  visitor->done = true;
  visited.notify_all();
  return true;
}

void Engine::Impl::admit(bool only_begun) {
  const std::vector<Scheduler::Standing> those_running = standings(running);
  std::vector<Scheduler::Standing> those_waiting;
  for (const auto& sequence : waiting) {
    if (std::ssize(those_running) + std::ssize(those_waiting) >= options.max_running) break;
    if (only_begun && !sequence->has_begun()) break;
    those_waiting.push_back(sequence->standing());
  }
  for (size_t n = scheduler.admit(those_running, those_waiting, cache.free_blocks()); n > 0; --n) {
    waiting.front()->begin();
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
    queue_changed = true;
  }
  for (size_t i = 0; i < waiting.size() && queue_changed; ++i) waiting[i]->set_place(static_cast<int64_t>(i) + 1);
  queue_changed = false;
  const std::lock_guard lock(mutex);
  stats.running = std::ssize(running);
  stats.waiting = std::ssize(waiting) + std::ssize(arrived);
}

// Carries out the scheduler's plan for this step in the cache.
void Engine::Impl::make_room() {
  const Scheduler::Plan plan = scheduler.plan(standings(running), cache.free_blocks());
  for (size_t i = 0; i < plan.preempted; ++i) {
    running.back()->drop_cache();
    waiting.push_front(std::move(running.back()));
    running.pop_back();
  }
  for (size_t i = 0; i < running.size(); ++i) {
    const Scheduler::Feed& feed = plan.feeds[i];
    HADAL_CHECK(running[i]->extend(feed, cache, feed.shares > 0 ? running[feed.source]->cache() : nullptr),
                "a plan beyond the cache");
  }
  if (plan.preempted == 0) return;
  queue_changed = true;
  const std::lock_guard lock(mutex);
  stats.preempted += static_cast<int64_t>(plan.preempted);
}

// One forward over all planned tokens. Returns the sequences that have fed all they have, in order, and in `scores`
// their logits, [complete, vocab].
std::vector<Sequence*> Engine::Impl::feed(Tensor& scores) {
  Batch batch;
  std::vector<Sequence*> complete;
  std::vector<int64_t> rows;
  for (auto& sequence : running) {
    if (sequence->to_feed().empty()) continue;
    batch.append(sequence->to_feed(), sequence->first_position(), sequence->cache());
    if (!sequence->is_fed()) continue;
    complete.push_back(sequence.get());
    rows.push_back(batch.offsets.back() - 1);
  }
  const ForwardResult result = forward(ctx, *model, batch, {.rows = rows});
  if (!rows.empty()) scores = logits(ctx, *model, result.hidden);
  return complete;
}

// The next token of a sequence, from its logits over the model's whole vocabulary.
TokenLogProb Engine::Impl::choose(Sequence& sequence, std::span<float> scores) const {
  std::optional<LogSoftmax> log_softmax;
  if (sequence.log_probs() != LogProbs::none) log_softmax = log_softmax_of(scores, sequence.log_prob_temperature());
  for (const TokenId id : never_sampled) scores[static_cast<size_t>(id)] = -std::numeric_limits<float>::infinity();
  scores = scores.first(static_cast<size_t>(sampled_vocab));
  // A token is drawn where one is forced, too: broken logits are found out, and token i has the i-th draw.
  const TokenId sampled = sequence.sampler().sample(scores), token = sequence.forced().value_or(sampled);
  return log_softmax ? log_probs_of(*log_softmax, scores, token, sequence.top_log_probs()) : TokenLogProb{token};
}

void Engine::Impl::sample(std::span<Sequence* const> complete, const Tensor& scores) {
  std::vector<TokenLogProb> chosen(complete.size());
  std::vector<std::string> errors(complete.size());
  auto job = [&](int64_t i, int) {
    const auto at = static_cast<size_t>(i);
    try {
      chosen[at] = choose(*complete[at], {scores.row(i), static_cast<size_t>(scores.cols())});
    } catch (const Error& e) {
      errors[at] = e.what();
    }
  };
  ctx.pool->parallel_for(std::ssize(complete), job);
  for (size_t i = 0; i < complete.size(); ++i) {
    if (errors[i].empty())
      complete[i]->take(chosen[i], is_end(chosen[i].id), *tokenizer);
    else
      complete[i]->fail(errors[i]);
  }
}

void Engine::Impl::step() {
  std::vector<Sequence*> complete;
  Tensor scores;
  try {
    make_room();
    complete = feed(scores);
  } catch (const Error& e) {
    log_error("{}", e.what());
    for (auto& sequence : running) sequence->fail(e.what());
    running.clear();
    return;
  }
  int64_t prompt_tokens = 0;
  for (auto& sequence : running) prompt_tokens += sequence->reads_prompt() ? std::ssize(sequence->to_feed()) : 0;
  sample(complete, scores);
  std::erase_if(running, [](auto& sequence) { return sequence->done(); });
  const std::lock_guard lock(mutex);
  stats.prompt_tokens += prompt_tokens;
  stats.answer_tokens += std::ssize(complete);
}

Engine::Engine(std::shared_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(tokenizer), options)) {}
Engine::~Engine() = default;

Generation Engine::submit(const GenerateRequest& request, OnPiece on_piece) {
  return impl_->submit(request, std::move(on_piece));
}

std::vector<GenerateResult> Engine::generate_all(const GenerateRequest& request, const OnPiece& on_piece) {
  if (request.text_from_engine) return submit(request, on_piece).follow({}, request.on_place);
  return submit(request).follow(on_piece, request.on_place);
}

GenerateResult Engine::generate(const GenerateRequest& request, const OnText& on_text) {
  HADAL_CHECK(request.answers == 1, "generate() of {} answers", request.answers);
  OnPiece on_piece;
  if (on_text) on_piece = [&](const AnswerPiece& piece) { return piece.text.empty() || on_text(piece.text); };
  return std::move(generate_all(request, on_piece).front());
}

void Engine::between_steps(const std::function<void()>& fn, InFlight in_flight) { impl_->between_steps(fn, in_flight); }

const Model& Engine::model() const { return *impl_->model; }
const Tokenizer& Engine::tokenizer() const { return *impl_->tokenizer; }
int64_t Engine::max_context() const { return impl_->options.max_context; }
Engine::Stats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace hadal
