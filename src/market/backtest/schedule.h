// Schedules against the sessions of a feed.
#pragma once

#include "market/backtest.h"

namespace hadal::market {

// Checks that each line names a session, and that the broker trades its quantity; sorts by time (of a time, as they
// stood). Afterwards `time` is 0 in a daily feed and the session's time else.
void settle_schedule(Schedule& schedule, const Broker& broker, const Feed* feed);

std::string place_of(const Schedule& schedule, int64_t line);  // "targets.csv:3"

}  // namespace hadal::market
