// Charts of a report: as JSON, which the page's script draws (web/src/charts/shown.js says its shape), and as a table.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace hadal::market {

enum class Unit { plain, percent };  // percent: a value of .1 is shown as 10%

struct Curve {
  std::string name;
  std::vector<double> values = {};  // as many as the chart's labels; what is missing is a gap
  bool filled = false;              // down to zero
};

struct Chart {
  std::string title = {};
  std::string of_labels = "Session";     // what a label is, in one word
  std::vector<std::string> labels = {};  // along the bottom
  std::vector<Curve> curves = {};        // one to three, with different names; of bars one
  bool bars = false;
  Unit unit = Unit::plain;
  int digits = 2;  // shown behind the point
  int height = 220;
  bool with_zero = false;  // the axis reaches zero
};

std::string shown(double value, const Chart& chart);  // "-" where it is missing

// What is drawn: at most a few thousand places, of neighbours those where a curve is lowest or highest; `at` counts
// them among the labels.
OrderedJson chart_json(const Chart& chart, const std::string& id);

// HTML: a <details> that stands open, with a row for each label; of many, labels at one distance, and it says so.
std::string chart_table(const Chart& chart);

}  // namespace hadal::market
