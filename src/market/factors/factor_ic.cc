#include "market/factor_ic.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"

namespace hadal::market {
namespace {

constexpr size_t kInstrumentsTogether = 256;

// [time][instrument]. A label looks ahead, so that it is computed over all times of some instruments.
std::vector<double> labels_of(const FactorProgram& label, PanelReader& reader) {
  const size_t times = reader.times().size(), n = reader.symbols().size();
  const size_t together = label.reads_others() ? n : kInstrumentsTogether;
  std::vector<double> labels(times * n, kMissing);
  Panel panel;
  for (size_t first = 0; first < n; first += together) {
    reader.read_instruments(first, together, panel);
    evaluate_factors(label, panel, [&](const FactorBlock& block) {
      for (size_t row = 0; row < block.num_rows; ++row)
        for (size_t i = 0; i < block.num_instruments; ++i)
          if (panel.member[panel.at(block.first_row + row, i)] != 0)
            labels[(block.first_row + row) * n + first + i] = block.at(0, row, i);
    });
  }
  return labels;
}

}  // namespace

IcSummary FactorIcs::summary(size_t factor) const { return summarize_ic(series(factor), static_cast<int>(horizon)); }

FactorIcs factor_ics(const FactorProgram& factors, const FactorProgram& label, PanelReader& reader, IcKind kind,
                     size_t first_row) {
  HADAL_CHECK(label.num_factors() == 1, "{} labels", label.num_factors());
  const size_t n = reader.symbols().size();
  first_row = std::min(first_row, reader.times().size());
  const auto skip = static_cast<ptrdiff_t>(first_row);
  FactorIcs ics;
  ics.times.assign(reader.times().begin() + skip, reader.times().end());
  ics.sessions.assign(reader.sessions().begin() + skip, reader.sessions().end());
  ics.names = factors.names();
  ics.horizon = label.look_ahead(0);
  ics.values.assign(factors.num_factors() * ics.times.size(), kMissing);
  const std::vector<double> labels = labels_of(label, reader);
  std::vector<LabelRow> label_rows(static_cast<size_t>(ThreadPool::shared().size()));
  evaluate_factors(factors, reader, [&](const FactorBlock& block) {
    const size_t begin = std::max(block.first_row, first_row), end = block.first_row + block.num_rows;
    if (begin >= end) return;
    ThreadPool::shared().parallel_for(static_cast<int64_t>(end - begin), [&](int64_t index, int worker) {
      LabelRow& row = label_rows[static_cast<size_t>(worker)];
      const size_t time = begin + static_cast<size_t>(index);
      row.set(std::span(labels).subspan(time * n, n), kind);
      for (size_t factor = 0; factor < block.num_factors; ++factor)
        ics.values[factor * ics.times.size() + time - first_row] =
            row.ic(block.cross_section(factor, time - block.first_row));
    });
  });
  return ics;
}

}  // namespace hadal::market
