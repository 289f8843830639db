// The face's evaluation: whole panels and rows, over the engine.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "market/factors.h"
#include "market/factors/engine.h"

namespace hadal::market {
namespace {

constexpr size_t kBlockBytes = size_t{384} << 20;
constexpr size_t kLeastBlockRows = 16, kMostBlockRows = 256;
constexpr size_t kStreamCapacity = 64;

size_t rows_of_block(const FactorProgram& program, size_t times, size_t instruments, size_t asked) {
  if (program.look_ahead() > 0) return times;
  if (asked == 0) {
    const size_t row_bytes = std::max<size_t>(1, program.num_factors() * instruments * sizeof(double));
    asked = std::clamp(kBlockBytes / row_bytes, kLeastBlockRows, kMostBlockRows);
  }
  return std::min(asked, times);
}

std::vector<PanelReader::Span> spans_of(const Panel& panel) {
  const size_t n = panel.num_instruments();
  std::vector<PanelReader::Span> spans(n, {panel.num_times(), 0});
  for (size_t t = 0; t < panel.num_times(); ++t)
    for (size_t i = 0; i < n; ++i)
      if (panel.has_bar(t, i)) {
        spans[i].first = std::min(spans[i].first, t);
        spans[i].last = t;
      }
  return spans;
}

// Instruments that begin and end together share tiles, and tiles that have no bars yet, or no more, cost nothing.
std::vector<uint32_t> order_of(const std::vector<PanelReader::Span>& spans) {
  std::vector<uint32_t> order(spans.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return spans[a].first != spans[b].first ? spans[a].first < spans[b].first : spans[a].last < spans[b].last;
  });
  return order;
}

const std::vector<double>* column_of(const Panel& panel, size_t field) {
  const std::vector<double>* columns[] = {&panel.open,  &panel.high,   &panel.low,
                                          &panel.close, &panel.volume, &panel.vwap};
  return columns[field];
}

factors::Columns columns_of(const Panel& panel, size_t first_row) {
  const size_t at = first_row * panel.num_instruments();
  factors::Columns columns;
  for (size_t f = 0; f < factors::kNumFields; ++f) {
    const std::vector<double>& column = *column_of(panel, f);
    columns.fields[f] = column.empty() ? nullptr : column.data() + at;
  }
  columns.member = panel.member.empty() ? nullptr : panel.member.data() + at;
  return columns;
}

// `columns(first, rows)` gives the columns of these rows.
template <typename ColumnsOf>
void evaluate(const FactorProgram& program, const std::vector<std::string>& symbols,
              const std::vector<PanelReader::Span>& spans, size_t times, size_t block_rows, ColumnsOf&& columns,
              const std::function<void(const FactorBlock&)>& use) {
  const size_t n = symbols.size(), most = rows_of_block(program, times, n, block_rows);
  if (times == 0 || n == 0) return;
  factors::Engine engine(program.shared(), symbols, order_of(spans), most, most);
  std::vector<double> values(program.num_factors() * most * n);
  for (size_t begin = 0; begin < times; begin += most) {
    const size_t rows = std::min(most, times - begin);
    engine.run(columns(begin, rows), rows, values.data());
    use({begin, rows, n, program.num_factors(), values.data()});
  }
}

}  // namespace

void evaluate_factors(const FactorProgram& program, const Panel& panel,
                      const std::function<void(const FactorBlock&)>& use, FactorOptions options) {
  evaluate(
      program, panel.symbols, spans_of(panel), panel.num_times(), options.block_rows,
      [&](size_t begin, size_t) { return columns_of(panel, begin); }, use);
}

void evaluate_factors(const FactorProgram& program, PanelReader& reader,
                      const std::function<void(const FactorBlock&)>& use, FactorOptions options) {
  if (program.look_ahead() > 0)
    fail("an expression that looks {} bars ahead cannot be computed in blocks of time", program.look_ahead());
  Panel panel;
  evaluate(
      program, reader.symbols(), reader.spans(), reader.times().size(), options.block_rows,
      [&](size_t begin, size_t rows) {
        reader.read_rows(begin, rows, panel);
        return columns_of(panel, 0);
      },
      use);
}

std::vector<double> evaluate_factors(const FactorProgram& program, const Panel& panel) {
  const size_t n = panel.num_instruments(), factors = program.num_factors();
  std::vector<double> all(panel.num_times() * n * factors);
  evaluate_factors(program, panel, [&](const FactorBlock& block) {
    for (size_t f = 0; f < factors; ++f)
      for (size_t row = 0; row < block.num_rows; ++row) {
        const std::span<const double> values = block.cross_section(f, row);
        for (size_t i = 0; i < n; ++i) all[((block.first_row + row) * n + i) * factors + f] = values[i];
      }
  });
  return all;
}

PanelRow row_of(const Panel& panel, size_t time) {
  const size_t n = panel.num_instruments(), at = time * n;
  const auto part = [&](const std::vector<double>& column) {
    return column.empty() ? std::span<const double>() : std::span(column).subspan(at, n);
  };
  PanelRow row{
      part(panel.open), part(panel.high), part(panel.low), part(panel.close), part(panel.volume), part(panel.vwap), {}};
  if (!panel.member.empty()) row.member = std::span(panel.member).subspan(at, n);
  return row;
}

FactorStream::FactorStream(const FactorProgram& program, const std::vector<std::string>& symbols)
    : num_factors_(program.num_factors()), num_instruments_(symbols.size()) {
  if (program.look_ahead() > 0)
    fail("an expression that looks {} bars ahead cannot be computed one row at a time", program.look_ahead());
  std::vector<uint32_t> order(symbols.size());
  std::iota(order.begin(), order.end(), 0);
  engine_ = std::make_unique<factors::Engine>(program.shared(), symbols, std::move(order), 1, kStreamCapacity);
  values_.resize(num_factors_ * num_instruments_);
}

FactorStream::FactorStream(FactorStream&&) noexcept = default;
FactorStream& FactorStream::operator=(FactorStream&&) noexcept = default;
FactorStream::~FactorStream() = default;

std::span<const double> FactorStream::next(const PanelRow& row) {
  const std::span<const double> fields[] = {row.open, row.high, row.low, row.close, row.volume, row.vwap};
  factors::Columns columns;
  for (size_t f = 0; f < factors::kNumFields; ++f) {
    HADAL_CHECK(fields[f].empty() || fields[f].size() == num_instruments_, "a row of {} values for {} instruments",
                fields[f].size(), num_instruments_);
    columns.fields[f] = fields[f].empty() ? nullptr : fields[f].data();
  }
  columns.member = row.member.empty() ? nullptr : row.member.data();
  if (num_instruments_ > 0) engine_->run(columns, 1, values_.data());
  return values_;
}

}  // namespace hadal::market
