// Indicators against LEAN's files (tests/market/indicators), and the others against plain code.
#include <gtest/gtest.h>

#include <charconv>
#include <functional>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "market/factors.h"
#include "market/testing/random_panel.h"

namespace hadal::market::factors {
namespace {

const Path kFolder = Path(HADAL_SOURCE_DIR) / "tests/market/indicators";

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  size_t column(const std::string& name) const {
    for (size_t c = 0; c < header.size(); ++c)
      if (lower_case(header[c]) == lower_case(name)) return c;
    return header.size();
  }
  double at(size_t row, size_t c) const {
    double value = kMissing;
    const std::string& text = rows[row][c];
    if (text != "NaN") std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
};

Table read_table(const std::string& file) {
  Table table;
  for_each_line(kFolder / file, [&](std::string_view line, int64_t number) {
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (number == 1)
      table.header = split(line, ',');
    else if (!line.empty())
      table.rows.push_back(split(line, ','));
    return true;
  });
  return table;
}

TEST(Indicators, MeetLeansFiles) {
  const Json index = parse_json(read_file(kFolder / "index.json"), "index.json");
  ASSERT_EQ(index.size(), 12u);
  for (const Json& entry : index) {
    const std::string file = entry["file"];
    const Table table = read_table(file);
    Panel panel = empty_panel(table.rows.size(), 1);
    const std::pair<const char*, std::vector<double>*> columns[] = {{"open", &panel.open},
                                                                    {"high", &panel.high},
                                                                    {"low", &panel.low},
                                                                    {"close", &panel.close},
                                                                    {"volume", &panel.volume}};
    for (const auto& [name, values] : columns)
      if (const size_t c = table.column(name); c < table.header.size())
        for (size_t t = 0; t < table.rows.size(); ++t) (*values)[t] = table.at(t, c);
    for (const auto& [column, expression] : entry["columns"].items()) {
      const size_t c = table.column(column);
      ASSERT_LT(c, table.header.size()) << column;
      const std::vector<double> got = evaluate_factors(FactorProgram({{column, expression}}, file), panel);
      int compared = 0, early = 0;
      for (size_t t = 0; t < table.rows.size(); ++t) {
        const double want = c < table.rows[t].size() ? table.at(t, c) : kMissing;
        if (std::isnan(want)) {
          early += !std::isnan(got[t]);
          continue;
        }
        ++compared;
        EXPECT_NEAR(got[t], want, entry["absolute"].get<double>() + entry["relative"].get<double>() * std::abs(want))
            << file << ":" << t + 2 << " " << column;
        if (HasFailure()) return;
      }
      EXPECT_GT(compared, 300) << file << " " << column;
      EXPECT_EQ(early, 0) << file << " " << column;
    }
  }
}

// ---- by plain code, on one instrument without gaps

using Series = std::vector<double>;

Panel bars() { return random_panel(200, 1, 31, {.gap = 0, .hole = 0, .equal = 0.1, .late = false}); }

Series value_of(const Panel& panel, const std::string& expression) {
  return evaluate_factors(FactorProgram({{"f", expression}}, ""), panel);
}

Series seeded(const Series& x, size_t n, double weight) {
  Series out(x.size(), kMissing);
  double sum = 0;
  size_t count = 0;
  for (size_t t = 0; t < x.size(); ++t) {
    if (std::isnan(x[t])) continue;
    ++count;
    if (count <= n) sum += x[t];
    if (count == n) out[t] = sum / static_cast<double>(n);
    if (count > n) out[t] = out[t - 1] + weight * (x[t] - out[t - 1]);
  }
  return out;
}
Series emas(const Series& x, size_t n) { return seeded(x, n, 2.0 / static_cast<double>(n + 1)); }
Series rma(const Series& x, size_t n) { return seeded(x, n, 1.0 / static_cast<double>(n)); }
Series over(const Series& x, size_t n, const std::function<double(size_t, size_t)>& f) {
  Series out(x.size(), kMissing);
  for (size_t t = n - 1; t < x.size(); ++t) {
    bool all = true;
    for (size_t k = t + 1 - n; k <= t; ++k) all = all && !std::isnan(x[k]);
    if (all) out[t] = f(t + 1 - n, t);
  }
  return out;
}
Series sma(const Series& x, size_t n) {
  return over(x, n, [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t k = begin; k <= end; ++k) sum += x[k];
    return sum / static_cast<double>(n);
  });
}
Series wma(const Series& x, size_t n) {
  return over(x, n, [&](size_t begin, size_t end) {
    double sum = 0, weights = 0;
    for (size_t k = begin; k <= end; ++k) {
      const auto weight = static_cast<double>(k - begin + 1);
      sum += weight * x[k], weights += weight;
    }
    return sum / weights;
  });
}
Series joined(const Series& a, const Series& b, const std::function<double(double, double)>& f) {
  Series out(a.size());
  for (size_t t = 0; t < a.size(); ++t) out[t] = f(a[t], b[t]);
  return out;
}
Series changes(const Series& x) {
  Series out(x.size(), kMissing);
  for (size_t t = 1; t < x.size(); ++t) out[t] = x[t] - x[t - 1];
  return out;
}

void expect_close(const Series& got, const Series& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  bool any = false;
  for (size_t t = 0; t < got.size(); ++t) {
    ASSERT_EQ(std::isnan(got[t]), std::isnan(want[t])) << what << " at " << t << ": " << got[t] << " " << want[t];
    if (std::isnan(want[t])) continue;
    any = true;
    ASSERT_NEAR(got[t], want[t], 1e-9 * std::max(1.0, std::abs(want[t]))) << what << " at " << t;
  }
  EXPECT_TRUE(any) << what;
}

TEST(Indicators, OfOneSeriesFollowTheirDefinitions) {
  const Panel panel = bars();
  const Series& x = panel.close;
  const auto minus = [](double a, double b) { return a - b; };
  expect_close(value_of(panel, "EMAS($close,9)"), emas(x, 9), "EMAS");
  expect_close(value_of(panel, "RMA($close,9)"), rma(x, 9), "RMA");
  expect_close(value_of(panel, "WMA($close,9)"), wma(x, 9), "WMA");
  expect_close(value_of(panel, "HMA($close,10)"),
               wma(joined(wma(x, 5), wma(x, 10), [](double a, double b) { return 2 * a - b; }), 3), "HMA");
  expect_close(value_of(panel, "TRIMA($close,9)"), sma(sma(x, 5), 5), "TRIMA");
  expect_close(value_of(panel, "TRIMA($close,10)"), sma(sma(x, 5), 6), "TRIMA");
  const Series once = emas(x, 7), twice = emas(once, 7), thrice = emas(twice, 7);
  expect_close(value_of(panel, "TEMA($close,7)"),
               joined(joined(once, twice, [](double a, double b) { return 3 * a - 3 * b; }), thrice,
                      [](double a, double b) { return a + b; }),
               "TEMA");
  Series t3 = x;
  for (int i = 0; i < 3; ++i) {
    const Series first = emas(t3, 4);
    t3 = joined(first, emas(first, 4), [](double a, double b) { return 1.7 * a - 0.7 * b; });
  }
  expect_close(value_of(panel, "T3($close,4)"), t3, "T3");
  expect_close(value_of(panel, "MACD($close,5,9)"), joined(emas(x, 5), emas(x, 9), minus), "MACD");
  expect_close(value_of(panel, "APO($close,5,9)"), joined(sma(x, 5), sma(x, 9), minus), "APO");
  expect_close(value_of(panel, "PPO($close,5,9)"),
               joined(sma(x, 5), sma(x, 9), [](double a, double b) { return 100 * (a - b) / b; }), "PPO");
  Series up = changes(x), down = changes(x);
  for (double& d : up) d = std::isnan(d) ? d : std::max(d, 0.0);
  for (double& d : down) d = std::isnan(d) ? d : std::max(-d, 0.0);
  expect_close(value_of(panel, "RSI($close,8)"),
               joined(rma(up, 8), rma(down, 8), [](double a, double b) { return 100 - 100 / (1 + a / b); }), "RSI");
  expect_close(value_of(panel, "CMO($close,8)"),
               joined(rma(up, 8), rma(down, 8), [](double a, double b) { return 100 * (a - b) / (a + b); }), "CMO");
  expect_close(value_of(panel, "ROC($close,8)"),
               over(x, 9, [&](size_t b, size_t e) { return 100 * (x[e] / x[b] - 1); }), "ROC");
  expect_close(value_of(panel, "ROCR($close,8)"), over(x, 9, [&](size_t b, size_t e) { return x[e] / x[b]; }), "ROCR");
  expect_close(value_of(panel, "MIDPOINT($close,8)"),
               over(x, 8,
                    [&](size_t b, size_t e) {
                      const auto [low, high] = std::minmax_element(x.begin() + static_cast<ptrdiff_t>(b),
                                                                   x.begin() + static_cast<ptrdiff_t>(e) + 1);
                      return (*low + *high) / 2;
                    }),
               "MIDPOINT");
  const Series mean = sma(x, 12);
  expect_close(value_of(panel, "BBLower($close,12,1.5)"),
               over(x, 12,
                    [&](size_t b, size_t e) {
                      double sum = 0;
                      for (size_t k = b; k <= e; ++k) sum += (x[k] - mean[e]) * (x[k] - mean[e]);
                      return mean[e] - 1.5 * std::sqrt(sum / 12);
                    }),
               "BBLower");
  Series kama(x.size(), kMissing);
  double last = x[9];
  for (size_t t = 10; t < x.size(); ++t) {
    double way = 0;
    for (size_t k = t - 9; k <= t; ++k) way += std::abs(x[k] - x[k - 1]);
    const double weight = way == 0 ? 2.0 / 3 : std::abs(x[t] - x[t - 10]) / way * (2.0 / 3 - 2.0 / 31) + 2.0 / 31;
    kama[t] = last += weight * weight * (x[t] - last);
    if (way == 0) kama[t] = last;
  }
  expect_close(value_of(panel, "KAMA($close,10)"), kama, "KAMA");
}

TEST(Indicators, OfBarsFollowTheirDefinitions) {
  Panel panel = bars();
  panel.high[60] = panel.low[60] = panel.open[60] = panel.close[60];
  const Series &o = panel.open, &h = panel.high, &l = panel.low, &c = panel.close, &v = panel.volume;
  const size_t times = c.size();
  Series tr(times, kMissing), flow(times), obv(times), line(times), bop(times), price(times);
  for (size_t t = 0; t < times; ++t) {
    if (t > 0) tr[t] = std::max({h[t] - l[t], std::abs(h[t] - c[t - 1]), std::abs(l[t] - c[t - 1])});
    flow[t] = h[t] == l[t] ? 0 : ((c[t] - l[t]) - (h[t] - c[t])) / (h[t] - l[t]) * v[t];
    line[t] = (t > 0 ? line[t - 1] : 0) + flow[t];
    obv[t] = t == 0 ? v[0] : obv[t - 1] + (c[t] > c[t - 1] ? v[t] : c[t] < c[t - 1] ? -v[t] : 0);
    bop[t] = h[t] == l[t] ? 0 : (c[t] - o[t]) / (h[t] - l[t]);
    price[t] = (h[t] + l[t] + c[t]) / 3;
  }
  expect_close(value_of(panel, "TR()"), tr, "TR");
  expect_close(value_of(panel, "BOP()"), bop, "BOP");
  expect_close(value_of(panel, "OBV()"), obv, "OBV");
  Series first = tr;
  first[0] = h[0] - l[0];
  expect_close(value_of(panel, "ATR(6)"), rma(first, 6), "ATR");
  expect_close(value_of(panel, "NATR(6)"), joined(rma(tr, 6), c, [](double a, double b) { return 100 * a / b; }),
               "NATR");
  const auto sum = [&](const Series& x, size_t b, size_t e) {
    double total = 0;
    for (size_t k = b; k <= e; ++k) total += x[k];
    return total;
  };
  expect_close(value_of(panel, "CMF(7)"),
               over(c, 7, [&](size_t b, size_t e) { return sum(flow, b, e) / sum(v, b, e); }), "CMF");
  expect_close(value_of(panel, "ADOSC(3,10)"),
               joined(emas(line, 3), emas(line, 10), [](double a, double b) { return a - b; }), "ADOSC");
  expect_close(value_of(panel, "AROONOSC(8)"),
               over(c, 9,
                    [&](size_t b, size_t e) {
                      size_t top = b, bottom = b;
                      for (size_t k = b; k <= e; ++k) {
                        if (h[k] >= h[top]) top = k;
                        if (l[k] <= l[bottom]) bottom = k;
                      }
                      return 100.0 * (static_cast<double>(top) - static_cast<double>(bottom)) / 8;
                    }),
               "AROONOSC");
  expect_close(value_of(panel, "WILLR(8)"),
               over(c, 8,
                    [&](size_t b, size_t e) {
                      double top = h[b], bottom = l[b];
                      for (size_t k = b; k <= e; ++k) top = std::max(top, h[k]), bottom = std::min(bottom, l[k]);
                      return -100 * (top - c[e]) / (top - bottom);
                    }),
               "WILLR");
  expect_close(value_of(panel, "MFI(8)"),
               over(c, 9,
                    [&](size_t b, size_t e) {
                      double in = 0, out = 0;
                      for (size_t k = b + 1; k <= e; ++k) {
                        if (price[k] > price[k - 1]) in += price[k] * v[k];
                        if (price[k] < price[k - 1]) out += price[k] * v[k];
                      }
                      return 100 * in / (in + out);
                    }),
               "MFI");
}

TEST(Indicators, FlatSeriesHaveNoStrength) {
  Panel panel = empty_panel(40, 1);
  for (size_t t = 0; t < 40; ++t)
    panel.close[t] = panel.high[t] = panel.low[t] = panel.open[t] = 12.5, panel.volume[t] = 10;
  for (const char* flat : {"RSI($close,5)", "CMO($close,5)", "MFI(5)", "CCI(5)", "WILLR(5)", "ULTOSC(2,3,4)"})
    for (const double value : value_of(panel, flat)) EXPECT_TRUE(std::isnan(value)) << flat;
  EXPECT_EQ(value_of(panel, "CMF(5)")[39], 0);
  EXPECT_EQ(value_of(panel, "BOP()")[39], 0);
  EXPECT_EQ(value_of(panel, "KAMA($close,5)")[39], 12.5);
  EXPECT_EQ(value_of(panel, "OBV()")[39], 10);
}

}  // namespace
}  // namespace hadal::market::factors
