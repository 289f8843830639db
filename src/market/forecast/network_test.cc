// Networks and their training by themselves: gradients through each, masks, early stopping, resuming.
#include "market/forecast/network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/rng.h"
#include "base/testing/scratch.h"
#include "market/forecast/network_training.h"
#include "market/stopped.h"
#include "train/checkpoint.h"

namespace hadal::market::forecast {
namespace {

const char* const kKinds[] = {"mlp", "transformer", "mixer"};

NetworkShape shape_of(const std::string& kind) {
  NetworkShape shape{.kind = kind, .features = 3, .outputs = 2, .instruments = 4};
  shape.look_back = 3, shape.width = 8, shape.layers = 2, shape.heads = 2;
  return shape;
}

// Two times of five instruments of which one has no place; some cells are absent.
NetworkBatch made_batch(uint64_t seed) {
  NetworkBatch batch;
  Rng rng(seed);
  batch.cells = Tensor::zeros({13, 4});
  for (int64_t r = 0; r < 12; ++r) {
    for (int64_t c = 0; c < 3; ++c) batch.cells.row(r)[c] = rng.normal();
    batch.cells.row(r)[3] = 1;
  }
  batch.windows = {0, 1, 2, 12, 12, 3, 4, 12, 5, 6, 7, 8, 12, 9, 10, 1, 2, 11, 12, 3, 0, 5, 6, 1, 7, 8, 2};
  batch.places = {0, 1, 2, 3, -1, 0, 1, 3, -1};
  batch.groups = {0, 5, 9};
  for (int i = 0; i < 18; ++i) batch.targets.push_back(rng.normal());
  batch.targets[3] = NAN;
  batch.target_groups = batch.groups;
  return batch;
}

Context one_thread() {
  static ThreadPool pool(1);
  Context ctx;
  ctx.precision = Precision::f32;
  ctx.pool = &pool;
  return ctx;
}

// What begins as zero gets values, so that gradients pass.
std::unique_ptr<Network> awake(const NetworkShape& shape) {
  auto network = make_network(shape, 5);
  Rng rng(6);
  for (Param* param : network->params())
    for (float& v : param->weight.value().values()) v += 0.3f * rng.normal();
  return network;
}

double weighted(const Tensor& out) {
  double sum = 0;
  for (int64_t i = 0; i < out.size(); ++i) sum += out.f32()[i] * std::cos(static_cast<double>(i));
  return sum;
}

TEST(Network, GradientsEqualCentralDifferences) {
  const NetworkBatch batch = made_batch(1);
  for (const char* kind : kKinds) {
    const auto network = awake(shape_of(kind));
    Tape tape;
    Context ctx = one_thread();
    ctx.tape = &tape;
    const Tensor out = network->forward(ctx, batch);
    ASSERT_EQ(out.shape(), (Shape{9, 2}));
    for (int64_t i = 0; i < out.size(); ++i) out.grad()[i] = std::cos(static_cast<float>(i));
    tape.backward();
    for (Param* param : network->params()) {
      float* values = param->weight.value().f32();
      for (int64_t i = 0; i < param->weight.value().size(); i += 7) {
        const float before = values[i], step = 1e-2f;
        double sides[2];
        for (const int side : {0, 1}) {
          values[i] = before + (side == 0 ? -step : step);
          param->weight.changed();
          sides[side] = weighted(network->forward(one_thread(), batch));
        }
        values[i] = before;
        param->weight.changed();
        const double numeric = (sides[1] - sides[0]) / (2 * step), found = param->weight.grad()[i];
        EXPECT_NEAR(found, numeric, 0.02 * std::fabs(numeric) + 5e-3) << kind << " " << param->name << " " << i;
      }
    }
  }
}

TEST(Network, BeginsFromZeroAndBySeedAlone) {
  for (const char* kind : kKinds) {
    const auto a = make_network(shape_of(kind), 1), b = make_network(shape_of(kind), 1),
               c = make_network(shape_of(kind), 2);
    for (const float v : a->forward(one_thread(), made_batch(1)).values()) EXPECT_EQ(v, 0);
    bool differs = false;
    for (size_t p = 0; p < a->params().size(); ++p) {
      const auto &va = a->params()[p]->weight.value(), &vb = b->params()[p]->weight.value(),
                 &vc = c->params()[p]->weight.value();
      EXPECT_EQ(std::memcmp(va.f32(), vb.f32(), va.values().size_bytes()), 0);
      differs |= std::memcmp(va.f32(), vc.f32(), va.values().size_bytes()) != 0;
    }
    EXPECT_TRUE(differs) << kind;
  }
}

// A window's forecast does not depend on windows of other times, nor (but for a mixer) on others of its own.
TEST(Network, WindowsStandAloneButWhereInstrumentsAreMixed) {
  for (const char* kind : kKinds) {
    const auto network = awake(shape_of(kind));
    const NetworkBatch batch = made_batch(1);
    NetworkBatch changed = batch;
    changed.cells = Tensor::from(batch.cells.shape(), batch.cells.values());
    changed.cells.row(11)[0] += 3;  // of the window 5 alone, at the second time
    const Tensor before = network->forward(one_thread(), batch), after = network->forward(one_thread(), changed);
    for (int64_t w = 0; w < 9; ++w) {
      const bool same = std::memcmp(before.row(w), after.row(w), 2 * sizeof(float)) == 0;
      const bool reached = w == 5 || (std::string(kind) == "mixer" && (w == 6 || w == 7));
      EXPECT_EQ(same, !reached) << kind << " " << w;
    }
  }
}

TEST(Network, ATransformerReadsAPositionAsTheWindowThatEndsThere) {
  NetworkShape shape = shape_of("transformer");
  const auto network = awake(shape);
  NetworkBatch batch = made_batch(1);
  batch.windows.resize(6), batch.places.resize(2), batch.groups = {0, 2};  // cells 0 1 2 and 3
  batch.positions = {1, 2, 3};
  const Tensor all = network->forward(one_thread(), batch);
  ASSERT_EQ(all.rows(), 3);
  batch.positions.clear();
  batch.windows = {12, 0, 1, 12, 12, 3};
  const Tensor ends = network->forward(one_thread(), batch);
  for (int64_t c = 0; c < 2; ++c) {
    EXPECT_NEAR(all.row(0)[c], ends.row(0)[c], 1e-4);
    EXPECT_NEAR(all.row(2)[c], ends.row(1)[c], 1e-4);
  }
}

// ---- Training

// The target of a window is its last cell's first feature, under noise that an epoch can learn by heart.
class MadeBatches : public BatchSource {
 public:
  int64_t steps_per_epoch() const override { return 5; }
  NetworkBatch training(int64_t epoch, int64_t step) const override {
    if (on_step) on_step(epoch * 5 + step);
    return batch(static_cast<uint64_t>(step));  // the same every epoch
  }
  int64_t num_validation() const override { return with_validation ? 3 : 0; }
  NetworkBatch validation(int64_t index) const override { return batch(100 + static_cast<uint64_t>(index)); }
  std::string identity() const override { return of; }

