// The same bits one row at a time, for any number of threads, any level of the processor, any block, any start and any
// end of the data.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/threads.h"
#include "market/factors.h"
#include "market/factors/operators.h"
#include "market/testing/random_panel.h"

namespace hadal::market::factors {
namespace {

// Every operator on series with holes, nested and across instruments, and some of Alpha158.
std::vector<NamedExpression> many() {
  std::vector<NamedExpression> factors;
  for (const Operator& op : operators())
    for (const char* series : {"$close", "$vwap"}) {
      std::string call = std::string(op.name) + "(";
      int window = 2;
      for (const char kind : op.signature) {
        if (call.back() != '(') call += ",";
        if (kind == 'x') call += window == 2 ? series : "$volume";
        if (kind == 'g') call += "($volume>1000000)";
        if (kind == 'n' || kind == 'r' || kind == 'e') call += std::to_string(window += 5);
        if (kind == 'q') call += "0.3";
        if (kind == 'k') call += "1.5";
        if (kind == 's') call += "S3";
      }
      call += ")";
      if (factors.empty() || factors.back().name != call) factors.push_back({call, call});
    }
  factors.push_back({"nested", "CSZScore(Mean(CSRank($close/Ref($close,3)-1),4)*Mask($volume,S1))"});
  const auto alpha = factor_set("alpha158", "");
  for (size_t i = 0; i < alpha.size(); i += 7) factors.push_back(alpha[i]);
  return factors;
}

const FactorProgram& program() {
  static const FactorProgram kProgram(many(), "");
  return kProgram;
}
const Panel& panel() {
  static const Panel kPanel = random_panel(150, 75, 21);
  return kPanel;
}
const std::vector<double>& batch() {
  static const std::vector<double> kValues = evaluate_factors(program(), panel());
  return kValues;
}

TEST(SameBits, OneRowAtATime) {
  FactorStream stream(program(), panel().symbols);
  const size_t n = panel().num_instruments(), factors = program().num_factors();
  for (size_t t = 0; t < panel().num_times(); ++t) {
    const std::span<const double> row = stream.next(row_of(panel(), t));
    for (size_t f = 0; f < factors; ++f)
      for (size_t i = 0; i < n; ++i)
        ASSERT_EQ(bits_of(row[f * n + i]), bits_of(batch()[(t * n + i) * factors + f]))
            << program().names()[f] << " at " << t << " of " << i;
  }
}

TEST(SameBits, ForAnyThreads) {
  const int before = ThreadPool::shared().size();
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool::set_shared_size(threads);
    EXPECT_TRUE(same_bits(evaluate_factors(program(), panel()), batch())) << threads;
  }
  ThreadPool::set_shared_size(before);
}

TEST(SameBits, ForAnyLevel) {
  int levels = 0;
  for (const char* level : {"generic", "avx2", "avx512"}) {
    ::setenv("HADAL_CPU", level, 1);
    try {
      EXPECT_TRUE(same_bits(evaluate_factors(program(), panel()), batch())) << level;
      ++levels;
    } catch (const Error&) {  // this CPU does not have it
    }
  }
#if defined(__x86_64__)
  EXPECT_EQ(levels, 1 + (__builtin_cpu_supports("avx2") != 0) + (__builtin_cpu_supports("avx512dq") != 0));
#endif
  ::setenv("HADAL_CPU", "z80", 1);
  EXPECT_THROW(evaluate_factors(program(), panel()), Error);
  ::unsetenv("HADAL_CPU");
}

TEST(SameBits, ForAnyBlock) {
  for (const size_t rows : {1, 7, 64, 149}) {
    std::vector<double> got(batch().size());
    const size_t n = panel().num_instruments(), factors = program().num_factors();
    evaluate_factors(program(), panel(),
                     [&](const FactorBlock& block) {
                       for (size_t f = 0; f < factors; ++f)
                         for (size_t r = 0; r < block.num_rows; ++r)
                           for (size_t i = 0; i < n; ++i)
                             got[((block.first_row + r) * n + i) * factors + f] = block.at(f, r, i);
                     },
                     {.block_rows = rows});
    EXPECT_TRUE(same_bits(got, batch())) << rows;
  }
}

TEST(SameBits, ForAnyEnd) {
  for (const size_t end : {1, 40, 101}) {
    const std::vector<double> got = evaluate_factors(program(), rows_of(panel(), 0, end));
    EXPECT_TRUE(same_bits(got, std::span(batch()).first(got.size()))) << end;
  }
}

// Where an instrument has as many bars before as its values read. Across instruments that holds for what all have.
TEST(SameBits, ForAnyStart) {
  const size_t begin = 30, n = panel().num_instruments(), factors = program().num_factors();
  const std::vector<double> got = evaluate_factors(program(), rows_of(panel(), begin, panel().num_times()));
  size_t compared = 0;
  for (size_t f = 0; f < factors; ++f) {
    const std::string& text = program().text(f);
    if (program().look_back(f) == kWholePast || text.find("CS") != std::string::npos ||
        text.find("Mask") != std::string::npos)
      continue;
    for (size_t i = 0; i < n; ++i) {
      int64_t bars = 0;
      for (size_t t = begin; t < panel().num_times(); ++t) {
        if (panel().has_bar(t, i) && bars++ >= program().look_back(f)) {
          ++compared;
          ASSERT_EQ(bits_of(got[((t - begin) * n + i) * factors + f]), bits_of(batch()[(t * n + i) * factors + f]))
              << program().names()[f] << " at " << t << " of " << i;
        }
      }
    }
  }
  EXPECT_GT(compared, 100'000u);
}

TEST(SameBits, ForAnyOrderOfInstruments) {
  const size_t times = panel().num_times(), n = panel().num_instruments();
  Panel turned = empty_panel(times, n);
  const auto turn = [&](const auto& from, auto& to) {
    for (size_t t = 0; t < times; ++t)
      for (size_t i = 0; i < n; ++i) to[t * n + i] = from[t * n + n - 1 - i];
  };
  turn(panel().open, turned.open), turn(panel().high, turned.high), turn(panel().low, turned.low);
  turn(panel().close, turned.close), turn(panel().volume, turned.volume), turn(panel().vwap, turned.vwap);
  std::vector<NamedExpression> own;
  for (const NamedExpression& factor : many())
    if (factor.expression.find("CS") == std::string::npos && factor.expression.find("Mask") == std::string::npos)
      own.push_back(factor);
  const FactorProgram alone(own, "");
  const std::vector<double> a = evaluate_factors(alone, panel()), b = evaluate_factors(alone, turned);
  for (size_t t = 0; t < times; ++t)
    for (size_t i = 0; i < n; ++i)
      for (size_t f = 0; f < own.size(); ++f)
        ASSERT_EQ(bits_of(a[(t * n + i) * own.size() + f]), bits_of(b[(t * n + n - 1 - i) * own.size() + f]));
}

TEST(SameBits, EmptyPanelsGiveNothing) {
  EXPECT_TRUE(evaluate_factors(program(), rows_of(panel(), 0, 0)).empty());
  const FactorProgram none(std::vector<NamedExpression>{}, "");
  EXPECT_TRUE(evaluate_factors(none, panel()).empty());
  Panel blank = empty_panel(20, 3);
  blank.symbols = {"S1", "S3", "S5"};
  for (const double value : evaluate_factors(program(), blank)) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace hadal::market::factors
