#include "cli/market_health.h"

#include <algorithm>

#include "base/error.h"
#include "cli/market_folders.h"
#include "market/checks.h"
#include "market/market.h"
#include "server/api_error.h"

namespace hadal {
namespace {

const Path kServedMarkets = "markets";
constexpr int64_t kCheckedInList = 4'000'000;  // bars: about two seconds
constexpr size_t kShownIssues = 200, kShownSymbols = 2000;
constexpr const char* kDatabase = "market.db";

// What SQLite writes beside the database counts where something is in it.
std::string stamp_of(const Path& folder) {
  const Path log = folder / (std::string(kDatabase) + "-wal");
  std::error_code error;
  const uint64_t waiting = std::filesystem::file_size(log, error);
  return file_stamp(folder / kDatabase) + (error || waiting == 0 ? "" : " " + file_stamp(log));
}

OrderedJson issue_json(const market::Issue& issue) {
  return {{"code", issue.code},
          {"severity", issue.is_error ? "error" : "warning"},
          {"symbol", issue.symbol},
          {"time", market::time_in_words(issue)},
          {"detail", issue.detail}};
}

OrderedJson date_json(const std::optional<market::Date>& date) {
  return date ? OrderedJson(market::date_text(*date)) : OrderedJson(nullptr);
}

OrderedJson summary_json(const market::MarketSummary& m) {
  if (!m.damage.empty()) {
    return {{"name", m.name},  {"instruments", nullptr}, {"bars", nullptr},   {"first", nullptr},
            {"last", nullptr}, {"trials", nullptr},      {"damage", m.damage}};
  }
  return {{"name", m.name},
          {"instruments", m.instruments},
          {"bars", m.bars},
          {"first", date_json(m.first)},
          {"last", date_json(m.last)},
          {"trials", m.trials}};
}

// Recorded from the working folder, or in full; here always from the working folder, where it stands below that.
Path recorded_folder(const std::string& run) {
  if (run.empty()) return {};
  const Path full = std::filesystem::absolute(run).lexically_normal();
  return (full.has_filename() ? full : full.parent_path()).lexically_proximate(std::filesystem::current_path());
}

OrderedJson name_in(const Path& base, const Path& folder) {
  const std::string name = folder.filename().string();
  return folder.parent_path() == base && folder_inside(base, name) ? OrderedJson(name) : OrderedJson(nullptr);
}

// Where the folder of a try is. It may have been removed: the try counts all the same, without a link.
OrderedJson place_json(const Path& folder) {
  OrderedJson json = {{"kind", "deleted"}, {"run", nullptr}, {"paper", nullptr}};
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return json;
  const bool has_status = std::filesystem::exists(folder / "status.json", error);
  if (has_status || std::filesystem::exists(folder / "journal.txt", error)) {
    json["kind"] = "paper";
    if (has_status) json["paper"] = name_in("runs/paper", folder);
  } else {
    json["kind"] = "run";
    json["run"] = name_in("runs", folder);
  }
  return json;
}

OrderedJson tries_json(const market::Market& opened) {
  OrderedJson tries = OrderedJson::array();
  for (const market::Trial& trial : opened.trials()) {
    OrderedJson json = {{"strategy", trial.strategy}};
    json.update(place_json(recorded_folder(trial.run)));
    json.update({{"from", market::date_text(trial.from)},
                 {"to", market::date_text(trial.to)},
                 {"sharpe", trial.sharpe == trial.sharpe ? OrderedJson(trial.sharpe) : OrderedJson(nullptr)}});
    tries.push_back(std::move(json));
  }
  return tries;
}

bool is_served(const std::string& name) {
  const auto folder = folder_inside(kServedMarkets, name);
  return folder && is_file_inside(kServedMarkets, *folder / kDatabase);
}

}  // namespace

std::shared_ptr<MarketDesk::Checked> MarketDesk::checked(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& entry = all_[name];
  if (!entry) entry = std::make_shared<Checked>();
  return entry;
}

void MarketDesk::check(Checked& entry, const market::Market& opened, const std::string& stamp) {
  const market::CheckReport report = market::check_market(opened);
  const auto errors =
      std::count_if(report.issues.begin(), report.issues.end(), [](const market::Issue& i) { return i.is_error; });
  OrderedJson counts = OrderedJson::object();
  for (const auto& [code, count] : report.counts) counts[code] = count;
  entry.num_issues = static_cast<int64_t>(report.issues.size());
  entry.health = {{"errors", errors}, {"warnings", entry.num_issues - errors}, {"counts", std::move(counts)}};
  entry.issues = OrderedJson::array();
  for (size_t i = 0; i < std::min(kShownIssues, report.issues.size()); ++i)
    entry.issues.push_back(issue_json(report.issues[i]));
  entry.stamp = stamp;
}

OrderedJson MarketDesk::list() {
  OrderedJson list = OrderedJson::array();
  int64_t left = kCheckedInList;
  for (market::MarketSummary& summary : market::list_markets()) {
    if (!is_served(summary.name)) summary.damage = "it leads out of markets/ by a link, and is not served";
    OrderedJson json = summary_json(summary);
    json["health"] = nullptr;
    if (summary.damage.empty()) {
      const std::shared_ptr<Checked> entry = checked(summary.name);
      const std::unique_lock lock(entry->mutex, std::try_to_lock);
      const std::string stamp = stamp_of(kServedMarkets / summary.name);
      if (lock && entry->stamp != stamp && summary.bars <= left) {
        left -= summary.bars;
        try {
          check(*entry, market::Market::open(summary.name), stamp);
        } catch (const Error& error) {
          json["damage"] = error.what();
        }
      }
      if (lock && entry->stamp == stamp) json["health"] = entry->health;
    }
    list.push_back(std::move(json));
  }
  return {{"markets", std::move(list)}};
}

OrderedJson MarketDesk::market(const std::string& name) {
  if (!is_served(name))
    throw ApiError(404, fmt::format("there is no market {}; GET /api/markets lists those there are", brief(name)),
                   "name", "not_found");
  try {
    const market::Market opened = market::Market::open(name);
    OrderedJson json = summary_json(opened.summary());
    const std::shared_ptr<Checked> entry = checked(name);
    {
      const std::lock_guard lock(entry->mutex);
      const std::string stamp = stamp_of(opened.folder());
      if (entry->stamp != stamp) check(*entry, opened, stamp);
      json["health"] = entry->health;
      json["issues"] = entry->issues;
      json["num_issues"] = entry->num_issues;
    }
    std::vector<std::string> symbols = opened.symbols();
    json["calendar"] = opened.calendar();
    json["stored_prices"] = symbols.empty() ? "" : market::stored_prices_text(opened, symbols);
    symbols.resize(std::min(symbols.size(), kShownSymbols));
    json["symbols"] = symbols;
    json["tries"] = tries_json(opened);
    return json;
  } catch (const ApiError&) {
    throw;
  } catch (const Error& error) {
    throw ApiError(422, error.what(), "name", "damaged");
  }
}

}  // namespace hadal
