#include "market/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "market/report/text.h"

namespace hadal::market {
namespace {

constexpr double kWidth = 800, kLeft = 64, kRight = 12, kTop = 12, kBottom = 26;
constexpr size_t kMostColumns = 736;  // of a drawn curve: about one a pixel

struct Axis {
  double low, high, step;
};

// 1, 2 or 5 times a power of ten, so that about five steps cover the range.
Axis axis_of(double low, double high) {
  if (!(low < high)) {
    const double room = std::max(std::abs(low) * 0.1, 1e-6);
    low -= room, high += room;
  }
  const double raw = (high - low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double times : {1.0, 2.0, 5.0})
    if (times * power >= raw) {
      step = times * power;
      break;
    }
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

std::string shown(double value, Unit unit, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  const double scale = unit == Unit::percent ? 100 : 1;
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step * scale) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}{}", value * scale, digits, unit == Unit::percent ? "%" : "");
}

class Picture {
 public:
  Picture(const Chart& chart, std::string_view title) : chart_(chart) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Curve& curve : chart.curves)
      for (const double v : curve.values)
        if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    if (low > high) low = 0, high = 1;
    if (chart.with_zero) low = std::min(low, 0.0), high = std::max(high, 0.0);
    axis_ = axis_of(low, high);
    svg_ =
        fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth, chart.height, html(title));
    draw_axes();
  }

  double x(double place) const {  // of label `place`
    const double last = std::max<double>(static_cast<double>(chart_.labels.size()) - 1, 1);
    return kLeft + place / last * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kTop + (axis_.high - value) / (axis_.high - axis_.low) * (chart_.height - kTop - kBottom);
  }
  double zero() const { return y(std::clamp(0.0, axis_.low, axis_.high)); }
  const Axis& axis() const { return axis_; }
  void put(const std::string& element) { svg_ += element; }
  void draw_label(double at, const std::string& text, const char* anchor) {
    svg_ += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n", at, chart_.height - 8, anchor,
                        html(text));
  }
  std::string finish() { return std::move(svg_) + "</svg>\n"; }

 private:
  void draw_axes() {
    const auto steps = static_cast<int>(std::lround((axis_.high - axis_.low) / axis_.step));
    for (int i = 0; i <= steps; ++i) {
      const double value = axis_.low + i * axis_.step;
      svg_ += fmt::format(
          "<path class=\"axis\" d=\"M{} {:.1f}H{}\"/><text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}"
          "</text>\n",
          kLeft, y(value), kWidth - kRight, kLeft - 6, y(value) + 4, shown(value, chart_.unit, axis_.step));
    }
  }

  const Chart& chart_;
  Axis axis_{};
  std::string svg_;
};

// The points that are drawn: of each column the lowest and the highest, in their order.
std::vector<size_t> drawn_points(const std::vector<double>& values) {
  std::vector<size_t> points;
  const size_t column = std::max<size_t>(1, values.size() / kMostColumns);
  for (size_t begin = 0; begin < values.size(); begin += column) {
    const size_t end = std::min(begin + column, values.size());
    size_t low = begin, high = begin;
    for (size_t i = begin; i < end; ++i) {
      if (!(values[i] >= values[low])) low = i;
      if (!(values[i] <= values[high])) high = i;
    }
    points.push_back(std::min(low, high));
    if (low != high) points.push_back(std::max(low, high));
  }
  return points;
}

void draw_curve(Picture& picture, const Curve& curve, size_t number) {
  std::string line, area;
  double begin = 0, end = 0;
  const auto close_area = [&] {
    if (!area.empty())
      picture.put(fmt::format("<path class=\"area c{}\" d=\"M{:.1f} {:.1f}{}L{:.1f} {:.1f}Z\"/>\n", number, begin,
                              picture.zero(), area, end, picture.zero()));
    area.clear();
  };
  bool open = false;
  for (const size_t i : drawn_points(curve.values)) {
    if (!std::isfinite(curve.values[i])) {
      open = false;
      close_area();
      continue;
    }
    const double x = picture.x(static_cast<double>(i)), y = picture.y(curve.values[i]);
    line += fmt::format("{}{:.1f} {:.1f}", open ? 'L' : 'M', x, y);
    if (curve.filled) {
      if (area.empty()) begin = x;
      area += fmt::format("L{:.1f} {:.1f}", x, y);
      end = x;
    }
    open = true;
  }
  close_area();
  picture.put(fmt::format("<path class=\"line c{}\" d=\"{}\"/>\n", number, line));
}

}  // namespace

std::string curves_svg(const Chart& chart, std::string_view title) {
  Picture picture(chart, title);
  for (size_t i = 0; i < chart.curves.size(); ++i) draw_curve(picture, chart.curves[i], i);
  const size_t count = chart.labels.size(), shown_labels = std::min<size_t>(count, 6);
  for (size_t k = 0; k < shown_labels; ++k) {
    const size_t at = shown_labels > 1 ? k * (count - 1) / (shown_labels - 1) : 0;
    picture.draw_label(picture.x(static_cast<double>(at)), chart.labels[at],
                       k == 0                  ? "start"
                       : k + 1 == shown_labels ? "end"
                                               : "middle");
  }
  return picture.finish();
}

std::string bars_svg(const Chart& asked, std::string_view title) {
  Chart chart = asked;
  chart.with_zero = true;
  Picture picture(chart, title);
  const size_t count = chart.labels.size();
  const double room = (kWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(count, 1));
  const size_t every = std::max<size_t>(1, (count + 11) / 12);
  for (size_t i = 0; i < count; ++i) {
    const double left = kLeft + room * static_cast<double>(i), value = chart.curves.front().values[i];
    if (i % every == 0) picture.draw_label(left + room / 2, chart.labels[i], "middle");
    if (!std::isfinite(value)) continue;
    const double from = std::min(picture.y(value), picture.zero());
    picture.put(
        fmt::format("<rect class=\"bar c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
                    "<title>{}: {}</title></rect>\n",
                    value < 0 ? 1 : 0, left + room * 0.1, from, room * 0.8, std::abs(picture.y(value) - picture.zero()),
                    html(chart.labels[i]), shown(value, chart.unit, picture.axis().step / 100)));
  }
  return picture.finish();
}

}  // namespace hadal::market
