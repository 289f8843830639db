#include "cli/research_terminal.h"

#include <algorithm>

#include "base/error.h"
#include "research/report/escape.h"
#include "research/report/files.h"
#include "research/report/notes.h"

namespace hadal {
namespace {

std::string shown(std::string_view text) { return research::inert(text); }

}  // namespace

research::RunHooks ResearchLine::hooks(std::function<bool()> stopped) {
  research::RunHooks hooks;
  hooks.on_event = [this](const research::RunEvent& event) {
    if (event.kind == "refused") last_refused_ = brief(event.text, 60);
    if (event.kind == "thought") line_.note("thinking: " + brief(event.text, 160));
  };
  hooks.on_progress = [this, stopped](const research::RunProgress& progress) { show(progress, stopped()); };
  hooks.stopped = std::move(stopped);
  return hooks;
}

void ResearchLine::show(const research::RunProgress& p, bool stopping) {
  const double left = std::max(0.0, budget_.seconds - p.seconds);
  std::string text = fmt::format("round {}, {} pages read, {} refused", p.round, p.pages, p.refused);
  if (!last_refused_.empty()) text += " (" + last_refused_ + ")";
  if (p.tokens > 0) text += fmt::format(", {} tokens", p.tokens);
  text += fmt::format(", {}, {} left", duration_text(p.seconds), duration_text(left));
  if (stopping) text += ", stopping";
  line_.show(text);
}

std::string research_text(const research::Report& report, const Path& folder) {
  const research::Notes notes(report);
  std::string out = (report.found ? shown(report.answer) : "No answer to this was found in these sources.") + "\n";
  const auto add = [&](const std::vector<research::Claim>& claims) {
    for (const research::Claim& claim : claims) {
      out += claim.kind == "quote" ? fmt::format("  \"{}\"", shown(claim.text)) : "  " + shown(claim.text);
      for (const research::Cite& cite : claim.cites) {
        const research::ReportSource* source = notes.source(cite.source);
        out += fmt::format(" [{}]", notes.number(cite));
        if (claim.kind == "quote" && source != nullptr) out += " " + shown(source->url);
      }
      out += "\n";
    }
  };
  for (const research::Section& section : report.sections) {
    out += "\n" + shown(section.heading) + "\n";
    add(section.claims);
  }
  for (const research::ReportConflict& conflict : report.conflicts) {
    out += "\nSources that differ: " + shown(conflict.heading) + "\n";
    add(conflict.claims);
  }
  if (!report.gaps.empty()) out += "\n";
  for (const std::string& gap : report.gaps) out += shown(gap) + "\n";
  out += "\n" + shown(how_it_was_made(report)) + "\n" + why_it_stopped(report) + " " + cost_text(report) + ".\n";
  for (const research::Refusal& refusal : report.refused)
    out += fmt::format("not read: {}: {}\n", shown(refusal.url), shown(refusal.why));
  for (const char* name : {research::kReportHtml, research::kReportMarkdown, research::kReportJson, research::kArchive})
    out += shown((folder / name).string()) + "\n";
  return out + fmt::format("next: hadal research verify {}\n", shown(folder.string()));
}

}  // namespace hadal
