#include "weights/experts/expert_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "base/error.h"
#include "base/rng.h"
#include "weights/gguf_save.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

// A file of layers: the byte at `at` of a matrix tells layer, expert, matrix and place.
class BytesFile {
 public:
  static constexpr int64_t kExperts = 10;
  static constexpr uint64_t kMatrixBytes = 5000;
  static constexpr uint64_t kSlot = 3 * 5056;

  explicit BytesFile(size_t num_layers)
      : path_(std::filesystem::temp_directory_path() / fmt::format("hadal_experts_{}", ::getpid())) {
    std::string content(7, '-');
    for (size_t l = 0; l < num_layers; ++l) {
      ExpertStore::Layer layer{{}, kExperts};
      for (size_t m = 0; m < 3; ++m) {
        layer.stacks[m] = {path_, content.size(), kMatrixBytes};
        for (int64_t e = 0; e < kExperts; ++e)
          for (uint64_t at = 0; at < kMatrixBytes; ++at) content += byte(l, e, m, at);
      }
      layers_.push_back(layer);
    }
    write_file_whole(path_, content);
  }
  ~BytesFile() { std::filesystem::remove(path_); }
  static char byte(size_t layer, int64_t expert, size_t matrix, uint64_t at) {
    return static_cast<char>(layer * 101 + static_cast<size_t>(expert) * 23 + matrix * 7 + at * (at % 3));
  }
  static bool holds(size_t layer, const ExpertSource::Expert& e) {
    for (size_t m = 0; m < 3; ++m)
      for (uint64_t at = 0; at < kMatrixBytes; ++at)
        if (static_cast<char>(e.bytes[m][at]) != byte(layer, e.index, m, at)) return false;
    return true;
  }
  const std::vector<ExpertStore::Layer>& layers() const { return layers_; }
  const Path& path() const { return path_; }

 private:
  Path path_;
  std::vector<ExpertStore::Layer> layers_;
};

// All of a Use; the order in which they came.
std::vector<int32_t> use_all(ExpertSource& source, size_t layer, const std::vector<int32_t>& experts,
                             size_t most_at_once) {
  std::vector<int32_t> order;
  const auto use = source.use(experts);
  for (auto given = use->next(); !given.empty(); given = use->next()) {
    EXPECT_LE(given.size(), most_at_once);
    for (const auto& e : given) {
      EXPECT_TRUE(BytesFile::holds(layer, e)) << layer << " " << e.index;
      order.push_back(e.index);
    }
  }
  return order;
}

TEST(ExpertStore, BringsWhatIsAskedForWithinItsBound) {
  const BytesFile file(3);
  for (const int64_t slots : {1, 2, 3, 7, 30}) {
    ExpertStore store(file.layers(), BytesFile::kSlot * static_cast<uint64_t>(slots) + 5, 3);
    EXPECT_EQ(store.slots(), slots);
    EXPECT_EQ(store.capacity_bytes(), BytesFile::kSlot * static_cast<uint64_t>(slots));
    for (int step = 0; step < 20; ++step) {
      for (size_t l = 0; l < 3; ++l) {
        const std::vector<int32_t> wanted = step % 5 == 0 ? std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
                                                          : std::vector<int32_t>{step % 7, 9, 7 + step % 2};
        const auto order = use_all(*store.source(l), l, wanted, static_cast<size_t>(slots));
        EXPECT_EQ(std::set<int32_t>(order.begin(), order.end()), std::set<int32_t>(wanted.begin(), wanted.end()));
        EXPECT_EQ(order.size(), wanted.size());
        EXPECT_LE(store.slots_used(), slots);
      }
    }
    const auto stats = store.stats();
    EXPECT_EQ(stats.hits + stats.misses, 3u * (4 * 10 + 16 * 3));
    if (slots == 30) {
      EXPECT_EQ(stats.misses, 30u);
      EXPECT_EQ(stats.bytes_read, 30 * 3 * BytesFile::kMatrixBytes);
    }
  }
}

