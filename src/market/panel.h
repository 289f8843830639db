// Bars of many instruments over time, as factors, forecasters and the vector engine read them: plain arrays
// [time][instrument]. A value that is not there is NaN, never 0 or infinite.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "market/time.h"

namespace hadal::market {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// How prices are shown. `raw` is what was traded. `split` divides by later splits. `forward` is total return from the
// first bar on (factor 1 there): a later dividend or split never changes what stands before it. `back` is what vendors
// show: the last bar is raw, and every later dividend rewrites the past; a look-ahead where a level is used.
enum class Prices { raw, split, forward, back };
std::string_view text_of(Prices prices);
Prices prices_of(std::string_view text, const std::string& who);  // Error naming the four

struct Panel {
  std::vector<std::string> symbols;  // of today: an instrument's last symbol
  std::vector<Time> times;           // ascending: when each row is known (a bar's end); all instruments' times together
  std::vector<Date> sessions;        // of each row: the day by which a daily bar is named
  // [time][instrument]
  std::vector<double> open, high, low, close, volume, vwap;
  // [time][instrument]: 1 where the instrument belongs to the universe on that day, known then
  std::vector<char> member;

  size_t num_times() const { return times.size(); }
  size_t num_instruments() const { return symbols.size(); }
  size_t at(size_t time, size_t instrument) const { return time * symbols.size() + instrument; }
  bool has_bar(size_t time, size_t instrument) const { return !std::isnan(close[at(time, instrument)]); }
};

inline bool is_daily(const std::vector<Date>& sessions) {  // of rows: no two of one day
  return std::adjacent_find(sessions.begin(), sessions.end()) == sessions.end();
}

// Instruments in the order of a query, or those side by side that begin and end at about the same time: factors over
// many of them are computed faster so.
enum class PanelOrder { by_symbol, by_span };

// A panel that need not fit in memory: read in blocks of time, or some instruments at a time.
class PanelReader {
 public:
  struct Span {
    size_t first = 0, last = 0;  // rows of an instrument's first and last bar; num_times() and 0 where it has none
  };
  PanelReader() = default;
  PanelReader(const PanelReader&) = delete;
  PanelReader& operator=(const PanelReader&) = delete;
  virtual ~PanelReader() = default;

  // Of the whole panel.
  virtual const std::vector<std::string>& symbols() const = 0;
  virtual const std::vector<Time>& times() const = 0;
  virtual const std::vector<Date>& sessions() const = 0;
  virtual const std::vector<Span>& spans() const = 0;  // of each instrument
  virtual int64_t num_bars() const = 0;

  // The rows from `first` on, at most `count`. Fastest where each call begins at the end of the one before. `panel`
  // keeps its memory from call to call.
  virtual void read_rows(size_t first, size_t count, Panel& panel) = 0;
  // All rows of the instruments from `first` on, at most `count`.
  virtual void read_instruments(size_t first, size_t count, Panel& panel) = 0;
};

}  // namespace hadal::market
