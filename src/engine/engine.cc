#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/steps/share_step.h"
#include "engine/steps/stop_filter.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One request on its way. The first part belongs to the engine's thread once the request is submitted; the second is
// what that thread and the caller exchange.
struct Sequence {
  Sequence(const GenerateRequest& request, int64_t max_answer, const OnText& on_text)
      : tokens(request.prompt),
        prompt_tokens(static_cast<int64_t>(request.prompt.size())),
        limit(max_answer),
        ignore_end(request.ignore_end),
        direct(request.text_from_engine && on_text ? &on_text : nullptr),
        sampler(request.sampling, request.prompt),
        stop(request.stop) {}

  std::vector<TokenId> tokens;  // prompt and answer
  const int64_t prompt_tokens, limit;
  const bool ignore_end;
  const OnText* const direct;  // where text goes at once, on this thread
  Sampler sampler;
  Utf8Stream utf8;
  StopFilter stop;
  std::optional<KvSequence> cache;
  int64_t fed() const { return cache ? cache->length() : 0; }
  int64_t pending() const { return static_cast<int64_t>(tokens.size()) - fed(); }
  int64_t answered() const { return static_cast<int64_t>(tokens.size()) - prompt_tokens; }
  int64_t next_count = 0;      // tokens to feed in this step
  std::optional<TokenId> end;  // the end token, when it was sampled

  const Clock::time_point start = Clock::now();
  std::atomic<bool> cancelled = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;   // made and not yet handed to the caller; all of it where it goes out directly
  int64_t place = 0;  // in the queue
  bool done = false;
  FinishReason finish = FinishReason::stop;
  std::string error;
  double first_token_seconds = 0;

  void say(std::string piece) {
    if (piece.empty()) return;
    if (direct != nullptr) hand_over(piece);
    const std::lock_guard lock(mutex);
    text += piece;
    if (direct == nullptr) changed.notify_all();
  }
  void hand_over(const std::string& piece) {
    try {
      if (!cancelled && !(*direct)(piece)) cancelled = true;
    } catch (const std::exception& e) {  // no memory, say: the others' answers go on
      log_error("{}", e.what());
      cancelled = true;
    }
  }
  void say_place(int64_t number) {
    const std::lock_guard lock(mutex);
    if (place == number) return;
    place = number;
    changed.notify_all();
  }
  void end_with(FinishReason reason, std::string why = "") {
    const std::lock_guard lock(mutex);
    cache.reset();
    finish = reason;
    error = std::move(why);
    done = true;
    changed.notify_all();
  }
};

constexpr auto kAskAgain = std::chrono::milliseconds(250);  // whether who waits is still there

int64_t blocks_of(int64_t tokens) { return (tokens + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens; }

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "";
}

struct Engine::Impl {
  Impl(std::shared_ptr<Model> model_in, std::shared_ptr<const Tokenizer> tokenizer_in, EngineOptions options_in)
      : model(std::move(model_in)),
        tokenizer(std::move(tokenizer_in)),
        options(complete(options_in, model->config)),
        cache(model->config, options.cache_tokens, *options.kv_type) {
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

  static EngineOptions complete(EngineOptions o, const ModelConfig& config) {
    if (o.max_context < 0 || o.max_context > config.max_context) {
      fail("max_context: expected a number from 1 to {}, the model's own, found {}", config.max_context, o.max_context);
    }
    if (o.max_context == 0) o.max_context = config.max_context;
    if (o.cache_tokens == 0)
      o.cache_tokens = std::max(4 * o.max_context, o.max_running * std::min(o.max_context, kShortTokens));
    if (o.cache_tokens < 0 || o.cache_tokens > INT64_MAX / 2)
      fail("cache_tokens: expected a number from 0 up, found {}", o.cache_tokens);
    o.cache_tokens =
        blocks_of(std::max(o.cache_tokens, o.max_context)) * KvCache::kBlockTokens;  // one sequence always fits
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

  std::shared_ptr<Sequence> submit(const GenerateRequest& request, const OnText& on_text);
  void run();
  void admit();
  void step();
  void plan();
  bool make_room();
  void feed(std::vector<Sequence*>& complete, Tensor& scores);
  void take(Sequence& sequence, TokenId token);
  void finish(Sequence& sequence, FinishReason reason);
  void pause_youngest();
  bool is_end(TokenId token) const {
    return token == model->config.eos || token == tokenizer->eos() ||
           std::ranges::find(options.ends, token) != options.ends.end();
  }

  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  EngineOptions options;
  KvCache cache;
  Context ctx;
  int64_t sampled_vocab = 0;
  std::vector<TokenId> never_sampled;
  std::vector<std::shared_ptr<Sequence>> running;  // in order of arrival; the engine's thread only

  std::mutex mutex;
  std::condition_variable work;
  std::deque<std::shared_ptr<Sequence>> waiting;  // in order of arrival, all younger than the running ones
  bool stopping = false;
  Stats stats;
  std::thread thread;
};

std::shared_ptr<Sequence> Engine::Impl::submit(const GenerateRequest& request, const OnText& on_text) {
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
  if (request.max_tokens < 0)
    fail("max_tokens: expected a number from 0 up (0: as many as the context holds), found {}", request.max_tokens);
  for (const auto& stop : request.stop)
    if (stop.empty()) fail("stop: expected texts of at least one character, found an empty one");
  const int64_t room = options.max_context - length;
  auto sequence =
      std::make_shared<Sequence>(request, request.max_tokens == 0 ? room : std::min(room, request.max_tokens), on_text);
  {
    const std::lock_guard lock(mutex);
    waiting.push_back(sequence);
    stats.waiting = static_cast<int64_t>(waiting.size());
  }
  work.notify_all();
  return sequence;
}

void Engine::Impl::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      stats.running = static_cast<int64_t>(running.size());
      work.wait(lock, [&] { return stopping || !waiting.empty() || !running.empty(); });
      if (stopping) break;
      admit();
      stats.running = static_cast<int64_t>(running.size());
      stats.waiting = static_cast<int64_t>(waiting.size());
    }
    const auto start = Clock::now();
    step();
    const std::lock_guard lock(mutex);
    stats.busy_seconds += seconds_since(start);
  }
  for (auto& sequence : running) sequence->end_with(FinishReason::cancelled);
  for (auto& sequence : waiting) sequence->end_with(FinishReason::cancelled);
}

