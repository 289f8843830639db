// The steps of a run, each done once: what stands in the journal is read, what does not is done, written down and
// forced to disk. So a killed run becomes the run that it was, and goes on.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "research/run.h"
#include "research/run/journal.h"

namespace hadal::research {

class Steps {
 public:
  // `frozen`: time does not pass for the budget, as in a replay.
  Steps(const Path& folder, const RunHooks& hooks);
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  void set_budget(double seconds, bool frozen) {
    budget_s_ = seconds;
    frozen_ = frozen;
  }

  struct Done {
    std::string text;  // for people
    OrderedJson data;
  };
  // What the step gives: `live` is called where the journal ends. Error where the journal has another step here.
  OrderedJson step(const std::string& kind, const std::function<Done()>& live);
  void note(const std::string& kind, const std::string& text, OrderedJson data);  // a step that asks nobody

  // Whether the run stops here, and why: the user, or the seconds of the budget up to this share of them. Written down.
  std::string stopped_here(double share);
  // For whoever waits in a step: asked often.
  std::function<bool()> stopper(double share);

  bool live() const { return next_ >= journal_.lines().size(); }
  bool past() const { return past_; }  // the journal had lines when this process took it up
  double seconds() const;
  uint64_t archive_then() const { return lines()[next_ - 1].archive; }  // its length after the last step
  WarcWriter& archive() { return *archive_; }
  const Path& folder() const { return folder_; }
  const std::vector<JournalLine>& lines() const { return journal_.lines(); }

  RunProgress progress = {};  // told to whoever watches

 private:
  void tell(const JournalLine& line);
  void show_progress();
  void pass_failures();
  Path folder_;
  const RunHooks& hooks_;
  Journal journal_;
  std::unique_ptr<WarcWriter> archive_;
  size_t next_ = 0;
  bool past_ = false, frozen_ = false;
  double before_s_ = 0, budget_s_ = 0;
  Stopwatch watch_;
};

RunEvent to_event(const JournalLine& line);

}  // namespace hadal::research
