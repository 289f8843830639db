#include "engine/steps/stop_filter.h"

#include <algorithm>

namespace hadal {

std::string StopFilter::push(std::string_view text) {
  if (found_) return "";
  held_.append(text);
  size_t first = std::string::npos;
  for (const auto& stop : stops_) first = std::min(first, held_.find(stop));
  std::string safe;
  if (first != std::string::npos) {
    found_ = true;
    safe = held_.substr(0, first);
    held_.clear();
    return safe;
  }
  size_t keep = 0;  // the longest end of the text that begins a stop string
  for (const auto& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  // Cut between characters: a stop string need not begin with a whole one.
  while (keep < held_.size() && keep > 0 && (static_cast<unsigned char>(held_[held_.size() - keep]) & 0xc0) == 0x80)
    ++keep;
  safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return safe;
}

std::string StopFilter::finish() {
  std::string rest;
  rest.swap(held_);
  return rest;
}

}  // namespace hadal
