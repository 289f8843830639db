// The made-up figures that the tests of memos share, and claims about them.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "market/report.h"
#include "market/report/text.h"
#include "market/testing/market_files.h"

namespace hadal::market::test {

// {"figures", "true": [text], "false": [{"text", "unbound"}]}
inline const OrderedJson& claims() {
  static const OrderedJson json =
      parse_ordered_json(read_file(source_dir() / "tests/market/memo/claims.json"), "claims.json");
  return json;
}

inline OrderedJson unbound_texts(const std::string& text, const OrderedJson& figures) {
  OrderedJson list = OrderedJson::array();
  const std::u32string points = code_points(text);
  for (const Unbound& u : unbound_numbers(text, figures)) {
    EXPECT_EQ(utf8(points.substr(u.begin, u.end - u.begin)), u.text);
    list.push_back(u.text);
  }
  return list;
}

// The same figures, and all that a memo says.
inline OrderedJson memo_figures() {
  OrderedJson figures = claims().at("figures");
  figures["strategy"]["forecaster"] = "ridge", figures["strategy"]["portfolio"] = "top";
  figures["data"]["market_path"] = "markets/two_rivers", figures["data"]["stored_prices"] = "raw prices";
  figures["quality"] = {{"quarantined", 2}, {"warnings", 3}};
  figures["costs"]["interest_paid"] = "0";
  figures["forecast"]["finding"] = "signal", figures["forecast"]["num_windows"] = 4;
  figures["forecast"]["test_first"] = "2014-04-03", figures["forecast"]["test_last"] = "2015-12-18";
  figures["statistics"]["dsr"] = 0.9871, figures["statistics"]["length"] = 434;
  figures["trading"] = {{"from", "2014-04-03"},
                        {"sessions", 435},
                        {"deepest_drawdown_at", "2015-08-24"},
                        {"mean_turnover", 0.586712},
                        {"mean_positions", 12.04}};
  figures["hold"]["max_drawdown"] = -0.23456;
  return figures;
}

}  // namespace hadal::market::test
