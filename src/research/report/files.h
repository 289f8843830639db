// The files of a report in a run's folder.
#pragma once

#include <map>
#include <string>

#include "research/report.h"
#include "research/warc.h"

namespace hadal::research {

inline constexpr const char *kReportJson = "report.json", *kReportMarkdown = "report.md", *kReportHtml = "report.html",
                            *kArchive = "archive.warc.gz", *kJournal = "journal.jsonl";

// report.json as it is written: no "<" and no "](" in it, so that it is inert even inside a page.
std::string json_file(const Report& report);
Report read_report(const Path& folder);

// The texts that a report cites, by the id of their snapshot. Error where the archive is broken.
std::map<std::string, std::string> cited_texts(const Report& report, const Path& archive);

void write_report_files(const Report& report, const Path& folder);

}  // namespace hadal::research
