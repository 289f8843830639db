#include "market/market.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/command.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/toml_table.h"
#include "market/data/panel_reader.h"
#include "market/data/store.h"
#include "market/data/universe.h"
#include "market/data/view.h"
#include "market/training.h"

namespace hadal::market {

struct Market::Impl {
  explicit Impl(const Path& folder) : store(folder) {}
  Store store;

  // What of an instrument a query sees, and by which factors.
  Pieces visible(const Instrument& instrument, Time as_of) const {
    return visible_pieces(store.runs(instrument.id), instrument.interval == kDay, as_of);
  }
};

const Store& store_of(const Market& market) { return market.impl_->store; }

namespace {

const Path kMarkets = "markets";

bool is_market(const Path& folder) { return std::filesystem::exists(folder / "market.db"); }

std::vector<std::string> market_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kMarkets, error))
    if (is_market(entry.path())) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void fill(Bar& bar, const RunView& run, int64_t row, const Adjuster::Factor& factor) {
  bar.time = run.time[row], bar.session = run.session[row], bar.known_at = run.known_at(row);
  const auto price = [&](Value value) {
    return run.value[value] == nullptr ? kMissing : run.value[value][row] * factor.price;
  };
  bar.open = price(kOpen), bar.high = price(kHigh), bar.low = price(kLow), bar.close = price(kClose);
  bar.vwap = price(kVwap);
  bar.volume = run.value[kVolume] == nullptr ? kMissing : run.value[kVolume][row] * factor.volume;
}

// The instruments of a query, in the order in which a panel has them.
std::vector<const Instrument*> instruments_of(const Store& store, const Query& query) {
  std::vector<const Instrument*> instruments;
  if (!query.symbols.empty()) {
    for (const std::string& symbol : query.symbols) {
      const Instrument* instrument = &store.resolve(symbol);
      if (std::find(instruments.begin(), instruments.end(), instrument) == instruments.end())
        instruments.push_back(instrument);
    }
  } else if (query.universe != "all") {
    instruments = members_ever(store, query.universe, query.as_of);
  } else {
    for (const Instrument& instrument : store.records().instruments) instruments.push_back(&instrument);
    std::sort(instruments.begin(), instruments.end(),
              [](const Instrument* a, const Instrument* b) { return a->last_symbol < b->last_symbol; });
  }
  return instruments;
}

// Two independent sums of 64-bit words: not against malice, but no two markets that differ will meet.
class DataHash {
 public:
  void add(uint64_t word) {
    a_ = mix(a_ ^ word);
    b_ = (std::rotl(b_, 23) ^ word) * 0x9E3779B97F4A7C15ull;
  }
  void add(double value) { add(value != value ? ~uint64_t{0} : std::bit_cast<uint64_t>(value + 0.0)); }
  void add(std::string_view text) { add(fnv1a(text)), add(uint64_t{text.size()}); }
  std::string hex() const { return fmt::format("{:016x}{:016x}", mix(a_), mix(b_)); }

 private:
  uint64_t a_ = 0x243F6A8885A308D3ull, b_ = 0x13198A2E03707344ull;
};

void add_action(DataHash& hash, const Action& action) {
  hash.add(static_cast<uint64_t>(action.kind)), hash.add(static_cast<uint64_t>(action.effective));
  hash.add(static_cast<uint64_t>(action.over)), hash.add(static_cast<uint64_t>(action.under));
  hash.add(action.amount.text()), hash.add(action.symbol);
}

}  // namespace

