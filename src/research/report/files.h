// The files of a report in a run's folder.
#pragma once

#include <map>
#include <string>

#include "research/report.h"
#include "research/warc.h"

namespace hadal::research {

// The texts that a report cites, by the id of their snapshot. Error where the archive is broken.
std::map<std::string, std::string> cited_texts(const Report& report, const Path& archive);

void write_report_files(const Report& report, const Path& folder);

}  // namespace hadal::research
