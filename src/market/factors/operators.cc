#include "market/factors/operators.h"

#include "market/factors/indicators.h"

namespace hadal::market::factors {
namespace {

using A = const Arguments&;

template <Op op>
int element(Graph& g, A a) {
  return g.element(op, a.x[0], a.x[1], a.x[2]);
}
template <Op op>
int window(Graph& g, A a) {
  return g.window(op, a.x[0], a.n[0]);
}
template <Op op>
int pair(Graph& g, A a) {
  return g.pair(op, a.x[0], a.x[1], a.n[0]);
}
template <Op op>
int across(Graph& g, A a) {
  return g.across(op, a.x[0], a.x[1]);
}
template <int (*build)(Graph&, int, int64_t)>
int on_series(Graph& g, A a) {
  return build(g, a.x[0], a.n[0]);
}
template <int (*build)(Graph&, int, int64_t, int64_t)>
int on_series_two(Graph& g, A a) {
  return build(g, a.x[0], a.n[0], a.n[1]);
}
template <int (*build)(Graph&, int64_t)>
int on_bars(Graph& g, A a) {
  return build(g, a.n[0]);
}

int ema(Graph& g, A a) {
  const double weight = a.n[0] > 0 ? 2.0 / static_cast<double>(a.n[0] + 1) : a.number;
  return g.recursive(Op::ema, a.x[0], -1, a.n[0], weight);
}
int delta(Graph& g, A a) { return g.element(Op::sub, a.x[0], g.ref(a.x[0], a.n[0])); }
int rate_of_change(Graph& g, A a) {
  return g.element(Op::mul, g.constant(100), g.element(Op::div, delta(g, a), g.ref(a.x[0], a.n[0])));
}

constexpr Operator kOperators[] = {
    {"Abs", "x", "Abs(x)", element<Op::abs>},
    {"Sign", "x", "Sign(x)", element<Op::sign>},
    {"Log", "x", "Log(x)", element<Op::log>},
    {"Not", "x", "Not(x)", element<Op::logical_not>},
    {"Power", "xx", "Power(x,y)", element<Op::power>},
    {"Add", "xx", "Add(x,y)", element<Op::add>},
    {"Sub", "xx", "Sub(x,y)", element<Op::sub>},
    {"Mul", "xx", "Mul(x,y)", element<Op::mul>},
    {"Div", "xx", "Div(x,y)", element<Op::div>},
    {"Greater", "xx", "Greater(x,y)", element<Op::greater>},
    {"Less", "xx", "Less(x,y)", element<Op::less>},
    {"And", "xx", "And(x,y)", element<Op::logical_and>},
    {"Or", "xx", "Or(x,y)", element<Op::logical_or>},
    {"Gt", "xx", "Gt(x,y)", element<Op::gt>},
    {"Ge", "xx", "Ge(x,y)", element<Op::ge>},
    {"Lt", "xx", "Lt(x,y)", element<Op::lt>},
    {"Le", "xx", "Le(x,y)", element<Op::le>},
    {"Eq", "xx", "Eq(x,y)", element<Op::eq>},
    {"Ne", "xx", "Ne(x,y)", element<Op::ne>},
    {"If", "xxx", "If(condition,x,y)", element<Op::choose>},
    {"Mask", "xs", "Mask(x,SYMBOL)", [](Graph& g, A a) { return g.across(Op::mask, a.x[0], -1, a.symbol); }},
    {"Ref", "xr", "Ref(x,n)", [](Graph& g, A a) { return g.ref(a.x[0], a.n[0]); }},
    {"Delta", "xr", "Delta(x,n)", delta},
    {"Mean", "xn", "Mean(x,n)", window<Op::mean>},
    {"Sum", "xn", "Sum(x,n)", window<Op::sum>},
    {"Std", "xn", "Std(x,n)", window<Op::stddev>},
    {"Var", "xn", "Var(x,n)", window<Op::var>},
    {"Skew", "xn", "Skew(x,n)", window<Op::skew>},
    {"Kurt", "xn", "Kurt(x,n)", window<Op::kurt>},
    {"Max", "xn", "Max(x,n)", window<Op::max>},
    {"Min", "xn", "Min(x,n)", window<Op::min>},
    {"IdxMax", "xn", "IdxMax(x,n)", window<Op::idx_max>},
    {"IdxMin", "xn", "IdxMin(x,n)", window<Op::idx_min>},
    {"Quantile", "xnq", "Quantile(x,n,q)",
     [](Graph& g, A a) { return g.window(Op::quantile, a.x[0], a.n[0], 1, a.number); }},
    {"Med", "xn", "Med(x,n)", [](Graph& g, A a) { return g.window(Op::quantile, a.x[0], a.n[0], 1, 0.5); }},
    {"Mad", "xn", "Mad(x,n)", window<Op::mad>},
    {"Rank", "xn", "Rank(x,n)", window<Op::rank>},
    {"Count", "xn", "Count(x,n)", window<Op::count>},
    {"Slope", "xn", "Slope(x,n)", window<Op::slope>},
    {"Rsquare", "xn", "Rsquare(x,n)", window<Op::rsquare>},
    {"Resi", "xn", "Resi(x,n)", window<Op::resi>},
    {"EMA", "xe", "EMA(x,n)", ema},
    {"Corr", "xxn", "Corr(x,y,n)", pair<Op::corr>},
    {"Cov", "xxn", "Cov(x,y,n)", pair<Op::cov>},
    {"CSRank", "x", "CSRank(x)", across<Op::cs_rank>},
    {"CSZScore", "x", "CSZScore(x)", across<Op::cs_zscore>},
    {"CSDemean", "xg", "CSDemean(x) or CSDemean(x,group)", across<Op::cs_demean>},
    {"SMA", "xn", "SMA(x,n)", on_series<simple_mean>},
    {"EMAS", "xn", "EMAS(x,n)", on_series<exponential_mean>},
    {"RMA", "xn", "RMA(x,n)", on_series<wilder_mean>},
    {"WMA", "xn", "WMA(x,n)", on_series<weighted_mean>},
    {"HMA", "xn", "HMA(x,n)", on_series<hull_mean>},
    {"DEMA", "xn", "DEMA(x,n)", on_series<double_exponential_mean>},
    {"TEMA", "xn", "TEMA(x,n)", on_series<triple_exponential_mean>},
    {"TRIMA", "xn", "TRIMA(x,n)", on_series<triangular_mean>},
    {"T3", "xn", "T3(x,n)", on_series<tillson_mean>},
    {"KAMA", "xn", "KAMA(x,n)", on_series<kaufman_mean>},
    {"TRIX", "xn", "TRIX(x,n)", on_series<trix>},
    {"MACD", "xnn", "MACD(x,n,m)", on_series_two<macd>},
    {"PPO", "xnn", "PPO(x,n,m)", on_series_two<ppo>},
    {"APO", "xnn", "APO(x,n,m)", on_series_two<apo>},
    {"RSI", "xn", "RSI(x,n)", on_series<rsi>},
    {"CMO", "xn", "CMO(x,n)", on_series<cmo>},
    {"MOM", "xn", "MOM(x,n)", delta},
    {"ROC", "xn", "ROC(x,n)", rate_of_change},
    {"ROCR", "xn", "ROCR(x,n)", [](Graph& g, A a) { return g.element(Op::div, a.x[0], g.ref(a.x[0], a.n[0])); }},
    {"BBUpper", "xnk", "BBUpper(x,n,k)", [](Graph& g, A a) { return bollinger(g, a.x[0], a.n[0], a.number); }},
    {"BBLower", "xnk", "BBLower(x,n,k)", [](Graph& g, A a) { return bollinger(g, a.x[0], a.n[0], -a.number); }},
    {"MIDPOINT", "xn", "MIDPOINT(x,n)", on_series<midpoint>},
    {"TR", "", "TR()", [](Graph& g, A) { return true_range(g); }},
    {"ATR", "n", "ATR(n)", on_bars<average_true_range>},
    {"NATR", "n", "NATR(n)", on_bars<normalised_true_range>},
    {"CCI", "n", "CCI(n)", on_bars<commodity_channel>},
    {"WILLR", "n", "WILLR(n)", on_bars<williams>},
    {"MFI", "n", "MFI(n)", on_bars<money_flow>},
    {"ULTOSC", "nnn", "ULTOSC(n,m,k)", [](Graph& g, A a) { return ultimate(g, a.n[0], a.n[1], a.n[2]); }},
    {"AROONOSC", "n", "AROONOSC(n)", on_bars<aroon>},
    {"BOP", "", "BOP()", [](Graph& g, A) { return balance_of_power(g); }},
    {"OBV", "", "OBV()", [](Graph& g, A) { return on_balance_volume(g); }},
    {"CMF", "n", "CMF(n)", on_bars<chaikin_flow>},
    {"ADOSC", "nn", "ADOSC(n,m)", [](Graph& g, A a) { return chaikin_oscillator(g, a.n[0], a.n[1]); }},
    {"VWMA", "n", "VWMA(n)", on_bars<volume_weighted_mean>},
};

}  // namespace

std::span<const Operator> operators() { return kOperators; }

const Operator* find_operator(std::string_view name) {
  for (const Operator& op : kOperators)
    if (op.name == name) return &op;
  return nullptr;
}

const std::vector<std::string>& operator_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Operator& op : kOperators) names.emplace_back(op.name);
    return names;
  }();
  return kNames;
}

}  // namespace hadal::market::factors
