// An expression, from its text to values: whatever is accepted gives finite or missing values, and one row at a time
// the bits of the whole. The first byte chooses whether it may look ahead.
#include <bit>
#include <cmath>

#include "fuzz.h"
#include "market/factors.h"
#include "market/factors/program.h"

namespace {

hadal::market::Panel small_panel() {
  using namespace hadal::market;
  constexpr size_t kTimes = 40, kInstruments = 5;
  Panel panel;
  for (const char* symbol : {"A", "B", "C", "D", "E"}) panel.symbols.push_back(symbol);
  uint32_t state = 1;
  for (size_t t = 0; t < kTimes; ++t) {
    panel.sessions.push_back(static_cast<Date>(t)), panel.times.push_back(start_of(static_cast<Date>(t)));
    for (size_t i = 0; i < kInstruments; ++i) {
      state = state * 1664525 + 1013904223;
      const double close = (state >> 20) % 7 == 0 ? kMissing : 1 + (state >> 24) * 0.5;
      panel.open.push_back(close * 0.99), panel.high.push_back(close * 1.01), panel.low.push_back(close * 0.98);
      panel.close.push_back(close), panel.volume.push_back(std::isnan(close) ? kMissing : (state >> 28) * 10.0);
      panel.vwap.push_back(kMissing), panel.member.push_back(i != 2);
    }
  }
  return panel;
}

}  // namespace

HADAL_FUZZER(input) {
  using namespace hadal::market;
  if (input.empty()) return;
  static const Panel panel = small_panel();
  const auto look_ahead = (input[0] & 1) != 0 ? LookAhead::allowed : LookAhead::refused;
  const FactorProgram program({{"x", std::string(input.substr(1))}}, "input", look_ahead);
  HADAL_CHECK(look_ahead == LookAhead::allowed || program.look_ahead() == 0);
  HADAL_CHECK(!program.text(0).empty());
  const auto& shared = *program.shared();
  if (shared.graph.nodes().size() > 300 || shared.kept_history > 5000) return;  // long windows cost memory, not news
  const std::vector<double> values = evaluate_factors(program, panel);
  for (const double value : values) HADAL_CHECK(!std::isinf(value));
  if (program.look_ahead() > 0) return;
  FactorStream stream(program, panel.symbols);
  for (size_t t = 0; t < panel.num_times(); ++t) {
    const std::span<const double> row = stream.next(row_of(panel, t));
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      const double whole = values[panel.at(t, i)];
      HADAL_CHECK(std::bit_cast<uint64_t>(row[i]) == std::bit_cast<uint64_t>(whole) ||
                      (std::isnan(row[i]) && std::isnan(whole)),
                  "{} at row {} of {}: {} and {}", program.text(0), t, i, row[i], whole);
    }
  }
}
