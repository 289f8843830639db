#include "market/forecast/ranks.h"

#include <span>

#include "market/stats.h"

namespace hadal::market::forecast {

Quality quality_of(const std::vector<double>& scores, const std::vector<double>& labels, size_t num_instruments,
                   const std::vector<RowRange>& parts, int64_t horizon) {
  const auto summary = [&](IcKind kind) {
    std::vector<double> all;
    for (const RowRange& part : parts) {
      const auto of_part = [&](const std::vector<double>& values) {
        return std::span(values).subspan(part.first * num_instruments, part.size() * num_instruments);
      };
      const std::vector<double> ics = ic_series(of_part(scores), of_part(labels), num_instruments, kind);
      all.insert(all.end(), ics.begin(), ics.end());
    }
    return summarize_ic(all, static_cast<int>(horizon));
  };
  const IcSummary ic = summary(IcKind::pearson), rank_ic = summary(IcKind::rank);
  Quality q;
  q.ic = ic.mean, q.ic_error = ic.error, q.icir = ic.icir;
  q.rank_ic = rank_ic.mean, q.rank_ic_error = rank_ic.error, q.rank_icir = rank_ic.icir;
  return q;
}

}  // namespace hadal::market::forecast
