// A report for a terminal: nothing that was read can do anything there.
#include "base/command.h"
#include "base/error.h"
#include "research/report.h"
#include "research/report/notes.h"

namespace hadal::research {

std::string to_terminal(const Report& report, const Path& folder) {
  const Notes notes(report);
  std::string out = (report.found ? inert(report.answer) : "No answer to this was found in these sources.") + "\n";
  const auto add = [&](const std::vector<Claim>& claims) {
    for (const Claim& claim : claims) {
      out += claim.kind == "quote" ? fmt::format("  \"{}\"", inert(claim.text)) : "  " + inert(claim.text);
      for (const Cite& cite : claim.cites) {
        const ReportSource* source = notes.source(cite.source);
        out += fmt::format(" [{}]", notes.number(cite));
        if (claim.kind == "quote" && source != nullptr) out += " " + inert(source->url);
      }
      out += "\n";
    }
  };
  for (const Section& section : report.sections) {
    out += "\n" + inert(section.heading) + "\n";
    add(section.claims);
  }
  for (const ReportConflict& conflict : report.conflicts) {
    out += "\nSources that differ: " + inert(conflict.heading) + "\n";
    add(conflict.claims);
  }
  if (!report.gaps.empty()) out += "\n";
  for (const std::string& gap : report.gaps) out += inert(gap) + "\n";
  out += "\n" + inert(how_it_was_made(report)) + "\n" + why_it_stopped(report) + " " + cost_text(report) + ".\n";
  for (const Refusal& refusal : report.refused)
    out += fmt::format("not read: {}: {}\n", inert(refusal.url), inert(refusal.why));
  for (const char* name : {kReportHtml, kReportMarkdown, kReportJson, kArchive})
    out += inert((folder / name).string()) + "\n";
  return out + fmt::format("next: {}\n", command({"research", "verify", inert(folder.string())}));
}

}  // namespace hadal::research
