// What may be published: a sentence whose numbers, dates and names stand in its quotes, and most of its words too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace hadal::research {

// "" when the quotes bear the sentence; else why not: "412 stands in no quote", "the quotes hold 2 of 9 words".
std::string unsupported(std::string_view sentence, const std::vector<std::string>& quotes);

struct Verdict {
  bool ok = true;
  int64_t claims = 0, quotes = 0;
  std::vector<std::string> faults;  // each names what changed: file, source, claim
};
// Checks a run's folder by itself: digests of the archive, text = extraction of what was fetched, quote = its bytes,
// claims = their quotes, report.md and report.html = report.json's.
Verdict verify_run(const Path& folder);

}  // namespace hadal::research
