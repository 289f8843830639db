#include "market/strategy_file.h"

#include <gtest/gtest.h>

#include "base/toml_table.h"

namespace hadal::market {
namespace {

const std::string kData = "[data]\nmarket = \"demo\"\n", kFactor = "[factors]\nmom = \"$close/Ref($close,20)-1\"\n";
const std::string kScore = "[portfolio]\nkind = \"rank\"\nscore = \"mom\"\n";

StrategyFile parse(const std::string& text) { return parse_strategy(text, "dir/s.toml"); }

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Strategy, ReadsTheWholePage) {
  const StrategyFile s = parse(R"([data]
market = "demo"
symbols = ["SPY"]
start = 2010-01-01
end = "2019-12-31"
prices = "split"
[factors]
sets = ["alpha158"]
mom = "$close/Ref($close,20)-1"
[label]
expression = "Ref($close,-1)/$close-1"
[process]
features = ["cs_zscore"]
label = "cs_zscore"
[forecast]
kind = "ridge"
train_days = 400
window = "expanding"
seeds = [2, 1]
penalty = 1e3
[portfolio]
kind = "top"
count = 5
[broker]
profile = "ib_us"
cash = 100000
margin = 0.5
)");
  EXPECT_EQ(s.market, "demo");
  EXPECT_EQ(*s.start, date(2010, 1, 1));
  EXPECT_EQ(*s.end, date(2019, 12, 31));
  EXPECT_EQ(s.prices, Prices::split);
  EXPECT_EQ(s.factors[0].where, "dir/s.toml:9");
  EXPECT_EQ(s.process.label, (std::vector<std::string>{"cs_zscore"}));
  EXPECT_EQ(s.forecast->seeds, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(s.forecast->penalty, 1000);
  EXPECT_EQ(s.portfolio->count, 5);
  EXPECT_EQ(s.broker.values.at("cash"), "100000");
  TomlTable broker = s.broker_table();
  EXPECT_EQ(broker.number("margin", 0, 0, 1), 0.5);
}

TEST(Strategy, NoSymbolsAreNotAllOfThem) {
  EXPECT_NE(error_of(kData + "symbols = []\n" + kFactor + kScore).find("symbols: expected at least one"),
            std::string::npos);
}

TEST(Strategy, UnknownKeysNameTheNearest) {
  EXPECT_NE(error_of(kData + "prises = \"raw\"\n")
                .find("s.toml:3: unknown key \"prises\" in [data]; the nearest valid key is \"prices\""),
            std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + kScore + "[brokr]\n").find("\"broker\""), std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\npenatly = 3\n").find("\"penalty\""), std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + kScore + "[broker]\nslipage_bps = 3\n").find("\"slippage_bps\""),
            std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[portfolio]\nscore = \"mum\"\n").find("the nearest is \"mom\""),
            std::string::npos);
  EXPECT_NE(
      error_of(kData + kFactor + "[process]\nlabel = \"cs_rnk\"\n[forecast]\n").find("the nearest is \"cs_rank\""),
      std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\nkind = \"rige\"\n").find("the nearest is \"ridge\""),
            std::string::npos);
}

TEST(Strategy, AMarketsPathStaysOneBesideTheFile) {
  const auto market_of = [](const std::string& name, const Path& file) {
    return parse_strategy(kFactor + kScore + "[data]\nmarket = \"" + name + "\"\n", file).market;
  };
  EXPECT_EQ(market_of("m", "s.toml"), "m");
  EXPECT_EQ(market_of("./m", "s.toml"), "./m") << "and not markets/m";
  EXPECT_EQ(market_of("./m", "a/s.toml"), "a/m");
  EXPECT_EQ(market_of("../m", "a/s.toml"), "./m");
  EXPECT_EQ(market_of("/x/m", "s.toml"), "/x/m");
}

TEST(Strategy, FrequenciesAreWrittenInOneWay) {
  for (const auto& [text, frequency] :
       {std::pair{"60m", "1h"}, {"1h", "1h"}, {"90m", "90m"}, {"300s", "5m"}, {"1d", "1d"}})
    EXPECT_EQ(parse(kScore + kFactor + kData + "frequency = \"" + text + "\"\n").frequency, frequency);
  for (const char* text : {"24h", "0m", "2d", "daily", "m", "-1h", "1h ", ""})
    EXPECT_NE(
        error_of(kScore + kFactor + kData + "frequency = \"" + text + "\"\n").find("frequency: expected 1d, or hours"),
        std::string::npos)
        << text;
}

