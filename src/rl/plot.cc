#include "rl/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace hadal::rl {
namespace {

constexpr double kLetter = 6.6;  // width of one at 12 pixels, about

// Colours that are told apart with defective colour vision too (Okabe & Ito 2008), darker on light paper.
constexpr std::string_view kLight[] = {"#0072b2", "#d55e00", "#00795a", "#a83e7d",
                                       "#8a6d00", "#2b7fb8", "#59636e", "#6639ba"};
constexpr std::string_view kDark[] = {"#58a6ff", "#ff9b52", "#3fc99a", "#f08cc3",
                                      "#e3c542", "#8ed0ff", "#b1bac4", "#b392f0"};
constexpr size_t kColours = std::size(kLight);

// As XML's character data: its own signs escaped, what XML forbids left out, invalid UTF-8 replaced.
std::string escaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0x80 ? 1 : byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : 4;
    bool valid = byte < 0x80 || (byte >= 0xc2 && byte < 0xf5 && i + length <= text.size());
    for (size_t k = 1; k < length && valid; ++k) valid = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    const auto second = valid && length > 2 ? static_cast<unsigned char>(text[i + 1]) : 0x80;
    if ((byte == 0xe0 && second < 0xa0) || (byte == 0xed && second > 0x9f) || (byte == 0xf0 && second < 0x90) ||
        (byte == 0xf4 && second > 0x8f))
      valid = false;
    if (!valid)
      result += "\xEF\xBF\xBD", ++i;
    else if (byte < 0x20 || byte == 0x7f)
      result += ' ', ++i;
    else if (byte == '&' || byte == '<' || byte == '>' || byte == '"')
      result += byte == '&' ? "&amp;" : byte == '<' ? "&lt;" : byte == '>' ? "&gt;" : "&quot;", ++i;
    else if (text.substr(i, 3) == "\xEF\xBF\xBE" || text.substr(i, 3) == "\xEF\xBF\xBF")  // no characters to XML
      result += "\xEF\xBF\xBD", i += 3;
    else
      result += text.substr(i, length), i += length;
  }
  return result;
}

// 0.25, 40, 12k, 3.5M: as many digits as ticks `step` apart need.
std::string label(double value, double step) {
  const double largest = std::max(std::abs(value), step);
  const char* unit = largest >= 1e9 ? "G" : largest >= 1e6 ? "M" : largest >= 1e4 ? "k" : "";
  const double divisor = *unit == 'G' ? 1e9 : *unit == 'M' ? 1e6 : *unit == 'k' ? 1e3 : 1;
  if (value == 0) return "0";
  if (largest < 1e-4 || largest >= 1e12) return fmt::format("{:.3g}", value);
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step / divisor) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}{}", value / divisor, digits, unit);
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool empty() const { return low > high; }
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
};

bool is_drawn(const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

Range x_range(const Plot& plot) {
  Range range;
  for (const Series& series : plot.series)
    for (const auto& point : series.points)
      if (is_drawn(point)) range.add(point.first);
  return range.empty() ? Range{0, 1} : range;
}

Range y_range(const Plot& plot) {
  Range range;
  if (plot.least) range.add(*plot.least);
  if (plot.most) range.add(*plot.most);
  for (const Series& series : plot.series)
    for (const auto& point : series.points)
      if (is_drawn(point)) range.add(point.second);
  return range.empty() ? Range{0, 1} : range;
}

// Where a panel's picture lies, and what its edges mean.
struct Frame {
  double left, top, width, height;
  Range x, y;
  double x_of(double value) const { return left + width * (value - x.low) / (x.high - x.low); }
  double y_of(double value) const { return top + height * (y.high - value) / (y.high - y.low); }
};

void text_at(std::string& svg, double x, double y, std::string_view attributes, std::string_view text) {
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes, escaped(text));
}

void draw_axes(std::string& svg, const Plot& plot, const Frame& frame, std::span<const double> x_ticks,
               std::span<const double> y_ticks) {
  for (const double tick : y_ticks) {
    const double y = frame.y_of(tick);
    svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}h{:.1f}\"/>\n", frame.left, y, frame.width);
    text_at(svg, frame.left - 6, y + 4, "class=\"dim\" text-anchor=\"end\"", label(tick, y_ticks[1] - y_ticks[0]));
  }
  const double bottom = frame.top + frame.height;
  for (const double tick : x_ticks) {
    const double x = frame.x_of(tick);
    if (x < frame.left - 0.5 || x > frame.left + frame.width + 0.5) continue;
    svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>\n", x, bottom);
    text_at(svg, x, bottom + 18, "class=\"dim\" text-anchor=\"middle\"", label(tick, x_ticks[1] - x_ticks[0]));
  }
  svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}h{:.1f}\"/>\n", frame.left, frame.top, bottom,
                     frame.width);
  text_at(svg, frame.left + frame.width / 2, bottom + 36, "class=\"dim\" text-anchor=\"middle\"", plot.x_name);
  text_at(svg, 0, 0,
          fmt::format("class=\"dim\" text-anchor=\"middle\" transform=\"translate({:.1f} {:.1f}) rotate(-90)\"",
                      frame.left - 46, frame.top + frame.height / 2),
          plot.y_name);
}

// Of more points than pixels, those of one pixel column become its lowest and its highest, so that spikes stay.
struct Column {
  double x, first, low, high, last;
};

