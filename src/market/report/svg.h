// Curves and bars as SVG inside a page of HTML. Colours come from the page's style: classes c0, c1, c2, and axis. No
// script; the same bytes for the same data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal::market {

enum class Unit { plain, percent };  // percent: a value of .1 is shown as 10%

struct Curve {
  std::string name;            // shown above the chart
  std::vector<double> values;  // as many as the chart's labels; what is missing is a gap
  bool filled = false;         // down to zero
};

struct Chart {
  std::vector<std::string> labels = {};  // along the bottom, of which some are shown
  std::vector<Curve> curves = {};        // up to three
  Unit unit = Unit::plain;
  int height = 220;
  bool with_zero = false;  // the axis reaches zero
};

std::string curves_svg(const Chart& chart, std::string_view title);
// One bar for each label, of the first curve. Each says its value when it is pointed at.
std::string bars_svg(const Chart& chart, std::string_view title);

}  // namespace hadal::market
