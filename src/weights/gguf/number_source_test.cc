#include "weights/gguf/number_source.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hadal::weights {
namespace {

Weight counting(Shape shape) {
  std::vector<float> values(static_cast<size_t>(num_elements(shape)));
  std::iota(values.begin(), values.end(), 0.0f);
  return Weight(Tensor::from(std::move(shape), values));
}

std::vector<float> rows_of(const NumberSource& source, int64_t first, int64_t count) {
  std::vector<float> out(static_cast<size_t>(count * source.cols));
  source.read(first, count, out.data());
  return out;
}

TEST(NumberSource, RowsOfAParameter) {
  const Weight matrix = counting({4, 3}), vector = counting({5});
  const NumberSource all = numbers_of(matrix), some = numbers_of(matrix, 1, 2), one = numbers_of(vector);
  EXPECT_EQ(all.same, &matrix);
  EXPECT_EQ(some.same, nullptr);
  EXPECT_EQ(rows_of(all, 2, 2), (std::vector<float>{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(rows_of(some, 1, 1), (std::vector<float>{6, 7, 8}));
  EXPECT_EQ(one.rows, 1);
  EXPECT_EQ(rows_of(one, 0, 1), (std::vector<float>{0, 1, 2, 3, 4}));
}

// With rotary halves element i of a head rotates with i + dim / 2, with pairs 2 i with 2 i + 1.
TEST(NumberSource, HalvesAndPairsAreInverse) {
  const Weight halves = counting({8, 1});  // two heads of four rows
  const auto paired = rows_of(to_pairs(halves, 4), 0, 8);
  EXPECT_EQ(paired, (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  const Weight pairs(Tensor::from({8, 1}, paired));
  EXPECT_EQ(rows_of(to_halves(pairs, 4), 0, 8), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(to_pairs(halves, 4).same, nullptr);
  EXPECT_EQ(rows_of(to_pairs(halves, 4), 5, 2), (std::vector<float>{6, 5}));  // any range of rows
}

TEST(NumberSource, PiecesAreTheWholeInOrder) {
  const Weight large = counting({700, 4099});  // more than a piece of a million, and not a multiple of it
  int64_t next = 0, pieces = 0;
  numbers_of(large).for_each_piece([&](std::span<const float> piece) {
    EXPECT_EQ(piece.size() % 4099, 0u);  // whole rows
    EXPECT_EQ(piece.front(), static_cast<float>(next));
    next += static_cast<int64_t>(piece.size());
    EXPECT_EQ(piece.back(), static_cast<float>(next - 1));
    ++pieces;
  });
  EXPECT_EQ(next, 700 * 4099);
  EXPECT_GT(pieces, 1);
}

}  // namespace
}  // namespace hadal::weights