Market::Market(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Market::Market(Market&&) noexcept = default;
Market& Market::operator=(Market&&) noexcept = default;
Market::~Market() = default;

Path Market::folder_of(const std::string& name_or_path) {
  if (name_or_path.empty()) fail("expected the name of a market or its path, found none");
  if (name_or_path.find('/') != std::string::npos) return Path(name_or_path + "/").lexically_normal().parent_path();
  const bool plain = std::all_of(name_or_path.begin(), name_or_path.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
  if (!plain || name_or_path[0] == '.' || name_or_path[0] == '-')
    fail("{}: expected a market's name of letters, digits, - _ and ., or a path with a /", brief(name_or_path));
  return kMarkets / name_or_path;
}

Market Market::open(const std::string& name_or_path) {
  const Path folder = folder_of(name_or_path);
  if (is_market(folder)) return Market(std::make_unique<Impl>(folder));
  const std::vector<std::string> names = market_names();
  const std::string nearest = nearest_word(name_or_path, names);
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  fail("{}: expected a market, found none; {}", folder.string(),
       names.empty() ? fmt::format("`{}` makes one", command({"market", "import", "NAME", "FILE..."}))
                     : fmt::format("there are {} (did you mean {}?)", brief(all, 300), nearest));
}

Market Market::open_or_create(const std::string& name_or_path) {
  const Path folder = folder_of(name_or_path);
  if (!is_market(folder)) {
    std::filesystem::create_directories(folder / "bars");
    Database database(folder / "market.db", true);
    make_schema(database, folder / "market.db");
  }
  return Market(std::make_unique<Impl>(folder));
}

const Path& Market::folder() const { return impl_->store.folder(); }
std::string Market::name() const { return folder().filename().string(); }

MarketSummary Market::summary() const {
  MarketSummary summary{.name = name(), .first = {}, .last = {}};
  for (const Instrument& instrument : impl_->store.records().instruments) {
    ++summary.instruments;
    const Pieces pieces = impl_->visible(instrument, kEver);
    if (pieces.empty()) continue;
    summary.bars += count_of(pieces);
    const Date first = pieces.front().run->session[pieces.front().begin];
    const Date last = pieces.back().run->session[pieces.back().end - 1];
    summary.first = std::min(summary.first.value_or(first), first);
    summary.last = std::max(summary.last.value_or(last), last);
  }
  summary.trials = impl_->store.database().integer("SELECT count(*) FROM (SELECT DISTINCT strategy, data FROM trials)");
  return summary;
}

std::string Market::calendar() const {
  std::set<std::string> names;
  for (const Instrument& instrument : impl_->store.records().instruments) names.insert(instrument.calendar);
  return names.size() == 1 ? *names.begin() : "";
}

std::vector<std::string> Market::symbols() const { return impl_->store.symbols(); }

std::string Market::resolve(const std::string& symbol) const { return impl_->store.resolve(symbol).last_symbol; }

bool Market::is_daily(const std::string& symbol) const { return impl_->store.resolve(symbol).interval == kDay; }

Time Market::interval(const std::string& symbol) const { return impl_->store.resolve(symbol).interval; }

std::string Market::adjustment(const std::string& symbol) const {
  return std::string(text_of(impl_->store.resolve(symbol).prices));
}

std::vector<std::string> Market::symbols_of(const Query& query) const {
  std::vector<std::string> symbols;
  for (const Instrument* instrument : instruments_of(impl_->store, query)) symbols.push_back(instrument->last_symbol);
  return symbols;
}

std::vector<Bar> Market::bars(const std::string& symbol, const Query& query) const {
  const Instrument& instrument = impl_->store.resolve(symbol);
  const Pieces visible = impl_->visible(instrument, query.as_of);
  Adjuster adjuster(impl_->store, instrument, visible, query.prices, query.as_of, query.vendor_factors);
  const Pieces pieces = within(visible, query.from, query.to);
  std::vector<Bar> bars(static_cast<size_t>(count_of(pieces)));
  size_t at = 0;
  for (const Piece& piece : pieces)
    for (int64_t row = piece.begin; row < piece.end; ++row)
      fill(bars[at++], *piece.run, row, adjuster.at(piece.run->session[row]));
  return bars;
}

std::vector<Action> Market::actions(const std::string& symbol, Time as_of) const {
  return impl_->store.records().actions_of(impl_->store.resolve(symbol).id, as_of);
}

std::vector<Date> Market::sessions(const Query& query) const {
  std::set<Date> all;
  for (const Instrument* instrument : instruments_of(impl_->store, query)) {
    auto hint = all.begin();
    for (const Piece& piece : within(impl_->visible(*instrument, query.as_of), query.from, query.to))
      for (int64_t row = piece.begin; row < piece.end; ++row)
        hint = std::next(all.insert(hint, piece.run->session[row]));
  }
  return {all.begin(), all.end()};
}

std::unique_ptr<PanelReader> Market::read_panel(const Query& query, PanelOrder order) const {
  return make_panel_reader(impl_->store, query, instruments_of(impl_->store, query), order);
}

Panel Market::panel(const Query& query) const {
  const std::unique_ptr<PanelReader> reader = read_panel(query);
  Panel panel;
  reader->read_rows(0, reader->times().size(), panel);
  return panel;
}

std::string Market::data_hash(const Query& query) const {
  DataHash hash;
  hash.add(text_of(query.prices)), hash.add(query.universe), hash.add(uint64_t{query.vendor_factors});
  for (const Instrument* instrument : instruments_of(impl_->store, query)) {
    hash.add(instrument->last_symbol);
    const Pieces visible = impl_->visible(*instrument, query.as_of);
    Adjuster adjuster(impl_->store, *instrument, visible, query.prices, query.as_of, query.vendor_factors);
    for (const Piece& piece : within(visible, query.from, query.to))
      for (int64_t row = piece.begin; row < piece.end; ++row) {
        Bar bar;
        fill(bar, *piece.run, row, adjuster.at(piece.run->session[row]));
        hash.add(static_cast<uint64_t>(bar.time)), hash.add(static_cast<uint64_t>(bar.session));
        for (const double value : {bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap}) hash.add(value);
      }
    for (const Action& action : impl_->store.records().actions_of(instrument->id, query.as_of))
      if ((!query.to || action.effective <= *query.to) && (!query.from || action.effective >= *query.from))
        add_action(hash, action);
  }
  if (query.universe != "all")
    for (const MembershipSpell& spell : spells_of(impl_->store, query.universe, query.as_of)) {
      hash.add(spell.symbol), hash.add(static_cast<uint64_t>(spell.first));
      hash.add(static_cast<uint64_t>(spell.last.value_or(-1))), hash.add(static_cast<uint64_t>(spell.known_at));
    }
  return hash.hex();
}

void Market::record_trial(const Trial& trial) {
  impl_->store.database()
      .prepare("INSERT INTO trials (strategy, data, run, first, last, sharpe, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .bind(trial.strategy)
      .bind(trial.data)
      .bind(trial.run)
      .bind(int64_t{trial.from})
      .bind(int64_t{trial.to})
      .bind(trial.sharpe)
      .bind(static_cast<int64_t>(unix_seconds() * 1e6))
      .run();
}

bool Trial::is_paper() const { return !run.ends_with(run_suffix(strategy, data)); }

std::vector<Trial> Market::trials() const {
  auto rows =
      impl_->store.database().prepare("SELECT strategy, data, run, first, last, sharpe FROM trials ORDER BY id");
  std::map<std::pair<std::string, std::string>, size_t> places;  // in the order of the first time
  std::vector<Trial> trials;
  while (rows.step()) {
    Trial trial{rows.text(0),
                rows.text(1),
                rows.text(2),
                static_cast<Date>(rows.integer(3)),
                static_cast<Date>(rows.integer(4)),
                rows.real(5)};
    const auto [place, is_new] = places.emplace(std::pair(trial.strategy, trial.data), trials.size());
    if (is_new) {
      trials.push_back(std::move(trial));
      continue;
    }
    Trial& before = trials[place->second];
    if (trial.is_paper() && !before.is_paper()) continue;  // a backtest says more than a paper account of the same
    if (std::isnan(trial.sharpe)) trial.sharpe = before.sharpe;  // trained again after it was traded
    before = std::move(trial);
  }
  return trials;
}

std::string stored_prices_text(const Market& market, const std::vector<std::string>& symbols) {
  std::set<std::string> kinds;
  for (const std::string& symbol : symbols) kinds.insert(market.adjustment(symbol));
  if (kinds.size() > 1) return "raw prices of some instruments, prices that a vendor adjusted of others";
  if (kinds.contains("split")) return "prices that a vendor adjusted for splits";
  if (kinds.contains("adjusted")) return "prices that a vendor adjusted for splits and dividends";
  return "raw prices";
}

std::vector<MarketSummary> list_markets() {
  std::vector<MarketSummary> markets;
  for (const std::string& name : market_names()) {
    try {
      markets.push_back(Market::open(name).summary());
    } catch (const Error& error) {  // of one market: the others are listed all the same
      markets.push_back({.name = name, .damage = error.what(), .first = {}, .last = {}});
    }
  }
  return markets;
}

}  // namespace hadal::market
