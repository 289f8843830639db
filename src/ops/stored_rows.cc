// What is stored of each position: where it lies, and how a batch writes it.
#include <algorithm>

#include "ops/ops.h"

namespace hadal {

StoredRows KvRows::columns(int64_t column, int64_t width) const {
  const int64_t part = column / row.width, first = column % row.width;
  HADAL_CHECK(first + width <= row.width, "columns {} + {} lie in two parts of {}", column, width, row.width);
  return {blocks, block_rows, row, first, width, part * part_rows * row.bytes()};
}

namespace {

// Rows [begin, end) of x to positions from `first` on.
void store(const Tensor& x, int64_t begin, int64_t end, const KvRows& kv, int64_t first, int64_t column) {
  const int64_t last_column = column + x.cols();
  for (int64_t at = column, next; at < last_column; at = next) {  // part by part
    next = std::min(last_column, (at / kv.row.width + 1) * kv.row.width);
    const StoredRows part = kv.columns(at, next - at);
    for (int64_t t = begin; t < end; ++t)
      kv.row.write(x.row(t) + at - column, part.first_column, part.width, part.row_at(first + t - begin));
  }
}

}  // namespace

void store_rows(const Context& ctx, const Tensor& x, std::span<const KvRows> kv, int64_t column,
                std::span<const int32_t> offsets) {
  HADAL_CHECK(ctx.tape == nullptr, "storing rows has no backward");
  HADAL_CHECK(kv.size() + 1 == offsets.size() && offsets.back() == x.rows());
  for (size_t s = 0; s < kv.size(); ++s) {
    const int64_t first = kv[s].length - (offsets[s + 1] - offsets[s]);
    HADAL_CHECK(first >= 0, "{} rows of a sequence of {}", offsets[s + 1] - offsets[s], kv[s].length);
    store(x, offsets[s], offsets[s + 1], kv[s], first, column);
  }
}

}  // namespace hadal
