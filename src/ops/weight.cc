#include "ops/weight.h"

namespace hadal {

MatrixView Weight::view(Rows rows) const {
  HADAL_CHECK(rows.first >= 0 && rows.first + rows.count <= stack() * out());
  if (value_.dtype() == DType::f32) return {value_.f32() + rows.first * in(), rows.count, in(), in()};
  return {value_.bf16() + rows.first * in(), rows.count, in(), in()};
}

const PackedMatrix& Weight::packed(const Context& ctx, Rows rows, bool transposed) const {
  Packed& entry = packed_[{rows, transposed}];
  if (!entry.fresh || entry.matrix.precision() != ctx.precision) {
    entry.matrix.pack(transposed ? view(rows).transposed() : view(rows), ctx.precision, *ctx.pool);
    entry.fresh = true;
  }
  return entry.matrix;
}

void Weight::changed() {
  for (auto& [key, entry] : packed_) entry.fresh = false;
}

void Weight::drop_packed() { packed_.clear(); }

}  // namespace hadal
