#include "cli/market_runs.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "cli/market_folders.h"
#include "market/report.h"
#include "market/time.h"
#include "server/api_error.h"

namespace hadal {
namespace {

const Path kServedRuns = "runs";
constexpr const char* kFigures = "figures.json";
constexpr const char* kForecast = "forecast.json";
constexpr uint64_t kWrittenBytes = uint64_t{1} << 20;
constexpr uint64_t kFiguresBytes = uint64_t{64} << 20, kReportBytes = uint64_t{256} << 20;

// Calls f(); what cannot be read becomes words.
template <typename F>
std::string damage_of(F&& f) {
  try {
    f();
    return "";
  } catch (const nlohmann::json::exception& error) {
    return "expected figures of this version, found: " + plain_words(error);
  } catch (const Error& error) {
    return error.what();
  }
}

// The value at "/group/name" where it is a text or a number; null for anything else.
OrderedJson plain_value(const OrderedJson& json, const std::string& at) {
  const OrderedJson::json_pointer pointer(at);
  if (!json.contains(pointer)) return nullptr;
  const OrderedJson& value = json.at(pointer);
  return value.is_string() || value.is_number() ? value : OrderedJson(nullptr);
}

OrderedJson summary_of(const OrderedJson& figures) {
  OrderedJson json = OrderedJson::object();
  const std::pair<const char*, const char*> kept[] = {{"strategy", "/strategy/name"},
                                                      {"forecaster", "/strategy/forecaster"},
                                                      {"portfolio", "/strategy/portfolio"},
                                                      {"market", "/data/market"},
                                                      {"first", "/data/first"},
                                                      {"last", "/data/last"},
                                                      {"instruments", "/data/instruments"},
                                                      {"finding", "/forecast/finding"},
                                                      {"headline", "/forecast/headline"},
                                                      {"rank_ic", "/forecast/rank_ic"},
                                                      {"return", "/earned/return"},
                                                      {"return_annual", "/earned/return_annual"},
                                                      {"sharpe_annual", "/statistics/sharpe_annual"},
                                                      {"dsr", "/statistics/dsr"},
                                                      {"max_drawdown", "/statistics/max_drawdown"},
                                                      {"costs_share", "/costs/share_of_start"},
                                                      {"ruined", "/ruined/time"},
                                                      {"try", "/try"},
                                                      {"trials", "/trials"}};
  for (const auto& [name, at] : kept) json[name] = plain_value(figures, at);
  return json;
}

// Of a strategy that was trained and not traded.
OrderedJson summary_of_training(const OrderedJson& forecast) {
  return {{"trained", true},
          {"finding", plain_value(forecast, "/finding")},
          {"headline", plain_value(forecast, "/headline")},
          {"rank_ic", plain_value(forecast, "/rank_ic")}};
}

std::string changed_text(const Path& file) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(file, error);
  if (error) return "";
  const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return market::time_text(std::chrono::duration_cast<std::chrono::seconds>(since).count() * market::kSecond);
}

void check_size(const Path& file, uint64_t most) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file, error);
  if (!error && size > most)
    fail("{}: expected at most {} MiB, found {}; look at the run's report.html instead", file.string(), most >> 20,
         size >> 20);
}

OrderedJson read_summary(const Path& folder, const Path& file) {
  check_size(file, kFiguresBytes);
  if (file.filename() == kFigures) return summary_of(market::read_figures(folder));
  return summary_of_training(parse_ordered_json(read_file(file, kFiguresBytes), file.string()));
}

// memo.md where it is not the built memo; null where it is, or is not there, or is no page to read.
OrderedJson written_memo(const Path& file, const std::string& built, const OrderedJson& figures) {
  std::error_code error;
  if (!is_file_inside(kServedRuns, file) || std::filesystem::file_size(file, error) > kWrittenBytes || error)
    return nullptr;
  const std::string text = read_file(file, kWrittenBytes);
  if (text == built) return nullptr;
  OrderedJson unbound = OrderedJson::array();
  for (const market::Unbound& u : market::unbound_numbers(text, figures))
    unbound.push_back({{"text", u.text}, {"begin", u.begin}, {"end", u.end}});
  return {{"text", text}, {"unbound", std::move(unbound)}};
}

Path folder_of_run(const std::string& id) {
  const auto folder = folder_inside(kServedRuns, id);
  if (!folder)
    throw ApiError(404, fmt::format("there is no run {}; GET /api/runs lists those there are", brief(id)), "id",
                   "not_found");
  return *folder;
}

}  // namespace

OrderedJson RunDesk::list() {
  std::vector<OrderedJson> runs;
  std::map<std::string, Seen> seen;
  const std::lock_guard lock(mutex_);
  for (const std::string& id : folders_inside(kServedRuns)) {
    const Path folder = kServedRuns / id;
    const bool is_traded = is_file_inside(kServedRuns, folder / kFigures);
    const Path file = folder / (is_traded ? kFigures : kForecast);
    if (!is_traded && !is_file_inside(kServedRuns, file)) continue;
    const std::string stamp = file.filename().string() + file_stamp(file);
    Seen& entry = seen[id];
    if (const auto old = seen_.find(id); old != seen_.end() && old->second.stamp == stamp) {
      entry = old->second;
    } else {
      entry.stamp = stamp;
      const std::string damage = damage_of([&] { entry.summary = read_summary(folder, file); });
      if (!damage.empty()) entry.summary = {{"damage", damage}};
    }
    OrderedJson json = {{"id", id}, {"changed", changed_text(file)}};
    json.update(entry.summary);
    json["report"] = is_file_inside(kServedRuns, folder / "report.html");
    runs.push_back(std::move(json));
  }
  seen_ = std::move(seen);
  std::stable_sort(runs.begin(), runs.end(),
                   [](const OrderedJson& a, const OrderedJson& b) { return a.at("changed") > b.at("changed"); });
  return {{"runs", std::move(runs)}};
}

OrderedJson RunDesk::run(const std::string& id, bool series) {
  const Path folder = folder_of_run(id);
  OrderedJson figures;
  std::string damage = damage_of([&] {
    if (std::filesystem::exists(folder / kFigures) && !is_file_inside(kServedRuns, folder / kFigures))
      fail("{}: expected a file, found a link that leads out of runs/", (folder / kFigures).string());
    check_size(folder / kFigures, kFiguresBytes);
    figures = market::read_figures(folder);
  });
  if (!damage.empty()) throw ApiError(422, damage, "id", "damaged");
  OrderedJson charts, memo, written;
  damage = damage_of([&] {
    charts = market::report_charts(figures);
    const market::Memo built = market::memo_of(figures);
    memo = built.json();
    written = written_memo(folder / "memo.md", built.text, figures);
  });
  if (!series) figures.erase("series");
  OrderedJson json = {{"id", id},
                      {"figures", std::move(figures)},
                      {"charts", std::move(charts)},
                      {"memo", std::move(memo)},
                      {"written", std::move(written)},
                      {"report", is_file_inside(kServedRuns, folder / "report.html")}};
  if (!damage.empty()) json["damage"] = damage;
  return json;
}

std::string RunDesk::file(const std::string& id, const std::string& name) {
  const Path file = folder_of_run(id) / name;
  if (!is_file_inside(kServedRuns, file))
    throw ApiError(404, fmt::format("the run has no {}; make it with: hadal market report {}", name, brief(id)), "id",
                   "not_found");
  return read_file(file, kReportBytes);
}

}  // namespace hadal
