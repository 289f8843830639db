#include "market/synth.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "market/stats.h"

namespace hadal::market {
namespace {

constexpr double kDailyDeviation = 0.02, kMarketDeviation = 0.008, kOvernight = 0.003;
constexpr double kScoreInVolume = 0.32, kNoiseInVolume = 0.24;
constexpr size_t kFaultSpacing = 20;  // sessions: a fault and its traces never meet the next one

struct SynthBar {
  double open = 0, high = 0, low = 0, close = 0;
  int64_t volume = 0;
  std::string date;         // as written
  bool dropped = false;     // not written
  std::string field, text;  // this field is written as that text
};

using Bars = std::vector<SynthBar>;

double rounded(double price) { return std::max(std::round(price * 1e4), 1.0) * 1e-4; }

// Scores and returns of one session to the next, over all instruments.
struct Draw {
  std::vector<std::vector<double>> scores, growth;  // [instrument][session]; growth: of the open to the next one
};

// rank correlation of two normal variables = 6 / pi asin(r / 2)
double correlation_of(double rank_correlation) { return 2 * std::sin(std::numbers::pi / 6 * rank_correlation); }

Draw draw(const SynthOptions& options, size_t num_sessions) {
  const auto n = static_cast<size_t>(options.instruments);
  Rng rng(options.seed, 1);
  std::vector<double> common(num_sessions);
  for (double& move : common) move = kMarketDeviation * rng.normal();
  Draw d;
  d.scores.assign(n, std::vector<double>(num_sessions));
  d.growth.assign(n, std::vector<double>(num_sessions));
  const double r = correlation_of(options.signal), rest = std::sqrt(1 - r * r);
  for (size_t i = 0; i < n; ++i) {
    Rng own(options.seed, 100 + i);
    for (size_t t = 0; t < num_sessions; ++t) {
      d.scores[i][t] = own.normal();
      const double score = t > 0 ? d.scores[i][t - 1] : own.normal();  // known a session before the open that it moves
      d.growth[i][t] = std::exp(common[t] + kDailyDeviation * (r * score + rest * own.normal()));
    }
  }
  return d;
}

Bars bars_of(const SynthOptions& options, const Draw& d, size_t instrument, const std::vector<Date>& sessions) {
  Rng rng(options.seed, 1'000'000 + instrument);
  Bars bars(sessions.size());
  double open = std::exp(std::log(20.0) + 1.8 * rng.uniform());
  const double level = std::log(1e5) + 2 * rng.uniform();
  for (size_t t = 0; t < sessions.size(); ++t) {
    SynthBar& bar = bars[t];
    const double next = open * d.growth[instrument][t];
    const double close = next * std::exp(std::clamp(kOvernight * rng.normal(), -0.01, 0.01));
    const double spread = kDailyDeviation / 2;
    bar.open = rounded(open), bar.close = rounded(close);
    bar.high = rounded(std::max(open, close) * std::exp(spread * std::fabs(rng.normal())));
    bar.low = rounded(std::min(open, close) * std::exp(-spread * std::fabs(rng.normal())));
    const double noise = rng.normal();
    bar.volume =
        static_cast<int64_t>(std::exp(level + kScoreInVolume * d.scores[instrument][t] + kNoiseInVolume * noise));
    bar.date = date_text(sessions[t]);
    open = next;
  }
  return bars;
}

void measure(const std::vector<Bars>& bars, const Draw& d, SynthMarket& out) {
  const size_t n = bars.size(), num_sessions = bars[0].size();
  std::vector<double> levels(n, 0), ics, visible;
  for (size_t i = 0; i < n; ++i) {
    for (const SynthBar& bar : bars[i]) levels[i] += std::log(static_cast<double>(bar.volume));
    levels[i] /= static_cast<double>(num_sessions);
  }
  for (size_t t = 0; t + 2 < num_sessions; ++t) {
    std::vector<double> score, trace, gain;
    for (size_t i = 0; i < n; ++i) {
      score.push_back(d.scores[i][t]);
      trace.push_back(std::log(static_cast<double>(bars[i][t].volume)) - levels[i]);
      gain.push_back(bars[i][t + 2].open / bars[i][t + 1].open - 1);
    }
    const double ic = spearman(score, gain), seen = spearman(trace, gain);
    if (!std::isnan(ic)) ics.push_back(ic);
    if (!std::isnan(seen)) visible.push_back(seen);
  }
  out.rank_ic = moments_of(ics).mean;
  out.rank_ic_error = newey_west_error(ics, 2);
  out.visible_rank_ic = moments_of(visible).mean;
}

// ---- Faults

void scale_from(Bars& bars, size_t first, double factor) {
  for (size_t t = first; t < bars.size(); ++t) {
    SynthBar& bar = bars[t];
    for (double* price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = rounded(*price * factor);
  }
}

// Each makes one fault at `t` and says at which time it is found.
std::string plant_stale(Bars& bars, size_t t) {
  for (size_t k = 1; k < 5; ++k) {
    SynthBar &bar = bars[t + k], &first = bars[t];
    bar.open = first.open, bar.high = first.high, bar.low = first.low, bar.close = first.close;
  }
  // What follows may neither be the same nor jump: the walk goes on from the price that stood still.
  scale_from(bars, t + 5, bars[t].close / bars[t + 5].open);
  return bars[t].date;
}

std::string plant_not_a_session(Bars& bars, size_t t) {
  while (weekday(*parse_date(bars[t].date)) != 4) ++t;  // a Friday's bar comes again for its Saturday
  SynthBar bar = bars[t];
  bar.date = date_text(*parse_date(bar.date) + 1);
  bars.insert(bars.begin() + static_cast<ptrdiff_t>(t + 1), bar);
  return bar.date;
}

std::string plant_out_of_order(Bars& bars, size_t t) {
  const SynthBar bar = bars[t];
  std::rotate(bars.begin() + static_cast<ptrdiff_t>(t), bars.begin() + static_cast<ptrdiff_t>(t + 1),
              bars.begin() + static_cast<ptrdiff_t>(t + 4));
  return bar.date;
}

std::string plant_duplicate(Bars& bars, size_t t) {
  const SynthBar bar = bars[t];
  bars.insert(bars.begin() + static_cast<ptrdiff_t>(t + 1), bar);
  return bar.date;
}

std::string plant_missing_session(Bars& bars, size_t t) {
  bars[t].dropped = true;
  return bars[t].date;
}

std::string plant_jump(Bars& bars, size_t t) {
  scale_from(bars, t, 2.4);
  return bars[t].date;
}

std::string plant_split(Bars& bars, size_t t) {
  scale_from(bars, t, 0.5);
  return bars[t].date;
}

std::string plant_text(Bars& bars, size_t t, const char* field, std::string text) {
  bars[t].field = field, bars[t].text = std::move(text);
  return bars[t].date;
}
std::string plant_missing_value(Bars& bars, size_t t) { return plant_text(bars, t, "close", ""); }
std::string plant_nonpositive(Bars& bars, size_t t) { return plant_text(bars, t, "low", "-1.0000"); }

// As prices, not as texts: a split that is planted before it scales them too.
std::string plant_zero_volume(Bars& bars, size_t t) {
  bars[t].volume = 0;
  return bars[t].date;
}
std::string plant_high_below_low(Bars& bars, size_t t) {
  bars[t].high = rounded(bars[t].low * 0.9);
  return bars[t].date;
}
std::string plant_high_below_body(Bars& bars, size_t t) {  // not below the low
  SynthBar& bar = bars[t];
  bar.high = rounded(std::max(bar.open, bar.close) * 0.95);
  bar.low = rounded(std::min(bar.open, bar.close) * 0.9);
  return bar.date;
}
std::string plant_low_above_body(Bars& bars, size_t t) {  // not above the high
  SynthBar& bar = bars[t];
  bar.high = rounded(std::max(bar.open, bar.close) * 1.1);
  bar.low = rounded(std::min(bar.open, bar.close) * 1.05);
  return bar.date;
}

struct Fault {
  const char* code;
  std::string (*plant)(Bars&, size_t);
};
constexpr Fault kFaults[] = {{"stale", plant_stale},
                             {"duplicate_time", plant_duplicate},
                             {"zero_volume", plant_zero_volume},
                             {"jump", plant_jump},
                             {"out_of_order", plant_out_of_order},
                             {"missing_value", plant_missing_value},
                             {"probable_split", plant_split},
                             {"nonpositive_price", plant_nonpositive},
                             {"missing_session", plant_missing_session},
                             {"high_below_low", plant_high_below_low},
                             {"not_a_session", plant_not_a_session},
                             {"high_below_body", plant_high_below_body},
                             {"low_above_body", plant_low_above_body}};

// Faults go to instruments in turn; within one they stand in slots of kFaultSpacing sessions, planted from the last
// one to the first, so that what is put in or taken out moves nothing that is still to come.
void plant_faults(const SynthOptions& options, const std::vector<std::string>& symbols, std::vector<Bars>& bars,
                  SynthMarket& out) {
  const size_t slots = bars[0].size() / kFaultSpacing > 0 ? bars[0].size() / kFaultSpacing - 1 : 0;
  const auto wanted = static_cast<size_t>(options.faults), n = bars.size();
  if (wanted > slots * n) {
    fail("market synth: --faults: expected at most {} for {} instruments over {} sessions, found {}", slots * n, n,
         bars[0].size(), wanted);
  }
  Rng rng(options.seed, 2);
  for (size_t i = 0; i < n; ++i) {
    std::vector<size_t> order(slots);
    for (size_t s = 0; s < slots; ++s) order[s] = s;
    for (size_t s = slots; s > 1; --s) std::swap(order[s - 1], order[rng.below(s)]);
    std::vector<std::pair<size_t, size_t>> planned;  // slot, fault
    for (size_t fault = i; fault < wanted; fault += n) planned.emplace_back(order[planned.size()], fault);
    std::sort(planned.rbegin(), planned.rend());
    for (const auto& [slot, fault] : planned) {
      const Fault& kind = kFaults[fault % std::size(kFaults)];
      const size_t at = slot * kFaultSpacing + 5 + rng.below(5);
      out.issues.push_back({kind.code, symbols[i], kind.plant(bars[i], at)});
    }
  }
  std::sort(out.issues.begin(), out.issues.end(), [](const SynthIssue& a, const SynthIssue& b) {
    return std::tie(a.symbol, a.time, a.code) < std::tie(b.symbol, b.time, b.code);
  });
}

// ---- The file

std::string price_text(double price) { return fmt::format("{:.4f}", price); }

void write_bar(const SynthBar& bar, const std::string& symbol, std::string& csv) {
  const auto cell = [&](const char* name, std::string text) { csv += ',' + (bar.field == name ? bar.text : text); };
  csv += bar.date + ',' + symbol;
  cell("open", price_text(bar.open));
  cell("high", price_text(bar.high));
  cell("low", price_text(bar.low));
  cell("close", price_text(bar.close));
  cell("volume", std::to_string(bar.volume));
  csv += '\n';
}

void write_csv(const std::vector<std::string>& symbols, const std::vector<Bars>& bars, std::string& csv) {
  csv = "date,symbol,open,high,low,close,volume\n";
  for (size_t i = 0; i < bars.size(); ++i)
    for (const SynthBar& bar : bars[i])
      if (!bar.dropped) write_bar(bar, symbols[i], csv);
}

void check_options(const SynthOptions& options, size_t num_sessions) {
  if (options.instruments < 1 || options.instruments > 100'000)
    fail("market synth: --instruments: expected 1 to 100000, found {}", options.instruments);
  if (num_sessions < 3) fail("market synth: --days: expected at least 3 sessions, found {}", num_sessions);
  if (!(std::fabs(options.signal) < 0.9))
    fail("market synth: --signal: expected a rank correlation within (-0.9, 0.9), found {}", options.signal);
  if (options.faults < 0) fail("market synth: --faults: expected 0 or more, found {}", options.faults);
}

}  // namespace

SynthMarket make_market(const SynthOptions& options, const std::vector<Date>& sessions) {
  check_options(options, sessions.size());
  const Draw d = draw(options, sessions.size());
  std::vector<std::string> symbols;
  std::vector<Bars> bars;
  const size_t digits = std::max<size_t>(3, std::to_string(options.instruments - 1).size());
  for (int64_t i = 0; i < options.instruments; ++i) {
    symbols.push_back(fmt::format("S{:0{}}", i, digits));
    bars.push_back(bars_of(options, d, static_cast<size_t>(i), sessions));
  }
  SynthMarket out;
  measure(bars, d, out);
  if (options.faults > 0) plant_faults(options, symbols, bars, out);
  write_csv(symbols, bars, out.csv);
  return out;
}

std::vector<Path> write_market(const SynthOptions& options, const std::vector<Date>& sessions,
                               const std::string& calendar, const Path& folder) {
  const SynthMarket market = make_market(options, sessions);
  OrderedJson truth;
  truth["calendar"] = calendar;
  truth["instruments"] = options.instruments;
  truth["sessions"] = sessions.size();
  truth["seed"] = options.seed;
  truth["signal"] = options.signal;
  truth["hidden_score_rank_ic"] = number_or_null(market.rank_ic);
  truth["rank_ic_error"] = number_or_null(market.rank_ic_error);
  truth["trace"] = "log volume against its own mean";
  truth["rank_ic_of_visible_trace"] = number_or_null(market.visible_rank_ic);
  truth["issues"] = OrderedJson::array();
  for (const SynthIssue& issue : market.issues)
    truth["issues"].push_back(OrderedJson{{"code", issue.code}, {"symbol", issue.symbol}, {"time", issue.time}});
  std::filesystem::create_directories(folder);
  write_file_whole(folder / "bars.csv", market.csv);
  write_file_whole(folder / "truth.json", dump_json(truth, 1) + "\n");
  return {folder / "bars.csv", folder / "truth.json"};
}

}  // namespace hadal::market
