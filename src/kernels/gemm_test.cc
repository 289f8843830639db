#include "kernels/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/levels/amx_emulator.h"
#include "kernels/levels/level.h"

namespace hadal {
namespace {

enum class Layout {
  rows,
  columns,
  wide_rows,
  wide_columns
};  // which index runs inside; wide: with a gap between lines

// A random matrix, in f32 or bf16, in any layout.
struct Matrix {
  std::vector<float> f32;
  std::vector<Bf16> bf16;
  MatrixView view;

  Matrix(Rng& rng, int64_t rows, int64_t cols, bool is_bf16, Layout layout = Layout::rows) {
    const bool transposed = layout == Layout::columns || layout == Layout::wide_columns;
    const int64_t lines = transposed ? cols : rows, line = transposed ? rows : cols;
    const int64_t stride = line + (layout == Layout::wide_rows || layout == Layout::wide_columns ? 5 : 0);
    for (int64_t i = 0; i < lines * stride; ++i) {
      const float x = rng.normal();
      if (is_bf16)
        bf16.push_back(Bf16(x));
      else
        f32.push_back(x);
    }
    view = is_bf16 ? MatrixView(bf16.data(), lines, line, stride) : MatrixView(f32.data(), lines, line, stride);
    if (transposed) view = view.transposed();
  }
};

class Gemm : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
  ThreadPool pool_{2};
};

struct Case {
  int64_t m, n, k;
  Precision precision = Precision::bf16;
  bool a_bf16 = false, b_bf16 = false, accumulate = false, packed = true;
  Layout a = Layout::rows, b = Layout::columns;
};

std::string describe(const Case& c) {
  return fmt::format("[{}, {}, {}] {} a {} {} b {} {} accumulate {} packed {}", c.m, c.n, c.k,
                     c.precision == Precision::bf16 ? "bf16" : "f32", c.a_bf16 ? "bf16" : "f32", static_cast<int>(c.a),
                     c.b_bf16 ? "bf16" : "f32", static_cast<int>(c.b), c.accumulate, c.packed);
}

void expect_close(const std::vector<float>& found, const std::vector<float>& expected, int64_t k,
                  const std::string& what) {
  // Both are sums of k products near 1 in some order: each addition errs by at most 2^-24 of a partial sum.
  const float bound = 4e-7f * static_cast<float>(k + 4) + 1e-6f;
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], bound) << what << " at " << i;
}

void check(const Case& c, ThreadPool& pool) {
  Rng rng(static_cast<uint64_t>(c.m * 1000003 + c.n * 1009 + c.k));
  const Matrix a(rng, c.m, c.k, c.a_bf16, c.a), b(rng, c.k, c.n, c.b_bf16, c.b);
  const int64_t stride = c.n + 3;
  std::vector<float> found(static_cast<size_t>(c.m * stride));
  for (float& x : found) x = rng.normal();
  std::vector<float> expected = found;
  Product product{.a = a.view, .b = b.view, .c = expected.data(), .c_stride = stride, .accumulate = c.accumulate};
  gemm_plain(product, c.precision);
  PackedMatrix packed;
  product.c = found.data();
  if (c.packed) {
    packed.pack(b.view, c.precision, pool);
    product.packed = &packed;
    product.b = {};
  }
  gemm({&product, 1}, c.precision, pool);
  expect_close(found, expected, c.k, describe(c));
}

TEST_P(Gemm, EqualsThePlainProductOverOddShapes) {
  const int64_t sizes[] = {0, 1, 2, 7, 12, 13, 31, 32, 33, 47, 64, 65};
  for (Precision precision : {Precision::f32, Precision::bf16})
    for (int64_t m : sizes)
      for (int64_t n : sizes)
        for (int64_t k : sizes) {
          const uint64_t pick = static_cast<uint64_t>(m * 7 + n * 3 + k);
          check({m, n, k, precision, (pick & 1) != 0, (pick & 2) != 0, (pick & 4) != 0, (pick & 8) != 0}, pool_);
          if (HasFatalFailure()) return;
        }
}

TEST_P(Gemm, EqualsThePlainProductInEveryLayout) {
  for (Precision precision : {Precision::f32, Precision::bf16})
    for (int bits = 0; bits < 16; ++bits)
      for (Layout a : {Layout::rows, Layout::columns, Layout::wide_rows, Layout::wide_columns})
        for (Layout b : {Layout::rows, Layout::columns, Layout::wide_rows, Layout::wide_columns}) {
          for (int64_t k : {75, 530})
            if (k < 100 || bits % 5 == 0)
              check({14, 40, k, precision, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, a, b},
                    pool_);
          if (HasFatalFailure()) return;
        }
}

