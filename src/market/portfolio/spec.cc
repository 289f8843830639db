#include "market/portfolio/spec.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"

namespace hadal::market {
namespace {

constexpr double kLargestWeight = 1000, kLargestNumber = 1e9;
constexpr int64_t kMostDays = 100'000;

Path file_beside(TomlTable& table, const Path& folder, const std::string& key, const std::string& name,
                 const char* holds) {
  const Path given(name), file = (given.is_absolute() ? given : folder / given).lexically_normal();
  if (std::filesystem::is_regular_file(file)) return file;
  fail("{}: {}: expected a CSV file of {}, found none at {}", table.where(key), key, holds, file.string());
}

void check_order(const TomlTable& table, const char* low, double min, const char* high, double max) {
  if (min <= max) return;
  fail("{}: expected {} up to {}, found {:g} and {:g}", table.where(), low, high, min, max);
}

std::vector<QpSpec::Range> read_ranges(TomlTable& table, const std::string& key) {
  std::vector<QpSpec::Range> ranges;
  for (TomlTable& entry : table.tables(key)) {
    entry.require("name");
    QpSpec::Range range{entry.text("name", "")};
    if (!entry.has("min") && !entry.has("max")) fail("{}: expected min, max or both, found neither", entry.where());
    if (entry.has("min")) range.min = entry.number("min", 0, -kLargestNumber, kLargestNumber);
    if (entry.has("max")) range.max = entry.number("max", 0, -kLargestNumber, kLargestNumber);
    entry.finish();
    check_order(entry, "min", range.min, "max", range.max);
    for (const QpSpec::Range& other : ranges)
      if (other.name == range.name)
        fail("{}: name: expected each once, found \"{}\" twice", entry.where("name"), brief(range.name));
    ranges.push_back(range);
  }
  return ranges;
}

void read_benchmark(TomlTable& table, const Path& folder, QpSpec& qp) {
  qp.benchmark = table.text("benchmark", qp.benchmark);
  if (qp.benchmark != "none" && qp.benchmark != "equal") {
    qp.benchmark_file = file_beside(table, folder, "benchmark", qp.benchmark, "date,symbol,weight, or none, or equal");
    qp.benchmark = "file";
  }
  if (table.has("active")) qp.active = table.number("active", 0, 0, kLargestWeight);
  if (table.has("active") && qp.benchmark == "none")
    fail("{}: active: expected a benchmark beside it, found none; add benchmark = \"equal\"", table.where("active"));
}

void read_qp(TomlTable& table, const Path& folder, QpSpec& qp) {
  qp.alpha = table.number("alpha", qp.alpha, -1, 1);
  qp.risk_aversion = table.number("risk_aversion", qp.risk_aversion, 0, kLargestNumber);
  qp.cost_bps = table.number("cost_bps", qp.cost_bps, 0, 10'000);
  qp.quadratic_cost = table.number("quadratic_cost", qp.quadratic_cost, 0, kLargestNumber);
  qp.budget = table.number("budget", qp.budget, -kLargestWeight, kLargestWeight);
  qp.lower = table.number("lower", qp.lower, -kLargestWeight, kLargestWeight);
  qp.upper = table.number("upper", qp.upper, -kLargestWeight, kLargestWeight);
  check_order(table, "lower", qp.lower, "upper", qp.upper);
  if (table.has("turnover")) qp.turnover = table.number("turnover", 0, 0, kLargestWeight);
  if (table.has("leverage")) qp.leverage = table.number("leverage", 0, 0, kLargestWeight);
  read_benchmark(table, folder, qp);
  const std::string groups = table.text("groups", "");
  if (table.has("groups")) qp.groups = file_beside(table, folder, "groups", groups, "symbol,group");
  qp.group_limits = read_ranges(table, "group");
  if (qp.groups.empty() != qp.group_limits.empty())
    fail("{}: expected groups = \"FILE\" and a [[portfolio.group]] for each limit, found only {}", table.where(),
         qp.groups.empty() ? "the limits" : "the file");
  qp.factor_limits = read_ranges(table, "factor");
}

std::string content_text(const Path& file) {
  return file.empty() ? "none" : fmt::format("{:016x}", fnv1a(read_file(file)));
}

std::string qp_text(const QpSpec& qp) {
  std::string out = fmt::format("alpha = {}\nrisk_aversion = {}\ncost_bps = {}\nquadratic_cost = {}\n", qp.alpha,
                                qp.risk_aversion, qp.cost_bps, qp.quadratic_cost);
  out += fmt::format("budget = {}\nlower = {}\nupper = {}\nactive = {}\nturnover = {}\nleverage = {}\n", qp.budget,
                     qp.lower, qp.upper, qp.active, qp.turnover, qp.leverage);
  out += fmt::format("benchmark = \"{}\" {}\ngroups = {}\n", qp.benchmark, content_text(qp.benchmark_file),
                     content_text(qp.groups));
  for (const auto& [what, limits] : {std::pair("group", &qp.group_limits), {"factor", &qp.factor_limits}})
    for (const QpSpec::Range& limit : *limits)
      out += fmt::format("{} \"{}\" = {} to {}\n", what, limit.name, limit.min, limit.max);
  return out;
}

}  // namespace

void read_risk_keys(TomlTable& table, const Path& folder, Prices prices, PortfolioSpec& spec) {
  if (prices != Prices::forward) {
    fail(
        "{}: kind: expected [data] prices = \"forward\" for kind \"{}\", as risk is of returns with splits and "
        "dividends, found \"{}\"",
        table.where("kind"), spec.kind, text_of(prices));
  }
  spec.risk.covariance = table.choice("covariance", spec.risk.covariance, {"factor", "ledoit_wolf"});
  spec.risk.days = table.integer("risk_days", spec.risk.days, 10, kMostDays);
  if (table.has("factors") && spec.risk.covariance != "factor")
    fail("{}: factors: expected none for covariance = \"{}\", found some; leave it out", table.where("factors"),
         spec.risk.covariance);
  spec.risk.factors = table.integer("factors", spec.risk.factors, 1, 1000);
  spec.count = table.has("count") ? table.integer("count", spec.count, 1, kMostDays) : 0;
  if (spec.kind == "qp") read_qp(table, folder, spec.qp);
}

std::string risk_keys_text(const PortfolioSpec& spec) {
  std::string out = fmt::format("covariance = \"{}\"\nrisk_days = {}\n", spec.risk.covariance, spec.risk.days);
  if (spec.risk.covariance == "factor") out += fmt::format("factors = {}\n", spec.risk.factors);
  if (spec.kind == "qp") out += qp_text(spec.qp);
  return out + fmt::format("count = {}\n", spec.count);
}

}  // namespace hadal::market
