#include "market/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "market/report/text.h"

namespace hadal::market {
namespace {

constexpr size_t kMostPlaces = 3000;  // drawn; a screen has fewer columns
constexpr size_t kMostRows = 40;      // of a table: what is read in one go

double scale_of(const Chart& chart) { return chart.unit == Unit::percent ? 100 : 1; }

// The labels that are drawn. Of many: of each group of neighbours the places where a curve is lowest and highest.
std::vector<size_t> drawn_places(const Chart& chart) {
  const size_t count = chart.labels.size();
  std::vector<size_t> places;
  const size_t each = 2 * std::max<size_t>(chart.curves.size(), 1);  // places of a group, at most
  const size_t group = count <= kMostPlaces ? 1 : (count * each + kMostPlaces - 1) / kMostPlaces;
  for (size_t begin = 0; begin < count; begin += group) {
    const size_t end = std::min(begin + group, count);
    std::vector<size_t> kept;
    for (const Curve& curve : chart.curves) {
      size_t low = begin, high = begin;
      for (size_t i = begin; i < end; ++i) {
        if (curve.values[i] < curve.values[low] || std::isnan(curve.values[low])) low = i;
        if (curve.values[i] > curve.values[high] || std::isnan(curve.values[high])) high = i;
      }
      kept.push_back(low), kept.push_back(high);
    }
    if (begin == 0) kept.push_back(0);
    if (end == count) kept.push_back(count - 1);
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    places.insert(places.end(), kept.begin(), kept.end());
  }
  return places;
}

// Two digits more than are shown: nobody sees the rest.
OrderedJson short_number(double value, const Chart& chart) {
  if (!std::isfinite(value)) return nullptr;
  const double power = std::pow(10, chart.digits + 2) * scale_of(chart);
  const double rounded = std::round(value * power) / power;
  return std::isfinite(rounded) ? rounded + 0.0 : value;
}

}  // namespace

std::string shown(double value, const Chart& chart) {
  if (!std::isfinite(value)) return "-";
  std::string text = fmt::format("{:.{}f}", value * scale_of(chart), chart.digits);
  if (text.find_first_of("123456789") == text.npos && text.front() == '-') text.erase(0, 1);
  return text + (chart.unit == Unit::percent ? "%" : "");
}

OrderedJson chart_json(const Chart& chart, const std::string& id) {
  OrderedJson json{{"id", id},
                   {"title", one_line(chart.title)},
                   {"kind", chart.bars ? "bars" : "lines"},
                   {"unit", chart.unit == Unit::percent ? "percent" : "plain"},
                   {"digits", chart.digits},
                   {"height", chart.height},
                   {"with_zero", chart.with_zero}};
  const std::vector<size_t> places = drawn_places(chart);
  OrderedJson labels = OrderedJson::array(), curves = OrderedJson::array();
  for (const size_t place : places) labels.push_back(one_line(chart.labels[place]));
  for (const Curve& curve : chart.curves) {
    OrderedJson values = OrderedJson::array();
    for (const size_t place : places) values.push_back(short_number(curve.values[place], chart));
    curves.push_back({{"name", one_line(curve.name)}, {"values", std::move(values)}, {"filled", curve.filled}});
  }
  json["at"] = places;
  json["labels"] = std::move(labels);
  json["curves"] = std::move(curves);
  return json;
}

std::string chart_table(const Chart& chart) {
  const size_t count = chart.labels.size();
  const size_t step = std::max<size_t>(1, (count + kMostRows - 1) / kMostRows);
  std::string table = fmt::format(
      "<details open>\n<summary>Table{}</summary>\n<table>\n<thead><tr><th scope=\"col\">{}</th>",
      step > 1 ? fmt::format(": one row in {} of {}, and the last", step, count) : "", html(chart.of_labels));
  for (const Curve& curve : chart.curves) table += fmt::format("<th scope=\"col\">{}</th>", html(curve.name));
  table += "</tr></thead>\n<tbody>\n";
  const auto put_row = [&](size_t i) {
    table += fmt::format("<tr><th scope=\"row\">{}</th>", html(chart.labels[i]));
    for (const Curve& curve : chart.curves) table += fmt::format("<td>{}</td>", shown(curve.values[i], chart));
    table += "</tr>\n";
  };
  for (size_t i = 0; i < count; i += step) put_row(i);
  if (count > 0 && (count - 1) % step != 0) put_row(count - 1);
  return table + "</tbody>\n</table>\n</details>\n";
}

}  // namespace hadal::market
