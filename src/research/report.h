// A report: sections of claims, each with cites that are spans of snapshots; as JSON, Markdown and HTML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"

namespace hadal::research {

struct Cite {
  int64_t source = 0;  // id of a ReportSource
  size_t start = 0, end = 0;
  std::string quote;  // bytes [start, end) of the source's snapshot
};

struct Claim {
  std::string text;
  std::string kind;     // "quote" or "written"
  std::string support;  // "quoted" or "checked"
  std::vector<Cite> cites;
};

struct Section {
  std::string heading;
  std::vector<Claim> claims;
};

struct ReportSource {
  int64_t id = 0;  // from 1
  std::string url, title, date, kind, snapshot, fetched;
};

struct Refusal {
  std::string url, why;
};

struct ReportConflict {
  std::string heading;
  std::vector<Claim> claims;
};

struct Cost {
  int64_t tokens_in = 0, tokens_out = 0;
  double seconds = 0;
  int64_t pages = 0;
  uint64_t bytes = 0;
  std::optional<double> joules;
};

// A node of the search as it happened: a query, what came of it, what was read, what became evidence.
struct SearchNode {
  std::string query, source;
  struct Page {
    std::string url, what;  // "read", "refused: ...", "evidence"
  };
  std::vector<Page> pages;
};

struct Report {
  std::string question, answer, mode, model;  // mode: "model" or "extract"
  bool found = false;
  std::vector<std::string> slots;  // that the model filled; and in `slots_why` what kept it from others
  std::vector<std::string> slots_why;
  std::vector<Section> sections;
  std::vector<ReportSource> sources;
  std::vector<std::string> gaps;
  std::vector<ReportConflict> conflicts;
  std::vector<Refusal> refused;
  std::vector<SearchNode> searches;
  int64_t rejected = 0;  // written sentences that their quotes did not bear
  std::string stopped;   // "done", "tokens", "seconds", "pages", "no new evidence", "user"
  Cost cost;
};

inline constexpr const char *kReportJson = "report.json", *kReportMarkdown = "report.md", *kReportHtml = "report.html",
                            *kArchive = "archive.warc.gz", *kJournal = "journal.jsonl";  // in a run's folder

OrderedJson to_json(const Report& report);
Report report_from_json(const Json& json, const std::string& where);  // Error naming the field
std::string to_markdown(const Report& report);
std::string to_terminal(const Report& report, const Path& folder);  // with the paths of the run's files
// report.json as it is written: no "<" and no "](" in it, so that it is inert even inside a page.
std::string json_file(const Report& report);
Report read_report(const Path& folder);  // of a run
// One file without script and remote load. `archive`: for the quotes' surroundings; what a reader sees around a cite.
std::string to_html(const Report& report, const Path& archive);

// Strangers' text: valid UTF-8 without control (also C1), bidi, zero-width and tag characters, each shown as U+FFFD;
// line breaks and tabs stay where `lines` says so, else they become spaces.
std::string inert(std::string_view text, bool lines = false);

}  // namespace hadal::research
