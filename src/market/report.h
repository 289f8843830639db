// What a run leaves for people: figures, a page of curves, and a memo in which every number can be traced.
//
// figures.json holds everything that the page and the memo say, and nothing that differs from one machine to the next:
// what the backtest and the forecast gave, which try it is, the data and its faults, costs, exposures, the forecasts by
// month and by quantile, and the same instruments bought and held. What grows with the data stands under "series".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "market/backtest_run.h"

namespace hadal::market {

// Computes the figures of a run that was just made, and writes them into its folder, whole.
OrderedJson write_figures(const StrategyFile& strategy, const Market& market, const BacktestRun& run);

// The folder of a run, by its path or its name under runs/. Error where it is none.
Path find_run(const std::string& name_or_path);
// figures.json of a run's folder. Error where there is none, saying how it is made.
OrderedJson read_figures(const Path& run);

// One page of HTML without anything from elsewhere, in light and dark, and printable: its own script draws charts, and
// without scripts the same figures stand in tables. Texts of the figures may hold anything.
std::string report_html(const OrderedJson& figures);

// The charts of that page as data, in its order: [{section, made_by, of_labels, ...}], the rest as
// web/src/charts/shown.js says.
OrderedJson report_charts(const OrderedJson& figures);

// ---- Memo

// Characters [begin, end) of a memo say `value`, which stands in figures.json at the path `figure`: names of objects
// and places of lists, joined by points. Positions count code points. A percent sign stands behind the binding, and
// the value is then a hundredth of what is written; a sign may be left out where words say it.
struct Binding {
  std::string text;
  size_t begin = 0, end = 0;
  std::string figure;
  OrderedJson value;
};

struct Memo {
  std::string text;  // Markdown
  std::vector<Binding> bindings;
  OrderedJson json() const;  // text, bindings
};

// One page in plain words, by sentences of ours. Every digit in it lies inside a binding.
Memo memo_of(const OrderedJson& figures);

struct Unbound {
  std::string text;
  size_t begin = 0, end = 0;  // code points
};

// The numbers of any text that no figure of the run says. A number is bound where a figure rounds to it at the digits
// that are written, or, before a percent sign, a hundred times the figure; its sign may be dropped, not put. Dates,
// names, symbols and hashes are bound where they stand among the figures as they are. Lists bind no number but pairs
// (an interval): among the days of a curve any number is found.
std::vector<Unbound> unbound_numbers(std::string_view text, const OrderedJson& figures);

}  // namespace hadal::market
