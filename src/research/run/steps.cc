#include "research/run/steps.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "research/report/escape.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

// What a killed process wrote into the archive after its last step is done again.
void cut_archive(const Path& archive, uint64_t bytes) {
  std::error_code none;
  const uint64_t size = std::filesystem::file_size(archive, none);
  if (none) {
    if (bytes > 0) fail("{}: expected {} bytes, as the journal says, found no file", archive.string(), bytes);
    return;
  }
  if (size < bytes) fail("{}: expected {} bytes, as the journal says, found {}", archive.string(), bytes, size);
  if (size > bytes && ::truncate(archive.c_str(), static_cast<off_t>(bytes)) != 0)
    fail("{}: {}", archive.string(), std::strerror(errno));
}

}  // namespace

RunEvent to_event(const JournalLine& line) { return {line.number, line.kind, line.text}; }

Steps::Steps(const Path& folder, const RunHooks& hooks) : folder_(folder), hooks_(hooks), journal_(folder / kJournal) {
  past_ = !journal_.lines().empty();
  if (past_) {
    before_s_ = journal_.lines().back().seconds;
    cut_archive(folder / kArchive, journal_.lines().back().archive);
  }
  archive_ = std::make_unique<WarcWriter>(folder / kArchive);
}

// A run that failed is resumed as if it had been killed.
void Steps::pass_failures() {
  while (next_ < journal_.lines().size() && journal_.lines()[next_].kind == "failed") tell(journal_.lines()[next_++]);
}

OrderedJson Steps::step(const std::string& kind, const std::function<Done()>& live) {
  show_progress();
  pass_failures();
  if (!this->live()) {
    const JournalLine& line = journal_.lines()[next_];
    if (line.kind != kind)
      fail("{}: line {}: expected the step {}, found {}; another version wrote it, so start a new run",
           (folder_ / kJournal).string(), line.number, kind, brief(line.kind));
    ++next_;
    tell(line);
    return line.data;
  }
  Done done = live();
  const double seconds = std::round(this->seconds() * 1000) / 1000;
  const JournalLine& line = journal_.append(kind, inert(done.text), std::move(done.data), archive_->bytes(), seconds);
  ++next_;
  tell(line);
  return line.data;
}

void Steps::note(const std::string& kind, const std::string& text, OrderedJson data) {
  step(kind, [&] { return Done{text, std::move(data)}; });
}

std::string Steps::stopped_here(double share) {
  pass_failures();
  if (!live()) {
    if (journal_.lines()[next_].kind != "stop") return "";
  } else if (!(hooks_.stopped && hooks_.stopped()) && (frozen_ || seconds() < share * budget_s_)) {
    return "";
  }
  const OrderedJson data = step("stop", [&]() -> Done {
    const std::string why = hooks_.stopped && hooks_.stopped() ? "user" : "seconds";
    return {why == "user" ? "stopped by the user" : "the seconds are spent", {{"why", why}}};
  });
  return data.value("why", std::string("user"));
}

std::function<bool()> Steps::stopper(double share) {
  return [this, share] {
    show_progress();
    return (hooks_.stopped && hooks_.stopped()) || (!frozen_ && seconds() >= share * budget_s_);
  };
}

double Steps::seconds() const { return before_s_ + watch_.seconds(); }

void Steps::tell(const JournalLine& line) {
  if (hooks_.on_event) hooks_.on_event(to_event(line));
}

void Steps::show_progress() {
  progress.seconds = seconds();
  progress.left_s = std::max(0.0, budget_s_ - progress.seconds);
  if (hooks_.on_progress) hooks_.on_progress(progress);
}

}  // namespace hadal::research