TEST(Strategy, TreesHaveTheirOwnKeys) {
  const std::string trees = kData + kFactor + "[forecast]\nkind = \"trees\"\n";
  EXPECT_EQ(parse(trees).forecast->penalty, 1e4);  // of the ridge that they must beat
  EXPECT_EQ(parse(trees + "depth = 6\n").forecast->trees.depth, 6);
  for (const char* key : {"rounds = 7", "early_stop_rounds = 7", "depth = 7", "leaf_samples = 7", "leaf_penalty = 7",
                          "penalty = 7", "learning_rate = 0.7", "subsample = 0.9", "column_sample = 0.9"})
    EXPECT_NE(parse(trees + key + "\n").hash(), parse(trees).hash()) << key;
  EXPECT_NE(parse("[process]\nlabel = \"cs_zscore\"\n" + trees).hash(), parse(trees).hash());
  for (const char* key :
       {"rounds = 0", "depth = 0", "depth = 40", "leaf_samples = 0", "learning_rate = 0", "learning_rate = nan",
        "subsample = 0", "subsample = 1.5", "column_sample = -1", "early_stop_rounds = 0", "leaf_penalty = -1"})
    EXPECT_NE(error_of(trees + key + "\n").find("s.toml:7"), std::string::npos) << key;
  EXPECT_NE(error_of(trees + "deph = 3\n").find("\"depth\""), std::string::npos);
  EXPECT_NE(error_of(trees + "valid_days = 0\nearly_stop_rounds = 5\n").find("no session is for validation"),
            std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\ndepth = 3\n").find("unknown key \"depth\""), std::string::npos);
  EXPECT_NE(error_of(kData + "[forecast]\nkind = \"trees\"\n").find("of kind trees"), std::string::npos);
}

TEST(Strategy, ReadsNetworks) {
  const auto of = [](const std::string& rest) { return kData + kFactor + "[forecast]\nkind = " + rest + "\n"; };
  EXPECT_EQ(parse(of("\"mlp\"")).forecast->network.look_back, 1);
  EXPECT_EQ(parse(of("\"mlp\"")).forecast->network.loss, "correlation");
  const StrategyFile mixer = parse(of("\"mixer\"\nlook_back = 8\nwidth = 24\nloss = \"rank\"\nepochs = 3"));
  EXPECT_EQ(mixer.forecast->network.look_back, 8);
  EXPECT_EQ(mixer.forecast->network.loss, "rank");
  for (const std::string key : {"look_back = 8", "width = 24", "loss = \"rank\"", "epochs = 3", "[process]"})
    EXPECT_NE(mixer.canonical().find(key), std::string::npos) << key;
  EXPECT_EQ(mixer.canonical().find("heads"), std::string::npos);
  EXPECT_NE(parse(of("\"transformer\"")).hash(), parse(of("\"transformer\"\nheads = 2")).hash());
  EXPECT_NE(error_of(of("\"ridge\"\nwidth = 8")).find("width"), std::string::npos);
  EXPECT_NE(error_of(of("\"mlp\"\nheads = 2")).find("heads"), std::string::npos);
  EXPECT_NE(error_of(of("\"mlp\"\nloss = \"mae\"")).find("loss"), std::string::npos);
  EXPECT_NE(error_of(of("\"transformer\"\nwidth = 10")).find("a multiple of 2 * heads (8), found 10"),
            std::string::npos);
  EXPECT_NE(error_of(kData + "[forecast]\nkind = \"mlp\"\n").find("expected [factors]"), std::string::npos);
}

TEST(Strategy, SaysWhatIsMissing) {
  EXPECT_NE(error_of(kFactor).find("expected the key data"), std::string::npos);
  EXPECT_NE(error_of(kData + kFactor).find("expected [forecast] or [portfolio]"), std::string::npos);
  EXPECT_NE(error_of(kData + "[forecast]\n").find("add sets = [\"alpha158\"]"), std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\n" + kScore).find("expected none beside [forecast]"),
            std::string::npos);
  EXPECT_NE(
      error_of(kData + "[portfolio]\nkind = \"targets\"\nfile = \"none.csv\"\n").find("found none at dir/none.csv"),
      std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\nkind = \"factor\"\n").find("with the name of a factor"),
            std::string::npos);
  EXPECT_NE(error_of("[data]\nmarket = \"m\"\nstart = 2019-02-01\nend = 2019-01-01\n").find("from 2019-02-01 on"),
            std::string::npos);
  EXPECT_NE(error_of(kData + kFactor + "[forecast]\ntask = \"series\"\n").find("a [data] file"), std::string::npos);
  EXPECT_THROW(read_strategy("no/such.toml"), Error);
}

TEST(Strategy, OneFactorIsTheScore) {
  EXPECT_EQ(parse(kData + kFactor + "[portfolio]\nkind = \"rank\"\n").portfolio->score, "mom");
  EXPECT_NE(error_of(kData + kFactor + "two = \"$open\"\n[portfolio]\n").find("score = NAME"), std::string::npos);
  EXPECT_EQ(parse(kData + kFactor + "[forecast]\nkind = \"factor mom\"\n").forecast->factor, "mom");
}

