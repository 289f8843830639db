// What both forms of a report share: its notes, numbered in the order in which they are cited, and its plain sentences.
#pragma once

#include <string>
#include <vector>

#include "research/report.h"

namespace hadal::research {

class Notes {
 public:
  explicit Notes(const Report& report);
  size_t number(const Cite& cite) const;                 // from 1; the same words have one number
  const std::vector<Cite>& all() const { return all_; }  // by number - 1
  const ReportSource* source(int64_t id) const;          // null where the report has none of this id

 private:
  void add(const std::vector<Claim>& claims);
  const Report& report_;
  std::vector<Cite> all_;
};

std::string how_it_was_made(const Report& report);    // "Quotes alone: every word below stands in its source."
std::string why_it_stopped(const Report& report);     // "It stopped because the budget of pages was spent."
std::string cost_text(const Report& report);          // "30 pages (1.2 MB), 0 tokens read and 0 written, 3.2 seconds"
std::string source_text(const ReportSource& source);  // "Title, 2024-05-31"

}  // namespace hadal::research
