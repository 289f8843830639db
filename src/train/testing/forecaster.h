// A Trainee that is no language model: a two-layer forecaster of ops with a squared error, two micro-batches a step.
// Tests only.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/rng.h"
#include "ops/ops.h"
#include "train/trainee.h"

namespace hadal::test {

// Learns y = a linear map of x through linear -> swiglu -> linear.
class Forecaster : public Trainee {
 public:
  explicit Forecaster(uint64_t seed = 1) {
    add(gate_, "gate", {16, 8}), add(up_, "up", {16, 8}), add(down_, "down", {2, 16});
    bias_.init_std = 0;
    add(bias_, "bias", {2}, ParamGroup::vector);
    initialise(params(), seed);
  }
  ParamList params() override { return {&gate_, &up_, &down_, &bias_}; }
  void begin_stage(int64_t index) override { stage_ = index, drawn_ = 0; }
  int64_t begin_step(Collective& ranks) override {
    const Share mine = share_of(2, ranks);
    next_ = drawn_ + mine.begin;
    drawn_ += 2;
    return mine.end - mine.begin;
  }
  void micro_batch(const Context& ctx, int64_t, StepStats& stats) override {
    const double loss = run(ctx, ++next_, 0.5f);
    ctx.tape->backward();
    const int64_t step = drawn_ / 2;
    if (on_step) on_step(step);
    if (explode_at >= 0 && step == explode_at)
      for (float& w : down_.weight.value().values()) w = 1000;
    if (poison_at >= 0 && step >= poison_at && step < poison_at + poison_steps) gate_.weight.grad()[0] = NAN;
    stats.loss += 32 * loss;
    stats.weight += 32;
    stats.tokens += 32;
    stats.flops += 1e4;
  }
  std::vector<Evaluation> evaluate(const Context& ctx, Collective&) override {
    return {{"later", {{"loss", run(ctx, 1 << 30, 1)}}, 32}};
  }
  Json state() const override { return {{"drawn", drawn_}}; }
  void restore(const Json& state, const std::string&) override { drawn_ = state.at("drawn"); }
  std::vector<float> numbers() {
    std::vector<float> all;
    for (Param* p : params())
      all.insert(all.end(), p->weight.value().values().begin(), p->weight.value().values().end());
    return all;
  }
  int64_t poison_at = -1, poison_steps = 0, explode_at = -1;
  std::function<void(int64_t)> on_step;  // counts from 1

 private:
  void add(Param& p, const char* name, Shape shape, ParamGroup group = ParamGroup::matrix) {
    p.name = name, p.shape = std::move(shape), p.group = group;
    if (group == ParamGroup::matrix) p.init_std = 0.3f;
  }
  double run(const Context& ctx, int64_t batch, float scale) {
    Rng rng(7, static_cast<uint64_t>(batch));
    Tensor x({32, 8}), y({32, 2});
    for (float& v : x.values()) v = rng.normal();
    for (int64_t r = 0; r < 32; ++r) {
      y.row(r)[0] = x.row(r)[0] - 0.5f * x.row(r)[3];
      y.row(r)[1] = 0.7f * x.row(r)[5] + 0.2f;
    }
    const Tensor h = swiglu(ctx, linear(ctx, x, gate_.weight), linear(ctx, x, up_.weight));
    return mean_squared_error(ctx, linear(ctx, h, down_.weight, &bias_.weight), y, scale);
  }
  Param gate_, up_, down_, bias_;
  int64_t stage_ = 0, drawn_ = 0, next_ = 0;
};

inline bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace hadal::test