// Lets waiting requests in while there are places and memory: for what they hold so far, and a block more for each that
// runs, so that a newcomer is not thrown out at once.
void Engine::Impl::admit() {
  std::erase_if(waiting, [](auto& sequence) {
    if (!sequence->cancelled) return false;
    sequence->end_with(FinishReason::cancelled);
    return true;
  });
  const auto fits = [&](const Sequence& newcomer) {
    const int64_t needed =
        blocks_of(static_cast<int64_t>(newcomer.tokens.size()) + 1) + static_cast<int64_t>(running.size());
    int64_t promised = 0;  // to those that are still reading their prompts
    for (const auto& other : running)
      promised += blocks_of(static_cast<int64_t>(other->tokens.size())) - blocks_of(other->fed());
    return running.empty() || cache.free_blocks() - promised >= needed;
  };
  while (!waiting.empty() && running.size() < static_cast<size_t>(options.max_running) && fits(*waiting.front())) {
    waiting.front()->say_place(0);
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
  for (size_t i = 0; i < waiting.size(); ++i)  // those that were paused have begun: theirs is no place in the queue
    waiting[i]->say_place(waiting[i]->answered() > 0 ? 0 : static_cast<int64_t>(i) + 1);
}

void Engine::Impl::plan() {
  std::vector<int64_t> pending;
  for (const auto& sequence : running) pending.push_back(sequence->pending());
  const std::vector<int64_t> counts = share_step(pending, options.prefill_chunk);
  for (size_t i = 0; i < running.size(); ++i) running[i]->next_count = counts[i];
}

// The youngest gives its memory back and waits; it will read its prompt and its answer so far again, which gives the
// same bits. The oldest is never paused by another, so something always ends.
void Engine::Impl::pause_youngest() {
  auto sequence = std::move(running.back());
  running.pop_back();
  sequence->cache.reset();
  const std::lock_guard lock(mutex);
  waiting.push_front(std::move(sequence));
  ++stats.paused;
}

bool Engine::Impl::make_room() {
  for (size_t i = 0; i < running.size(); ++i) {
    Sequence& sequence = *running[i];
    if (!sequence.cache) sequence.cache.emplace(cache);
    while (i < running.size() && !running[i]->cache->extend(running[i]->next_count)) {
      HADAL_CHECK(running.size() > 1, "one sequence of {} tokens does not fit the cache", sequence.tokens.size());
      pause_youngest();
    }
  }
  return !running.empty();
}

// One forward over all planned tokens. `complete` gets the sequences that have fed all they have, in order, and
// `scores` their logits, [complete, vocab].
void Engine::Impl::feed(std::vector<Sequence*>& complete, Tensor& scores) {
  Batch batch;
  batch.offsets.push_back(0);
  std::vector<int64_t> rows;
  for (auto& sequence : running) {
    const int64_t end = sequence->fed(), begin = end - sequence->next_count;  // the room is counted already
    for (int64_t position = begin; position < end; ++position) {
      batch.ids.push_back(sequence->tokens[static_cast<size_t>(position)]);
      batch.positions.push_back(static_cast<int32_t>(position));
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.states.push_back(&*sequence->cache);
    if (sequence->pending() == 0) {
      complete.push_back(sequence.get());
      rows.push_back(batch.offsets.back() - 1);
    }
  }
  const ForwardResult result = forward(ctx, *model, batch, {.rows = rows});
  if (!rows.empty()) scores = logits(ctx, *model, result.hidden);
}

void Engine::Impl::finish(Sequence& sequence, FinishReason reason) {
  if (reason != FinishReason::cancelled && !sequence.stop.found()) {
    std::string rest = sequence.stop.push(sequence.utf8.finish());
    if (!sequence.stop.found()) rest += sequence.stop.finish();
    sequence.say(std::move(rest));
  }
  sequence.end_with(sequence.stop.found() ? FinishReason::stop : reason);
}

void Engine::Impl::take(Sequence& sequence, TokenId token) {
  if (sequence.answered() == 0) sequence.first_token_seconds = seconds_since(sequence.start);
  if (is_end(token) && !sequence.ignore_end) return finish(sequence, FinishReason::stop);
  sequence.tokens.push_back(token);
  sequence.sampler.accept(token);
  sequence.say(sequence.stop.push(sequence.utf8.push(tokenizer->decode({&token, 1}, /*keep_special=*/false))));
  if (sequence.stop.found()) return finish(sequence, FinishReason::stop);
  if (sequence.answered() >= sequence.limit) finish(sequence, FinishReason::length);
}

void Engine::Impl::step() {
  for (auto& sequence : running)
    if (sequence->cancelled) finish(*sequence, FinishReason::cancelled);
  std::erase_if(running, [](auto& s) { return s->done; });
  if (running.empty()) return;
  std::vector<Sequence*> complete;
  Tensor scores;
  try {
    plan();
    make_room();
    feed(complete, scores);
  } catch (const Error& e) {
    log_error("{}", e.what());
    for (auto& sequence : running) sequence->end_with(FinishReason::cancelled, e.what());
    running.clear();
    return;
  }
  int64_t fed = 0;
  for (auto& sequence : running) fed += sequence->answered() == 0 ? sequence->next_count : 0;

  std::vector<TokenId> chosen(complete.size());
  std::vector<std::string> errors(complete.size());
  auto sample = [&](int64_t i, int) {
    const auto at = static_cast<size_t>(i);
    try {
      for (const TokenId id : never_sampled) scores.row(i)[id] = -std::numeric_limits<float>::infinity();
      chosen[at] = complete[at]->sampler.sample({scores.row(i), static_cast<size_t>(sampled_vocab)});
    } catch (const Error& e) {
      errors[at] = e.what();
    }
  };
  ctx.pool->parallel_for(static_cast<int64_t>(complete.size()), sample);
  for (size_t i = 0; i < complete.size(); ++i) {
    if (errors[i].empty())
      take(*complete[i], chosen[i]);
    else
      complete[i]->end_with(FinishReason::cancelled, errors[i]);
  }
  std::erase_if(running, [](auto& s) { return s->done; });
  const std::lock_guard lock(mutex);
  stats.prompt_tokens += fed;
  stats.answer_tokens += static_cast<int64_t>(complete.size());
}

Engine::Engine(std::shared_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(tokenizer), options)) {}
Engine::~Engine() = default;

GenerateResult Engine::generate(const GenerateRequest& request, const OnText& on_text) {
  const auto sequence = impl_->submit(request, on_text);
  struct CancelOnExit {  // on_text and on_place may throw; the engine's thread must not call on_text after that
    Sequence& sequence;
    ~CancelOnExit() {
      sequence.cancelled = true;
      std::unique_lock lock(sequence.mutex);
      if (sequence.direct != nullptr) sequence.changed.wait(lock, [&] { return sequence.done; });
    }
  } cancel_on_exit{*sequence};

  GenerateResult result;
  int64_t told = 0;  // of its places in the queue
  std::unique_lock lock(sequence->mutex);
  for (;;) {
    const auto has_news = [&] {
      return sequence->done || sequence->place != told || (sequence->direct == nullptr && !sequence->text.empty());
    };
    const bool silent = request.on_place && sequence->text.empty();
    if (!silent) sequence->changed.wait(lock, has_news);
    const bool quiet = silent && !sequence->changed.wait_for(lock, kAskAgain, has_news);
    if (quiet || sequence->place != told) {
      told = sequence->place;
      if (!request.on_place) continue;
      lock.unlock();
      if (!request.on_place(told)) sequence->cancelled = true;
      lock.lock();
      continue;
    }
    std::string piece;
    piece.swap(sequence->text);
    const bool done = sequence->done;
    if (!piece.empty()) {
      lock.unlock();
      result.text += piece;
      const bool go_on = sequence->direct != nullptr || !on_text || on_text(piece);
      lock.lock();
      if (!go_on) {
        sequence->cancelled = true;
        sequence->changed.wait(lock, [&] { return sequence->done; });
        result.finish = FinishReason::cancelled;
        break;
      }
    }
    if (done && sequence->text.empty()) {
      result.finish = sequence->finish;
      break;
    }
  }
  if (!sequence->error.empty()) throw Error(sequence->error);
  result.prompt_tokens = sequence->prompt_tokens;
  result.first_token_seconds = sequence->first_token_seconds;
  result.ids.assign(sequence->tokens.begin() + sequence->prompt_tokens, sequence->tokens.end());
  result.answer_tokens = static_cast<int64_t>(result.ids.size());
  result.total_seconds = seconds_since(sequence->start);
  return result;
}

const Model& Engine::model() const { return *impl_->model; }
const Tokenizer& Engine::tokenizer() const { return *impl_->tokenizer; }
int64_t Engine::max_context() const { return impl_->options.max_context; }
Engine::Stats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace hadal
