// How fast a model runs here, beside what the machine could give at most: a step that writes one token has to read
// every weight it touches once (memory bandwidth), a step that reads a prompt has to do its multiplications (peak
// rate).
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <cmath>
#include <numeric>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rng.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "kernels/cpu.h"
#include "weights/gguf_save.h"
#include "weights/synthetic.h"

namespace hadal {
namespace {

constexpr int64_t kBandwidthWords = int64_t{64} << 20;  // 512 MiB, to measure the memory with

struct BenchOptions {
  int64_t prompt = 512, generate = 64, depth = 0, batch = 1, chunk = 512;
  bool exact = false;
  std::optional<KvType> kv_type;
  double expert_cache = 0;  // GB

  Precision precision() const { return exact ? Precision::f32 : Precision::bf16; }
  KvType cache_type() const { return kv_type.value_or(kv_type_of(precision())); }
  weights::RunPlan plan() const {
    const int64_t tokens = depth + prompt + generate + KvCache::kBlockTokens;
    return {.context = tokens,
            .sequences = batch,
            .step_tokens = chunk,
            .precision = precision(),
            .kv_type = kv_type,
            .other_bytes = kBandwidthWords * 8,
            .expert_cache_bytes = bytes_of(expert_cache)};
  }
};

struct Timing {
  double prefill_seconds = 0, decode_seconds = 0;
  weights::ExpertStore::Stats prefill_experts, decode_experts;  // where they are read on demand
};

// Sequences of random tokens: the time of a step does not depend on what they say.
class Runner {
 public:
  Runner(Model& model, const BenchOptions& o, int64_t room)
      : model_(model), cache_(model.config, room, o.cache_type()) {
    ctx_.precision = o.precision();
    for (int64_t i = 0; i < o.batch; ++i) sequences_.push_back(std::make_unique<KvSequence>(cache_));
  }

  // `count` more tokens for each sequence, at most `chunk` tokens a step; logits where a token would be sampled.
  void feed(int64_t count, int64_t chunk) {
    const auto batch_size = static_cast<int64_t>(sequences_.size());
    const int64_t share = std::max<int64_t>(1, chunk / batch_size);
    for (int64_t done = 0; done < count; done += share) step(std::min(share, count - done), done + share >= count);
  }

 private:
  void step(int64_t count, bool sample) {
    Batch batch;
    std::vector<int64_t> rows;
    for (auto& sequence : sequences_) {
      const int64_t begin = sequence->length();
      HADAL_CHECK(sequence->extend(count), "the cache is planned too small");
      std::vector<int32_t> ids(static_cast<size_t>(count));
      for (int32_t& id : ids) id = static_cast<int32_t>(rng_.below(static_cast<uint64_t>(model_.config.vocab)));
      batch.append(ids, begin, sequence.get());
      if (sample) rows.push_back(batch.offsets.back() - 1);
    }
    const Tensor hidden = forward(ctx_, model_, batch, {.rows = rows}).hidden;
    if (sample) logits(ctx_, model_, hidden);
  }

