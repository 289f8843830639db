#include "research/report/files.h"

#include "base/json.h"
#include "research/report/escape.h"

namespace hadal::research {
std::string json_file(const Report& report) { return inert_json(dump_json(to_json(report), 1)) + "\n"; }

Report read_report(const Path& folder) {
  const Path file = folder / kReportJson;
  return report_from_json(parse_json(read_file(file, 64 << 20), file.string()), file.string());
}

std::map<std::string, std::string> cited_texts(const Report& report, const Path& archive) {
  std::map<std::string, std::string> texts;
  for (const ReportSource& source : report.sources) texts[source.snapshot];
  if (texts.empty()) return texts;
  bool torn = false;
  read_warc(
      archive,
      [&](WarcRecord&& record) {
        if (const auto found = texts.find(record.id); found != texts.end()) found->second = std::move(record.block);
        return true;
      },
      &torn);
  return texts;
}

void write_report_files(const Report& report, const Path& folder) {
  write_file_whole(folder / kReportMarkdown, to_markdown(report));
  write_file_whole(folder / kReportHtml, to_html(report, folder / kArchive));
  write_file_whole(folder / kReportJson, json_file(report));  // last: where it stands, the others do
}

}  // namespace hadal::research
