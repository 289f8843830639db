// Every operator over windows against plain code for its definition, on panels with gaps, holes and equal values.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "market/factors.h"
#include "market/testing/random_panel.h"

namespace hadal::market::factors {
namespace {

using Values = std::vector<double>;
using Real = long double;

Values there(const Values& window) {
  Values values;
  std::copy_if(window.begin(), window.end(), std::back_inserter(values), [](double x) { return !std::isnan(x); });
  return values;
}
bool no_spread(const Values& v) {
  return std::all_of(v.begin(), v.end(), [&](double x) { return x == v[0]; });
}
Real mean_of(const Values& v) { return std::accumulate(v.begin(), v.end(), Real{0}) / static_cast<Real>(v.size()); }
Real central(const Values& v, int power) {
  const Real mean = mean_of(v);
  Real sum = 0;
  for (const double x : v) sum += std::pow(static_cast<Real>(x) - mean, power);
  return sum / static_cast<Real>(v.size());
}
double variance(const Values& w) {
  const Values v = there(w);
  if (v.size() < 2) return kMissing;
  return static_cast<double>(central(v, 2) * static_cast<Real>(v.size()) / static_cast<Real>(v.size() - 1));
}
double quantile(const Values& w, double share) {
  Values v = there(w);
  if (v.empty()) return kMissing;
  std::sort(v.begin(), v.end());
  const double place = share * static_cast<double>(v.size() - 1);
  const auto i = static_cast<size_t>(place);
  return i + 1 < v.size() ? v[i] + (v[i + 1] - v[i]) * (place - static_cast<double>(i)) : v.back();
}
double skew(const Values& w) {
  const Values v = there(w);
  const Real n = static_cast<Real>(v.size());
  if (n < 3 || no_spread(v)) return kMissing;
  return static_cast<double>(std::sqrt(n * (n - 1)) / (n - 2) * central(v, 3) / std::pow(central(v, 2), Real{1.5}));
}
double kurt(const Values& w) {
  const Values v = there(w);
  const Real n = static_cast<Real>(v.size());
  if (n < 4 || no_spread(v)) return kMissing;
  const Real m2 = central(v, 2);
  return static_cast<double>((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * central(v, 4) / (m2 * m2) - 3 * (n - 1)));
}
double place_of(const Values& w, bool largest) {
  double best = kMissing, place = kMissing;
  for (size_t i = 0; i < w.size(); ++i)
    if (!std::isnan(w[i]) && (std::isnan(best) || (largest ? w[i] > best : w[i] < best)))
      best = w[i], place = static_cast<double>(i + 1);
  return place;
}
double rank(const Values& w) {
  if (std::isnan(w.back())) return kMissing;
  const Values v = there(w);
  const auto below = std::count_if(v.begin(), v.end(), [&](double x) { return x < w.back(); });
  const auto equal = std::count(v.begin(), v.end(), w.back());
  return (static_cast<double>(below) + static_cast<double>(equal + 1) / 2) / static_cast<double>(v.size());
}

struct Fit {
  double slope = kMissing, rsquare = kMissing, resi = kMissing;
};
Fit fit(const Values& w) {
  Values x, y;
  for (size_t i = 0; i < w.size(); ++i)
    if (!std::isnan(w[i])) x.push_back(static_cast<double>(i + 1)), y.push_back(w[i]);
  if (x.size() < 2) return {};
  const Real mean_x = mean_of(x), mean_y = mean_of(y);
  Real xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  const Real slope = xy / xx, at_end = mean_y + slope * (static_cast<Real>(w.size()) - mean_x);
  return {static_cast<double>(slope), no_spread(y) ? kMissing : static_cast<double>(xy * xy / xx / yy),
          static_cast<double>(w.back() - at_end)};
}

double comoment(const Values& a, const Values& b, bool correlate) {
  Values x, y;
  for (size_t i = 0; i < a.size(); ++i)
    if (!std::isnan(a[i]) && !std::isnan(b[i])) x.push_back(a[i]), y.push_back(b[i]);
  if (x.size() < 2 || (correlate && (no_spread(x) || no_spread(y)))) return kMissing;
  const Real mean_x = mean_of(x), mean_y = mean_of(y);
  Real sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - mean_x) * (y[i] - mean_y);
  if (!correlate) return static_cast<double>(sum / static_cast<Real>(x.size() - 1));
  return static_cast<double>(sum / static_cast<Real>(x.size()) / std::sqrt(central(x, 2) * central(y, 2)));
}

struct OneCase {
  std::string expression;  // {x} and {n}
  std::function<double(const Values&)> value;
};

const std::vector<OneCase>& cases() {
  static const std::vector<OneCase> kCases = {
      {"Mean(x,n)",
       [](const Values& w) {
         const Values v = there(w);
         return v.empty() ? kMissing : static_cast<double>(mean_of(v));
       }},
      {"Sum(x,n)",
       [](const Values& w) {
         const Values v = there(w);
         return v.empty() ? kMissing : static_cast<double>(mean_of(v) * static_cast<Real>(v.size()));
       }},
      {"Std(x,n)", [](const Values& w) { return std::sqrt(variance(w)); }},
      {"Var(x,n)", variance},
      {"Skew(x,n)", skew},
      {"Kurt(x,n)", kurt},
      {"Max(x,n)",
       [](const Values& w) {
         const Values v = there(w);
         return v.empty() ? kMissing : *std::max_element(v.begin(), v.end());
       }},
      {"Min(x,n)",
       [](const Values& w) {
         const Values v = there(w);
         return v.empty() ? kMissing : *std::min_element(v.begin(), v.end());
       }},
      {"IdxMax(x,n)", [](const Values& w) { return place_of(w, true); }},
      {"IdxMin(x,n)", [](const Values& w) { return place_of(w, false); }},
      {"Quantile(x,n,0.8)", [](const Values& w) { return quantile(w, 0.8); }},
      {"Quantile(x,n,0)", [](const Values& w) { return quantile(w, 0); }},
      {"Quantile(x,n,1)", [](const Values& w) { return quantile(w, 1); }},
      {"Med(x,n)", [](const Values& w) { return quantile(w, 0.5); }},
      {"Mad(x,n)",
       [](const Values& w) {
         const Values v = there(w);
         if (v.empty()) return kMissing;
         Real sum = 0;
         for (const double x : v) sum += std::abs(x - mean_of(v));
         return static_cast<double>(sum / static_cast<Real>(v.size()));
       }},
      {"Rank(x,n)", rank},
      {"Count(x,n)", [](const Values& w) { return static_cast<double>(there(w).size()); }},
      {"Slope(x,n)", [](const Values& w) { return fit(w).slope; }},
      {"Rsquare(x,n)", [](const Values& w) { return fit(w).rsquare; }},
      {"Resi(x,n)", [](const Values& w) { return std::isnan(w.back()) ? kMissing : fit(w).resi; }},
      {"Delta(x,n)", [](const Values&) { return kMissing; }},  // below
      {"SMA(x,n)", [](const Values&) { return kMissing; }},
      {"WMA(x,n)", [](const Values&) { return kMissing; }},
  };
  return kCases;
}

std::string filled(std::string text, const std::string& x, size_t n) {
  for (size_t at; (at = text.find("(x,n")) != std::string::npos;)
    text.replace(at, 4, "(" + x + "," + std::to_string(n));
  return text;
}

// What the instrument has in its bars up to row t.
Values history(const Panel& panel, const std::vector<double>& column, size_t instrument, size_t t) {
  Values values;
  for (size_t row = 0; row <= t; ++row)
    if (panel.has_bar(row, instrument)) values.push_back(column[panel.at(row, instrument)]);
  return values;
}
Values last(const Values& values, size_t n) {
  return {values.end() - static_cast<ptrdiff_t>(std::min(n, values.size())), values.end()};
}

void expect_near(double got, double want, double scale, const std::string& where) {
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got)) << where << ": " << got;
  } else {
    EXPECT_NEAR(got, want, 1e-9 * std::abs(want) + 1e-11 * scale) << where;
  }
}

