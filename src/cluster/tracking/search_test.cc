#include "cluster/tracking/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/rng.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

constexpr auto kRuns = SearchSubject::runs;

struct Item : Searchable {
  std::map<std::string, SearchValue> metrics, params, tags, attributes;
  SearchValue value_of(const SearchKey& key) const override {
    const auto& all = key.field == SearchField::metric  ? metrics
                      : key.field == SearchField::param ? params
                      : key.field == SearchField::tag   ? tags
                                                        : attributes;
    const auto found = all.find(key.name);
    return found == all.end() ? SearchValue() : found->second;
  }
};

Item item() {
  Item out;
  out.metrics = {
      {"loss", 1.5}, {"val/loss", -2.0}, {"bad", std::nan("")}, {"top", std::numeric_limits<double>::infinity()}};
  out.params = {{"lr", "0.1"}, {"a b", "x"}, {"it's", "q"}};
  out.tags = {{"t", "abc"}, {"mlflow.user", "ann"}};
  out.attributes = {{"status", "FINISHED"}, {"run_id", "r12"}, {"start_time", 1700.0}, {"run_name", "first try"}};
  return out;
}

TEST(TrackingSearch, ComparesWhatItNames) {
  const std::pair<const char*, bool> cases[] = {
      {"", true},
      {"   ", true},
      {"metrics.loss > 1", true},
      {"metrics.loss > 1.5", false},
      {"metrics.loss>=1.5", true},
      {"metric.loss = 15e-1", true},
      {"metrics.loss != +1.5", false},
      {"metrics.`val/loss` < -1.9", true},
      {"metrics.val/loss<=-2", true},
      {"metrics.\"val/loss\" = -2.0", true},
      {"metrics.top > 1e300", true},
      {"metrics.bad = 1", false},
      {"metrics.bad != 1", true},
      {"metrics.missing != 1", false},
      {"params.lr = '0.1'", true},
      {"params.lr = \"0.1\"", true},
      {"parameters.`a b` = 'x'", true},
      {"param.`it's` = 'q'", true},
      {"params.lr != '0.1'", false},
      {"params.missing != 'x'", false},
      {"tags.t LIKE 'a%'", true},
      {"tags.t like '_b_'", true},
      {"tags.t LIKE 'A%'", false},
      {"tags.t ILIKE 'A%C'", true},
      {"tag.mlflow.user = 'ann'", true},
      {"tags.`mlflow.user` IN ('bob', 'ann')", true},
      {"attributes.status = 'FINISHED'", true},
      {"status IN ('RUNNING','FINISHED')", true},
      {"attributes.run_id NOT IN ('r1', 'r12')", false},
      {"attributes.run_id not in ( 'r1' )", true},
      {"attr.start_time > 1000", true},
      {"created <= 1699", false},
      {"`Run name` = 'first try'", true},
      {"attributes.run_name LIKE 'first%' AND metrics.loss < 2 and params.lr = '0.1'", true},
      {"metrics.loss < 2 AND metrics.loss < 1", false},
      {"dataset.name = 'x'", false},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(matches(parse_filter(text, kRuns), item()), expected) << text;
}

TEST(TrackingSearch, DoubledQuotesStandForThemselves) {
  const auto clauses = parse_filter("tags.t = 'it''s' AND params.`a``b` = 'c'", kRuns);
  EXPECT_EQ(clauses[0].texts[0], "it's");
  EXPECT_EQ(clauses[1].key.name, "a`b");
}

TEST(TrackingSearch, RefusesWhatIsNoFilter) {
  const char* const cases[] = {
      "metrics",
      "metrics.",
      "metrics.loss",
      "metrics.loss >",
      "metrics.loss > 'a'",
      "metrics.loss > abc",
      "metrics.loss > 1 OR metrics.loss < 2",
      "(metrics.loss > 1)",
      "metrics.loss > 1 AND",
      "AND metrics.loss > 1",
      "metrics.loss > nan",
      "metrics.loss > -inf",
      "metrics.loss > 1x",
      "metrics.loss LIKE '1'",
      "params.lr > '1'",
      "params.lr = 0.1",
      "params.lr = '0.1",
      "params.`lr = '0.1'",
      "params.lr = '0.1' 5",
      "things.lr = 'x'",
      "attributes.shoe = 'x'",
      "shoe = 'x'",
      "attributes.start_time = 'x'",
      "attributes.run_id IN ()",
      "attributes.run_id IN 'r1'",
      "attributes.run_id IN ('r1'",
      "attributes.run_id IN ('r1' 'r2')",
      "attributes.run_id NOT ('r1')",
      "dataset.shoe = 'x'",
      "; DROP TABLE runs",
      "tags.t == 'a'",
      "tags.t LIKE a%",
      "metrics.loss ANDY > 1",
      "tags.t = 'a' ANDtags.u = 'b'",
  };
  for (const char* text : cases) EXPECT_THROW(parse_filter(text, kRuns), MlflowError) << text;
  EXPECT_THROW(parse_filter("metrics.loss > 1", SearchSubject::experiments), MlflowError);
  EXPECT_THROW(parse_filter("params.lr = '1'", SearchSubject::experiments), MlflowError);
  EXPECT_THROW(parse_filter("start_time > 1", SearchSubject::experiments), MlflowError);
  EXPECT_NO_THROW(parse_filter("name ILIKE 'a%' AND tags.x = 'y' AND creation_time > 5", SearchSubject::experiments));
  EXPECT_THROW(parse_filter(std::string("tags.t = 'a'\0", 13), kRuns), MlflowError);
  EXPECT_THROW(parse_filter(std::string(20'000, '('), kRuns), MlflowError);
  EXPECT_THROW(parse_filter(std::string(9'000, '('), kRuns), MlflowError);
  EXPECT_THROW(parse_filter("tags.t = '" + std::string(20'000, 'x') + "'", kRuns), MlflowError);
}

TEST(TrackingSearch, SaysWhatItFoundAndWhere) {
  try {
    parse_filter("metrics.loss > 1 OR metrics.loss < 2", kRuns);
    FAIL();
  } catch (const MlflowError& error) {
    EXPECT_EQ(error.code, MlflowCode::invalid);
    EXPECT_NE(std::string(error.what()).find("AND"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("OR metrics"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("character 18"), std::string::npos) << error.what();
  }
}

// Whatever comes is a filter or a MlflowError: pieces of the language and of what breaks parsers, in random order.
TEST(TrackingSearch, AnyTextIsAFilterOrRefused) {
  const std::string pieces[] = {"metrics.",
                                "params.",
                                "tags.",
                                "attributes.",
                                "`",
                                "'",
                                "\"",
                                "''",
                                "``",
                                "a",
                                "run_id",
                                "loss",
                                ".",
                                "..",
                                "%",
                                "_",
                                " ",
                                "\t",
                                "\n",
                                "AND",
                                "OR",
                                "NOT",
                                "IN",
                                "LIKE",
                                "ILIKE",
                                "=",
                                "!=",
                                "<",
                                "<=",
                                ">",
                                ">=",
                                "(",
                                ")",
                                ",",
                                "1",
                                "-1",
                                "+",
                                "-",
                                "1e999",
                                "1e-999",
                                "0x10",
                                "nan",
                                std::string(1, '\0'),
                                "\xff",
                                "\xc3\xa4",
                                "\\",
                                ";",
                                "--",
                                "/*",
                                std::string(300, '('),
                                std::string(300, '\''),
                                std::string(900, 'x')};
  Rng rng(18);
  const Item one = item();
  size_t parsed = 0;
  for (int i = 0; i < 15'000; ++i) {
    std::string text;
    for (uint64_t n = rng.below(9); n > 0; --n) text += pieces[rng.below(std::size(pieces))];
    try {
      matches(parse_filter(text, kRuns), one);
      ++parsed;
    } catch (const MlflowError& error) {
      EXPECT_EQ(error.code, MlflowCode::invalid);
    }
    try {
      parse_sort_key(text, kRuns);
    } catch (const MlflowError&) {
    }
  }
  EXPECT_GT(parsed, 50u);
}

// A valid filter with one byte changed, left out or doubled.
TEST(TrackingSearch, DamagedFiltersAreFiltersOrRefused) {
  const std::string valid = "metrics.`a b` > -1.5e3 AND tags.t ILIKE 'x%''_' AND attributes.run_id NOT IN ('r1', 'r2')";
  ASSERT_EQ(parse_filter(valid, kRuns).size(), 3u);
  const Item one = item();
  for (size_t at = 0; at < valid.size(); ++at) {
    for (int byte = -2; byte < 256; ++byte) {
      std::string text = valid;
      if (byte == -2) text.erase(at, 1);
      if (byte == -1) text.insert(at, 1, valid[at]);
      if (byte >= 0) text[at] = static_cast<char>(byte);
      try {
        matches(parse_filter(text, kRuns), one);
      } catch (const MlflowError&) {
      }
    }
  }
}

TEST(TrackingSearch, LikeIsThatOfSql) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"", "", true},
      {"", "%", true},
      {"", "_", false},
      {"abc", "abc", true},
      {"abc", "ab", false},
      {"abc", "%c", true},
      {"abc", "a%%c", true},
      {"abc", "_%_", true},
      {"abc", "____", false},
      {"a%c", "a%c", true},
      {"aab", "a%ab", true},
      {"ababab", "%ab", true},
      {"\xc3\xa4x", "_x", true},
      {"abc", "ABC", false},
  };
  for (const auto& [text, pattern, expected] : cases)
    EXPECT_EQ(is_like(text, pattern, false), expected) << text << " " << pattern;
  EXPECT_TRUE(is_like("aBc", "Ab%", true));
  EXPECT_FALSE(is_like(std::string(5000, 'a'), std::string(50, '%') + "a%a%a%b", false));
}

TEST(TrackingSearch, SortsWithNothingLast) {
  Item a, b, c, d;
  a.metrics["m"] = 2.0;
  b.metrics["m"] = 1.0;
  c.metrics["m"] = std::nan("");
  const std::vector<const Searchable*> items = {&d, &c, &a, &b};
  EXPECT_EQ(sorted_positions(items, {parse_sort_key("metrics.m", kRuns)}), (std::vector<size_t>{3, 2, 1, 0}));
  EXPECT_EQ(sorted_positions(items, {parse_sort_key("metrics.`m` DESC", kRuns)}), (std::vector<size_t>{2, 3, 1, 0}));
  EXPECT_EQ(sorted_positions(items, {}), (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(parse_sort_key("attributes.start_time asc", kRuns).key.name, "start_time");
  EXPECT_TRUE(parse_sort_key("params.`a b`  desc ", kRuns).descending);
  for (const char* text : {"", "metrics.m UP", "metrics.m DESC DESC", "metrics.m, metrics.n", "shoe", "dataset.name"})
    EXPECT_THROW(parse_sort_key(text, kRuns), MlflowError) << text;
}

}  // namespace
}  // namespace hadal::cluster
