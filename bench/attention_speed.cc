// What does attention over stored keys and values cost: of one decoded token, against reading them once; of a prompt,
// against the peak of the multiply-adds? Usage: attention_speed [DEPTH [THREADS [SHAPE [TOKENS]]]]   SHAPE: the first
// letters of its name; TOKENS: at the end of DEPTH Prints CSV: shape, depth, tokens, milliseconds for all layers, GB of
// keys and values a second, fraction of the bandwidth measured beside it, TFLOP/s, fraction of the peak measured beside
// it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "base/memory.h"
#include "base/rng.h"
#include "ops/ops.h"

namespace {

using namespace hadal;

constexpr int64_t kBlock = 256;  // rows of a block of the KV cache

double seconds_of(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes a second of a plain sum over the same memory: what the keys and values could be read at.
double read_speed(const std::byte* memory, int64_t bytes, ThreadPool& pool) {
  const int64_t piece = int64_t{1} << 20, pieces = bytes / piece;
  std::vector<uint64_t> sums(static_cast<size_t>(pieces));
  const double seconds = seconds_of([&] {
    pool.parallel_for(pieces, [&](int64_t i, int) {
      const auto* at = reinterpret_cast<const uint64_t*>(memory + i * piece);
      uint64_t sum = 0;
      for (int64_t j = 0; j < piece / 8; ++j) sum += at[j];
      sums[static_cast<size_t>(i)] = sum;
    });
  });
  return static_cast<double>(pieces * piece) / seconds;
}

struct Case {
  std::string name;
  AttentionShape heads;
  int64_t layers, part_width, parts, v_begin;
};

void measure(const Case& s, int64_t depth, int64_t tokens, ThreadPool& pool) {
  const KvRow row{KvType::bf16, s.part_width};
  const int64_t blocks = (depth + kBlock - 1) / kBlock, block_bytes = kBlock * s.parts * row.bytes();
  const std::shared_ptr<std::byte> memory = take_pages(s.layers * blocks * block_bytes);
  Rng rng(1, 0);
  auto* numbers = reinterpret_cast<uint16_t*>(memory.get());
  for (int64_t i = 0; i < s.layers * blocks * block_bytes / 2; ++i)
    numbers[i] = static_cast<uint16_t>(0x3d00 + (rng.next() & 0x807f));  // +-0.03 to 0.06
  std::vector<KvRows> kv(static_cast<size_t>(s.layers));
  for (int64_t l = 0; l < s.layers; ++l) {
    kv[static_cast<size_t>(l)] = {.blocks = {}, .block_rows = kBlock, .row = row, .length = depth};
    // As the cache has them: a block holds all layers.
    for (int64_t b = 0; b < blocks; ++b)
      kv[static_cast<size_t>(l)].blocks.push_back(memory.get() + (b * s.layers + l) * block_bytes);
  }
  Context ctx;
  ctx.pool = &pool;
  ctx.precision = Precision::bf16;
  const Tensor q({tokens, s.heads.heads * s.heads.k_dim});
  for (int64_t i = 0; i < q.size(); ++i) q.f32()[i] = rng.normal();
  const int32_t offsets[] = {0, static_cast<int32_t>(tokens)};
  double best = 1e9, bandwidth = 0;
  for (int i = 0; i < 7; ++i) {
    best = std::min(best, seconds_of([&] {
                      for (const KvRows& rows : kv) attention_cached(ctx, s.heads, q, {&rows, 1}, s.v_begin, offsets);
                    }));
    bandwidth = std::max(bandwidth, read_speed(memory.get(), s.layers * blocks * block_bytes, pool));
  }
  const double speed = static_cast<double>(s.layers * depth * s.parts * row.bytes()) / best;
  const double keys = static_cast<double>(depth) - 0.5 * static_cast<double>(tokens - 1);  // of a token, on average
  const double flops =
      2 * keys * static_cast<double>(s.layers * tokens * s.heads.heads * (s.heads.k_dim + s.heads.v_dim)) / best;
  std::printf("%s,%lld,%lld,%.2f,%.1f,%.2f,%.2f,%.2f\n", s.name.c_str(), static_cast<long long>(depth),
              static_cast<long long>(tokens), best * 1e3, speed / 1e9, speed / bandwidth, flops / 1e12,
              flops / measure_peak_flops(Precision::bf16, pool.size()));
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t depth = argc > 1 ? std::atoll(argv[1]) : 4096;
  ThreadPool pool(argc > 2 ? std::atoi(argv[2]) : 2);
  const std::string asked = argc > 3 ? argv[3] : "";
  const int64_t tokens = argc > 4 ? std::atoll(argv[4]) : 1;
  if (tokens < 1 || tokens > depth)
    return std::fprintf(stderr, "TOKENS: expected 1 to %lld\n", static_cast<long long>(depth)), 2;
  const Case cases[] = {
      {"R1-Distill-Qwen-1.5B", {.heads = 12, .kv_heads = 2, .k_dim = 128, .v_dim = 128, .scale = .1f}, 28, 128, 4, 256},
      {"R1-Distill-Llama-8B",
       {.heads = 32, .kv_heads = 8, .k_dim = 128, .v_dim = 128, .scale = .1f},
       32,
       128,
       16,
       1024},
      {"V2-Lite absorbed", {.heads = 16, .kv_heads = 1, .k_dim = 576, .v_dim = 512, .scale = .1f}, 27, 576, 1, 0},
      // Five heads at a time, keys and values of a token in one row: model/blocks/attention.cc.
      {"V2-Lite expanded",
       {.heads = 5, .kv_heads = 5, .k_dim = 192, .v_dim = 128, .scale = .1f},
       3,
       5 * (192 + 128),
       1,
       5 * 192},
  };
  if (std::none_of(std::begin(cases), std::end(cases), [&](const Case& s) { return s.name.starts_with(asked); }))
    return std::fprintf(
               stderr,
               "SHAPE: expected the first letters of R1-Distill-Qwen-1.5B, R1-Distill-Llama-8B or V2-Lite, found %s\n",
               asked.c_str()),
           2;
  std::printf("shape,depth,tokens,ms,gb_per_s,of_bandwidth,tflops,of_peak\n");
  for (const Case& s : cases)
    if (s.name.starts_with(asked)) measure(s, depth, tokens, pool);
}