TEST(Windows, FollowTheirDefinitions) {
  const Panel panel = random_panel(90, 7, 11, {.gap = 0.15, .hole = 0.2, .equal = 0.4});
  for (const size_t n : {1, 2, 3, 5, 20}) {
    std::vector<NamedExpression> factors;
    for (const char* x : {"$close", "$vwap"})
      for (const OneCase& c : cases()) factors.push_back({filled(c.expression, x, n), filled(c.expression, x, n)});
    const std::vector<double> got = evaluate_factors(FactorProgram(factors, ""), panel);
    for (size_t t = 0; t < panel.num_times(); ++t)
      for (size_t i = 0; i < panel.num_instruments(); ++i)
        for (size_t f = 0; f < factors.size(); ++f) {
          const OneCase& c = cases()[f % cases().size()];
          const double value = got[(t * panel.num_instruments() + i) * factors.size() + f];
          const std::string where = factors[f].name + " at " + std::to_string(t) + " of " + std::to_string(i);
          if (!panel.has_bar(t, i)) {
            EXPECT_TRUE(std::isnan(value)) << where;
            continue;
          }
          const Values all = history(panel, f < cases().size() ? panel.close : panel.vwap, i, t);
          const Values window = last(all, n);
          double want = c.value(window), scale = 1;
          const bool full = window.size() == n && there(window).size() == n;
          if (c.expression.starts_with("Delta"))
            want = all.size() > n ? all.back() - all[all.size() - 1 - n] : kMissing;
          if (c.expression.starts_with("SMA") && full) want = static_cast<double>(mean_of(window));
          if (c.expression.starts_with("WMA") && full) {
            Real sum = 0;
            for (size_t k = 0; k < n; ++k) sum += static_cast<Real>(window[k]) * static_cast<Real>(k + 1);
            want = static_cast<double>(sum / (static_cast<Real>(n * (n + 1)) / 2));
          }
          if (c.expression.starts_with("Resi") || c.expression.starts_with("Slope")) scale = 100;
          if (c.expression.starts_with("Skew") || c.expression.starts_with("Kurt")) scale = 100;
          if (n <= 2 && c.expression.starts_with("Rsquare") && !std::isnan(want)) want = 1;
          expect_near(value, want, scale, where);
          if (testing::Test::HasFailure()) return;
        }
  }
}