  std::function<void(int64_t)> on_step;
  bool with_validation = true;
  std::string of = "three features";

 private:
  static NetworkBatch batch(uint64_t seed) {
    NetworkBatch b = made_batch(seed);
    Rng rng(seed, 9);
    for (size_t i = 0; i < b.targets.size(); ++i)
      b.targets[i] = b.cells.row(b.windows[i / 2 * 3 + 2])[0] + 2 * rng.normal();
    return b;
  }
};

std::vector<float> values_of(Network& network) {
  std::vector<float> all;
  for (Param* param : network.params()) {
    const auto values = param->weight.value().values();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

NetworkSpec quick() {
  NetworkSpec spec;
  spec.learning_rate = 0.01, spec.epochs = 12, spec.patience = 3;
  return spec;
}

TEST(NetworkTraining, KeepsTheWeightsOfTheBestEpoch) {
  const MadeBatches batches;
  const auto network = make_network(shape_of("mlp"), 1);
  NetworkSpec spec = quick();
  spec.epochs = 60;
  const NetworkFit fit = train_network(*network, batches, spec, {});
  EXPECT_LT(fit.epochs, 60) << "noise must stop it";
  EXPECT_EQ(fit.epochs, fit.best + spec.patience);
  EXPECT_GT(fit.best, 0);
  double sum = 0, count = 0;
  for (int64_t i = 0; i < batches.num_validation(); ++i) {
    const NetworkBatch batch = batches.validation(i);
    const Tensor out = network->forward(one_thread(), batch);
    for (int64_t k = 0; k < out.size(); ++k) sum += std::pow(out.f32()[k] - batch.targets[k], 2), ++count;
  }
  EXPECT_NEAR(fit.loss, sum / count, 1e-6);
}

TEST(NetworkTraining, TakesAllEpochsWithoutAValidationPart) {
  MadeBatches batches;
  batches.with_validation = false;
  const auto network = make_network(shape_of("mlp"), 1);
  const NetworkFit fit = train_network(*network, batches, quick(), {});
  EXPECT_EQ(fit.epochs, 12);
  EXPECT_EQ(fit.best, 12);
  EXPECT_TRUE(std::isnan(fit.loss));
}

TEST(NetworkTraining, StoppedKilledAndResumedHasTheBitsOfAnUninterruptedOne) {
  const test::ScratchFolder scratch;
  for (const char* kind : kKinds) {
    const auto whole = make_network(shape_of(kind), 1);
    const NetworkFit expected = train_network(*whole, MadeBatches(), quick(), {});
    const Path folder = scratch / kind;
    std::atomic<bool> stop = false;
    FitRun run{folder, true, &stop, "s.toml: window 1, seed 1"};
    MadeBatches batches;
    for (const int64_t last : {3, 17}) {  // inside of an epoch, and behind a validation
      stop = false;
      batches.on_step = [&](int64_t step) { stop = step == last; };
      EXPECT_THROW(train_network(*make_network(shape_of(kind), 1), batches, quick(), run), Stopped);
      EXPECT_TRUE(std::filesystem::exists(folder / fmt::format("checkpoint-{}", last + 1)));
    }
    batches.on_step = [&](int64_t step) {
      stop = false;
      if (step == 23) throw std::runtime_error("killed");  // as it is: nothing more is written
    };
    stop = false;
    EXPECT_THROW(train_network(*make_network(shape_of(kind), 1), batches, quick(), run), std::runtime_error);
    std::filesystem::resize_file(folder / "checkpoint-18" / "model.safetensors", 100);  // and its disk lost a part
    int64_t first = -1;
    batches.on_step = [&](int64_t step) { first = first < 0 ? step : first; };
    const auto resumed = make_network(shape_of(kind), 1);
    const NetworkFit fit = train_network(*resumed, batches, quick(), run);
    EXPECT_EQ(first, 4) << "from checkpoint-4";
    EXPECT_EQ(values_of(*resumed), values_of(*whole)) << kind;
    EXPECT_EQ(fit.best, expected.best);
    EXPECT_EQ(fit.loss, expected.loss);
    const auto again = make_network(shape_of(kind), 1);  // killed after its last step
    first = -1;
    train_network(*again, batches, quick(), run);
    EXPECT_EQ(first, -1);
    EXPECT_EQ(values_of(*again), values_of(*whole));
  }
}

std::string error_of(const BatchSource& batches, const NetworkSpec& spec, const FitRun& run) {
  return test::error_of([&] { train_network(*make_network(shape_of("mlp"), 1), batches, spec, run); });
}

TEST(NetworkTraining, SaysWhatIsWrong) {
  const test::ScratchFolder scratch;
  std::atomic<bool> stop = false;
  FitRun run{scratch / "run", true, &stop, "s.toml: window 4, seed 7"};
  NetworkSpec spec = quick();
  spec.learning_rate = 1e9;
  const std::string diverged = error_of(MadeBatches(), spec, {{}, false, nullptr, run.who});
  EXPECT_NE(diverged.find("s.toml: window 4, seed 7: the loss is not finite"), std::string::npos) << diverged;
  EXPECT_NE(diverged.find("learning_rate"), std::string::npos) << diverged;
  MadeBatches batches;
  batches.on_step = [&](int64_t) { stop = true; };
  EXPECT_THROW(train_network(*make_network(shape_of("mlp"), 1), batches, quick(), run), Stopped);
  stop = false, batches.on_step = {};
  batches.of = "four features";
  const std::string other = error_of(batches, quick(), run);
  EXPECT_NE(other.find("expected a network of four features, found one of three features"), std::string::npos) << other;
  run.resume = false;  // anew: what is there goes
  EXPECT_EQ(error_of(batches, quick(), run), "");
}

}  // namespace
}  // namespace hadal::market::forecast
