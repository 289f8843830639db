// Panels and feature sources in memory, made by a seeded generator, for tests.
#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "market/forecast.h"

namespace hadal::market::testing {

// Every Monday to Friday from 2012-01-02 on.
inline std::vector<Date> weekdays(size_t count) {
  std::vector<Date> days;
  for (Date day = date(2012, 1, 2); days.size() < count; ++day)
    if (weekday(day) < 5) days.push_back(day);
  return days;
}

// Closes are a random walk; everything is there.
inline Panel made_panel(size_t num_times, size_t num_instruments, uint64_t seed = 1) {
  Panel panel;
  for (size_t i = 0; i < num_instruments; ++i) panel.symbols.push_back("S" + std::to_string(100 + i));
  panel.sessions = weekdays(num_times);
  for (const Date day : panel.sessions) panel.times.push_back(start_of(day) + 21 * 3600 * kSecond);
  Rng rng(seed);
  std::vector<double> close(num_instruments, 100);
  for (size_t t = 0; t < num_times; ++t) {
    for (size_t i = 0; i < num_instruments; ++i) {
      close[i] *= std::exp(0.02 * rng.normal());
      panel.close.push_back(close[i]);
    }
  }
  panel.open = panel.high = panel.low = panel.close;
  panel.volume.assign(panel.close.size(), 1000);
  panel.vwap.assign(panel.close.size(), kMissing);
  panel.member.assign(panel.close.size(), 1);
  return panel;
}

// The instrument has no bars in rows [first, last).
inline void pause(Panel& panel, size_t instrument, size_t first, size_t last) {
  for (size_t t = first; t < last; ++t)
    for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume})
      (*column)[panel.at(t, instrument)] = kMissing;
}

// Features are normal and independent; the label of bar b, over the two bars behind it, is signal * (first feature) +
// noise.
class MadeSource : public FeatureSource {
 public:
  MadeSource(Panel panel, size_t num_features, double signal, uint64_t seed = 2) : panel_(std::move(panel)) {
    for (size_t f = 0; f < num_features; ++f) names.push_back("f" + std::to_string(f));
    Rng rng(seed);
    ends = label_ends_of(panel_, 2);
    for (size_t at = 0; at < panel_.close.size(); ++at) {
      for (size_t f = 0; f < num_features; ++f) values.push_back(rng.normal());
      const double noise = rng.normal();
      const bool there = ends[at] < panel_.num_times();
      label.push_back(there ? (num_features > 0 ? signal * values[at * num_features] : 0) + noise : kMissing);
    }
  }
  const Panel& panel() const override { return panel_; }
  const std::vector<std::string>& features() const override { return names; }
  void read(RowRange rows, std::vector<double>& out) const override {
    const size_t width = panel_.num_instruments() * names.size();
    out.assign(values.begin() + static_cast<ptrdiff_t>(rows.first * width),
               values.begin() + static_cast<ptrdiff_t>(rows.last * width));
  }
  int64_t horizon() const override { return 2; }
  const std::vector<double>& labels() const override { return label; }
  const std::vector<uint32_t>& label_ends() const override { return ends; }

  Panel panel_;
  std::vector<std::string> names;
  std::vector<double> values, label;
  std::vector<uint32_t> ends;
};

inline StrategyFile strategy_of(const std::string& forecast, const std::string& process = "") {
  return parse_strategy(
      "[data]\nmarket = \"m\"\n[factors]\nf0 = \"$close\"\nf1 = \"$open\"\n" + process + "\n[forecast]\n" + forecast,
      "s.toml");
}

}  // namespace hadal::market::testing