TEST(Strategy, ReadsPortfoliosByRisk) {
  const Path groups = Path(HADAL_BINARY_DIR) / "market_groups_test.csv";
  write_file_whole(groups, "symbol,group\nSPY,funds\n");
  const std::string qp = kData + kFactor + "[portfolio]\nkind = \"qp\"\ncovariance = \"ledoit_wolf\"\nrisk_days = 60\n";
  const std::string limits = "benchmark = \"equal\"\nactive = 0.02\ngroups = \"" + groups.string() +
                             "\"\n[[portfolio.group]]\nname = \"funds\"\nmax = 0.3\n[[portfolio.factor]]\nname = "
                             "\"mom\"\nmin = -0.5\nmax = 0.5\n";
  const StrategyFile s = parse(qp + limits);
  const std::string before = s.hash();
  EXPECT_EQ(s.portfolio->risk.days, 60);
  EXPECT_EQ(s.portfolio->qp.active, 0.02);
  EXPECT_EQ(s.portfolio->qp.group_limits[0].max, 0.3);
  EXPECT_EQ(s.portfolio->qp.factor_limits[0].min, -0.5);
  EXPECT_EQ(parse(qp + "upper = 1\n" + limits).hash(), before);  // the default
  for (const char* key :
       {"upper = 0.5", "alpha = 0.1", "turnover = 0.2", "cost_bps = 3", "budget = 0.9", "lower = 0.01"})
    EXPECT_NE(parse(qp + key + "\n" + limits).hash(), before) << key;
  write_file_whole(groups, "symbol,group\nSPY,funds\nDIA,funds\n");
  EXPECT_NE(parse(qp + limits).hash(), before);
  const std::string parity = kData + kFactor + "[portfolio]\nkind = \"risk_parity\"\n";
  EXPECT_EQ(parse(parity).portfolio->count, 0);
  EXPECT_EQ(parse(parity + "count = 5\n").portfolio->count, 5);
  EXPECT_NE(parse(parity + "count = 5\n").hash(), parse(parity).hash());
  for (const auto& [text, expected] :
       {std::pair<std::string, const char*>{qp + "turnver = 1\n", "the nearest valid key is \"turnover\""},
        {parity + "turnover = 1\n", "unknown key \"turnover\""},
        {qp + "factors = 3\n", "factors: expected none for covariance"},
        {qp + "lower = 0.5\nupper = 0.1\n", "expected lower up to upper"},
        {qp + "active = 0.1\n", "active: expected a benchmark beside it"},
        {qp + "benchmark = \"none.csv\"\n", "benchmark: expected a CSV file"},
        {qp + "turnover = nan\n", "turnover"},
        {qp + "groups = \"" + groups.string() + "\"\n", "found only the file"},
        {qp + "[[portfolio.group]]\nname = \"a\"\nmax = 1\n", "found only the limits"},
        {qp + "[[portfolio.factor]]\nname = \"mom\"\n", "expected min, max or both"},
        {qp + "[[portfolio.factor]]\nname = \"mum\"\nmax = 1\n", "the nearest is \"mom\""},
        {"[data]\nmarket = \"m\"\nprices = \"raw\"\n" + parity.substr(kData.size()),
         "expected [data] prices = \"forward\" for kind \"risk_parity\""}})
    EXPECT_NE(error_of(text).find(expected), std::string::npos) << error_of(text);
}

TEST(Strategy, HashIsOfWhatCounts) {
  const std::string hash = parse(kData + kFactor + kScore).hash();
  EXPECT_EQ(hash.size(), 16u);
  EXPECT_EQ(parse("# a comment\n" + kScore + kFactor + kData + "frequency = \"1d\"\n").hash(), hash);
  EXPECT_EQ(parse(kData + kFactor + kScore + "rebalance_days = 1\n").hash(), hash);
  EXPECT_NE(parse(kData + kFactor + kScore + "rebalance_days = 2\n").hash(), hash);
  EXPECT_NE(parse(kData + kFactor + kScore + "[broker]\ncash = 5\n").hash(), hash);
  EXPECT_EQ(parse(kData + kFactor + kScore + "[broker]\ncash = 5e0\n").hash(),
            parse(kData + kFactor + kScore + "[broker]\ncash = 5\n").hash());
  const Path targets = Path(HADAL_BINARY_DIR) / "market_targets_test.csv";
  const std::string by_file = kData + "[portfolio]\nkind = \"targets\"\nfile = \"" + targets.string() + "\"\n";
  write_file_whole(targets, "date,symbol,weight\n2014-01-02,SPY,1\n");
  const std::string before = parse(by_file).hash();
  write_file_whole(targets, "date,symbol,weight\n2014-01-02,SPY,.5\n");
  EXPECT_NE(parse(by_file).hash(), before);
  EXPECT_FALSE(parse(by_file).needs_factors());
}

TEST(Strategy, ReadsThePlantedLeaks) {
  for (const char* name : {"clean", "back_level", "future_ref"}) {
    const StrategyFile s = read_strategy(Path(HADAL_SOURCE_DIR) / "tests/market/leaks" / (std::string(name) + ".toml"));
    EXPECT_EQ(s.market, "sample");
    EXPECT_EQ(s.broker.profile, "ib_us");
    EXPECT_TRUE(s.needs_factors());
  }
}

}  // namespace
}  // namespace hadal::market