void draw_run(std::string& svg, const std::string& style, const std::vector<Column>& run) {
  if (run.empty()) return;
  if (run.size() == 1 && run[0].low == run[0].high) {
    svg +=
        fmt::format("<circle class=\"{} dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\"/>\n", style, run[0].x, run[0].low);
    return;
  }
  std::string path;
  const auto to = [&](double x, double y) { path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y); };
  for (const Column& column : run) {
    to(column.x, column.first);
    if (column.low < std::min(column.first, column.last)) to(column.x, column.low);
    if (column.high > std::max(column.first, column.last)) to(column.x, column.high);
    if (column.last != column.first) to(column.x, column.last);
  }
  svg += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", style, path);
}

void draw_series(std::string& svg, const Series& series, size_t index, const Frame& frame) {
  const std::string style = fmt::format("line c{}{}", index % kColours, index >= kColours ? " again" : "");
  std::vector<Column> run;
  for (const auto& point : series.points) {
    if (!is_drawn(point)) {
      draw_run(svg, style, run);
      run.clear();
      continue;
    }
    const double x = frame.x_of(point.first), y = frame.y_of(point.second);
    if (!run.empty() && x < run.back().x + 0.5) {
      Column& last = run.back();
      last = {last.x, last.first, std::min(last.low, y), std::max(last.high, y), y};
    } else {
      run.push_back({x, y, y, y, y});
    }
  }
  draw_run(svg, style, run);
}

// Its rows stand below `top`; returns how many there are.
int draw_legend(std::string& svg, const Plot& plot, double left, double top, double width) {
  double x = left;
  int rows = 0;
  for (size_t i = 0; i < plot.series.size(); ++i) {
    const std::string& name = plot.series[i].name;
    if (name.empty()) continue;
    const double needed = 40 + kLetter * static_cast<double>(name.size());
    if (rows == 0 || x + needed > left + width) x = left, ++rows;
    const double y = top + 18 * (rows - 1);
    svg += fmt::format("<path class=\"line c{}{}\" d=\"M{:.1f} {:.1f}h18\"/>\n", i % kColours,
                       i >= kColours ? " again" : "", x, y - 4);
    text_at(svg, x + 24, y, "class=\"small\"", name);
    x += needed;
  }
  return rows;
}

void draw_panel(std::string& svg, const Plot& plot, double left, double top, double width, double height) {
  text_at(svg, left + 64, top + 16, "class=\"head\"", plot.title);
  const int rows = draw_legend(svg, plot, left + 64, top + 38, width - 80);
  Frame frame{left + 64, top + 34 + 18 * rows, width - 84, height - 84 - 18 * rows, x_range(plot), y_range(plot)};
  const std::vector<double> x_ticks = round_ticks(frame.x.low, frame.x.high, static_cast<int>(width / 100));
  const std::vector<double> y_ticks = round_ticks(frame.y.low, frame.y.high, 5);
  if (frame.x.low == frame.x.high) frame.x = {x_ticks.front(), x_ticks.back()};
  frame.y = {y_ticks.front(), y_ticks.back()};
  draw_axes(svg, plot, frame, x_ticks, y_ticks);
  for (size_t i = 0; i < plot.series.size(); ++i) draw_series(svg, plot.series[i], i, frame);
}

std::string style() {
  std::string light, dark;
  for (size_t i = 0; i < kColours; ++i) {
    light += fmt::format(" .c{} {{ stroke: {} }}", i, kLight[i]);
    dark += fmt::format(" .c{} {{ stroke: {} }}", i, kDark[i]);
  }
  return fmt::format(
      "<style>\n"
      "  .paper {{ fill: #ffffff }} text {{ fill: #1f2328; font-size: 12px }} .dim {{ fill: #59636e }}\n"
      "  .head {{ font-weight: 600; font-size: 13px }} .title {{ font-weight: 600; font-size: 16px }}\n"
      "  .grid {{ stroke: #d1d9e0; stroke-width: .7 }} .axis {{ stroke: #818b98; fill: none }}\n"
      "  .line {{ fill: none; stroke-width: 1.7; stroke-linejoin: round }} .dot {{ stroke-width: 2.5 }}\n"
      "  .again {{ stroke-dasharray: 5 3 }}\n"
      " {}\n"
      "  @media (prefers-color-scheme: dark) {{\n"
      "    .paper {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .dim {{ fill: #b1bac4 }}\n"
      "    .grid {{ stroke: #30363d }} .axis {{ stroke: #656c76 }}\n"
      "   {}\n"
      "  }}\n"
      "</style>\n",
      light, dark);
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double size = std::max(std::abs(low), std::abs(high));
  // A range of nothing, or of rounding alone, is widened about its middle.
  if (high - low <= size * 1e-9) {
    const double by = size > 0 ? size * 0.1 : 0.5;
    low -= by, high += by;
  }
  const double rough = (high - low) / std::max(count, 1), power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough * (1 - 1e-9)) step = factor * power;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  std::vector<double> ticks;
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string svg_of(std::string_view title, std::span<const Plot> plots) {
  const bool alone = plots.size() == 1;
  const double width = alone ? 720 : 480, height = alone ? 380 : 300, head = title.empty() ? 8 : 40;
  const size_t rows = (plots.size() + 1) / 2;
  const double all_width = alone ? width : 2 * width;
  const double all_height = head + height * static_cast<double>(rows) + 8;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"system-ui, sans-serif\" role=\"img\" aria-label=\"{2}\">\n",
      all_width, all_height, escaped(title));
  svg += style();
  svg += fmt::format("<rect class=\"paper\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n", all_width, all_height);
  if (!title.empty()) text_at(svg, all_width / 2, 26, "class=\"title\" text-anchor=\"middle\"", title);
  for (size_t i = 0; i < plots.size(); ++i)
    draw_panel(svg, plots[i], static_cast<double>(i % 2) * width, head + static_cast<double>(i / 2) * height, width,
               height);
  return svg + "</svg>\n";
}

}  // namespace hadal::rl
