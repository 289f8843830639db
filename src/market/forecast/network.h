// Networks of ops over windows: a window is `look_back` cells, oldest first, of one instrument (or one channel of a
// series); a cell is the features of one time. All windows of a batch whose times are the same are a group: what is
// ranked together, and what a mixer mixes.
//
//   mlp          the window's cells side by side, then residual layers
//   transformer  causal attention along the window over the cells that are there (Vaswani et al. 2017; RoPE, pre-norm)
//   mixer        StockMixer's shape (Fan & Shen 2024): mixes times, then features of each window, then the instruments
//                of a group through a few hidden ones; an instrument without a place on that axis stands alone
//
// To each a linear map of the window's last cell is added: a network begins as that alone, from zero.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "market/strategy_file.h"
#include "ops/ops.h"
#include "ops/param.h"

namespace hadal::market::forecast {

struct NetworkShape {
  std::string kind;  // mlp | transformer | mixer
  int64_t features = 0, outputs = 1;
  int64_t instruments = 0;  // places on a mixer's axis of instruments
  int64_t look_back = 1, width = 32, layers = 1, heads = 4;
};

struct NetworkBatch {
  // [cells + 1, features + 1]: the last column is 1, which stands for a bias; the last row is 0: the cell that is
  // absent.
  Tensor cells;
  std::vector<int64_t> windows;  // [windows, look_back]: rows of `cells`; the last one of a window is there
  std::vector<int64_t> places;   // [windows]: on a mixer's axis of instruments; -1: none
  std::vector<int32_t> groups;   // offsets: windows [groups[g], groups[g + 1]) have the same time
  // Only of batches for a network that reads every position: the cells whose outputs are asked for, numbered among the
  // cells that are there, window by window. Empty: the last one of each window.
  std::vector<int64_t> positions;
  std::vector<float> targets;          // [outputs of the network, in their order]; NaN: missing
  std::vector<int32_t> target_groups;  // offsets: what the losses compare; `groups`, but for `positions`

  int64_t num_windows() const { return static_cast<int64_t>(places.size()); }
};

class Network {
 public:
  virtual ~Network() = default;
  const NetworkShape& shape() const { return shape_; }
  ParamList params();
  // True: a window may give an output at each of its cells, so that one pass trains them all.
  virtual bool reads_every_position() const { return false; }
  // [windows or positions, outputs]
  Tensor forward(const Context& ctx, const NetworkBatch& batch) const;

 protected:
  explicit Network(const NetworkShape& shape);
  // Hidden values of each window (or position), [.., width].
  virtual Tensor hidden(const Context& ctx, const NetworkBatch& batch) const = 0;
  // Each belongs to the network, which keeps it in place.
  Weight* matrix(const std::string& name, int64_t out, int64_t in, double gain = 1);
  struct Norm {
    Weight *weight = nullptr, *bias = nullptr;
    Tensor operator()(const Context& ctx, const Tensor& x) const { return layer_norm(ctx, x, *weight, *bias, 1e-5f); }
  };
  Norm norm(const std::string& name, int64_t width);
  // x + out gelu(in normal(x))
  struct Residual {
    Norm normal;
    Weight *in = nullptr, *out = nullptr;
    Tensor operator()(const Context& ctx, const Tensor& x) const;
  };
  Residual residual(const std::string& name, int64_t width, int64_t inner);
  // The last column of cells is a bias already; without one an absent cell stays 0.
  Tensor embedded(const Context& ctx, const NetworkBatch& batch, const Weight& w) const {
    return linear(ctx, batch.cells, w);
  }

  NetworkShape shape_;

 private:
  std::vector<std::unique_ptr<Param>> params_;
  Norm last_norm_;
  Weight *head_ = nullptr, *direct_ = nullptr;
};

// Initialised by the seed alone.
std::unique_ptr<Network> make_network(const NetworkShape& shape, uint64_t seed);

std::unique_ptr<Network> make_mlp(const NetworkShape& shape);
std::unique_ptr<Network> make_transformer(const NetworkShape& shape);
std::unique_ptr<Network> make_mixer(const NetworkShape& shape);

}  // namespace hadal::market::forecast
