// hadal market factors: the values of factors over the bars of a market.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "market/factor_ic.h"
#include "market/factors.h"
#include "market/market.h"

namespace hadal {
namespace {

using namespace market;

// The return from the next session's open to the one after: what an order of today can get.
constexpr const char* kLabel = "Ref($open,-2)/Ref($open,-1)-1";

struct FactorsOptions {
  std::string market, symbols, from, to, as_of, prices = "forward", out;
  std::string ic, label = kLabel;
  std::vector<std::string> sets, expressions;
  bool streaming = false, json = false;
};

// All sets, then all expressions.
std::vector<NamedExpression> factors_of(const FactorsOptions& o) {
  std::vector<NamedExpression> factors;
  for (const std::string& set : o.sets)
    for (NamedExpression& factor : factor_set(set, "--set")) factors.push_back(std::move(factor));
  for (const std::string& text : o.expressions) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || name.empty() || name.find_first_of("$()<>! ,\"") != std::string::npos)
      fail("--expr: expected NAME=EXPRESSION, as in momentum='$close/Ref($close,20)-1', found {}", brief(text));
    factors.push_back({name, text.substr(equals + 1)});
  }
  return factors;
}

Query query_of(const FactorsOptions& o) {
  Query query;
  for (const std::string& symbol : split(o.symbols, ','))
    if (!symbol.empty()) query.symbols.push_back(symbol);
  // Bars before --from are read: windows reach back to them.
  query.to = market_date(o.to, "--to");
  query.as_of = market_time(o.as_of, "--as-of").value_or(kEver);
  query.prices = prices_of(o.prices, "--prices");
  return query;
}

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{:.17g}", value); }

// The shown rows as JSON and as CSV, block after block.
class Table {
 public:
  Table(const FactorProgram& program, const Panel& panel, const FactorsOptions& o)
      : panel_(panel), out_(o.out), json_(o.json), to_stdout_(!o.json && o.out.empty()) {
    from_ = market_date(o.from, "--from");
    daily_ = is_daily(panel.sessions);
    if (!o.out.empty()) file_ = std::make_unique<WholeFile>(o.out);
    std::string header = "symbol,time";
    OrderedJson names = OrderedJson::array();
    for (const std::string& name : program.names()) {
      header += "," + csv_field(name);
      names.push_back(name);
    }
    write_csv(header + "\n");
    if (json_) print_text("{\"names\": " + dump_json(names) + ", \"rows\": [");
  }

  void add(const FactorBlock& block) {
    std::string csv, json;
    for (size_t row = 0; row < block.num_rows; ++row) {
      const size_t t = block.first_row + row;
      if (from_ && panel_.sessions[t] < *from_) continue;
      const std::string time = daily_ ? date_text(panel_.sessions[t]) : time_text(panel_.times[t]);
      for (size_t i = 0; i < block.num_instruments; ++i)
        if (panel_.has_bar(t, i)) add_row(block, row, i, time, csv, json);
      if (csv.size() + json.size() > (1 << 20)) flush(csv, json);
    }
    flush(csv, json);
  }

  void finish() {
    if (json_) print_text("]}\n");
    if (file_) {
      file_->commit();
      if (!json_) print_words_of(out_, counted(num_rows_, "row") + "\n");
    }
  }

 private:
  void add_row(const FactorBlock& block, size_t row, size_t instrument, const std::string& time, std::string& csv,
               std::string& json) {
    const std::string& symbol = panel_.symbols[instrument];
    if (json_)
      json += fmt::format("{}{{\"symbol\": {}, \"time\": \"{}\", \"values\": [", num_rows_ > 0 ? ", " : "",
                          dump_json(OrderedJson(symbol)), time);
    if (file_ || to_stdout_) csv += csv_field(symbol) + "," + time;
    for (size_t f = 0; f < block.num_factors; ++f) {
      const double value = block.at(f, row, instrument);
      const std::string text = csv_number(value);
      if (json_) json += (f > 0 ? ", " : "") + (text.empty() ? "null" : text);
      if (file_ || to_stdout_) csv += "," + text;
    }
    if (json_) json += "]}";
    if (file_ || to_stdout_) csv += "\n";
    ++num_rows_;
  }

  void write_csv(const std::string& text) {
    if (file_) file_->write(text);
    if (to_stdout_) print_text(text);
  }
  void flush(std::string& csv, std::string& json) {
    write_csv(csv);
    if (json_) print_text(json);
    csv.clear(), json.clear();
  }

  const Panel& panel_;
  Path out_;
  bool json_, to_stdout_, daily_ = true;
  std::optional<Date> from_;
  std::unique_ptr<WholeFile> file_;
  int64_t num_rows_ = 0;
};

void write_ics(const FactorIcs& ics, const std::string& path) {
  const bool daily = is_daily(ics.sessions);
  WholeFile file(path);
  std::string text = "time";
  for (const std::string& name : ics.names) text += "," + csv_field(name);
  for (size_t t = 0; t < ics.times.size(); ++t) {
    text += "\n" + (daily ? date_text(ics.sessions[t]) : time_text(ics.times[t]));
    for (size_t f = 0; f < ics.names.size(); ++f) text += "," + csv_number(ics.series(f)[t]);
  }
  file.write(text + "\n");
  file.commit();
}

