#include <algorithm>

#include "market/forecast/network.h"

namespace hadal::market::forecast {
namespace {

// Which window stands at each place of each group, [groups * instruments], and which place each window has; an empty
// place takes any window, times 0.
struct Places {
  std::vector<int64_t> window_at, place_of;
  Tensor there, has, alone;  // 1 or 0, [groups * instruments, width] and twice [windows, width]
};

Places places_of(const NetworkBatch& batch, int64_t instruments, int64_t width) {
  const auto groups = static_cast<int64_t>(batch.groups.size()) - 1;
  Places p;
  p.window_at.assign(groups * instruments, 0);
  p.place_of.assign(batch.num_windows(), 0);
  p.there = Tensor::zeros({groups * instruments, width});
  p.has = Tensor::zeros({batch.num_windows(), width});
  p.alone = Tensor::zeros({batch.num_windows(), width});
  std::ranges::fill(p.alone.values(), 1.0f);
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t w = batch.groups[g]; w < batch.groups[g + 1]; ++w) {
      if (batch.places[w] < 0) continue;
      const int64_t at = g * instruments + batch.places[w];
      p.window_at[at] = w, p.place_of[w] = at;
      std::fill_n(p.there.row(at), width, 1.0f);
      std::fill_n(p.has.row(w), width, 1.0f);
      std::fill_n(p.alone.row(w), width, 0.0f);
    }
  }
  return p;
}

class Mixer : public Network {
  // Adds to x [groups * rows, width] what its rows say together, group by group, in each column.
  struct Mixing {
    Norm normal;  // of each row by itself: what is absent, 0, is the same everywhere
    Weight *in = nullptr, *out = nullptr;
    Tensor operator()(const Context& ctx, const Tensor& x, int64_t rows, const Tensor* mask) const {
      Tensor normed = normal(ctx, x);
      if (mask != nullptr) normed = multiply(ctx, normed, *mask);
      const Tensor mixed = linear(ctx, gelu(ctx, linear(ctx, transpose_groups(ctx, normed, rows), *in)), *out);
      return add(ctx, x, transpose_groups(ctx, mixed, x.cols()));
    }
  };

 public:
  explicit Mixer(const NetworkShape& shape) : Network(shape) {
    in_ = matrix("in", shape.width, shape.features + 1);
    for (int64_t i = 0; i < shape.layers; ++i) {
      const std::string name = fmt::format("layers.{}", i);
      Layer& layer = layers_.emplace_back();
      if (shape.look_back > 1) layer.times = mixing(name + ".times", shape.look_back, shape.look_back);
      layer.features = residual(name + ".features", shape.width, shape.width);
    }
    pool_ = matrix("pool", shape.width, shape.look_back * shape.width);
    if (shape.instruments < 2) return;
    const int64_t inner = std::clamp<int64_t>(shape.instruments / 3, 1, 20);  // StockMixer's m
    instruments_ = mixing("instruments", shape.instruments, inner);
  }

 private:
  struct Layer {
    Mixing times;
    Residual features;
  };

  Mixing mixing(const std::string& name, int64_t rows, int64_t inner) {
    return {norm(name + ".norm", shape_.width), matrix(name + ".in", inner, rows),
            matrix(name + ".out", rows, inner, 0.5)};
  }

  Tensor hidden(const Context& ctx, const NetworkBatch& batch) const override {
    const int64_t windows = batch.num_windows(), width = shape_.width, look_back = shape_.look_back;
    Tensor h = gather_rows(ctx, embedded(ctx, batch, *in_), batch.windows);
    for (const Layer& layer : layers_) {
      if (look_back > 1) h = layer.times(ctx, h, look_back, nullptr);
      h = layer.features(ctx, h);
    }
    h = linear(ctx, h.reshaped({windows, look_back * width}), *pool_);
    return shape_.instruments < 2 ? h : with_others(ctx, batch, h);
  }

  // Adds to each window what the instruments of its time say together.
  Tensor with_others(const Context& ctx, const NetworkBatch& batch, const Tensor& h) const {
    const Places p = places_of(batch, shape_.instruments, shape_.width);
    const Tensor mixed = instruments_(ctx, gather_rows(ctx, h, p.window_at), shape_.instruments, &p.there);
    const Tensor back = gather_rows(ctx, mixed, p.place_of);
    return add(ctx, multiply(ctx, h, p.alone), multiply(ctx, back, p.has));
  }

  Weight *in_ = nullptr, *pool_ = nullptr;
  std::vector<Layer> layers_;
  Mixing instruments_;
};

}  // namespace

std::unique_ptr<Network> make_mixer(const NetworkShape& shape) { return std::make_unique<Mixer>(shape); }

}  // namespace hadal::market::forecast
