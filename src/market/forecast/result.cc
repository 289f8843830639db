// What a training gives, as JSON and as a table of scores.
#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "market/data/fields.h"
#include "market/forecast.h"

namespace hadal::market {
namespace {

// A number that gives the same bits when it is read.
std::string exact(double value) { return fmt::format("{}", value); }

std::string time_of(const Panel& panel, size_t row, bool daily) {
  return daily ? date_text(panel.sessions[row]) : time_text(panel.times[row]);
}

}  // namespace

OrderedJson to_json(const ForecastResult& r, const std::string& run) {
  const bool series = r.finding.empty();
  OrderedJson json;
  json["run"] = run;
  json["headline"] = r.headline;
  json["windows"] = OrderedJson::array();
  for (const WindowReport& w : r.windows) {
    OrderedJson window;
    window["train"] = {w.train_from, w.train_to};
    window["test"] = {w.test_from, w.test_to};
    window["purged"] = w.purged;
    window["rows"] = w.rows;
    json["windows"].push_back(window);
  }
  json["ic"] = number_or_null(r.quality.ic);
  json["ic_error"] = number_or_null(r.quality.ic_error);
  json["icir"] = number_or_null(r.quality.icir);
  json["rank_ic"] = number_or_null(r.quality.rank_ic);
  json["rank_ic_error"] = number_or_null(r.quality.rank_ic_error);
  json["rank_icir"] = number_or_null(r.quality.rank_icir);
  json["by_seed"] = series && r.by_seed.empty() ? OrderedJson(nullptr) : OrderedJson::array();
  for (const auto& [seed, q] : r.by_seed) {
    OrderedJson one{{"seed", seed}, {"ic", number_or_null(q.ic)}, {"rank_ic", number_or_null(q.rank_ic)}};
    if (series) one["mse"] = number_or_null(q.mse), one["mae"] = number_or_null(q.mae);
    json["by_seed"].push_back(one);
  }
  json["baselines"] = OrderedJson::object();
  for (const auto& [name, q] : r.baselines) {
    json["baselines"][name] = series
                                  ? OrderedJson{{"mse", number_or_null(q.mse)}, {"mae", number_or_null(q.mae)}}
                                  : OrderedJson{{"ic", number_or_null(q.ic)}, {"rank_ic", number_or_null(q.rank_ic)}};
  }
  json["mse"] = number_or_null(r.quality.mse);
  json["mae"] = number_or_null(r.quality.mae);
  json["finding"] = series ? OrderedJson(nullptr) : OrderedJson(r.finding);
  return json;
}

void write_scores(const ForecastResult& result, const Panel& panel, const std::vector<int64_t>& seeds,
                  const Path& file) {
  WholeFile out(file);
  const bool daily = is_daily(panel.sessions);
  std::string text = daily ? "date,symbol,score" : "time,symbol,score";
  for (const int64_t seed : seeds) text += fmt::format(",seed_{}", seed);
  text += '\n';
  for (size_t row = 0; row < panel.num_times(); ++row) {
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      const size_t at = panel.at(row, i);
      if (std::isnan(result.scores[at])) continue;
      text +=
          fmt::format("{},{},{}", time_of(panel, row, daily), csv_field(panel.symbols[i]), exact(result.scores[at]));
      for (const auto& scores : result.seed_scores) text += ',' + (std::isnan(scores[at]) ? "" : exact(scores[at]));
      text += '\n';
    }
    if (text.size() < (1 << 20)) continue;
    out.write(text);
    text.clear();
  }
  out.write(text);
  out.commit();
}

std::vector<double> read_scores(const Panel& panel, const Path& file) {
  const bool daily = is_daily(panel.sessions);
  std::map<std::string, size_t, std::less<>> rows, instruments;
  for (size_t row = 0; row < panel.num_times(); ++row) rows[time_of(panel, row, daily)] = row;
  for (size_t i = 0; i < panel.num_instruments(); ++i) instruments[panel.symbols[i]] = i;
  std::vector<double> scores(panel.num_times() * panel.num_instruments(), kMissing);
  FieldCutter cells(',');
  for_each_line(file, [&](std::string_view line, int64_t number_of_line) {
    if (number_of_line == 1) return true;
    const size_t count = cells.cut(line, [&] { return fmt::format("{}:{}", file.string(), number_of_line); });
    const auto row = count < 3 ? rows.end() : rows.find(cells[0]);
    const auto instrument = count < 3 ? instruments.end() : instruments.find(cells[1]);
    double score = 0;
    const bool read = row != rows.end() && instrument != instruments.end() &&
                      std::from_chars(cells[2].data(), cells[2].data() + cells[2].size(), score).ptr ==
                          cells[2].data() + cells[2].size();
    if (!read) {
      fail("{}:{}: expected a time and a symbol of the market, and a score, found \"{}\"; train again", file.string(),
           number_of_line, brief(line));
    }
    scores[panel.at(row->second, instrument->second)] = score;
    return true;
  });
  return scores;
}

}  // namespace hadal::market
