// report.html: one file without script and without anything from elsewhere; notes show what stands around a quote.
#include <algorithm>

#include "base/error.h"
#include "research/report.h"
#include "research/report/escape.h"
#include "research/report/files.h"
#include "research/report/notes.h"

namespace hadal::research {
namespace {

constexpr size_t kAround = 400;  // bytes shown on each side of a quote

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fdfdfc; --quiet: #63636b; --line: #d9d9de; --mark: #ffe9a8; --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --paper: #17171a; --quiet: #a0a0aa; --line: #3a3a42; --mark: #5c4a00; --link: #8ab4f8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid var(--line); }
a { color: var(--link); }
.answer { font-size: 1.1rem; font-weight: 600; }
.quiet, cite { color: var(--quiet); font-size: .875rem; font-style: normal; }
blockquote { margin: .75rem 0; padding: 0 0 0 1rem; border-left: 3px solid var(--line); white-space: pre-line; }
.around { white-space: pre-wrap; color: var(--quiet); }
mark { background: var(--mark); color: var(--ink); }
li:target { outline: 2px solid var(--link); outline-offset: .25rem; }
ul, ol { padding-left: 1.25rem; }
@media print { body { max-width: none; padding: 0; } a { color: inherit; } li { break-inside: avoid; } }
</style>
)";

std::string link(const std::string& url) {
  const std::string shown = html_text(url);
  if (!is_web_link(url)) return shown;
  return fmt::format("<a href=\"{}\" rel=\"noreferrer nofollow\">{}</a>", shown, shown);
}

void html_claims(std::string& out, const std::vector<Claim>& claims, const Notes& notes) {
  for (const Claim& claim : claims) {
    const bool quote = claim.kind == "quote";
    out += (quote ? "<blockquote>" : "<p>") + html_text(claim.text);
    for (const Cite& cite : claim.cites) {
      const size_t number = notes.number(cite);
      out += fmt::format(" <a href=\"#note-{}\" aria-label=\"note {}\">[{}]</a>", number, number, number);
    }
    out += fmt::format(" <cite>{}</cite>", html_text(claim.support));
    out += quote ? "</blockquote>\n" : "</p>\n";
  }
}

// The next place at or behind `at`, or before it, where a character begins.
size_t forward(std::string_view text, size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return std::min(at, text.size());
}

// The quote within its snapshot.
std::string around(const Cite& cite, std::string_view text) {
  if (cite.end > text.size() || cite.start > cite.end) return "";
  const size_t begin = forward(text, cite.start - std::min(cite.start, kAround)),
               end = forward(text, std::min(text.size(), cite.end + kAround));
  return fmt::format("<blockquote class=\"around\">{}{}<mark>{}</mark>{}{}</blockquote>", begin > 0 ? "… " : "",
                     html_text(text.substr(begin, cite.start - begin)),
                     html_text(text.substr(cite.start, cite.end - cite.start)),
                     html_text(text.substr(cite.end, end - cite.end)), end < text.size() ? " …" : "");
}

void add_notes(std::string& out, const Report& report, const Notes& notes, const Path& archive) {
  if (notes.all().empty()) return;
  const std::map<std::string, std::string> texts = cited_texts(report, archive);
  out += "<h2>Sources</h2>\n<ol>\n";
  for (size_t i = 0; i < notes.all().size(); ++i) {
    const Cite& cite = notes.all()[i];
    const ReportSource* source = notes.source(cite.source);
    if (source == nullptr) continue;
    out += fmt::format(
        "<li id=\"note-{}\" value=\"{}\">{}<br>{}<br><span class=\"quiet\">bytes {} to {} of snapshot {}, fetched "
        "{}</span>{}</li>\n",
        i + 1, i + 1, html_text(source_text(*source)), link(source->url), cite.start, cite.end,
        html_text(source->snapshot), html_text(source->fetched), around(cite, texts.at(source->snapshot)));
  }
  out += "</ol>\n";
}

void html_search(std::string& out, const Report& report) {
  out += "<h2>How it was searched</h2>\n<ul>\n";
  for (const SearchNode& node : report.searches) {
    out += fmt::format("<li>{}: {}", html_text(node.source), html_text(node.query));
    if (!node.pages.empty()) out += "<ul>";
    for (const auto& page : node.pages)
      out += fmt::format("<li>{}: {}</li>", page.what.starts_with("refused") ? html_text(page.url) : link(page.url),
                         html_text(page.what));
    if (!node.pages.empty()) out += "</ul>";
    out += "</li>\n";
  }
  out += "</ul>\n";
  if (!report.refused.empty()) out += "<h2>Not read</h2>\n<ul>\n";
  for (const Refusal& refusal : report.refused)
    out += fmt::format("<li>{}: {}</li>\n", html_text(refusal.url), html_text(refusal.why));
  if (!report.refused.empty()) out += "</ul>\n";
  out += fmt::format("<p class=\"quiet\">{} Cost: {}.</p>\n", html_text(why_it_stopped(report)),
                     html_text(cost_text(report)));
}

}  // namespace

std::string to_html(const Report& report, const Path& archive) {
  const Notes notes(report);
  std::string out(kHead);
  out += fmt::format("<title>{}</title>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n", html_text(report.question),
                     html_text(report.question));
  out += fmt::format("<p class=\"answer\">{}</p>\n<p class=\"quiet\">{}</p>\n",
                     report.found ? html_text(report.answer) : "No answer to this was found in these sources.",
                     html_text(how_it_was_made(report)));
  for (const Section& section : report.sections) {
    out += fmt::format("<h2>{}</h2>\n", html_text(section.heading));
    html_claims(out, section.claims, notes);
  }
  if (!report.conflicts.empty()) out += "<h2>Sources that differ</h2>\n";
  for (const ReportConflict& conflict : report.conflicts) {
    out += fmt::format("<p>{}</p>\n", html_text(conflict.heading));
    html_claims(out, conflict.claims, notes);
  }
  if (!report.gaps.empty()) out += "<h2>What was not found</h2>\n<ul>\n";
  for (const std::string& gap : report.gaps) out += fmt::format("<li>{}</li>\n", html_text(gap));
  if (!report.gaps.empty()) out += "</ul>\n";
  add_notes(out, report, notes, archive);
  html_search(out, report);
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace hadal::research
