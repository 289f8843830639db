// What does the attention of one decoded token cost, against reading its keys and values once?
// Usage: attention_speed [DEPTH [THREADS [SHAPE]]]   SHAPE: the first letters of its name
// Prints CSV: shape, depth, milliseconds a token for all layers, GB of keys and values a second, fraction of the bandwidth
// measured beside it.
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

void measure(const std::string& name, AttentionShape shape, int64_t layers, int64_t part_width, int64_t parts, int64_t v_begin, int64_t depth, ThreadPool& pool) {
  const KvRow row{KvType::bf16, part_width};
  const int64_t blocks = (depth + kBlock - 1) / kBlock, block_bytes = kBlock * parts * row.bytes();
  const std::shared_ptr<std::byte> memory = take_pages(layers * blocks * block_bytes);
  Rng rng(1, 0);
  auto* numbers = reinterpret_cast<uint16_t*>(memory.get());
  for (int64_t i = 0; i < layers * blocks * block_bytes / 2; ++i) numbers[i] = static_cast<uint16_t>(0x3d00 + (rng.next() & 0x807f));  // +-0.03 to 0.06
  std::vector<KvRows> kv(static_cast<size_t>(layers));
  for (int64_t l = 0; l < layers; ++l) {
    kv[static_cast<size_t>(l)] = {.blocks = {}, .block_rows = kBlock, .row = row, .length = depth};
    // As the cache has them: a block holds all layers.
    for (int64_t b = 0; b < blocks; ++b) kv[static_cast<size_t>(l)].blocks.push_back(memory.get() + (b * layers + l) * block_bytes);
  }
  Context ctx;
  ctx.pool = &pool;
  ctx.precision = Precision::bf16;
  const Tensor q({1, shape.heads * shape.k_dim});
  for (int64_t i = 0; i < q.cols(); ++i) q.f32()[i] = rng.normal();
  const int32_t offsets[] = {0, 1};
  double best = 1e9, bandwidth = 0;
  for (int i = 0; i < 7; ++i) {
    best = std::min(best, seconds_of([&] {
                      for (const KvRows& rows : kv) attention_cached(ctx, shape, q, {&rows, 1}, v_begin, offsets);
                    }));
    bandwidth = std::max(bandwidth, read_speed(memory.get(), layers * blocks * block_bytes, pool));
  }
  const double speed = static_cast<double>(layers * depth * parts * row.bytes()) / best;
  std::printf("%s,%lld,%.2f,%.1f,%.2f\n", name.c_str(), static_cast<long long>(depth), best * 1e3, speed / 1e9, speed / bandwidth);
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t depth = argc > 1 ? std::atoll(argv[1]) : 4096;
  ThreadPool pool(argc > 2 ? std::atoi(argv[2]) : 2);
  const std::string asked = argc > 3 ? argv[3] : "";
  std::printf("shape,depth,ms,gb_per_s,of_bandwidth\n");
  const auto run = [&](const std::string& name, const AttentionShape& shape, int64_t layers, int64_t part_width, int64_t parts, int64_t v_begin) {
    if (name.starts_with(asked)) measure(name, shape, layers, part_width, parts, v_begin, depth, pool);
  };
  run("R1-Distill-Qwen-1.5B", {.heads = 12, .kv_heads = 2, .k_dim = 128, .v_dim = 128, .scale = .1f}, 28, 128, 4, 256);
  run("R1-Distill-Llama-8B", {.heads = 32, .kv_heads = 8, .k_dim = 128, .v_dim = 128, .scale = .1f}, 32, 128, 16, 1024);
  run("V2-Lite absorbed", {.heads = 16, .kv_heads = 1, .k_dim = 576, .v_dim = 512, .scale = .1f}, 27, 576, 1, 0);
}
