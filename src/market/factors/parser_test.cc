#include "market/factors/parser.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "market/factors/operators.h"
#include "market/testing/random_panel.h"

namespace hadal::market::factors {
namespace {

std::string understood(const std::string& text) { return FactorProgram({{"f", text}}, "", LookAhead::allowed).text(0); }
std::string mistake(const std::string& text, LookAhead look_ahead = LookAhead::refused) {
  try {
    FactorProgram({{"f", text}}, "s.toml:", look_ahead);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(Parser, OrderOfOperators) {
  EXPECT_EQ(understood("$close-$open-$low*2"), "(($close-$open)-($low*2))");
  EXPECT_EQ(understood("$close>$open&$low<1|$high!=2"), "((($close>$open)&($low<1))|($high!=2))");
  EXPECT_EQ(understood("-$close**2"), "(0-Power($close,2))");
  EXPECT_EQ(understood("$close**2**$open"), "Power($close,Power(2,$open))");
  EXPECT_EQ(understood("2**-$close"), "Power(2,(0-$close))");
  EXPECT_EQ(understood(" ( $close + 1e-12 ) / .5 "), "(($close+1e-12)/0.5)");
  EXPECT_EQ(understood("Mean($close, 2*5)"), "Mean($close,10)");
  EXPECT_EQ(understood("Ref($open,-2)/Ref($open,-1)-1"), "((Ref($open,-2)/Ref($open,-1))-1)");
  EXPECT_EQ(understood("Ref($close,0)"), "$close");
  EXPECT_EQ(understood("Add($close,Sub(1,$open))"), "($close+(1-$open))");
}

TEST(Parser, MistakesHaveCarets) {
  EXPECT_EQ(mistake("$close/Meen($close,5)"),
            "s.toml: f: unknown operator Meen; did you mean Mean?\n  $close/Meen($close,5)\n         ^^^^");
  EXPECT_EQ(mistake("1+$clsoe"), "s.toml: f: unknown field $clsoe; did you mean $close?\n  1+$clsoe\n    ^^^^^^");
  EXPECT_EQ(mistake("Ref($close, -1) / $close - 1"),
            "s.toml: f: looks 1 bar ahead, which a factor may not: only [label] may\n"
            "  Ref($close, -1) / $close - 1\n  ^^^^^^^^^^^^^^^");
  EXPECT_EQ(mistake("Mean($close,0)"),
            "s.toml: f: expected a whole number of bars from 1 to 100000 here: Mean(x,n)\n"
            "  Mean($close,0)\n              ^");
  EXPECT_EQ(mistake("($close"), "s.toml: f: expected ) here\n  ($close\n         ^");
  EXPECT_EQ(mistake(""),
            "s.toml: f: expected a number, a field ($close), an operator or ( here, found the end\n  \n  ^");
  EXPECT_EQ(mistake("$close é"), "s.toml: f: expected an operator or the end here\n  $close é\n         ^");
}

TEST(Parser, RefusesWhatIsNoExpression) {
  for (const char* text : {"close",
                           "$",
                           "$close $open",
                           "Mean($close)",
                           "Mean($close,5,6)",
                           "Mean($close,$open)",
                           "Mean($close,2.5)",
                           "Mean($close,5",
                           "Mean $close",
                           "Mean()",
                           "TR(1)",
                           "ATR()",
                           "1<2<3",
                           "$close=1",
                           "1e999",
                           "1.2.3",
                           "3x",
                           "Quantile($close,5,1.5)",
                           "Quantile($close,5)",
                           "BBUpper($close,5,0)",
                           "Delta($close,-3)",
                           "Mask($close)",
                           "Mask($close,\"A",
                           "Mean($close,100001)",
                           "EMA($close,-1)",
                           "EMA($close,0)",
                           "*2",
                           "$close+",
                           ")",
                           "Sum(,5)",
                           "$close\x01",
                           "CSDemean()"})
    EXPECT_NE(mistake(text).find('^'), std::string::npos) << text << ": " << mistake(text);
  EXPECT_NE(mistake(std::string(100000, '(')).find("expected an expression of at most"), std::string::npos);
  EXPECT_NE(mistake(std::string(5000, '(')).find("levels of parentheses"), std::string::npos);
  EXPECT_NE(mistake(std::string(5000, '-')).find("levels"), std::string::npos);
  std::string tower = "$close";
  for (int i = 0; i < 150; ++i) tower = "(" + tower + "+" + "1)";
  EXPECT_EQ(mistake(tower), "none");
}

TEST(Parser, NamesMustDiffer) { EXPECT_THROW(FactorProgram({{"a", "$close"}, {"a", "$open"}}, ""), Error); }

TEST(Program, KnowsItsReach) {
  const FactorProgram program({{"a", "Mean(Ref($close,5),20)"},
                               {"b", "Ref($open,-2)/Ref($open,-1)-1"},
                               {"c", "EMA($close,5)"},
                               {"d", "CSRank(Ref(Mean($close,5),-3))"},
                               {"e", "$close"},
                               {"f", "Corr($close,Ref($volume,1),10)"}},
                              "", LookAhead::allowed);
  const std::vector<int64_t> back = {24, 0, kWholePast, 1, 0, 10}, ahead = {0, 2, 0, 3, 0, 0};
  for (size_t f = 0; f < 6; ++f) {
    EXPECT_EQ(program.look_back(f), back[f]) << f;
    EXPECT_EQ(program.look_ahead(f), ahead[f]) << f;
  }
  EXPECT_EQ(program.look_ahead(), 3);
}

TEST(Program, ComputesEqualPartsOnce) {
  const FactorProgram program(
      {{"a", "Mean($close,5)/$close"}, {"b", "$close/Mean($close,5)"}, {"c", "Mean($close, 5)"}}, "");
  EXPECT_EQ(
      program.all_nodes().names(),
      (std::vector<std::string>{"$close", "Mean($close,5)", "(Mean($close,5)/$close)", "($close/Mean($close,5))"}));
}

TEST(Program, AllNodesHaveTheirValues) {
  const Panel panel = random_panel(50, 5, 3);
  const FactorProgram program({{"a", "CSRank(Mean($close,5)/Ref($close,3))"}, {"b", "EMA($close,5)*2"}}, "");
  const FactorProgram nodes = program.all_nodes();
  const std::vector<double> some = evaluate_factors(program, panel), all = evaluate_factors(nodes, panel);
  for (size_t f = 0; f < 2; ++f) {
    const auto& names = nodes.names();
    const auto at = static_cast<size_t>(std::find(names.begin(), names.end(), program.text(f)) - names.begin());
    ASSERT_LT(at, names.size());
    for (size_t k = 0; k < 50 * 5; ++k) EXPECT_EQ(bits_of(some[k * 2 + f]), bits_of(all[k * names.size() + at]));
  }
}

// Every operator can be called as its usage says.
TEST(Operators, AreAllThere) {
  const Panel panel = random_panel(80, 4, 5, {.gap = 0, .hole = 0, .equal = 0, .late = false});
  for (const Operator& op : operators()) {
    std::string call = std::string(op.name) + "(";
    int window = 3;
    for (const char kind : op.signature) {
      if (call.back() != '(') call += ",";
      if (kind == 'x' || kind == 'g') call += "$close";
      if (kind == 'n' || kind == 'r' || kind == 'e') call += std::to_string(window += 2);
      if (kind == 'q') call += "0.25";
      if (kind == 'k') call += "2";
      if (kind == 's') call += "S2";
    }
    call += ")";
    const std::vector<double> values = evaluate_factors(FactorProgram({{"f", call}}, ""), panel);
    const auto missing = std::count_if(values.begin(), values.end(), [](double x) { return std::isnan(x); });
    EXPECT_LT(missing, op.name == "Power" ? 321 : 160) << call;
    EXPECT_TRUE(std::none_of(values.begin(), values.end(), [](double x) { return std::isinf(x); })) << call;
  }
}

TEST(Operators, CompareMissingValuesAsFalse) {
  Panel panel = empty_panel(2, 1);
  panel.close = {4, 2}, panel.open = {kMissing, 0}, panel.volume = {-8, 0};
  const FactorProgram program({{"lt", "$open<$close"},
                               {"ne", "$open!=$close"},
                               {"eq", "$open==$open"},
                               {"if", "If($open,1,2)"},
                               {"not", "Not($open>1)"},
                               {"and", "And($close,$open==0)"},
                               {"or", "Or($open,$close>3)"},
                               {"div", "$close/$open"},
                               {"log", "Log($volume)"},
                               {"greater", "Greater($open,$close)"},
                               {"sign", "Sign($volume)"},
                               {"abs", "Abs($volume)"},
                               {"power", "Power($close,0.5)"},
                               {"cube", "$volume**3"},
                               {"root", "Power($volume,0.3)"},
                               {"large", "Power($close,1e6)"},
                               {"inverse", "$volume**-1"},
                               {"constant", "7"}},
                              "");
  const std::vector<double> got = evaluate_factors(program, panel);
  const double x = kMissing;
  const std::vector<double> want = {0,    0, 0, 2,      1, 0, 1, x, x, x, -1, 8, 2,
                                    -512, x, x, -0.125, 7,  //
                                    1,    1, 1, 2,      1, 1, 0, x, x, 2, 0,  0, std::sqrt(2.0),
                                    0,    0, x, x,      7};
  EXPECT_TRUE(same_bits(got, want));
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(bits_of(got[i]), bits_of(want[i])) << program.names()[i % 18] << " " << got[i] << " " << want[i];
}

TEST(Operators, LogsAndPowersAreExactEnough) {
  Panel panel = empty_panel(400, 1);
  for (size_t t = 0; t < 400; ++t) {
    panel.close[t] = std::exp((static_cast<double>(t) - 200) * 3.5);
    panel.open[t] = 1 + (static_cast<double>(t) - 200) * 1e-5;
  }
  panel.close[3] = 5e-324, panel.close[4] = 1e-310;
  const std::vector<double> got = evaluate_factors(
      FactorProgram({{"wide", "Log($close)"}, {"near", "Log($open)"}, {"power", "Power($close,0.37)"}}, ""), panel);
  for (size_t t = 0; t < 400; ++t) {
    const double wide = std::log(panel.close[t]), near = std::log(panel.open[t]),
                 power = std::pow(panel.close[t], 0.37);
    ASSERT_GT(panel.close[t], 0);
    EXPECT_NEAR(got[t * 3], wide, 4e-16 * std::abs(wide)) << panel.close[t];
    EXPECT_NEAR(got[t * 3 + 1], near, 4e-16 * std::abs(near)) << panel.open[t];
    EXPECT_NEAR(got[t * 3 + 2], power, 2e-13 * power) << panel.close[t];
  }
}

TEST(Operators, AcrossInstruments) {
  Panel panel = empty_panel(2, 5);
  panel.close = {3, 1, 3, kMissing, 10, 2, 2, 2, 2, 9};
  panel.open = {1, 1, 2, 1, 2, 1, 1, 1, 1, 1};
  panel.member[4] = 0;
  panel.member[9] = 0;
  const FactorProgram program({{"rank", "CSRank($close)"},
                               {"z", "CSZScore($close)"},
                               {"demean", "CSDemean($close)"},
                               {"group", "CSDemean($close,$open)"},
                               {"mask", "Mask($close,S1)"},
                               {"later", "Mean(CSRank($close),2)"}},
                              "");
  const std::vector<double> got = evaluate_factors(program, panel);
  const double x = kMissing, z = 2.0 / 3 / std::sqrt(4.0 / 3);
  const std::vector<double> want = {2.5 / 3, z,      3 - 7.0 / 3, 1,  1, 2.5 / 3,                //
                                    1.0 / 3, -2 * z, 1 - 7.0 / 3, -1, 1, 1.0 / 3,                //
                                    2.5 / 3, z,      3 - 7.0 / 3, 0,  1, 2.5 / 3,                //
                                    x,       x,      x,           x,  x, x,                      //
                                    x,       x,      x,           x,  1, x,                      //
                                    0.625,   x,      0,           0,  2, (2.5 / 3 + 0.625) / 2,  //
                                    0.625,   x,      0,           0,  2, (1.0 / 3 + 0.625) / 2,  //
                                    0.625,   x,      0,           0,  2, (2.5 / 3 + 0.625) / 2,  //
                                    0.625,   x,      0,           0,  2, 0.625,                  //
                                    x,       x,      x,           x,  2, x};
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(std::isnan(got[i]), std::isnan(want[i])) << i;
    if (std::isnan(want[i])) continue;
    EXPECT_NEAR(got[i], want[i], 1e-15) << i;
  }
}

TEST(Operators, MaskNamesTheNearestInstrument) {
  const Panel panel = random_panel(5, 3, 1);
  try {
    evaluate_factors(FactorProgram({{"f", "Mask($close,'T2')"}}, ""), panel);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean S2?"), std::string::npos) << error.what();
  }
}

// A label is missing where its bars are not there yet; bars are the instrument's own.
TEST(Program, LabelsReadTheInstrumentsNextBars) {
  const Panel panel = random_panel(60, 40, 8, {.gap = 0.3});
  const FactorProgram label({{"label", "Ref($open,-2)/Ref($open,-1)-1"}, {"rank", "CSRank(Ref($close,-1))"}}, "",
                            LookAhead::allowed);
  const std::vector<double> got = evaluate_factors(label, panel);
  for (size_t i = 0; i < 40; ++i)
    for (size_t t = 0; t < 60; ++t) {
      if (!panel.has_bar(t, i)) continue;
      std::vector<double> next;
      for (size_t row = t + 1; row < 60; ++row)
        if (panel.has_bar(row, i)) next.push_back(panel.open[panel.at(row, i)]);
      const double want = next.size() >= 2 ? next[1] / next[0] - 1 : kMissing;
      EXPECT_EQ(bits_of(got[(t * 40 + i) * 2]), bits_of(want)) << t << " " << i;
      EXPECT_EQ(std::isnan(got[(t * 40 + i) * 2 + 1]), next.empty());
    }
  EXPECT_THROW(FactorStream(label, panel.symbols), Error);
}

}  // namespace
}  // namespace hadal::market::factors