  Model& model_;
  KvCache cache_;
  Context ctx_;
  std::vector<std::unique_ptr<KvSequence>> sequences_;
  Rng rng_{1};
};

weights::ExpertStore::Stats stats_of(const weights::LoadedModel& loaded) {
  return loaded.experts ? loaded.experts->stats() : weights::ExpertStore::Stats();
}

Timing measure(const weights::LoadedModel& loaded, const BenchOptions& o) {
  Model& model = *loaded.model;
  const auto blocks = [](int64_t rows) {
    return (rows + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens * KvCache::kBlockTokens;
  };
  {  // packs the weights and touches the memory, as a server has after its first question
    BenchOptions small = o;
    small.batch = 1, small.chunk = o.chunk / o.batch;
    const int64_t rows = std::max<int64_t>(64, std::min(o.prompt, small.chunk));
    Runner warm_up(model, small, blocks(rows + 1));
    warm_up.feed(rows, small.chunk);
    warm_up.feed(1, 1);
  }
  Runner runner(model, o, blocks(o.depth + o.prompt + o.generate) * o.batch);
  runner.feed(o.depth, o.chunk);
  Timing timing;
  const auto before = stats_of(loaded);
  Stopwatch watch;
  runner.feed(o.prompt, o.chunk);
  timing.prefill_seconds = watch.seconds();
  const auto between = stats_of(loaded);
  timing.prefill_experts = between - before;
  watch.restart();
  for (int64_t i = 0; i < o.generate; ++i) runner.feed(1, o.batch);
  timing.decode_seconds = watch.seconds();
  timing.decode_experts = stats_of(loaded) - between;
  return timing;
}

// Bytes a second that all threads together read from memory: the best of a few passes over more than the caches hold,
// each thread in one stream or in four, since CPUs differ in which they read faster.
double measure_read_bandwidth() {
  constexpr int64_t kWords = kBandwidthWords, kRun = 1 << 20, kStreams = 4, kPasses = 6;
  std::vector<uint64_t> words(kWords, 1);
  std::vector<uint64_t> sums(kWords / kRun);
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const Stopwatch watch;
    auto sum = [&](int64_t run, int) {
      const uint64_t* p = words.data() + run * kRun;
      uint64_t& total = sums[static_cast<size_t>(run)];
      if (pass % 2 == 0) {
        total += std::accumulate(p, p + kRun, uint64_t{0});
        return;
      }
      constexpr int64_t kPart = kRun / kStreams, kLine = 8;
      for (int64_t i = 0; i < kPart; i += kLine)
        for (int64_t stream = 0; stream < kStreams; ++stream)
          total += std::accumulate(p + stream * kPart + i, p + stream * kPart + i + kLine, uint64_t{0});
    };
    ThreadPool::shared().parallel_for(kWords / kRun, sum);
    best = std::max(best, static_cast<double>(kWords * 8) / watch.seconds());
  }
  const uint64_t total = std::accumulate(sums.begin(), sums.end(), uint64_t{0});
  HADAL_CHECK(total == kPasses * static_cast<uint64_t>(kWords), "the sums were not made");
  return best;
}

// Bytes of weights that one step with `batch` tokens reads: all of the dense part, and of each layer's experts those
// that any of the tokens chose, taking choices as even and independent.
double touched_bytes(Model& model, int64_t batch, bool exact) {
  const ModelConfig& c = model.config;
  const double e = static_cast<double>(c.experts);
  const double chosen =
      c.experts > 0 ? 1 - std::pow(1 - static_cast<double>(c.top_k) / e, static_cast<double>(batch)) : 1;
  double bytes = 0;
  for (const Param* p : model.params()) {
    if (p->group == ParamGroup::embedding && !c.tied_head) continue;
    const bool is_expert = p->name.find("experts.*.") != std::string::npos;
    const double size = p->weight.quant() != nullptr
                            ? static_cast<double>(p->weight.bytes())
                            : static_cast<double>(num_elements(p->shape)) *
                                  (exact || p->shape.size() < 2 || p->group == ParamGroup::router ? 4 : 2);
    bytes += is_expert ? size * chosen : size;
  }
  return bytes;
}

int64_t peak_rss_bytes() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

// Hit rates and reading of what was measured; the one of decode says how well the cache holds what tokens ask for.
void report_experts(const weights::ExpertStore& store, const BenchOptions& o, const Timing& t, OrderedJson& json) {
  const auto &p = t.prefill_experts, &d = t.decode_experts;
  const weights::ExpertStore::Stats all = {p.hits + d.hits, p.misses + d.misses, p.prefetches + d.prefetches,
                                           p.bytes_read + d.bytes_read, p.seconds_waited + d.seconds_waited};
  json["expert_cache_bytes"] = store.capacity_bytes();
  json["expert_hit_rate"] = all.hit_rate();
  if (o.generate > 0) json["expert_decode_hit_rate"] = d.hit_rate();
  json["expert_bytes_read"] = all.bytes_read;
  json["expert_bytes_read_per_s"] = static_cast<double>(all.bytes_read) / (t.prefill_seconds + t.decode_seconds);
  json["expert_wait_seconds"] = all.seconds_waited;
}

OrderedJson report(const weights::LoadedModel& loaded, const BenchOptions& o, const Timing& t, double load_seconds,
                   int64_t rss) {
  const ModelConfig& c = loaded.model->config;
  const int threads = ThreadPool::shared().size();
  const double bandwidth = measure_read_bandwidth(), peak = measure_peak_flops(o.precision(), threads);
  const double step_bytes = touched_bytes(*loaded.model, o.batch, o.exact);
  const double flops = forward_flops_per_token(c, static_cast<double>(o.depth) + 0.5 * static_cast<double>(o.prompt)) *
                       static_cast<double>(o.prompt * o.batch);
  OrderedJson json{{"model", loaded.name},
                   {"threads", threads},
                   {"cpu_level", cpu_level_name(cpu_level())},
                   {"precision", o.exact ? "f32" : "bf16"},
                   {"kv_cache", kv_type_name(o.cache_type())},
                   {"prompt", o.prompt},
                   {"generate", o.generate},
                   {"depth", o.depth},
                   {"batch", o.batch}};
  json["load_seconds"] = load_seconds;
  json["peak_rss_bytes"] = rss;
  if (o.prompt > 0) {
    json["prefill_tokens_per_s"] = static_cast<double>(o.prompt * o.batch) / t.prefill_seconds;
    json["prefill_floor_fraction"] = flops / peak / t.prefill_seconds;
  }
  if (o.generate > 0) {
    json["decode_tokens_per_s"] = static_cast<double>(o.generate * o.batch) / t.decode_seconds;
    json["decode_floor_fraction"] = static_cast<double>(o.generate) * step_bytes / bandwidth / t.decode_seconds;
  }
  if (loaded.experts) report_experts(*loaded.experts, o, t, json);
  json["decode_step_bytes"] = step_bytes;
  json["read_bandwidth_bytes_per_s"] = bandwidth;
  json["peak_flops"] = peak;
  return json;
}

}  // namespace

int bench_command(int argc, char** argv) {
  CommandLine app("Measures how fast a model runs here, and what fraction of the machine's own limits that is.");
  std::string model, synthetic, write, precision = "auto";
  bool json = false;
  BenchOptions options;
  add_model_option(app, model);
  const Option synthetic_option =
      app.add_option("--synthetic", synthetic,
                     fmt::format("SHAPE:TYPE, in place of a model: random weights of {}, e.g. V2-Lite:Q4_K_M",
                                 fmt::join(weights::synthetic_shapes(), ", ")));
  app.add_option("--write", write,
                 "save the synthetic model as FILE.gguf first, so that other programs can run the same")
      .needs(synthetic_option);
  app.add_option("--prompt", options.prompt, "tokens to read").range(0, 1 << 24).show_default();
  app.add_option("--generate", options.generate, "tokens to write").range(0, 1 << 24).show_default();
  app.add_option("--depth", options.depth, "tokens that stand before").range(0, 1 << 24).show_default();
  app.add_option("--batch", options.batch, "sequences at once").range(1, 4096).show_default();
  app.add_option("--precision", precision, "auto (bf16 products), or f32").one_of({"auto", "f32"});
  add_kv_cache_option(app, options.kv_type);
  add_expert_cache_option(app, options.expert_cache).excludes(synthetic_option);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  options.exact = precision == "f32";
  options.chunk *= options.batch;

  const Stopwatch watch;
  const weights::LoadedModel loaded = synthetic.empty()
                                          ? weights::load_model(model, weights::LoadAs::frozen, options.plan())
                                          : weights::make_synthetic(synthetic);
  const double load_seconds = watch.seconds();
  if (!write.empty()) {
    weights::save_gguf(write, *loaded.model, *loaded.tokenizer,
                       {.name = loaded.name, .mix = "", .progress = {}, .defaults = loaded.defaults});
    log_info("wrote {}", write);
  }
  const int64_t tokens = options.depth + options.prompt + options.generate;
  if (tokens > loaded.model->config.max_context) {
    fail("depth + prompt + generate: expected at most {} tokens (the context of the model), found {}",
         loaded.model->config.max_context, tokens);
  }
  const Timing timing = measure(loaded, options);
  const OrderedJson result = report(loaded, options, timing, load_seconds, peak_rss_bytes());
  if (json) {
    print_json(result);
  } else {
    for (const auto& [name, value] : result.items())
      print_text(fmt::format("{:<28}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  return 0;
}

}  // namespace hadal
