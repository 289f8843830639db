// From evidence to a report: sections, claims, cites, sources, gaps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "research/evidence/evidence.h"
#include "research/report.h"
#include "research/run/library.h"
#include "research/run/model.h"

namespace hadal::research {

// A quote that is shown, with what the judge said of it.
struct Judged {
  Quote quote;
  std::string text;
  std::optional<bool> bears;
  std::string sentence;  // that answers; "" where the judge named none
};

class Composer {
 public:
  Composer(const Library& library, const Path& archive, const std::string& question)
      : library_(library), archive_(archive) {
    report_.question = question;
  }

  // A section for each part of the question, written where `model` does, else of quotes.
  void add_sections(const std::vector<SubQuestion>& parts, const std::vector<bool>& found,
                    const std::vector<Judged>& quotes, RunModel& model, Steps& steps);
  void add_gaps(const std::vector<SubQuestion>& parts, const std::vector<bool>& found,
                const std::vector<std::string>& missing);
  void add_conflicts(const std::vector<Conflict>& conflicts, const Evidence& evidence,
                     const std::vector<SubQuestion>& parts);
  // Fills in the sources. Last.
  Report finish();
  Report& report() { return report_; }

 private:
  Cite cite(const Quote& quote);
  Claim quoted(const Quote& quote);
  std::string write(const SubQuestion& part, const std::vector<const Judged*>& quotes, RunModel& model, Steps& steps,
                    Section& section, std::vector<bool>& cited);

  const Library& library_;
  Path archive_;
  Report report_;
  std::vector<int64_t> documents_;  // by id of the source - 1
};

}  // namespace hadal::research
