// What of an instrument's rows is seen at a time, and by which factors its prices are shown.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "market/data/records.h"
#include "market/data/segment.h"
#include "market/data/store.h"

namespace hadal::market {

// Rows [begin, end) of a run. A view is a list of pieces, ascending in time, no bar twice.
struct Piece {
  const RunView* run = nullptr;
  int64_t begin = 0, end = 0;
};
using Pieces = std::vector<Piece>;

// By what bars are the same: the session of daily ones, the end of others.
inline int64_t key_of(const RunView& run, int64_t row, bool daily) { return daily ? run.session[row] : run.time[row]; }

// The accepted rows that are known at `as_of`, each in its newest version known then.
Pieces visible_pieces(std::span<const RunView> runs, bool daily, Time as_of);
Pieces within(const Pieces& pieces, std::optional<Date> from, std::optional<Date> to);  // by session
int64_t count_of(const Pieces& pieces);

// Factors of one view, by session.
class Adjuster {
 public:
  // Of the instrument's whole visible history: what `from` cuts off counts too.
  Adjuster(const Store& store, const Instrument& instrument, const Pieces& visible, Prices prices, Time as_of,
           bool vendor_factors);
  struct Factor {
    double price = 1, volume = 1;
  };
  // Sessions must be asked in ascending order.
  const Factor& at(Date session) {
    while (next_ < factors_.size() && factors_[next_].from <= session) now_ = factors_[next_++].factor;
    return now_;
  }
  bool is_plain() const { return factors_.empty(); }  // all factors are 1

 private:
  struct From {
    Date from = 0;
    Factor factor;
  };
  std::vector<From> factors_;
  Factor now_;
  size_t next_ = 0;
};

}  // namespace hadal::market
