#include "research/report/notes.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"

namespace hadal::research {
namespace {

bool same(const Cite& a, const Cite& b) { return a.source == b.source && a.start == b.start && a.end == b.end; }

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return text;
}

}  // namespace

Notes::Notes(const Report& report) : report_(report) {
  for (const Section& section : report.sections) add(section.claims);
  for (const ReportConflict& conflict : report.conflicts) add(conflict.claims);
}

void Notes::add(const std::vector<Claim>& claims) {
  for (const Claim& claim : claims)
    for (const Cite& cite : claim.cites)
      if (std::none_of(all_.begin(), all_.end(), [&](const Cite& c) { return same(c, cite); })) all_.push_back(cite);
}

size_t Notes::number(const Cite& cite) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Cite& c) { return same(c, cite); });
  return static_cast<size_t>(found - all_.begin()) + 1;
}

const ReportSource* Notes::source(int64_t id) const {
  const auto found =
      std::find_if(report_.sources.begin(), report_.sources.end(), [&](const ReportSource& s) { return s.id == id; });
  return found == report_.sources.end() ? nullptr : &*found;
}

std::string how_it_was_made(const Report& report) {
  std::string text = report.mode != "model" ? "Quotes alone: every word below stands in its source."
                                            : fmt::format(
                                                  "The model {} did: {}. Each sentence that it wrote was "
                                                  "checked against its quotes; {} did not pass.",
                                                  report.model, list_text(report.slots), report.rejected);
  for (std::string why : report.slots_why) {
    if (!why.empty()) why[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(why[0])));
    text += fmt::format(" {}.", why);
  }
  return text;
}

std::string why_it_stopped(const Report& report) {
  if (report.stopped == "done") return "It ended because every part of the question had evidence.";
  if (report.stopped == "user") return "It was stopped by the user.";
  if (report.stopped == "no new evidence") return "It ended because a round brought no new evidence.";
  return fmt::format("It stopped because the budget of {} was spent.", report.stopped);
}

std::string cost_text(const Report& report) {
  const Cost& cost = report.cost;
  std::string text = fmt::format("{} ({:.1f} MB), {} read and {} written, {:.1f} seconds", counted(cost.pages, "page"),
                                 static_cast<double>(cost.bytes) / 1e6, counted(cost.tokens_in, "token"),
                                 cost.tokens_out, cost.seconds);
  if (cost.joules) text += fmt::format(", {:.0f} joules", *cost.joules);
  return text;
}

std::string source_text(const ReportSource& source) {
  std::string text = source.title.empty() ? source.url : source.title;
  if (!source.date.empty()) text += ", " + source.date;
  return text;
}

}  // namespace hadal::research
