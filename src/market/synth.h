// Markets made up, of any size: with a signal that is known, with faults that are known, or with neither.
//
// Opens follow a random walk. A hidden score of each instrument and session, redrawn each session, has the given rank
// correlation with the return from the next session's open to the one after; the volume of its session shows most of
// it: log volume = the instrument's own level + .32 score + .24 noise. So a look at volume against its own mean finds
// .8 of the signal. The same options and sessions give the same files, byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "market/time.h"

namespace hadal::market {

struct SynthOptions {
  int64_t instruments = 60;
  double signal = 0.06;  // rank IC of the hidden score; 0: none. Within (-.9, .9)
  uint64_t seed = 7;
  int64_t faults = 0;  // planted over all instruments, in turn of the codes of `market check`
};

struct SynthIssue {
  std::string code, symbol, time;
};

struct SynthMarket {
  std::string csv;  // date,symbol,open,high,low,close,volume
  std::vector<SynthIssue> issues;
  double rank_ic = 0, rank_ic_error = 0, visible_rank_ic = 0;  // as they came out, before faults
};

// `sessions`: ascending; faults need at least 40 of them and may take one for every 20 sessions of an instrument. Error
// for what does not fit.
SynthMarket make_market(const SynthOptions& options, const std::vector<Date>& sessions);

// Writes bars.csv and truth.json into the folder, which is made; returns their paths. `calendar` is said in the truth.
std::vector<Path> write_market(const SynthOptions& options, const std::vector<Date>& sessions,
                               const std::string& calendar, const Path& folder);

}  // namespace hadal::market
