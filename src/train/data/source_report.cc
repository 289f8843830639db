#include "train/data/source_report.h"

#include <fmt/core.h>

#include <algorithm>

namespace hadal {

std::string shortened(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return std::string(text.substr(0, max_bytes)) + "...";
}

void SourceReport::count(std::vector<Reason>& list, std::string_view reason, int64_t line) {
  auto found = std::find_if(list.begin(), list.end(), [&](const Reason& r) { return r.text == reason; });
  if (found == list.end()) {
    if (list.size() == kMaxReasons) return count(list, "for other reasons", line);
    if (list.size() > kMaxReasons)
      found = list.end() - 1;
    else
      found = list.insert(list.end(), {std::string(reason), 0, line});
  }
  ++found->count;
}

void SourceReport::skip_malformed(std::string_view error, int64_t line) {
  if (malformed_++ > 0) return;
  first_malformed_ = line;
  first_error_ = shortened(error, 300);
}

int64_t SourceReport::left_out() const {
  int64_t sum = malformed_;
  for (const Reason& reason : left_out_) sum += reason.count;
  return sum;
}

std::string SourceReport::list_text(const std::vector<Reason>& list) {
  std::string out;
  for (const Reason& r : list) {
    out += fmt::format("{}{} {}", out.empty() ? "" : "; ", r.count, r.text);
    if (r.first_line > 0) out += fmt::format(", {} line {}", r.count == 1 ? "at" : "the first at", r.first_line);
  }
  return out;
}

std::string SourceReport::text() const {
  std::string out = fmt::format("{} document{} read", read_, read_ == 1 ? "" : "s");
  if (const int64_t n = left_out(); n > 0) {
    std::string reasons;
    if (malformed_ > 0) {
      reasons = fmt::format("{} malformed and skipped, {} line {}: {}", malformed_,
                            malformed_ == 1 ? "at" : "the first at", first_malformed_, first_error_);
    }
    if (!left_out_.empty()) reasons += (reasons.empty() ? "" : "; ") + list_text(left_out_);
    out += fmt::format(", {} left out ({})", n, reasons);
  }
  int64_t cut = 0;
  for (const Reason& reason : cut_) cut += reason.count;
  if (cut > 0) out += fmt::format(", {} cut ({})", cut, list_text(cut_));
  return out;
}

}  // namespace hadal