TEST(ExpertStore, CountsHitsAndMisses) {
  const BytesFile file(1);
  ExpertStore store(file.layers(), 4 * BytesFile::kSlot);
  const auto source = store.source(0);
  use_all(*source, 0, {1, 2}, 4);
  EXPECT_EQ(store.stats().misses, 2u);
  EXPECT_EQ(use_all(*source, 0, {2, 3}, 4).front(), 2);  // what is there comes first
  EXPECT_EQ(store.stats().hits, 1u);
  EXPECT_EQ(store.stats().misses, 3u);
  EXPECT_EQ(store.stats().bytes_read, 3 * 3 * BytesFile::kMatrixBytes);
  EXPECT_EQ(store.slots_used(), 3);
  EXPECT_DOUBLE_EQ(store.stats().hit_rate(), 0.25);
  const auto before = store.stats();
  use_all(*source, 0, {1, 2, 3}, 4);
  EXPECT_DOUBLE_EQ((store.stats() - before).hit_rate(), 1);
}

// One that is used again and again outlives a stream of others, however recent they are; old fame is forgotten.
TEST(ExpertStore, KeepsWhatIsUsedOften) {
  const BytesFile file(1);
  ExpertStore store(file.layers(), 3 * BytesFile::kSlot);
  const auto source = store.source(0);
  for (int i = 0; i < 10; ++i) use_all(*source, 0, {0}, 3);
  for (int32_t e = 1; e < 10; ++e) use_all(*source, 0, {e}, 3);
  auto before = store.stats();
  use_all(*source, 0, {0}, 3);
  EXPECT_EQ((store.stats() - before).hits, 1u);
  for (int i = 0; i < 600; ++i) use_all(*source, 0, {1 + i % 3}, 3);
  before = store.stats();
  for (int32_t e = 1; e < 4; ++e) use_all(*source, 0, {e}, 3);
  EXPECT_EQ((store.stats() - before).hits, 3u);
}

// More is used in turn than there is room for: some of it stays (where the least recently used one goes, nothing does).
TEST(ExpertStore, KeepsAPartOfWhatIsUsedInTurn) {
  const BytesFile file(6);
  ExpertStore store(file.layers(), 8 * BytesFile::kSlot);
  ExpertStore::Stats before;
  for (int token = 0; token < 20; ++token) {
    if (token == 10) before = store.stats();
    for (size_t l = 0; l < 6; ++l) use_all(*store.source(l), l, {1, 2}, 8);
  }
  EXPECT_GT((store.stats() - before).hit_rate(), 0.4);
}

// While a layer computes, the experts that the token before chose in the next one come back, for others used less.
TEST(ExpertStore, ReadsAheadWhatTheTokenBeforeChose) {
  const BytesFile file(2);
  ExpertStore store(file.layers(), 4 * BytesFile::kSlot);
  const auto first = store.source(0), second = store.source(1);
  for (int i = 0; i < 3; ++i) use_all(*first, 0, {5, 6}, 4);
  use_all(*second, 1, {0, 1, 2, 3}, 4);  // evicts them; no slot is free for prefetches
  EXPECT_EQ(store.stats().prefetches, 0u);
  use_all(*second, 1, {0}, 4);
  EXPECT_EQ(store.stats().prefetches, 2u);
  use_all(*first, 0, {5, 6}, 4);
  EXPECT_EQ(store.stats().bytes_read, (2 + 4 + 2) * 3 * BytesFile::kMatrixBytes);
  EXPECT_EQ(store.slots_used(), 4);
}

