// report.md: the report as a text for people, in which what was read is never markup.
#include "base/error.h"
#include "research/report.h"
#include "research/report/escape.h"
#include "research/report/notes.h"

namespace hadal::research {
namespace {

std::string address(const std::string& url) { return is_web_link(url) ? fmt::format("<{}>", url) : markdown_text(url); }

void markdown_claims(std::string& out, const std::vector<Claim>& claims, const Notes& notes) {
  for (const Claim& claim : claims) {
    const std::string text = markdown_text(claim.text);
    out += claim.kind == "quote" ? fmt::format("- “{}”", text) : fmt::format("- {}", text);
    for (const Cite& cite : claim.cites) out += fmt::format(" \\[{}\\]", notes.number(cite));
    out += fmt::format(" *{}*\n", markdown_text(claim.support));
  }
  if (!claims.empty()) out += "\n";
}

void add_notes(std::string& out, const Notes& notes) {
  if (notes.all().empty()) return;
  out += "## Sources\n\n";
  for (size_t i = 0; i < notes.all().size(); ++i) {
    const Cite& cite = notes.all()[i];
    const ReportSource* source = notes.source(cite.source);
    if (source == nullptr) continue;
    out += fmt::format("- \\[{}\\] {}, {}, bytes {} to {} of snapshot `{}`, fetched {}\n", i + 1,
                       markdown_text(source_text(*source)), address(source->url), cite.start, cite.end,
                       inert(source->snapshot), markdown_text(source->fetched));
  }
  out += "\n";
}

void markdown_search(std::string& out, const Report& report) {
  out += "## How it was searched\n\n";
  for (const SearchNode& node : report.searches) {
    out += fmt::format("- {}, asked: {}\n", markdown_text(node.source), markdown_text(node.query));
    for (const auto& page : node.pages)
      out += fmt::format("  - {}: {}\n", page.what.starts_with("refused") ? markdown_text(page.url) : address(page.url),
                         markdown_text(page.what));
  }
  if (!report.refused.empty()) out += "\nNot read:\n\n";
  for (const Refusal& refusal : report.refused)
    out += fmt::format("- {}: {}\n", markdown_text(refusal.url), markdown_text(refusal.why));
  out += fmt::format("\n{} Cost: {}.\n", markdown_text(why_it_stopped(report)), markdown_text(cost_text(report)));
}

}  // namespace

std::string to_markdown(const Report& report) {
  const Notes notes(report);
  std::string out = fmt::format("# {}\n\n", markdown_text(report.question));
  out += report.found ? fmt::format("**{}**\n\n", markdown_text(report.answer))
                      : "**No answer to this was found in these sources.**\n\n";
  out += markdown_text(how_it_was_made(report)) + "\n\n";
  for (const Section& section : report.sections) {
    out += fmt::format("## {}\n\n", markdown_text(section.heading));
    markdown_claims(out, section.claims, notes);
  }
  if (!report.conflicts.empty()) out += "## Sources that differ\n\n";
  for (const ReportConflict& conflict : report.conflicts) {
    out += fmt::format("{}\n\n", markdown_text(conflict.heading));
    markdown_claims(out, conflict.claims, notes);
  }
  if (!report.gaps.empty()) out += "## What was not found\n\n";
  for (const std::string& gap : report.gaps) out += fmt::format("- {}\n", markdown_text(gap));
  if (!report.gaps.empty()) out += "\n";
  add_notes(out, notes);
  markdown_search(out, report);
  return out;
}

}  // namespace hadal::research