TEST_P(Gemm, EqualsThePlainProductOverSeveralBlocks) {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    check({301, 37, 600, precision}, pool_);
    check({5, 500, 1025, precision, true, true, true, false}, pool_);
    check({13, 40, 5000, precision, false, true, false, true}, pool_);
  }
}

TEST_P(Gemm, ARowHasTheSameBitsAloneAndAmongOthers) {
  for (Precision precision : {Precision::f32, Precision::bf16})
    for (int64_t k : {33, 1030})
      for (int64_t n : {96, 101}) {
        Rng rng(5);
        const Matrix a(rng, 137, k, false), b(rng, k, n, false, Layout::columns);
        PackedMatrix packed;
        packed.pack(b.view, precision, pool_);
        std::vector<float> all(static_cast<size_t>(137 * n)), some(static_cast<size_t>(37 * n)),
            one(static_cast<size_t>(n));
        Product product{.a = a.view, .packed = &packed, .b = {}, .c = all.data(), .c_stride = n};
        gemm({&product, 1}, precision, pool_);
        product.a = a.view.row_range(50, 37), product.c = some.data();
        gemm({&product, 1}, precision, pool_);
        EXPECT_EQ(0, std::memcmp(some.data(), all.data() + 50 * n, some.size() * 4)) << "k " << k << " n " << n;
        for (int64_t row : {0, 1, 5, 11, 12, 15, 16, 31, 36, 50, 86, 136}) {
          product.a = a.view.row_range(row, 1), product.c = one.data();
          gemm({&product, 1}, precision, pool_);
          EXPECT_EQ(0, std::memcmp(one.data(), all.data() + row * n, one.size() * 4))
              << "row " << row << " k " << k << " n " << n;
        }
      }
}

TEST_P(Gemm, TheWayBComesDoesNotChangeTheBits) {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    Rng rng(6);
    const Matrix a(rng, 40, 700, false), b(rng, 700, 90, true);
    PackedMatrix packed;
    packed.pack(b.view, precision, pool_);
    std::vector<float> first(40 * 90), second(40 * 90), third(40 * 90);
    Product with{.a = a.view, .packed = &packed, .b = {}, .c = first.data(), .c_stride = 90};
    Product without{.a = a.view, .b = b.view, .c = second.data(), .c_stride = 90};
    gemm({&with, 1}, precision, pool_);
    gemm({&without, 1}, precision, pool_);
    without.c = third.data();
    auto job = [&](int64_t, int) { gemm({&without, 1}, precision, pool_); };  // inside a job of the pool
    pool_.parallel_for(1, job);
    EXPECT_EQ(first, second);
    EXPECT_EQ(first, third);
  }
}

TEST_P(Gemm, ZerosAppendedToKLeaveTheBits) {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    Rng rng(7);
    const Matrix a(rng, 21, 700, false), b(rng, 700, 40, false);
    std::vector<float> expected(21 * 40), found(21 * 40), wide_a(21 * 1100), long_b(1100 * 40);
    for (int64_t i = 0; i < 21; ++i)
      std::memcpy(&wide_a[static_cast<size_t>(i * 1100)], &a.f32[static_cast<size_t>(i * 700)], 2800);
    std::memcpy(long_b.data(), b.f32.data(), b.f32.size() * 4);
    Product product{.a = a.view, .b = b.view, .c = expected.data(), .c_stride = 40};
    gemm({&product, 1}, precision, pool_);
    for (int64_t k : {701, 720, 1100}) {
      product.a = MatrixView(wide_a.data(), 21, k, 1100);
      product.b = MatrixView(long_b.data(), k, 40, 40);
      product.c = found.data();
      gemm({&product, 1}, precision, pool_);
      EXPECT_EQ(expected, found) << "k " << k;
    }
  }
}

