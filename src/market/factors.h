// Factors: expressions over the bars of each instrument, with Qlib's operators, cross-sectional ones and indicators.
// A list of them is parsed into a program, whose look-back and look-ahead are known before anything runs, and which is
// evaluated over a panel in blocks of time, or one row at a time.
//
// A window of n reaches back n bars of that instrument: rows of the panel without a bar of it do not count. Every value
// is computed by a fixed order of operations over its own window, so the bits are the same one row at a time or all at
// once, for any number of threads, any level of the processor (HADAL_CPU: generic, avx2, avx512), and for any start of
// the panel, but for what is recursive: EMA, EMAS, RMA and what stands on them, KAMA, OBV and ADOSC begin at the
// instrument's first bar. A value that is not there is NaN, never infinite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "market/panel.h"

namespace hadal::market {

namespace factors {
struct Program;
class Engine;
}  // namespace factors

struct NamedExpression {
  std::string name, expression;
};

// "alpha158" or "alpha360": Qlib's lists, in its order and with its names. Error that begins with `who` and names the
// nearest for another set.
std::vector<NamedExpression> factor_set(std::string_view set, const std::string& who);

// A negative Ref, the only thing that looks ahead, is an Error but in labels.
enum class LookAhead { refused, allowed };

inline constexpr int64_t kWholePast = std::numeric_limits<int64_t>::max();

class FactorProgram {
 public:
  // Errors begin with `who` ("strategy.toml: [factors]") and the factor's name, and have carets under the place. Names
  // must differ. Equal sub-expressions are computed once, across all factors.
  FactorProgram(const std::vector<NamedExpression>& factors, const std::string& who,
                LookAhead look_ahead = LookAhead::refused);

  size_t num_factors() const { return names().size(); }
  const std::vector<std::string>& names() const;
  // How many of an instrument's bars before its newest one a value reads; kWholePast for what is recursive.
  int64_t look_back(size_t factor) const;
  int64_t look_ahead(size_t factor) const;       // bars after it; above 0 only in labels
  int64_t look_ahead() const;                    // the largest
  const std::string& text(size_t factor) const;  // the expression as it was understood

  bool reads_others() const;  // of the same time: CSRank and its like, Mask

  // A program whose factors are all the nodes that this one computes, each named by its expression, in the order of
  // computing: so that the first one that differs between two panels can be named.
  FactorProgram all_nodes() const;

  const std::shared_ptr<const factors::Program>& shared() const { return program_; }  // for the engine

 private:
  explicit FactorProgram(std::shared_ptr<const factors::Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const factors::Program> program_;
};

// The values of some rows of the panel.
struct FactorBlock {
  size_t first_row = 0, num_rows = 0, num_instruments = 0, num_factors = 0;
  const double* values = nullptr;  // [factor][row][instrument]; only while the callback runs

  double at(size_t factor, size_t row, size_t instrument) const { return cross_section(factor, row)[instrument]; }
  std::span<const double> cross_section(size_t factor, size_t row) const {
    return {values + (factor * num_rows + row) * num_instruments, num_instruments};
  }
};

struct FactorOptions {
  size_t block_rows = 0;  // 0: as many as make blocks of some hundred MiB. A program that looks ahead has one block
};

// Calls `use` with one block after the other, from the panel's first row on, in the calling thread; computes with
// ThreadPool::shared(). Error where Mask() names an instrument that the panel does not have.
void evaluate_factors(const FactorProgram& program, const Panel& panel,
                      const std::function<void(const FactorBlock&)>& use, FactorOptions options = {});

// The same of a panel that is read block by block, so that one larger than memory can be computed. Error where the
// program looks ahead.
void evaluate_factors(const FactorProgram& program, PanelReader& reader,
                      const std::function<void(const FactorBlock&)>& use, FactorOptions options = {});

// All values: [time][instrument][factor].
std::vector<double> evaluate_factors(const FactorProgram& program, const Panel& panel);

// One row of a panel: what became known at one time. Each has a value for each instrument; an empty one is all missing
// (`member`: all belong to the universe).
struct PanelRow {
  std::span<const double> open, high, low, close, volume, vwap;
  std::span<const char> member;
};
PanelRow row_of(const Panel& panel, size_t time);

// The same values as those of a whole panel, bit for bit, one row at a time. Keeps what its windows need.
class FactorStream {
 public:
  // Error where the program looks ahead.
  FactorStream(const FactorProgram& program, const std::vector<std::string>& symbols);
  FactorStream(FactorStream&&) noexcept;
  FactorStream& operator=(FactorStream&&) noexcept;
  ~FactorStream();

  // The values of the next row, [factor][instrument], until the next call.
  std::span<const double> next(const PanelRow& row);

 private:
  std::unique_ptr<factors::Engine> engine_;
  size_t num_factors_ = 0, num_instruments_ = 0;
  std::vector<double> values_;
};

}  // namespace hadal::market
