#include "market/strategy_file.h"

#include <algorithm>

#include "base/command.h"
#include "base/hash.h"
#include "base/toml_table.h"
#include "market/portfolio/spec.h"

namespace hadal::market {
namespace {

constexpr int64_t kBig = 1'000'000'000;
const std::vector<std::string> kFeatureSteps = {"cs_winsorize", "cs_zscore", "cs_rank",
                                                "winsorize",    "zscore",    "fill_zero"};
const std::vector<std::string> kLabelSteps = {"cs_winsorize", "cs_zscore", "cs_rank"};
// What may be set beside a broker's profile.
const std::vector<std::string> kBrokerKeys = {"cash",
                                              "commission_per_share",
                                              "commission_rate",
                                              "commission_minimum",
                                              "commission_cap",
                                              "sell_tax",
                                              "slippage_bps",
                                              "spread_bps",
                                              "volume_impact",
                                              "root_impact",
                                              "participation",
                                              "borrow_rate",
                                              "interest_rate",
                                              "cash_rate",
                                              "margin",
                                              "maintenance_margin",
                                              "quantity_step",
                                              "cap_step",
                                              "buy_lot",
                                              "tick",
                                              "price_limit",
                                              "t_plus_one",
                                              "shorts",
                                              "cash_only",
                                              "fills"};

Path anchored(const Path& folder, const std::string& path) {
  const Path given(path);
  return (given.is_absolute() ? given : folder / given).lexically_normal();
}

std::optional<Date> read_date(TomlTable& table, const std::string& key) {
  const std::string text = table.date(key);
  if (!table.has(key)) return std::nullopt;
  const auto day = parse_date(text);
  if (!day) fail("{}: {}: expected a date such as 2014-06-09, found \"{}\"", table.where(key), key, brief(text));
  return day;
}

std::string listed(const std::vector<std::string>& words) {
  std::string list;
  for (const auto& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

std::vector<std::string> read_steps(TomlTable& table, const std::string& key, const std::vector<std::string>& valid,
                                    std::vector<std::string> fallback) {
  if (!table.has(key)) return fallback;
  const std::vector<std::string> steps = table.is_list(key) ? table.texts(key) : std::vector{table.text(key, "")};
  for (const auto& step : steps) {
    if (std::find(valid.begin(), valid.end(), step) == valid.end()) {
      fail("{}: {}: expected steps of {}, found \"{}\"; the nearest is \"{}\"", table.where(key), key, listed(valid),
           brief(step), nearest_word(step, valid));
    }
  }
  return steps;
}

void read_series(TomlTable& table, const Path& folder, StrategyFile& s) {
  for (const char* key : {"file", "split"}) table.require(key);
  for (const char* key : {"market", "universe", "symbols", "frequency", "start", "end", "prices"}) {
    if (table.has(key))
      fail("{}: {}: expected no such key beside file, found one; leave one of them out", table.where(key), key);
  }
  SeriesSpec series;
  series.file = anchored(folder, table.text("file", ""));
  if (!std::filesystem::exists(series.file)) {
    fail("{}: file: expected a CSV file, found none at {}", table.where("file"), series.file.string());
  }
  series.time = table.text("time", series.time);
  const auto split = table.integers("split", 0, kBig);
  if (split.size() != 3 || split[0] == 0 || split[2] == 0) {
    fail("{}: split: expected the rows of training, validation and test, such as [8640, 2880, 2880], found {} numbers",
         table.where("split"), split.size());
  }
  std::copy(split.begin(), split.end(), series.split.begin());
  s.series = series;
}

void read_data(TomlTable& table, const Path& folder, StrategyFile& s) {
  if (table.has("file")) {
    read_series(table, folder, s);
    return table.finish();
  }
  table.require("market");
  s.market = table.text("market", "");
  if (s.market.empty()) fail("{}: market: expected a name or a path, found an empty text", table.where("market"));
  if (s.market.find('/') != std::string::npos) {
    s.market = anchored(folder, s.market).string();
    if (s.market.find('/') == std::string::npos) s.market = "./" + s.market;  // still a path, not a name under markets/
  }
  s.universe = table.text("universe", s.universe);
  s.symbols = table.texts("symbols");
  if (table.has("symbols") && s.symbols.empty())
    fail("{}: symbols: expected at least one, found none; leave it out for all of the universe",
         table.where("symbols"));
  const std::string frequency = table.text("frequency", s.frequency);
  const auto interval = parse_frequency(frequency);
  if (!interval) {
    fail("{}: frequency: expected 1d, or hours, minutes or seconds such as 4h, 30m, 1m, found \"{}\"",
         table.where("frequency"), brief(frequency));
  }
  s.frequency = frequency_text(*interval);
  s.start = read_date(table, "start");
  s.end = read_date(table, "end");
  if (s.start && s.end && *s.end < *s.start) {
    fail("{}: end: expected a day from {} on, found {}", table.where("end"), date_text(*s.start), date_text(*s.end));
  }
  s.prices = prices_of(table.text("prices", "forward"), table.where("prices") + ": prices");
  table.finish();
}

void read_factors(TomlTable& table, StrategyFile& s) {
  s.sets = table.texts("sets");
  for (const auto& set : s.sets) {
    if (set != "alpha158" && set != "alpha360") {
      fail("{}: sets: expected alpha158 or alpha360, found \"{}\"", table.where("sets"), brief(set));
    }
  }
  for (const auto& name : table.keys()) {
    if (name == "sets") continue;
    s.factors.push_back({name, table.text(name, ""), table.where(name)});
    if (s.factors.back().expression.empty()) {
      fail("{}: {}: expected an expression such as \"$close/Ref($close,20)-1\", found an empty text", table.where(name),
           name);
    }
  }
}

void read_kind(TomlTable& table, ForecastSpec& f) {
  const std::vector<std::string> valid = {"factor", "naive", "seasonal",    "momentum", "ridge",
                                          "trees",  "mlp",   "transformer", "mixer"};
  const std::string text = table.text("kind", f.kind);
  if (text.starts_with("factor ")) {
    f.kind = "factor";
    f.factor = text.substr(7);
    f.factor.erase(0, f.factor.find_first_not_of(' '));
  } else {
    f.kind = text;
  }
  if (std::find(valid.begin(), valid.end(), f.kind) == valid.end()) {
    fail("{}: kind: expected one of \"factor NAME\", {}, found \"{}\"; the nearest is \"{}\"", table.where("kind"),
         listed(valid), brief(text), nearest_word(text, valid));
  }
  if (f.kind == "factor" && f.factor.empty()) {
    fail("{}: kind: expected \"factor NAME\" with the name of a factor, found \"{}\"", table.where("kind"),
         brief(text));
  }
}

void read_windows(TomlTable& table, ForecastSpec& f) {
  f.train_days = table.integer("train_days", f.train_days, 1, kBig);
  f.valid_days = table.integer("valid_days", f.valid_days, 0, kBig);
  f.test_days = table.integer("test_days", f.test_days, 1, kBig);
  f.embargo_days = table.integer("embargo_days", f.embargo_days, 0, kBig);
  f.window = table.choice("window", f.window, {"rolling", "expanding", "combinatorial"});
  if (f.window == "combinatorial" || table.has("folds") || table.has("test_folds")) {
    f.folds = table.integer("folds", f.folds, 2, 20);
    f.test_folds = table.integer("test_folds", f.test_folds, 1, f.folds - 1);
  }
}

void read_trees(TomlTable& table, ForecastSpec& f) {
  TreesSpec& t = f.trees;
  t.rounds = table.integer("rounds", t.rounds, 1, 100'000);
  t.depth = table.integer("depth", t.depth, 1, 12);
  t.leaf_samples = table.integer("leaf_samples", t.leaf_samples, 1, kBig);
  t.learning_rate = table.number("learning_rate", t.learning_rate, 1e-6, 1);
  t.leaf_penalty = table.number("leaf_penalty", t.leaf_penalty, 0, 1e30);
  t.subsample = table.number("subsample", t.subsample, 1e-3, 1);
  t.column_sample = table.number("column_sample", t.column_sample, 1e-3, 1);
  if (table.has("early_stop_rounds") && (f.valid_days == 0 || f.window == "combinatorial")) {
    fail("{}: early_stop_rounds: expected none where no session is for validation, found one; leave it out{}",
         table.where("early_stop_rounds"), f.window == "combinatorial" ? "" : ", or take valid_days above 0");
  }
  t.early_stop_rounds = table.integer("early_stop_rounds", t.early_stop_rounds, 1, kBig);
}

// What networks of instruments and of plain series share.
void read_training(TomlTable& table, NetworkSpec& n) {
  n.width = table.integer("width", n.width, 1, 1024);
  n.layers = table.integer("layers", n.layers, 1, 16);
  n.learning_rate = table.number("learning_rate", n.learning_rate, 1e-9, 1e9);
  n.epochs = table.integer("epochs", n.epochs, 1, 100'000);
  n.patience = table.integer("patience", n.patience, 1, kBig);
}

void read_network(TomlTable& table, ForecastSpec& f) {
  NetworkSpec& n = f.network;
  if (f.kind == "mlp") n.look_back = 1;
  n.look_back = table.integer("look_back", n.look_back, 1, 1000);
  read_training(table, n);
  n.noise = table.number("noise", n.noise, 0, 1e3);
  if (f.kind == "transformer") {
    n.heads = table.integer("heads", n.heads, 1, 256);
    if (n.width % (2 * n.heads) != 0) {
      fail("{}: width: expected a multiple of 2 * heads ({}), found {}", table.where("width"), 2 * n.heads, n.width);
    }
  }
  n.loss = table.choice("loss", n.loss, {"mse", "rank", "correlation"});
}

void read_series_forecast(TomlTable& table, StrategyFile& s, ForecastSpec& f) {
  if (f.kind != "ridge" && f.kind != "naive" && f.kind != "seasonal" && f.kind != "mlp") {
    fail("{}: kind: expected ridge, mlp, naive or seasonal for a plain series, found \"{}\"", table.where("kind"),
         f.kind);
  }
  s.series->look_back = table.integer("look_back", s.series->look_back, 1, 100'000);
  s.series->horizon = table.integer("horizon", s.series->horizon, 1, 100'000);
  f.season = 24;
  f.penalty = 100;
  if (f.kind != "mlp") return;
  f.network.learning_rate = 1e-4, f.network.epochs = 10, f.network.patience = 3;
  read_training(table, f.network);
  f.network.loss = table.choice("loss", "mae", {"mae", "mse"});
}

void read_forecast(TomlTable& table, StrategyFile& s) {
  ForecastSpec f;
  read_kind(table, f);
  const std::string task = table.choice("task", s.series ? "series" : "rank", {"rank", "series"});
  if ((task == "series") != s.series.has_value()) {
    fail("{}: task: expected {}, found \"{}\"", table.where("task"),
         s.series ? "\"series\", as [data] names a file" : "a [data] file for a plain series", task);
  }
  if (s.series)
    read_series_forecast(table, s, f);
  else
    read_windows(table, f);
  if (f.kind == "trees") read_trees(table, f);
  if (f.is_network() && !s.series) {
    f.network.loss = "correlation";  // forecasts of instruments are judged by their order
    read_network(table, f);
  }
  f.season = table.integer("season", f.season, 1, kBig);
  f.momentum_bars = table.integer("momentum_bars", f.momentum_bars, 1, kBig);
  f.penalty = table.number("penalty", f.penalty, 0, 1e300);
  const auto seeds = table.integers("seeds", 0, kBig);
  if (table.has("seeds")) {
    if (seeds.empty()) fail("{}: seeds: expected at least one, found none", table.where("seeds"));
    f.seeds = seeds;
    std::sort(f.seeds.begin(), f.seeds.end());
    if (std::adjacent_find(f.seeds.begin(), f.seeds.end()) != f.seeds.end()) {
      fail("{}: seeds: expected different ones, found one twice", table.where("seeds"));
    }
  }
  table.finish();
  s.forecast = f;
}

void read_portfolio(TomlTable& table, const Path& folder, StrategyFile& s) {
  PortfolioSpec p;
  const std::vector<std::string> valid = {"top", "rank", "risk_parity", "qp", "targets", "orders"};
  p.kind = table.text("kind", p.kind);
  if (std::find(valid.begin(), valid.end(), p.kind) == valid.end()) {
    fail("{}: kind: expected one of {}, found \"{}\"; the nearest is \"{}\"", table.where("kind"), listed(valid),
         brief(p.kind), nearest_word(p.kind, valid));
  }
  if (p.has_risk())
    read_risk_keys(table, folder, s.prices, p);
  else
    p.count = table.integer("count", p.count, 1, kBig);
  p.rebalance_days = table.integer("rebalance_days", p.rebalance_days, 1, kBig);
  p.score = table.text("score", "");
  const bool from_file = p.kind == "targets" || p.kind == "orders";
  const std::string name = table.text("file", "");
  if (from_file) {
    table.require("file");
    p.file = anchored(folder, name);
    if (!std::filesystem::exists(p.file)) {
      fail("{}: file: expected a CSV file of {}, found none at {}", table.where("file"), p.kind, p.file.string());
    }
  } else if (table.has("file")) {
    fail("{}: file: expected none for kind \"{}\", found \"{}\"; leave it out, or take kind targets or orders",
         table.where("file"), p.kind, brief(name));
  }
  if (!p.score.empty() && s.forecast) {
    fail(
        "{}: score: expected none beside [forecast], found \"{}\"; leave one of them out, or take [forecast] kind = "
        "\"factor {}\"",
        table.where("score"), brief(p.score), brief(p.score));
  }
  if (!from_file && !s.forecast && p.score.empty()) {
    if (s.factors.size() != 1 || !s.sets.empty()) {
      fail("{}: expected [forecast], or score = NAME with the name of a factor, found neither", table.where());
    }
    p.score = s.factors[0].name;
  }
  table.finish();
  s.portfolio = p;
}

void read_broker(TomlTable& table, const Path& folder, StrategyFile& s) {
  s.broker.profile = table.text("profile", s.broker.profile);
  if (s.broker.profile.ends_with(".toml")) s.broker.profile = anchored(folder, s.broker.profile).string();
  for (const auto& key : kBrokerKeys)
    if (table.has(key)) s.broker.values[key] = table.any(key);
  table.finish();
}

void check_names(const StrategyFile& s) {
  std::vector<std::string> names;
  for (const auto& factor : s.factors) names.push_back(factor.name);
  const auto check = [&](const std::string& name, const char* key) {
    if (name.empty() || !s.sets.empty()) return;  // the names of a set are known to those that hold it
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    fail("{}: {}: expected the name of a factor in [factors], found \"{}\"{}", s.file.string(), key, brief(name),
         names.empty() ? "" : fmt::format("; the nearest is \"{}\"", nearest_word(name, names)));
  };
  if (s.forecast) check(s.forecast->factor, "kind");
  if (s.portfolio) check(s.portfolio->score, "score");
  if (s.portfolio)
    for (const QpSpec::Range& limit : s.portfolio->qp.factor_limits) check(limit.name, "[[portfolio.factor]] name");
  if (s.forecast && s.forecast->learns_from_features() && !s.series && s.factors.empty() && s.sets.empty()) {
    fail(
        "{}: expected [factors] for a forecaster of kind {}, found none; add sets = [\"alpha158\"] or a factor of your "
        "own",
        s.file.string(), s.forecast->kind);
  }
}

void read_tables(TomlTable root, const Path& folder, StrategyFile& s) {
  root.require("data");
  TomlTable data = root.table_or_empty("data"), factors = root.table_or_empty("factors");
  TomlTable label = root.table_or_empty("label"), process = root.table_or_empty("process");
  read_data(data, folder, s);
  read_factors(factors, s);
  s.label = label.text("expression", s.label);
  s.label_where = label.where("expression");
  label.finish();
  s.process.features = read_steps(process, "features", kFeatureSteps, {"cs_winsorize", "cs_zscore", "fill_zero"});
  s.process.label = read_steps(process, "label", kLabelSteps, {"cs_rank"});
  process.finish();
  if (auto table = root.table("forecast")) read_forecast(*table, s);
  if (auto table = root.table("portfolio")) read_portfolio(*table, folder, s);
  TomlTable broker = root.table_or_empty("broker");
  read_broker(broker, folder, s);
  root.finish();
  if (s.series && (!s.forecast || s.portfolio)) {
    fail("{}: a plain series: expected [forecast] and no [portfolio], found {}", s.file.string(),
         s.portfolio ? "a [portfolio]" : "no [forecast]");
  }
  if (!s.forecast && !s.portfolio) fail("{}: expected [forecast] or [portfolio], found neither", s.file.string());
  check_names(s);
}

std::string quoted(const std::vector<std::string>& words) {
  std::string list;
  for (const auto& word : words) list += (list.empty() ? "\"" : ", \"") + word + "\"";
  return "[" + list + "]";
}

std::string day_text(const std::optional<Date>& day) { return day ? date_text(*day) : "none"; }

void add_trees(const ForecastSpec& f, std::string& out) {
  const TreesSpec& t = f.trees;
  out += fmt::format("rounds = {}\nearly_stop_rounds = {}\ndepth = {}\nleaf_samples = {}\nleaf_penalty = {}\n",
                     t.rounds, t.early_stop_rounds, t.depth, t.leaf_samples, t.leaf_penalty);
  out += fmt::format("learning_rate = {}\nsubsample = {}\ncolumn_sample = {}\n", t.learning_rate, t.subsample,
                     t.column_sample);
}

void add_network(const ForecastSpec& f, std::string& out) {
  const NetworkSpec& n = f.network;
  out += fmt::format("look_back = {}\nwidth = {}\nlayers = {}\n", n.look_back, n.width, n.layers);
  if (f.kind == "transformer") out += fmt::format("heads = {}\n", n.heads);
  out += fmt::format("loss = \"{}\"\nlearning_rate = {}\nnoise = {}\nepochs = {}\npatience = {}\n", n.loss,
                     n.learning_rate, n.noise, n.epochs, n.patience);
}

void add_forecast(const StrategyFile& s, std::string& out) {
  const ForecastSpec& f = *s.forecast;
  out += fmt::format("[forecast]\nkind = \"{}\"\nseeds = [", f.kind == "factor" ? "factor " + f.factor : f.kind);
  for (const int64_t seed : f.seeds) out += fmt::format("{}{}", seed == f.seeds[0] ? "" : ", ", seed);
  out += "]\n";
  if (f.learns_from_features()) out += fmt::format("penalty = {}\n", f.penalty);
  if (f.kind == "trees") add_trees(f, out);
  if (f.is_network()) add_network(f, out);
  if (s.series) {
    out += fmt::format("look_back = {}\nhorizon = {}\nseason = {}\n", s.series->look_back, s.series->horizon, f.season);
    return;
  }
  out += fmt::format("season = {}\nmomentum_bars = {}\nwindow = \"{}\"\n", f.season, f.momentum_bars, f.window);
  out += fmt::format("train_days = {}\nvalid_days = {}\ntest_days = {}\nembargo_days = {}\n", f.train_days,
                     f.valid_days, f.test_days, f.embargo_days);
  if (f.window == "combinatorial") out += fmt::format("folds = {}\ntest_folds = {}\n", f.folds, f.test_folds);
}

}  // namespace

bool StrategyFile::needs_factors() const {
  return forecast || (portfolio && portfolio->kind != "targets" && portfolio->kind != "orders");
}

std::string StrategyFile::canonical() const {
  std::string out = "[data]\n";
  if (series) {
    out += fmt::format("file = \"{}\"\ntime = \"{}\"\nsplit = [{}, {}, {}]\n", series->file.filename().string(),
                       series->time, series->split[0], series->split[1], series->split[2]);
  } else {
    out += fmt::format("universe = \"{}\"\nsymbols = {}\nfrequency = \"{}\"\nstart = {}\nend = {}\nprices = \"{}\"\n",
                       universe, quoted(symbols), frequency, day_text(start), day_text(end), text_of(prices));
  }
  if (needs_factors() && !series) {
    out += fmt::format("[factors]\nsets = {}\n", quoted(sets));
    for (const auto& factor : factors) out += fmt::format("{} = \"{}\"\n", factor.name, factor.expression);
    if (forecast) out += fmt::format("[label]\nexpression = \"{}\"\n", label);
  }
  if (forecast && forecast->learns_from_features() && !series)
    out += fmt::format("[process]\nfeatures = {}\nlabel = {}\n", quoted(process.features), quoted(process.label));
  if (forecast) add_forecast(*this, out);
  if (portfolio) {
    out += fmt::format("[portfolio]\nkind = \"{}\"\n", portfolio->kind);
    if (!portfolio->file.empty()) out += fmt::format("content = {:016x}\n", fnv1a(read_file(portfolio->file)));
    if (portfolio->kind == "top") out += fmt::format("count = {}\n", portfolio->count);
    if (portfolio->file.empty()) out += fmt::format("rebalance_days = {}\n", portfolio->rebalance_days);
    if (!portfolio->score.empty()) out += fmt::format("score = \"{}\"\n", portfolio->score);
    if (portfolio->has_risk()) out += risk_keys_text(*portfolio);
  }
  out += fmt::format("[broker]\nprofile = \"{}\"\n", Path(broker.profile).filename().string());
  for (const auto& [key, value] : broker.values) out += fmt::format("{} = {}\n", key, value);
  return out;
}

Path StrategyFile::folder() const { return file.has_parent_path() ? file.parent_path() : Path("."); }

TomlTable StrategyFile::broker_table() const { return TomlTable::parse(text, file.string()).table_or_empty("broker"); }

std::string StrategyFile::hash() const { return fmt::format("{:016x}", mix(fnv1a(canonical()))); }

StrategyFile parse_strategy(const std::string& text, const Path& file) {
  StrategyFile s;
  s.file = file;
  s.text = text;
  read_tables(TomlTable::parse(text, file.string()), s.folder(), s);
  return s;
}

StrategyFile read_strategy(const Path& file) {
  if (!std::filesystem::is_regular_file(file)) {
    fail("{}: expected a strategy (a TOML file), found no such file; {} writes one", file.string(),
         command({"market", "init", "MARKET"}));
  }
  return parse_strategy(read_file(file, 16 << 20), file);
}

}  // namespace hadal::market
