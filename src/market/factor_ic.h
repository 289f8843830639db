// How well each factor orders the instruments, time by time: the information coefficient (IC) is the correlation across
// instruments, at one time, of a factor with what is to be foretold.
#pragma once

#include <string>
#include <vector>

#include "market/factors.h"
#include "market/stats.h"

namespace hadal::market {

struct FactorIcs {
  std::vector<Time> times;
  std::vector<Date> sessions;
  std::vector<std::string> names;
  std::vector<double> values;  // [factor][time]; missing where fewer than two instruments have both, or have no spread
  int64_t horizon = 0;         // bars that the label looks ahead

  std::span<const double> series(size_t factor) const {
    return std::span(values).subspan(factor * times.size(), times.size());
  }
  IcSummary summary(size_t factor) const;  // its error has as many lags as the label looks ahead
};

// The panel is read in blocks of time, and factors are forgotten with their block: memory holds one block and the
// label's values. `label` has one factor, which may look ahead; instruments that are no members at a time do not count.
// Times of the panel before `first_row` are read and not judged.
FactorIcs factor_ics(const FactorProgram& factors, const FactorProgram& label, PanelReader& reader, IcKind kind,
                     size_t first_row = 0);

}  // namespace hadal::market
