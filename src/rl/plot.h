// Curves as an SVG picture for a page or a README: axes with round ticks, a legend, light and dark as the reader's
// system has it. No dependency, no script; the same bytes for the same data. Any thread may call.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal::rl {

struct Series {
  std::string name;                                    // "": not in the legend
  std::vector<std::pair<double, double>> points = {};  // (x, y), x ascending; what is not finite is a gap
};

struct Plot {
  std::string title, x_name, y_name;
  std::vector<Series> series;  // of more than eight the colours come again, dashed
  // Where the y axis must reach at least; by the data alone where there is none.
  std::optional<double> least = {}, most = {};
};

// A whole SVG document: the plots side by side, two in a row (one: by itself, wider). Texts may hold anything.
std::string svg_of(std::string_view title, std::span<const Plot> plots);

// Round values (1, 2 or 5 times a power of ten apart), about `count` of them, from the last at or below `low` to the
// first at or above `high`. Finite, low <= high, count > 0. At least two.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace hadal::rl
