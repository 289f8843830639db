#include "market/forecast/network.h"

#include <cmath>

namespace hadal::market::forecast {
namespace {

// The row of `cells` that a window ends with.
std::vector<int64_t> last_cells(const NetworkBatch& batch, int64_t look_back) {
  std::vector<int64_t> last;
  for (int64_t w = 1; w <= batch.num_windows(); ++w) last.push_back(batch.windows[w * look_back - 1]);
  return last;
}

// The cells of `positions`.
std::vector<int64_t> cells_of_positions(const NetworkBatch& batch) {
  std::vector<int64_t> there, cells;
  const int64_t absent = batch.cells.rows() - 1;
  for (const int64_t cell : batch.windows)
    if (cell != absent) there.push_back(cell);
  for (const int64_t position : batch.positions) cells.push_back(there.at(position));
  return cells;
}

}  // namespace

Network::Network(const NetworkShape& shape) : shape_(shape) {
  last_norm_ = norm("last_norm", shape.width);
  head_ = matrix("head", shape.outputs, shape.width, 0);
  direct_ = matrix("direct", shape.outputs, shape.features + 1, 0);
}

ParamList Network::params() {
  ParamList list;
  for (const auto& param : params_) list.push_back(param.get());
  return list;
}

Weight* Network::matrix(const std::string& name, int64_t out, int64_t in, double gain) {
  Param& param = *params_.emplace_back(std::make_unique<Param>());
  param.name = name, param.shape = {out, in};
  param.init_std = static_cast<float>(gain / std::sqrt(static_cast<double>(in)));
  return &param.weight;
}

Network::Norm Network::norm(const std::string& name, int64_t width) {
  Norm norm;
  for (const bool is_weight : {true, false}) {
    Param& param = *params_.emplace_back(std::make_unique<Param>());
    param.name = name + (is_weight ? ".weight" : ".bias"), param.shape = {width};
    param.init_std = is_weight ? -1 : 0;
    param.group = ParamGroup::vector, param.decay = false;
    (is_weight ? norm.weight : norm.bias) = &param.weight;
  }
  return norm;
}

Network::Residual Network::residual(const std::string& name, int64_t width, int64_t inner) {
  return {norm(name + ".norm", width), matrix(name + ".in", inner, width), matrix(name + ".out", width, inner, 0.5)};
}

Tensor Network::Residual::operator()(const Context& ctx, const Tensor& x) const {
  return add(ctx, x, linear(ctx, gelu(ctx, linear(ctx, normal(ctx, x), *in)), *out));
}

Tensor Network::forward(const Context& ctx, const NetworkBatch& batch) const {
  const auto last = batch.positions.empty() ? last_cells(batch, shape_.look_back) : cells_of_positions(batch);
  const Tensor deep = linear(ctx, last_norm_(ctx, hidden(ctx, batch)), *head_);
  return add(ctx, deep, linear(ctx, gather_rows(ctx, batch.cells, last), *direct_));
}

namespace {

class Mlp : public Network {
 public:
  explicit Mlp(const NetworkShape& shape) : Network(shape) {
    in_ = matrix("in", shape.width, shape.look_back * (shape.features + 1));
    for (int64_t i = 0; i < shape.layers; ++i)
      layers_.push_back(residual(fmt::format("layers.{}", i), shape.width, shape.width));
  }

 private:
  Tensor hidden(const Context& ctx, const NetworkBatch& batch) const override {
    const Tensor flat = gather_rows(ctx, batch.cells, batch.windows)
                            .reshaped({batch.num_windows(), shape_.look_back * (shape_.features + 1)});
    Tensor h = linear(ctx, flat, *in_);
    for (const Residual& layer : layers_) h = layer(ctx, h);
    return h;
  }

  Weight* in_ = nullptr;
  std::vector<Residual> layers_;
};

}  // namespace

std::unique_ptr<Network> make_mlp(const NetworkShape& shape) { return std::make_unique<Mlp>(shape); }

std::unique_ptr<Network> make_network(const NetworkShape& shape, uint64_t seed) {
  auto network = shape.kind == "mlp"           ? make_mlp(shape)
                 : shape.kind == "transformer" ? make_transformer(shape)
                                               : make_mixer(shape);
  initialise(network->params(), seed);
  return network;
}

}  // namespace hadal::market::forecast