TEST_P(Gemm, GroupsOfProductsAreEachRight) {
  for (Precision precision : {Precision::f32, Precision::bf16})
    for (bool packed : {true, false})
      for (int count : {3, 60}) {
        Rng rng(8);
        std::vector<Matrix> as, bs;
        std::vector<PackedMatrix> packs(static_cast<size_t>(count));
        std::vector<std::vector<float>> found, expected;
        std::vector<Product> products;
        for (int i = 0; i < count; ++i) {
          const int64_t m = (i * 7) % 50, n = (i % 5) * 17, k = i % 11 == 10 ? 0 : 20 + i;  // some are empty
          as.emplace_back(rng, m, k, false);
          bs.emplace_back(rng, k, n, false, i % 2 ? Layout::rows : Layout::columns);
          found.emplace_back(static_cast<size_t>(m * n), 1.0f);
          expected.push_back(found.back());
        }
        for (size_t i = 0; i < as.size(); ++i) {
          Product product{.a = as[i].view,
                          .b = bs[i].view,
                          .c = expected[i].data(),
                          .c_stride = bs[i].view.cols,
                          .accumulate = i % 3 == 0};
          gemm_plain(product, precision);
          product.c = found[i].data();
          if (packed) {
            packs[i].pack(bs[i].view, precision, pool_);
            product.packed = &packs[i];
          }
          products.push_back(product);
        }
        gemm(products, precision, pool_);
        for (size_t i = 0; i < found.size(); ++i)
          expect_close(found[i], expected[i], 100, fmt::format("product {} of {}, packed {}", i, count, packed));
      }
}

TEST_P(Gemm, APackedMatrixIsReused) {
  Rng rng(9);
  PackedMatrix packed;
  for (int64_t n : {64, 40, 200}) {
    const Matrix a(rng, 3, 50, false), b(rng, 50, n, false);
    packed.pack(b.view, Precision::f32, pool_);
    EXPECT_EQ(packed.n(), n);
    EXPECT_EQ(packed.bytes() % (50 * 32 * 4), 0);
    std::vector<float> found(static_cast<size_t>(3 * n)), expected = found;
    Product product{.a = a.view, .b = b.view, .c = expected.data(), .c_stride = n};
    gemm_plain(product, Precision::f32);
    product.c = found.data(), product.packed = &packed;
    gemm({&product, 1}, Precision::f32, pool_);
    expect_close(found, expected, 50, "reused");
  }
}

// What is attended by a decoded token, and by the same token in a prompt.
TEST_P(Gemm, FewRowsWithoutPackingHaveTheBitsOfTheOthers) {
  using namespace kernels;
  const GemmKernels& level = gemm_kernels();
  if (level.few_rows == 0) GTEST_SKIP() << "this level packs always";
  constexpr int64_t kCols = 96, kStride = kFewRows + 16;
  Rng rng(10);
  for (const float least : {1.0f, 0x1p-40f, 0x1p-130f})  // products down to where numbers become denormal
    for (const int64_t k : {1, 2, 31, 32, 33, 100, 256}) {
      std::vector<float> a(static_cast<size_t>(k * kStride));
      for (float& x : a) x = rng.normal() * (rng.next() % 2 ? 1.0f : least);
      const Matrix b(rng, k, kCols, true);
      std::vector<const uint16_t*> lines;
      for (int64_t i = 0; i < k; ++i) lines.push_back(reinterpret_cast<const uint16_t*>(b.bf16.data()) + i * kCols);
      const int64_t padded = (k + kUnit - 1) / kUnit * kUnit;
      std::vector<uint32_t> panel(static_cast<size_t>(padded / 2 * kPanel) + 64);
      std::vector<uint16_t> packed(static_cast<size_t>(kFewRows * padded) + 64);
      for (int64_t rows = 1; rows <= level.few_rows; ++rows) {
        std::vector<float> found(static_cast<size_t>(rows * kCols)), expected = found;
        Fetch nothing;
        level.multiply_bf16_rows(a.data(), kStride, lines.data(), k, found.data(), kCols, rows, kCols, nothing);
        level.pack_a({a.data(), false, 1, kStride}, 0, rows, k, padded, Format::bf16, packed.data(), padded);
        for (int64_t col = 0; col < kCols; col += kPanel) {
          level.pack_panel({b.bf16.data(), true, kCols, 1}, k, col, kPanel, true, panel.data());
          level.multiply_bf16(packed.data(), padded, panel.data(), padded, expected.data() + col, kCols, rows, kPanel,
                              false, nullptr);
        }
        EXPECT_EQ(found, expected) << rows << " rows, k " << k << ", from " << least;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, Gemm, testing::ValuesIn(cpu_levels_to_test()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace hadal
