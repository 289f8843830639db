// What a run leaves for people: figures, a page of curves, and a memo in which every number can be traced.
//
// figures.json holds everything that the page and the memo say, and nothing that differs from one machine to the next:
// what the backtest and the forecast gave, which try it is, the data and its faults, costs, exposures, the forecasts by
// month and by quantile, and the same instruments bought and held. What grows with the data stands under "series".
#pragma once

#include <cstddef>
#include <functional>
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

// What became of a paragraph that a model was to word.
struct Paragraph {
  bool rephrased = false;
  std::string why;  // it was not; "" where it was
};

struct Memo {
  std::string text;  // Markdown
  std::vector<Binding> bindings;
  std::vector<Paragraph> paragraphs;  // of rephrased_memo(): all but headings, lists and tables
  OrderedJson json() const;           // text, bindings, and paragraphs where there are some
};

// One page in plain words, by sentences of ours. Every digit in it lies inside a binding.
Memo memo_of(const OrderedJson& figures);

// Words a paragraph anew, in one paragraph; "" where it cannot. What it throws is passed on.
using Rephrase = std::function<std::string(const std::string& paragraph)>;

// The memo with its paragraphs worded by `rephrase`. A wording is taken where it says the paragraph's own figures, each
// in its place, with the names between backticks and the words for losses, and holds no markup; else the built
// paragraph stays, and a line behind it says why. Headings, lists, tables, and paragraphs without numbers, in which
// nothing could be checked, are built. What other words claim is not checked. All of it verifies, as unbound_numbers()
// sees it.
Memo rephrased_memo(const OrderedJson& figures, const Rephrase& rephrase);

struct Unbound {
  std::string text;
  size_t begin = 0, end = 0;  // code points
};

// The numbers of any text that no figure of the run says, in linear time; bytes that are not UTF-8 are one code point
// each. Numbers stand in digits (of any script), English words, parts (1/3, two thirds, a half), dates (5 March 2014,
// March 2014, in 2014), or with thousand, million, per cent and basis points. One is bound where a figure rounds to it
// at the digits that are written, or, before a unit, a hundred or ten thousand times the figure, unless that is a
// count; words say whole numbers, and parts are meant to a hundredth of them. Its sign may be dropped, not put, and
// a word of gain or loss beside it must agree with the figure's sign; what is denied ("not 5%", "did not lose 5%") is
// not bound. Names, symbols and hashes are bound where they stand among the figures as they are. Lists bind no number
// but pairs (an interval): among the days of a curve any number is found. Multiples (doubled), vague numbers
// (hundreds), and digits that can be read in two ways (5,43) are never bound.
std::vector<Unbound> unbound_numbers(std::string_view text, const OrderedJson& figures);

}  // namespace hadal::market