TEST(ExpertStore, ManyThreadsShareFewSlots) {
  const BytesFile file(2);
  ExpertStore store(file.layers(), 3 * BytesFile::kSlot, 2);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Rng rng(t);
      for (int step = 0; step < 60; ++step) {
        std::set<int32_t> wanted;
        while (wanted.size() < 1 + static_cast<size_t>(step) % 6) wanted.insert(static_cast<int32_t>(rng.below(10)));
        const std::vector<int32_t> list(wanted.begin(), wanted.end());
        EXPECT_EQ(use_all(*store.source(t % 2), t % 2, list, 3).size(), list.size());
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_LE(store.slots_used(), 3);
}

TEST(ExpertStore, AFileCutShortIsAnError) {
  const BytesFile file(1);
  EXPECT_THROW(ExpertStore(file.layers(), BytesFile::kSlot - 1), Error);
  ExpertStore store(file.layers(), 2 * BytesFile::kSlot);
  const auto source = store.source(0);
  use_all(*source, 0, {0}, 2);
  std::filesystem::resize_file(file.path(), 7 + 25 * BytesFile::kMatrixBytes + 9);  // in the middle of down of expert 5
  for (int again = 0; again < 2; ++again) {
    const auto use = source->use(std::vector<int32_t>{0, 5, 9, 1});
    try {
      while (!use->next().empty()) {
      }
      FAIL() << "expected an error";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("cut short"), std::string::npos) << e.what();
    }
  }
  EXPECT_EQ(use_all(*source, 0, {1, 2, 3, 4}, 2).size(), 4u);  // what is whole still comes
  EXPECT_THROW(ExpertStore(file.layers(), 2 * BytesFile::kSlot), Error);
}

// ---- With a model ----

ModelConfig config() {
  ModelConfig c = test::byte_config(true);
  c.hidden = 64, c.expert_inner = 32, c.dense_inner = 64;  // whole blocks
  c.rope_scaling.mscale = c.rope_scaling.mscale_all_dim;
  return c;
}

class StreamedModel : public testing::Test {
 protected:
  StreamedModel() {
    save_gguf(path(), *test::make_model(config()), test::byte_tokenizer(),
              {.name = "tiny", .mix = "Q8_0", .progress = {}});
  }
  Path path() const { return folder_.path() / "tiny.gguf"; }
  static uint64_t slot_bytes() { return 3 * 64 * 32 / 32 * 34; }
  LoadedModel load(uint64_t cached_experts) const {
    return load_model(path().string(), LoadAs::frozen,
                      RunPlan{.context = 64, .expert_cache_bytes = cached_experts * slot_bytes()});
  }

 private:
  test::ModelFolder folder_;
};

// A prompt, then token by token.
std::vector<float> run(Model& model, Precision precision) {
  Context ctx;
  ctx.precision = precision;
  KvCache cache(model.config, 128, kv_type_of(precision));
  KvSequence sequence(cache);
  const Batch whole = test::make_batch({30}, 259);
  std::vector<float> all;
  for (int64_t at = 0; at < 30;) {
    const int64_t count = at == 0 ? 20 : 1;
    Batch part = test::part_of(whole, 0, at, count);
    EXPECT_TRUE(sequence.extend(count));
    part.states = {&sequence};
    std::vector<int64_t> rows(static_cast<size_t>(count));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
    const Tensor scores = logits(ctx, model, forward(ctx, model, part).hidden, rows);
    all.insert(all.end(), scores.values().begin(), scores.values().end());
    at += count;
  }
  return all;
}

TEST_F(StreamedModel, GivesTheBitsOfTheMappedOne) {
  const LoadedModel mapped = load(0);
  EXPECT_EQ(mapped.experts, nullptr);
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    const auto expected = run(*mapped.model, precision);
    for (const uint64_t slots : {1, 2, 3, 8, 16}) {
      const LoadedModel streamed = load(slots);
      ASSERT_NE(streamed.experts, nullptr);
      EXPECT_EQ(streamed.experts->slots(), static_cast<int64_t>(slots));
      EXPECT_EQ(run(*streamed.model, precision), expected) << slots;
      EXPECT_LE(streamed.experts->slots_used(), static_cast<int64_t>(slots));
      const auto stats = streamed.experts->stats();
      EXPECT_GT(stats.misses, 0u);
      EXPECT_GE(stats.bytes_read, std::min<uint64_t>(slots, 16) * slot_bytes());
      if (slots == 16) {
        EXPECT_LE(stats.misses, 16u);
        EXPECT_GT(stats.hit_rate(), 0.7);
      }
    }
  }
}

