// The factor sets of Qlib (X. Yang et al., "Qlib: An AI-oriented Quantitative Investment Platform", 2020): their lists,
// orders and names.
#include <fmt/core.h>

#include "base/error.h"
#include "base/toml_table.h"
#include "market/factors.h"

namespace hadal::market {
namespace {

constexpr int kWindows[] = {5, 10, 20, 30, 60};

struct Pattern {
  const char *name, *expression;  // {0}: the window
};

constexpr Pattern kBarShapes[] = {
    {"KMID", "($close-$open)/$open"},
    {"KLEN", "($high-$low)/$open"},
    {"KMID2", "($close-$open)/($high-$low+1e-12)"},
    {"KUP", "($high-Greater($open,$close))/$open"},
    {"KUP2", "($high-Greater($open,$close))/($high-$low+1e-12)"},
    {"KLOW", "(Less($open,$close)-$low)/$open"},
    {"KLOW2", "(Less($open,$close)-$low)/($high-$low+1e-12)"},
    {"KSFT", "(2*$close-$high-$low)/$open"},
    {"KSFT2", "(2*$close-$high-$low)/($high-$low+1e-12)"},
    {"OPEN0", "$open/$close"},
    {"HIGH0", "$high/$close"},
    {"LOW0", "$low/$close"},
    {"VWAP0", "$vwap/$close"},
};

constexpr Pattern kRolling[] = {
    {"ROC", "Ref($close,{0})/$close"},
    {"MA", "Mean($close,{0})/$close"},
    {"STD", "Std($close,{0})/$close"},
    {"BETA", "Slope($close,{0})/$close"},
    {"RSQR", "Rsquare($close,{0})"},
    {"RESI", "Resi($close,{0})/$close"},
    {"MAX", "Max($high,{0})/$close"},
    {"MIN", "Min($low,{0})/$close"},
    {"QTLU", "Quantile($close,{0},0.8)/$close"},
    {"QTLD", "Quantile($close,{0},0.2)/$close"},
    {"RANK", "Rank($close,{0})"},
    {"RSV", "($close-Min($low,{0}))/(Max($high,{0})-Min($low,{0})+1e-12)"},
    {"IMAX", "IdxMax($high,{0})/{0}"},
    {"IMIN", "IdxMin($low,{0})/{0}"},
    {"IMXD", "(IdxMax($high,{0})-IdxMin($low,{0}))/{0}"},
    {"CORR", "Corr($close,Log($volume+1),{0})"},
    {"CORD", "Corr($close/Ref($close,1),Log($volume/Ref($volume,1)+1),{0})"},
    {"CNTP", "Mean($close>Ref($close,1),{0})"},
    {"CNTN", "Mean($close<Ref($close,1),{0})"},
    {"CNTD", "Mean($close>Ref($close,1),{0})-Mean($close<Ref($close,1),{0})"},
    {"SUMP", "Sum(Greater($close-Ref($close,1),0),{0})/(Sum(Abs($close-Ref($close,1)),{0})+1e-12)"},
    {"SUMN", "Sum(Greater(Ref($close,1)-$close,0),{0})/(Sum(Abs($close-Ref($close,1)),{0})+1e-12)"},
    {"SUMD",
     "(Sum(Greater($close-Ref($close,1),0),{0})-Sum(Greater(Ref($close,1)-$close,0),{0}))"
     "/(Sum(Abs($close-Ref($close,1)),{0})+1e-12)"},
    {"VMA", "Mean($volume,{0})/($volume+1e-12)"},
    {"VSTD", "Std($volume,{0})/($volume+1e-12)"},
    {"WVMA", "Std(Abs($close/Ref($close,1)-1)*$volume,{0})/(Mean(Abs($close/Ref($close,1)-1)*$volume,{0})+1e-12)"},
    {"VSUMP", "Sum(Greater($volume-Ref($volume,1),0),{0})/(Sum(Abs($volume-Ref($volume,1)),{0})+1e-12)"},
    {"VSUMN", "Sum(Greater(Ref($volume,1)-$volume,0),{0})/(Sum(Abs($volume-Ref($volume,1)),{0})+1e-12)"},
    {"VSUMD",
     "(Sum(Greater($volume-Ref($volume,1),0),{0})-Sum(Greater(Ref($volume,1)-$volume,0),{0}))"
     "/(Sum(Abs($volume-Ref($volume,1)),{0})+1e-12)"},
};

std::vector<NamedExpression> alpha158() {
  std::vector<NamedExpression> set;
  for (const Pattern& shape : kBarShapes) set.push_back({shape.name, shape.expression});
  for (const Pattern& pattern : kRolling)
    for (const int window : kWindows)
      set.push_back({fmt::format("{}{}", pattern.name, window), fmt::format(fmt::runtime(pattern.expression), window)});
  return set;
}

// The last 60 bars of each field, over the newest close or volume.
std::vector<NamedExpression> alpha360() {
  std::vector<NamedExpression> set;
  for (const std::string field : {"close", "open", "high", "low", "vwap", "volume"}) {
    const std::string base = field == "volume" ? "($volume+1e-12)" : "$close";
    std::string upper = field;
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    for (int back = 59; back >= 0; --back)
      set.push_back({fmt::format("{}{}", upper, back), back == 0 ? fmt::format("${}/{}", field, base)
                                                                 : fmt::format("Ref(${},{})/{}", field, back, base)});
  }
  return set;
}

}  // namespace

std::vector<NamedExpression> factor_set(std::string_view set, const std::string& who) {
  if (set == "alpha158") return alpha158();
  if (set == "alpha360") return alpha360();
  const std::vector<std::string> names = {"alpha158", "alpha360"};
  fail("{}: unknown factor set {}; did you mean {}? There are alpha158 and alpha360", who, brief(set),
       nearest_word(std::string(set), names));
}

}  // namespace hadal::market