TEST(Windows, OfPairsFollowTheirDefinitions) {
  const Panel panel = random_panel(80, 6, 12, {.gap = 0.1, .hole = 0.2, .equal = 0.5});
  for (const size_t n : {2, 4, 15}) {
    const std::string by = "," + std::to_string(n) + ")";
    const FactorProgram program(
        {{"corr", "Corr($close,$vwap" + by}, {"cov", "Cov($close,$volume" + by}, {"self", "Corr($close,$close" + by}},
        "");
    const std::vector<double> got = evaluate_factors(program, panel);
    for (size_t t = 0; t < panel.num_times(); ++t)
      for (size_t i = 0; i < panel.num_instruments(); ++i) {
        if (!panel.has_bar(t, i)) continue;
        const double* value = &got[(t * panel.num_instruments() + i) * 3];
        const Values close = last(history(panel, panel.close, i, t), n),
                     vwap = last(history(panel, panel.vwap, i, t), n);
        const Values volume = last(history(panel, panel.volume, i, t), n);
        const std::string where = std::to_string(n) + " at " + std::to_string(t) + " of " + std::to_string(i);
        expect_near(value[0], comoment(close, vwap, true), 1, "corr " + where);
        expect_near(value[1], comoment(close, volume, false), 1e6, "cov " + where);
        expect_near(value[2], comoment(close, close, true), 1, "self " + where);
        if (testing::Test::HasFailure()) return;
      }
  }
}

TEST(Windows, EqualValuesHaveNoSpread) {
  Panel panel = empty_panel(40, 1);
  for (size_t t = 0; t < 40; ++t) {
    panel.close[t] = 0.1 + 0.2, panel.open[t] = 0.3 * static_cast<double>(t);
  }
  const std::vector<double> got = evaluate_factors(FactorProgram({{"std", "Std($close,17)"},
                                                                  {"mean", "Mean($close,17)/$close"},
                                                                  {"corr", "Corr($close,$open,17)"},
                                                                  {"rsquare", "Rsquare($close,17)"},
                                                                  {"slope", "Slope($close,17)"},
                                                                  {"skew", "Skew($close,17)"},
                                                                  {"wma", "WMA($close,17)/$close"},
                                                                  {"rank", "Rank($close,17)"}},
                                                                 ""),
                                                   panel);
  const double* last = &got[39 * 8];
  EXPECT_EQ(last[0], 0);
  EXPECT_EQ(last[1], 1);
  EXPECT_TRUE(std::isnan(last[2]));
  EXPECT_TRUE(std::isnan(last[3]));
  EXPECT_EQ(last[4], 0);
  EXPECT_TRUE(std::isnan(last[5]));
  EXPECT_EQ(last[6], 1);
  EXPECT_EQ(last[7], 9.0 / 17);
}

// pandas' ewm(span = n, adjust = True), by its definition over the whole past.
TEST(Windows, ExponentialMeansWeighAllBars) {
  const Panel panel = random_panel(60, 4, 13);
  const std::vector<double> got = evaluate_factors(
      FactorProgram({{"span", "EMA($vwap,9)"}, {"weight", "EMA($vwap,0.3)"}, {"one", "EMA($close,1)"}}, ""), panel);
  for (size_t t = 0; t < panel.num_times(); ++t)
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      if (!panel.has_bar(t, i)) continue;
      const Values all = history(panel, panel.vwap, i, t);
      for (const auto& [at, alpha] : {std::pair<size_t, Real>{0, Real{0.2}}, {1, Real{0.3}}}) {
        Real sum = 0, weights = 0;
        for (size_t k = 0; k < all.size(); ++k)
          if (!std::isnan(all[k])) {
            const Real weight = std::pow(1 - alpha, static_cast<Real>(all.size() - 1 - k));
            sum += weight * all[k], weights += weight;
          }
        expect_near(got[(t * 4 + i) * 3 + at], weights > 0 ? static_cast<double>(sum / weights) : kMissing, 1, "EMA");
      }
      EXPECT_EQ(got[(t * 4 + i) * 3 + 2], panel.close[panel.at(t, i)]);
    }
}

}  // namespace
}  // namespace hadal::market::factors