TEST_F(StreamedModel, WithoutRoomOrExpertsIsAnError) {
  EXPECT_THROW(
      load_model(path().string(), LoadAs::frozen, RunPlan{.context = 64, .expert_cache_bytes = slot_bytes() - 1}),
      Error);
  EXPECT_THROW(
      load_model(path().string(), LoadAs::frozen, RunPlan{.context = 64, .expert_cache_bytes = uint64_t{1} << 60}),
      Error);
  const test::ModelFolder hf;
  EXPECT_THROW(load_model(hf.text(), LoadAs::frozen, RunPlan{.context = 64, .expert_cache_bytes = 1 << 20}), Error);
}

// ---- The plan ----

TEST(MemoryPlan, DecidesByWhatIsThere) {
  MemoryPlan plan{.copied_bytes = 10,
                  .mapped_bytes = 1100,
                  .expert_bytes = 1000,
                  .least_expert_bytes = 60,
                  .cache_bytes = 20,
                  .work_bytes = 30};
  EXPECT_EQ(plan.dense_bytes(), 160u);
  const auto with = [&](uint64_t available, uint64_t asked) {
    plan.available_bytes = available;
    decide(plan, asked, "test");
    return plan.expert_cache_bytes;
  };
  EXPECT_EQ(with(1160, 0), 0u);
  EXPECT_EQ(with(1159, 0), 999u - 999 / 16);
  EXPECT_EQ(with(160 + 64, 0), 60u);
  EXPECT_EQ(with(1160, 200), 200u);
  EXPECT_EQ(with(360, 200), 200u);
  for (const auto& [available, asked] : {std::pair(160 + 62, 0), std::pair(0, 0), std::pair(359, 200)}) {
    try {
      with(static_cast<uint64_t>(available), static_cast<uint64_t>(asked));
      FAIL() << available;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("test: expected"), std::string::npos) << e.what();
    }
  }
  plan.expert_bytes = 0;
  EXPECT_EQ(with(1160, 0), 0u);
  EXPECT_THROW(with(1159, 0), Error);
  EXPECT_THROW(with(5000, 200), Error);
}

TEST(MemoryPlan, CountsCacheAndCopies) {
  const ModelConfig c = config();
  const RunPlan run{.context = 100, .sequences = 2};
  EXPECT_EQ(cache_bytes(c, run), static_cast<uint64_t>(256 * KvCache::bytes_per_token(c, KvType::bf16)));
  const RunPlan small{.context = 100, .sequences = 2, .kv_type = KvType::q8};
  EXPECT_EQ(cache_bytes(c, small), static_cast<uint64_t>(256 * KvCache::bytes_per_token(c, KvType::q8)));
  EXPECT_LT(cache_bytes(c, small), cache_bytes(c, run));
  EXPECT_EQ(planned_context(c, 0), c.max_context);
  EXPECT_GT(work_bytes(c, run), uint64_t{1} << 20);
  Model model(c);
  EXPECT_EQ(packed_bytes(model.embedding, c, run, false), 0u);
  EXPECT_EQ(packed_bytes(model.head, c, run, false), static_cast<uint64_t>(2 * c.vocab * c.hidden));
  EXPECT_EQ(packed_bytes(model.head, c, run, true), 0u);
  EXPECT_GT(packed_bytes(model.blocks[0].mla.kv_b, c, run, true), 0u);
}

}  // namespace
}  // namespace hadal::weights
