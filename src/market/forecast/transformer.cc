#include <cmath>

#include "market/forecast/network.h"

namespace hadal::market::forecast {
namespace {

// The cells of a batch that are there, as sequences.
struct Tokens {
  std::vector<int64_t> cells;
  std::vector<int32_t> places;   // in their window: what is absent leaves a gap
  std::vector<int32_t> offsets;  // of the windows
  std::vector<int64_t> last;     // of each window
};

Tokens tokens_of(const NetworkBatch& batch, int64_t look_back) {
  Tokens t;
  t.offsets.push_back(0);
  const int64_t absent = batch.cells.rows() - 1;
  for (int64_t w = 0; w < batch.num_windows(); ++w) {
    for (int64_t k = 0; k < look_back; ++k) {
      const int64_t cell = batch.windows[w * look_back + k];
      if (cell == absent) continue;
      t.cells.push_back(cell);
      t.places.push_back(static_cast<int32_t>(k));
    }
    t.offsets.push_back(static_cast<int32_t>(t.cells.size()));
    t.last.push_back(static_cast<int64_t>(t.cells.size()) - 1);
  }
  return t;
}

class Transformer : public Network {
 public:
  explicit Transformer(const NetworkShape& shape) : Network(shape) {
    in_ = matrix("in", shape.width, shape.features + 1);
    const int64_t dim = shape.width / shape.heads;
    for (int64_t i = 0; i < dim / 2; ++i)
      rope_.inv_freq.push_back(std::pow(100.0f, -static_cast<float>(2 * i) / static_cast<float>(dim)));
    attention_ = {shape.heads, shape.heads, dim, dim, 1 / std::sqrt(static_cast<float>(dim))};
    for (int64_t i = 0; i < shape.layers; ++i) {
      const std::string name = fmt::format("layers.{}", i);
      layers_.push_back({norm(name + ".norm", shape.width), matrix(name + ".q", shape.width, shape.width),
                         matrix(name + ".k", shape.width, shape.width), matrix(name + ".v", shape.width, shape.width),
                         matrix(name + ".o", shape.width, shape.width, 0.5),
                         residual(name + ".mlp", shape.width, 2 * shape.width)});
    }
  }
  bool reads_every_position() const override { return true; }

 private:
  struct Layer {
    Norm normal;
    Weight *q, *k, *v, *o;
    Residual mlp;
  };

  Tensor hidden(const Context& ctx, const NetworkBatch& batch) const override {
    const Tokens tokens = tokens_of(batch, shape_.look_back);
    Tensor h = gather_rows(ctx, embedded(ctx, batch, *in_), tokens.cells);
    for (const Layer& layer : layers_) {
      const Weight* ws[] = {layer.q, layer.k, layer.v};
      const std::vector<Tensor> qkv = linears(ctx, layer.normal(ctx, h), ws);
      const Tensor q = rope(ctx, qkv[0], shape_.heads, rope_, tokens.places);
      const Tensor k = rope(ctx, qkv[1], shape_.heads, rope_, tokens.places);
      h = add(ctx, h, linear(ctx, attention(ctx, attention_, q, k, qkv[2], tokens.offsets), *layer.o));
      h = layer.mlp(ctx, h);
    }
    return gather_rows(ctx, h, batch.positions.empty() ? tokens.last : batch.positions);
  }

  Weight* in_ = nullptr;
  Rope rope_;
  AttentionShape attention_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Network> make_transformer(const NetworkShape& shape) { return std::make_unique<Transformer>(shape); }

}  // namespace hadal::market::forecast
