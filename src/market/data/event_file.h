// Reads CSV files of splits, dividends, memberships and sessions.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "market/data/records.h"
#include "market/import.h"

namespace hadal::market {

// A split of `over` new shares for `under` old ones, both above zero: as whole numbers, of few digits the fraction that
// is meant.
Action split_action(Date effective, Decimal over, Decimal under);

struct SymbolAction {
  std::string symbol, where;
  Action action;  // known_at is set by the import
};

struct EventFile {
  int64_t rows = 0;
  std::vector<SymbolAction> actions;
  std::vector<MembershipSpell> memberships;  // known_at too
  std::vector<SessionRecord> sessions;
  std::vector<std::string> symbols;  // each once, sorted
  std::optional<Date> first, last;
};

// By options.kind: splits, dividends, membership or sessions. Error with file and line for what cannot be read.
EventFile read_event_file(const Path& path, const ImportOptions& options);

}  // namespace hadal::market
