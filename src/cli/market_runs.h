// Runs of markets as a page shows them: what the folders under runs/ say.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/files.h"
#include "base/json.h"

namespace hadal {

// Any thread.
class RunDesk {
 public:
  // {"runs": [{id, changed, strategy, market, first, last, finding, headline, ..., report}]}, the last changed first:
  // the folders that hold figures.json, or the forecast.json of a training. What cannot be read says so under "damage".
  // Read once for each state of the file.
  OrderedJson list();

  // {"id", "figures", "charts", "memo", "written", "report"}: figures.json, the report's charts (market/report.h), the
  // memo with its bindings, and memo.md where that says something else, worded by a model or by hand, with the numbers
  // in it that no figure says: {"text", "unbound": [{text, begin, end}]}, else null. Charts and memo are null where the
  // figures are not those that they need, and "damage" says why. Without `series` the figures lack what grows with the
  // data; charts are thinned for a screen. ApiError 404 where there is no such run, 422 where it holds no figures, or
  // too many bytes of them.
  static OrderedJson run(const std::string& id, bool series);

  // A file of a run that people read; 404 where it is not there.
  static std::string file(const std::string& id, const std::string& name);

 private:
  struct Seen {
    std::string stamp;
    OrderedJson summary;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

}  // namespace hadal
