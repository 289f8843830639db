#include <algorithm>
#include <cmath>

#include "cluster/ladder.h"

namespace hadal::cluster {
namespace {

constexpr int kBins = 24;      // the curve, averaged in steps of equal ratio: late points, of which there are many, are
constexpr size_t kFewest = 6;  // not to outweigh all; fewer of them bind no three parameters
constexpr double kLeastSpan = 4;  // last over first tokens

struct CurveBin {
  double tokens = 0, value = 0, weight = 0;
};

// Tokens and values are means within a bin. Early values tell little of the end, many values more than one: the weight
// is the root of the count, times the root of how late they are.
std::vector<CurveBin> bins_of(const std::vector<CurvePoint>& curve, double sign) {
  std::vector<CurveBin> bins;
  const double first = static_cast<double>(curve.front().tokens), last = static_cast<double>(curve.back().tokens);
  const double width = std::log(last / first) / kBins;
  int at = -1;
  int count = 0;
  const auto close = [&] {
    if (count == 0) return;
    bins.back().tokens /= count;
    bins.back().value /= count;
    bins.back().weight = std::sqrt(count * bins.back().tokens / last);
  };
  for (const CurvePoint& point : curve) {
    const int bin = std::min(kBins - 1, static_cast<int>(std::log(static_cast<double>(point.tokens) / first) / width));
    if (bin != at) {
      close();
      bins.emplace_back();
      count = 0;
      at = bin;
    }
    bins.back().tokens += static_cast<double>(point.tokens);
    bins.back().value += sign * point.value;
    ++count;
  }
  close();
  return bins;
}

struct PowerFit {
  double a = 0, b = 0, error = 0;  // error: the weighted sum of squares
};

PowerFit fit_with(const std::vector<CurveBin>& bins, double last, double c) {
  double sw = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  const auto x_of = [&](const CurveBin& bin) { return std::pow(bin.tokens / last, -c); };
  for (const CurveBin& bin : bins) {
    const double x = x_of(bin), w = bin.weight;
    sw += w, sx += w * x, sy += w * bin.value, sxx += w * x * x, sxy += w * x * bin.value;
  }
  PowerFit fit;
  const double det = sw * sxx - sx * sx;
  fit.b = det > 0 ? (sw * sxy - sx * sy) / det : 0;
  fit.a = (sy - fit.b * sx) / sw;
  for (const CurveBin& bin : bins) {
    const double miss = bin.value - fit.a - fit.b * x_of(bin);
    fit.error += bin.weight * miss * miss;
  }
  return fit;
}

}  // namespace

// value = a + b t^-c: for each exponent the best a and b are a straight line. An exponent that fits about as well as
// the best (an F-test of one parameter at 2 to 1) may be the true one; where those disagree about the end by more than
// they promise to gain, nothing is predicted.
std::optional<double> predicted_final(const std::vector<CurvePoint>& curve, int64_t length_tokens,
                                      bool larger_is_better) {
  std::vector<CurvePoint> points;
  for (const CurvePoint& point : curve) {
    if (!std::isfinite(point.value)) return std::nullopt;
    if (point.tokens > 0 && (points.empty() || point.tokens > points.back().tokens)) points.push_back(point);
  }
  if (points.size() < kFewest || length_tokens <= points.back().tokens) return std::nullopt;
  const double first = static_cast<double>(points.front().tokens), last = static_cast<double>(points.back().tokens);
  if (last < kLeastSpan * first) return std::nullopt;
  const double sign = larger_is_better ? -1 : 1;
  const std::vector<CurveBin> bins = bins_of(points, sign);
  if (bins.size() < kFewest) return std::nullopt;

  std::vector<std::pair<double, double>> tried;  // error, the value at the end
  double least = kUnknown, best = 0, gain = 0;
  const double ahead = static_cast<double>(length_tokens) / last;
  for (double c = .02; c < 3; c *= 1.03) {
    const PowerFit fit = fit_with(bins, last, c);
    if (!(fit.b > 0)) continue;
    const double end = fit.a + fit.b * std::pow(ahead, -c);
    tried.emplace_back(fit.error, end);
    if (fit.error >= least) continue;
    least = fit.error;
    best = end;
    gain = fit.a + fit.b - end;
  }
  if (tried.empty()) return std::nullopt;
  double low = best, high = best;
  const double near = least * (1 + 2.0 / static_cast<double>(bins.size() - 3)) + 1e-18;
  for (const auto& [error, end] : tried)
    if (error <= near) low = std::min(low, end), high = std::max(high, end);
  if (high - low > gain) return std::nullopt;
  return sign * best;
}

}  // namespace hadal::cluster
