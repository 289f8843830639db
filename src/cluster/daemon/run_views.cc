// Ideas and runs as they are shown.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "cluster/daemon/impl.h"
#include "cluster/daemon/ledger.h"
#include "cluster/daemon/run_file.h"
#include "cluster/daemon/views.h"
#include "cluster/supervisor/secrets.h"

namespace hadal::cluster {
namespace {

constexpr int64_t kLogBytes = 256 << 10;  // of one answer
constexpr int64_t kMostBytes = int64_t{1} << 60;

// A command as others may read it: API_TOKEN=*** --password=*** --api-key ***
std::vector<std::string> without_secrets(std::vector<std::string> command) {
  for (size_t i = 0; i < command.size(); ++i) {
    const size_t equals = command[i].find('=');
    if (!is_secret_key(std::string_view(command[i]).substr(0, equals))) continue;
    if (equals != std::string::npos)
      command[i].replace(equals + 1, std::string::npos, kHiddenValue);
    else if (command[i].starts_with('-') && i + 1 < command.size())
      command[++i] = kHiddenValue;
  }
  return command;
}

OrderedJson time_or_null(double time) { return time > 0 ? OrderedJson(time) : OrderedJson(); }

double best_of(const Store::MetricSummary& summary, bool larger_is_better) {
  return larger_is_better ? summary.most : summary.least;
}

// Of keys that no run is compared by, the name tells.
bool grows(const std::string& key) {
  for (const char* word : {"accuracy", "reward", "score", "tokens", "right", "step", "mfu"})
    if (key.find(word) != std::string::npos) return true;
  return false;
}

// Core-seconds of the live attempts up to now, by run: the store has them when they end.
std::unordered_map<int64_t, double> live_core_seconds(Daemon::Impl& d) {
  const auto guard = d.enter();
  std::unordered_map<int64_t, double> used;
  const double at = d.now();
  for (const auto& [id, live] : d.runs) {
    if (!live.attempt || live.attempt->started == 0) continue;
    for (const Place& place : live.attempt->places) used[id] += place.slots * std::max(0.0, at - live.began);
  }
  return used;
}

PolicyRules rules_of(Daemon::Impl& d) {
  const auto guard = d.enter();
  return d.rules;
}

struct Costs {
  explicit Costs(Daemon::Impl& d) : rules(rules_of(d)), ended(d.store.used_by_runs()), live(live_core_seconds(d)) {}
  void add(int64_t run, Store::Used& sum) const {
    if (const auto found = ended.find(run); found != ended.end()) {
      sum.core_seconds += found->second.core_seconds, sum.joules += found->second.joules;
      sum.unmeasured_core_seconds += found->second.unmeasured_core_seconds, sum.attempts += found->second.attempts;
    }
    if (const auto found = live.find(run); found != live.end())
      sum.core_seconds += found->second, sum.unmeasured_core_seconds += found->second;
  }
  OrderedJson json(const Store::Used& sum) const {
    return cost_json(cost_of(rules, sum.core_seconds, sum.joules, sum.unmeasured_core_seconds));
  }
  PolicyRules rules;
  std::unordered_map<int64_t, Store::Used> ended;
  std::unordered_map<int64_t, double> live;
};

Idea idea_to_show(Daemon& daemon, const Caller& caller, const std::string& name) {
  const auto idea = daemon.store().idea_named(name);
  if (!idea || !may_see(caller, *idea)) refuse(404, "there is no idea \"{}\"", brief(name));
  return *idea;
}

std::string person_text(Daemon& daemon, int64_t id) {
  const auto person = daemon.store().person(id);
  return person ? person->name : "";
}

std::string shown_reason(const Run& run, const Idea& idea) {
  const std::string stays = why_it_stays(run, idea.state);
  return stays.empty() ? run.reason : stays;
}

OrderedJson decisions_json(const std::vector<Decision>& decisions, const std::string& idea) {
  OrderedJson list = OrderedJson::array();
  for (const Decision& decision : decisions) list.push_back(decision_json(decision, idea));
  return list;
}

// Text that ends in the middle of a character waits for the rest of it.
void cut_half_character(std::string& text) {
  size_t back = 0;
  while (back < 3 && back < text.size() && (text[text.size() - 1 - back] & 0xc0) == 0x80) ++back;
  if (back >= text.size()) return;
  const auto lead = static_cast<unsigned char>(text[text.size() - 1 - back]);
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (length > back + 1) text.resize(text.size() - 1 - back);
}

// `log.tail`, whose first line says how many bytes were left out before it.
struct TailFile {
  int64_t left_out = 0, line_bytes = 0;
};
TailFile tail_of(const RunFile& log_tail) {
  constexpr std::string_view kLeftOut = "[left out here: ";
  TailFile file;
  const std::string first = log_tail.read(0, 200);
  if (!first.starts_with(kLeftOut)) return file;
  std::from_chars(first.data() + kLeftOut.size(), first.data() + first.size(), file.left_out);
  file.left_out = std::clamp<int64_t>(file.left_out, 0, kMostBytes);  // its user may write there what they like
  file.line_bytes = static_cast<int64_t>(std::min(first.find('\n'), first.size() - 1)) + 1;
  return file;
}

}  // namespace

OrderedJson decision_json(const Decision& decision, const std::string& idea) {
  OrderedJson json = {{"time", decision.time}};
  if (decision.run != 0) json["run"] = run_name(decision.run);
  json["idea"] = idea, json["kind"] = decision.kind, json["from"] = decision.from, json["to"] = decision.to;
  json["by"] = decision.by, json["rule"] = decision.rule, json["reason"] = decision.reason;
  return json;
}

Run run_to_show(Daemon& daemon, const Caller& caller, int64_t id) {
  const auto run = daemon.store().run(id);
  const auto idea = run ? daemon.store().idea(run->idea) : std::nullopt;
  if (!run || !idea || (caller.run != 0 ? caller.run != id : !may_see(caller, *idea)))
    refuse(404, "there is no run {}", run_name(id));
  return *run;
}

OrderedJson ideas_view(Daemon& daemon, const Caller& caller, bool mine, const std::string& state) {
  Store& store = daemon.store();
  const Costs costs(daemon.impl());
  const auto values = store.compared_summaries();
  struct Sum {
    int rung = 0, runs = 0, live = 0, waiting = 0;
    std::optional<double> best;
    Store::Used used;
  };
  std::unordered_map<int64_t, Sum> sums;
  for (const RunHead& run : store.run_heads()) {
    Sum& sum = sums[run.idea];
    ++sum.runs;
    sum.rung = std::max(sum.rung, run.rung);
    sum.live += is_live(run.state) && !run.tracked;
    sum.waiting += run.state == RunState::queued || run.state == RunState::suspended;
    costs.add(run.id, sum.used);
    const auto value = values.find(run.id);
    if (value == values.end()) continue;
    const double best = best_of(value->second, run.larger_is_better);
    if (!std::isnan(best) && (!sum.best || (run.larger_is_better ? best > *sum.best : best < *sum.best)))
      sum.best = best;
  }
  std::unordered_map<int64_t, std::string> names;
  for (const Person& person : store.people()) names.emplace(person.id, person.name);
  OrderedJson list = OrderedJson::array();
  for (const Idea& idea : store.ideas()) {
    const std::string_view idea_state = name_of(idea.state);
    if (!may_see(caller, idea) || (mine && idea.owner != caller.person.id)) continue;
    if (!state.empty() && state != idea_state) continue;
    const Sum& sum = sums[idea.id];
    OrderedJson row = {{"idea", idea.name}, {"owner", names[idea.owner]}, {"why", idea.why}, {"state", idea_state}};
    row["rung"] = sum.rung, row["runs"] = sum.runs, row["live"] = sum.live, row["waiting"] = sum.waiting;
    row["best"] = sum.best ? OrderedJson(*sum.best) : OrderedJson();
    row["cost"] = costs.json(sum.used);
    row["baseline"] = idea.baseline, row["private"] = idea.secret;
    list.push_back(std::move(row));
  }
  return {{"ideas", std::move(list)}};
}

OrderedJson idea_view(Daemon& daemon, const Caller& caller, const std::string& name) {
  Store& store = daemon.store();
  const Idea idea = idea_to_show(daemon, caller, name);
  const Costs costs(daemon.impl());
  Store::Used all;
  OrderedJson runs = OrderedJson::array();
  int rung = 0;
  std::optional<double> best;
  for (const Run& run : store.runs_of(idea.id)) {
    Store::Used used;
    costs.add(run.id, used);
    costs.add(run.id, all);
    rung = std::max(rung, run.rung);
    OrderedJson row = {{"run", run_name(run.id)}, {"state", name_of(run.state)}, {"reason", shown_reason(run, idea)}};
    row["person"] = person_text(daemon, run.person);
    row["slots"] = run.size.slots, row["nodes"] = run.size.nodes, row["rung"] = run.rung;
    row["seed"] = run.seed >= 0 ? OrderedJson(run.seed) : OrderedJson();
    row["last"] = row["best"] = row["tokens"] = OrderedJson();
    for (const auto& summary : store.metric_summaries(run.id)) {
      if (summary.key != compared_key(run)) continue;
      const double value = best_of(summary, run.larger_is_better);
      row["last"] = number_or_null(summary.last), row["best"] = number_or_null(value);
      if (summary.tokens >= 0) row["tokens"] = summary.tokens;
      if (!std::isnan(value) && (!best || (run.larger_is_better ? value > *best : value < *best))) best = value;
    }
    row["cost"] = costs.json(used);
    runs.push_back(std::move(row));
  }
  OrderedJson json = {{"idea", idea.name},
                      {"owner", person_text(daemon, idea.owner)},
                      {"why", idea.why},
                      {"state", name_of(idea.state)},
                      {"baseline", idea.baseline},
                      {"private", idea.secret},
                      {"created", idea.created},
                      {"rung", rung},
                      {"best", best ? OrderedJson(*best) : OrderedJson()},
                      {"cost", costs.json(all)},
                      {"currency", costs.rules.currency},
                      {"grants", OrderedJson::array()}};
  for (const Grant& grant : store.grants())
    if (grant.idea == idea.id && grant.until > daemon.now())
      json["grants"].push_back({{"slots", grant.slots}, {"given", grant.given}, {"until", grant.until}});
  json["runs"] = std::move(runs);
  json["decisions"] = decisions_json(store.decisions_of_idea(idea.id), idea.name);
  return json;
}

OrderedJson run_view(Daemon& daemon, const Caller& caller, int64_t id) {
  Store& store = daemon.store();
  const Run run = run_to_show(daemon, caller, id);
  const auto idea = store.idea(run.idea);
  OrderedJson json = {{"run", run_name(id)},
                      {"idea", idea->name},
                      {"owner", person_text(daemon, run.person)},
                      {"state", name_of(run.state)},
                      {"reason", shown_reason(run, *idea)},
                      {"slots", run.size.slots},
                      {"nodes", run.size.nodes},
                      {"memory_bytes", run.size.memory_bytes},
                      {"rung", run.rung},
                      {"recipe", run.recipe},
                      {"command", without_secrets(run.command)},
                      {"seed", run.seed >= 0 ? OrderedJson(run.seed) : OrderedJson()},
                      {"time_s", run.time_limit_s},
                      {"metric", compared_key(run)},
                      {"held_out", run.held_out},
                      {"length_tokens", run.length_tokens},
                      {"submitted", run.submitted},
                      {"tracked", run.tracked},
                      {"by_person", run.by_person},
                      {"folder", daemon.run_folder(id).string()}};
  if (const auto version = store.note("run", id, "version")) json["version"] = *version;
  json["attempts"] = OrderedJson::array();
  for (const Attempt& attempt : store.attempts(id)) {
    OrderedJson nodes = OrderedJson::array();
    for (const Place& place : attempt.places) nodes.push_back(place.node);
    json["attempts"].push_back({{"attempt", attempt.number},
                                {"backend_id", attempt.backend_id},
                                {"nodes", nodes},
                                {"started", time_or_null(attempt.started)},
                                {"ended", time_or_null(attempt.ended)},
                                {"exit", attempt.exit ? OrderedJson(*attempt.exit) : OrderedJson()},
                                {"why", attempt.why}});
  }
  json["decisions"] = decisions_json(store.decisions_of_run(id), idea->name);
  json["metrics"] = OrderedJson::object();
  int64_t tokens = -1;
  for (const auto& summary : store.metric_summaries(id)) {
    const bool larger = summary.key == compared_key(run) ? run.larger_is_better : grows(summary.key);
    json["metrics"][summary.key] = {{"last", number_or_null(summary.last)},
                                    {"best", number_or_null(best_of(summary, larger))},
                                    {"step", summary.step}};
    tokens = std::max(tokens, summary.tokens);
  }
  json["tokens"] = tokens >= 0 ? OrderedJson(tokens) : OrderedJson();
  if (const auto tail = store.tail(id)) {
    if (tail->bad_lines > 0) json["metrics_bad_lines"] = tail->bad_lines;
    if (tail->left_out > 0) json["metrics_left_out"] = tail->left_out;
    if (tail->left_bytes > 0) json["metrics_left_bytes"] = tail->left_bytes;
  }
  json["scores"] = OrderedJson::array();
  for (const double score : store.scores(id)) json["scores"].push_back(number_or_null(score));
  const Costs costs(daemon.impl());
  Store::Used used;
  costs.add(id, used);
  json["cost"] = costs.json(used);
  json["currency"] = costs.rules.currency;
  return json;
}

OrderedJson compare_view(Daemon& daemon, const Caller& caller, const std::vector<int64_t>& runs,
                         const std::string& metric) {
  if (runs.empty()) refuse(400, "runs: expected the ids of runs, as r1,r2");
  Store& store = daemon.store();
  const Costs costs(daemon.impl());
  OrderedJson rows = OrderedJson::array();
  std::map<std::string, std::vector<double>> by_idea;
  std::string common;
  for (const int64_t id : runs) {
    const Run run = run_to_show(daemon, caller, id);
    const std::string key = metric.empty() ? compared_key(run) : metric, idea = store.idea(run.idea)->name;
    common = common.empty() || common == key ? key : "different";
    OrderedJson row = {{"run", run_name(id)}, {"idea", idea}, {"state", name_of(run.state)}};
    row["seed"] = run.seed >= 0 ? OrderedJson(run.seed) : OrderedJson();
    row["rung"] = run.rung, row["metric"] = key;
    row["last"] = row["best"] = row["step"] = row["tokens"] = OrderedJson();
    for (const auto& summary : store.metric_summaries(id)) {
      if (summary.key != key) continue;
      const double value = best_of(summary, key == compared_key(run) ? run.larger_is_better : grows(key));
      row["last"] = number_or_null(summary.last), row["best"] = number_or_null(value), row["step"] = summary.step;
      if (summary.tokens >= 0) row["tokens"] = summary.tokens;
      if (!std::isnan(value)) by_idea[idea].push_back(value);
    }
    Store::Used used;
    costs.add(id, used);
    row["cost"] = costs.json(used);
    rows.push_back(std::move(row));
  }
  OrderedJson ideas = OrderedJson::array();
  for (const auto& [idea, values] : by_idea) {
    double mean = 0, square = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    for (const double value : values) square += (value - mean) * (value - mean);
    const bool several = values.size() > 1;
    ideas.push_back({{"idea", idea},
                     {"runs", values.size()},
                     {"mean", mean},
                     {"spread", several ? OrderedJson(std::sqrt(square / static_cast<double>(values.size() - 1)))
                                        : OrderedJson()}});
  }
  return {{"metric", common}, {"runs", std::move(rows)}, {"ideas", std::move(ideas)}};
}

OrderedJson metrics_view(Daemon& daemon, const Caller& caller, int64_t id, const std::string& key, int64_t from) {
  const Run run = run_to_show(daemon, caller, id);
  OrderedJson points = OrderedJson::array();
  for (const MetricPoint& point : daemon.store().metrics(id, key.empty() ? compared_key(run) : key)) {
    if (point.step < from) continue;
    points.push_back(OrderedJson::array({point.step, number_or_null(point.value),
                                         point.tokens >= 0 ? OrderedJson(point.tokens) : OrderedJson(), point.time}));
  }
  return {{"points", std::move(points)}};
}

// Bytes count as the program wrote them: first those of `log`, then those that were left out, then those of `log.tail`,
// whose first line says how many lie between. `from` below 0 counts from the end.
OrderedJson log_view(Daemon& daemon, const Caller& caller, int64_t id, int64_t from) {
  const Run run = run_to_show(daemon, caller, id);
  const Path folder = daemon.run_folder(id);
  const RunFile head(folder, "log"), tail(folder, "log.tail");
  const int64_t head_size = head.size(), tail_size = tail.size();
  const TailFile end = tail_of(tail);
  const int64_t tail_begin = head_size + end.left_out, all = tail_begin + tail_size - end.line_bytes;
  std::string text;
  int64_t next = from < 0 ? std::max<int64_t>(0, all + from) : std::min(from, 2 * kMostBytes);
  if (next < head_size) {
    text = head.read(next, std::min(kLogBytes, head_size - next));
    if (next + static_cast<int64_t>(text.size()) < head_size || !is_over(run.state)) cut_half_character(text);
    next += static_cast<int64_t>(text.size());
  } else if (tail_size > 0) {
    if (next < tail_begin) {
      text = tail.read(0, end.line_bytes);
      next = tail_begin;
    }
    const int64_t at = end.line_bytes + next - tail_begin;
    std::string piece = at < tail_size ? tail.read(at, std::min(kLogBytes, tail_size - at)) : "";
    if (!is_over(run.state)) cut_half_character(piece);
    next += static_cast<int64_t>(piece.size());
    text += piece;
  }
  return {{"text", std::move(text)}, {"next", next}, {"more", !is_over(run.state)}};
}

}  // namespace hadal::cluster