// One row after the other, as bars would come.
void stream(const FactorProgram& program, const Panel& panel, Table& table) {
  FactorStream stream(program, panel.symbols);
  for (size_t t = 0; t < panel.num_times(); ++t) {
    const std::span<const double> values = stream.next(row_of(panel, t));
    table.add({t, 1, panel.num_instruments(), program.num_factors(), values.data()});
  }
}

// How well each factor foretells the label, by time in `--out` and in the mean on standard output.
void show_ics(const FactorProgram& program, const FactorsOptions& o) {
  const FactorProgram label = market_usage([&] {
    return FactorProgram({{"label", o.label}}, "--label", LookAhead::allowed);
  });
  const Market market = Market::open(o.market);
  const std::unique_ptr<PanelReader> reader = market.read_panel(query_of(o), PanelOrder::by_span);
  const std::vector<Date>& sessions = reader->sessions();
  const Date from = market_date(o.from, "--from").value_or(std::numeric_limits<Date>::min());
  const auto first = std::lower_bound(sessions.begin(), sessions.end(), from);
  const FactorIcs ics = factor_ics(program, label, *reader, o.ic == "rank" ? IcKind::rank : IcKind::pearson,
                                   static_cast<size_t>(first - sessions.begin()));
  if (!o.out.empty()) write_ics(ics, o.out);
  OrderedJson list = OrderedJson::array();
  std::string table = fmt::format("{:<16}{:>10}{:>10}{:>8}{:>8}\n", "", "mean IC", "error", "ICIR", "times");
  for (size_t f = 0; f < ics.names.size(); ++f) {
    const IcSummary sum = ics.summary(f);
    list.push_back(
        {{"name", ics.names[f]}, {"ic", sum.mean}, {"ic_error", sum.error}, {"icir", sum.icir}, {"times", sum.count}});
    table += fmt::format("{:<16}{:>10}{:>10}{:>8}{:>8}\n", ics.names[f], shown_number(sum.mean, 4),
                         shown_number(sum.error, 4), shown_number(sum.icir, 2), sum.count);
  }
  if (o.json)
    print_json(OrderedJson{{"ic", o.ic},
                           {"label", label.text(0)},
                           {"instruments", reader->symbols().size()},
                           {"bars", reader->num_bars()},
                           {"factors", list}});
  else
    print_words_of(o.out, fmt::format("{} of {}\n{}", counted(reader->num_bars(), "bar"),
                                      counted(static_cast<int64_t>(reader->symbols().size()), "instrument"), table));
}

}  // namespace

int market_factors_command(int argc, char** argv) {
  CommandLine app("Computes factors over the bars of a market: expressions, or the sets alpha158 and alpha360");
  FactorsOptions o;
  app.add_option("MARKET", o.market, "a name under markets/, or a folder").required();
  app.add_option("--symbols", o.symbols, "only these instruments, A,B; cross-sections are taken among them");
  app.add_option("--from", o.from, "the first day to show; values reach back to bars before it");
  app.add_option("--to", o.to, "the last day to show");
  app.add_option("--as-of", o.as_of, "only what was known at this time");
  app.add_option("--prices", o.prices, "prices that factors see")
      .show_default()
      .one_of({"raw", "split", "forward", "back"});
  app.add_option("--set", o.sets, "alpha158 or alpha360");
  app.add_option("--expr", o.expressions, "NAME=EXPRESSION, as in momentum='$close/Ref($close,20)-1'; any number");
  app.add_flag("--streaming", o.streaming, "compute one row at a time; the bits are the same");
  app.add_option("--ic", o.ic,
                 "instead of values, how well each factor foretells the label: the mean over time of their correlation "
                 "across instruments; --out gets it by time")
      .one_of({"pearson", "rank"});
  app.add_option("--label", o.label, "what --ic compares with; may look ahead").show_default();
  app.add_option("--out", o.out, "write the values to this CSV file").filled();
  add_common_options(app, &o.json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (o.sets.empty() && o.expressions.empty())
    throw UsageError("expected factors: --set alpha158, or --expr NAME=EXPRESSION, found none");
  if (!o.ic.empty() && o.streaming) throw UsageError("expected --ic or --streaming, found both");
  const FactorProgram program = market_usage([&] { return FactorProgram(factors_of(o), "--expr"); });
  if (!o.out.empty()) check_out(o.out);
  if (!o.ic.empty()) {
    show_ics(program, o);
    return 0;
  }
  const Panel panel = Market::open(o.market).panel(query_of(o));
  Table table(program, panel, o);
  if (o.streaming)
    stream(program, panel, table);
  else
    evaluate_factors(program, panel, [&](const FactorBlock& block) { table.add(block); });
  table.finish();
  return 0;
}

}  // namespace hadal
