#include "ops/weight.h"

#include <cstring>

#include "kernels/vector.h"

namespace hadal {

Weight::Weight(const QuantMatrix& matrix, Shape shape, std::shared_ptr<const void> owner)
    : frozen(true), quant_(matrix), shape_(std::move(shape)), owner_(std::move(owner)) {
  HADAL_CHECK(shape_.size() >= 2 && matrix.cols == in() && matrix.rows == stack() * out(), "{} rows of {} as {}",
              matrix.rows, matrix.cols, shape_text(shape_));
}

bool Weight::multiplies_integers() const { return quant() != nullptr && quant_format(quant_.type).block_weights > 1; }

int64_t Weight::bytes() const {
  if (quant() != nullptr) return quant_.bytes();
  return value_ ? value_.size() * (value_.dtype() == DType::bf16 ? 2 : 4) : 0;
}

void Weight::read(int64_t first, std::span<float> out) const {
  const auto count = static_cast<int64_t>(out.size());
  HADAL_CHECK(first >= 0 && first + count <= num_elements(shape_));
  if (quant() != nullptr) {
    HADAL_CHECK(first % in() == 0 && count % in() == 0, "whole rows of {}", in());
    for (int64_t r = 0; r < count / in(); ++r) dequantise_row(quant_, first / in() + r, out.data() + r * in());
  } else if (stored_.read) {
    stored_.read(first, out);
  } else if (value_.dtype() == DType::bf16) {
    vec().to_f32(value_.bf16() + first, out.data(), count);
  } else {
    std::memcpy(out.data(), value_.f32() + first, out.size_bytes());
  }
}

MatrixView Weight::view(Rows rows) const {
  HADAL_CHECK(rows.first >= 0 && rows.first + rows.count <= stack() * out());
  if (value_.dtype() == DType::f32) return {value_.f32() + rows.first * in(), rows.count, in(), in()};
  return {value_.bf16() + rows.first * in(), rows.count, in(), in()};
}

Product Weight::product(const Context& ctx, const MatrixView& a, Rows rows, bool plain, float* c, int64_t c_stride,
                        bool accumulate) const {
  Product p{.a = a, .packed = nullptr, .quant = {}, .b = {}, .c = c, .c_stride = c_stride, .accumulate = accumulate};
  if (quant() != nullptr && !plain)
    p.quant = quant_.row_range(rows.first, rows.count);
  else
    p.packed = &packed(ctx, rows, !plain);
  return p;
}

const PackedMatrix& Weight::packed(const Context& ctx, Rows rows, bool transposed) const {
  Packed& entry = packed_[{rows, transposed}];
  if (entry.fresh && entry.matrix.precision() == ctx.precision) return entry.matrix;
  if (value_) {
    entry.matrix.pack(transposed ? view(rows).transposed() : view(rows), ctx.precision, *ctx.pool);
  } else if (transposed) {
    const auto read_rows = [&](int64_t first, int64_t count, float* out) {
      read((rows.first + first) * in(), {out, static_cast<size_t>(count * in())});
    };
    entry.matrix.pack_rows(rows.count, in(), read_rows, ctx.precision, *ctx.pool);
  } else {
    std::vector<float> numbers(static_cast<size_t>(rows.count * in()));
    read(rows.first * in(), numbers);
    entry.matrix.pack(MatrixView(numbers.data(), rows.count, in(), in()), ctx.precision, *ctx.pool);
  }
  if (stored_.forget) stored_.forget(rows.first * in(), rows.count * in());
  entry.fresh = true;
  return entry.matrix;
}

void Weight::changed() {
  for (auto& [key, entry] : packed_) entry.fresh = false;
}

void Weight::drop_packed() { packed_.clear(); }

}  // namespace hadal
