// Runs, their attempts, decisions and scores.
#include "base/error.h"
#include "base/json.h"
#include "cluster/store/impl.h"

namespace hadal::cluster {
namespace {

// In the order of both the table and run_in().
#define RUN_COLUMNS                                                                                                \
  "id, idea, person, state, reason, tracked, by_person, command, recipe, slots, nodes, memory, seed, time_limit, " \
  "metric, larger, held_out, length, rung, submitted, attempts, claim"
#define ATTEMPT_COLUMNS \
  "run, number, backend_id, places, decided, started, ended, exit, why, tokens, core_seconds, joules"

std::string places_text(const std::vector<Place>& places) {
  if (places.empty()) return "";
  Json list = Json::array();
  for (const Place& place : places) list.push_back({place.node, place.slots});
  return dump_json(list);
}

std::vector<Place> places_in(std::string_view text) {
  std::vector<Place> places;
  if (text.empty()) return places;
  for (const Json& place : parse_json(text, "the store's places"))
    places.push_back({place.at(0).get<std::string>(), place.at(1).get<int>()});
  return places;
}

RunState state_in(std::string_view name) {
  const auto state = state_named(name);
  if (!state) fail("the store: expected a run's state, found \"{}\"; a newer hadal made it", brief(name));
  return *state;
}

Run run_in(const Query& row) {
  Run run;
  run.id = row.integer(0), run.idea = row.integer(1), run.person = row.integer(2);
  run.state = state_in(row.view(3)), run.reason = row.text(4);
  run.tracked = row.flag(5), run.by_person = row.flag(6);
  if (const std::string_view command = row.view(7); command != "[]")
    run.command = parse_json(command, "the store's command").get<std::vector<std::string>>();
  run.recipe = row.text(8);
  run.size = {static_cast<int>(row.integer(9)), static_cast<int>(row.integer(10)), row.integer(11)};
  run.seed = row.integer(12), run.time_limit_s = row.real(13), run.metric = row.text(14);
  run.larger_is_better = row.flag(15), run.held_out = row.text(16), run.length_tokens = row.integer(17);
  run.rung = static_cast<int>(row.integer(18)), run.submitted = row.real(19);
  run.attempts = static_cast<int>(row.integer(20)), run.claim = places_in(row.view(21));
  return run;
}

void bind_run(Query& query, const Run& run) {
  query.bind(run.idea).bind(run.person).bind(name_of(run.state)).bind(run.reason).bind(run.tracked);
  query.bind(run.by_person).bind(dump_json(Json(run.command))).bind(run.recipe).bind(run.size.slots);
  query.bind(run.size.nodes).bind(run.size.memory_bytes).bind(run.seed).bind(run.time_limit_s).bind(run.metric);
  query.bind(run.larger_is_better).bind(run.held_out).bind(run.length_tokens).bind(run.rung).bind(run.submitted);
  query.bind(run.attempts).bind(places_text(run.claim));
}

Attempt attempt_in(const Query& row) {
  Attempt attempt;
  attempt.run = row.integer(0), attempt.number = static_cast<int>(row.integer(1));
  attempt.backend_id = row.text(2), attempt.places = places_in(row.view(3));
  attempt.decided = row.real(4), attempt.started = row.real(5), attempt.ended = row.real(6);
  if (!row.is_null(7)) attempt.exit = static_cast<int>(row.integer(7));
  attempt.why = row.text(8), attempt.tokens = row.integer(9);
  attempt.core_seconds = row.real(10), attempt.joules = row.real(11);
  return attempt;
}

void bind_attempt(Query& query, const Attempt& attempt) {
  query.bind(attempt.backend_id).bind(places_text(attempt.places)).bind(attempt.decided).bind(attempt.started);
  query.bind(attempt.ended);
  if (attempt.exit)
    query.bind(*attempt.exit);
  else
    query.bind_null();
  query.bind(attempt.why).bind(attempt.tokens).bind(attempt.core_seconds).bind(attempt.joules);
}

#define DECISION_COLUMNS "id, time, run, idea, kind, old, new, actor, rule, reason"

Decision decision_in(const Query& row) {
  return {row.real(1), row.integer(2), row.integer(3), row.text(4), row.text(5),
          row.text(6), row.text(7),    row.text(8),    row.text(9)};
}

}  // namespace

Run Store::add_run(Run run) {
  write([&] {
    Query query(impl_->writer,
                "INSERT INTO runs(idea, person, state, reason, tracked, by_person, command, recipe, slots, nodes, "
                "memory, seed, time_limit, metric, larger, held_out, length, rung, submitted, attempts, claim, id) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_run(query, run);
    if (run.id > 0)
      query.bind(run.id);
    else
      query.bind_null();
    query.run();
    run.id = impl_->writer.last_row();
  });
  return run;
}

int64_t Store::next_run_id() {
  int64_t id = 0;
  write_unforced([&] {
    impl_->writer.run(
        "INSERT INTO meta VALUES('last_run', (SELECT coalesce(max(id), 0) FROM runs) + 1) ON CONFLICT(key) DO UPDATE "
        "SET value = max(value, (SELECT coalesce(max(id), 0) FROM runs)) + 1");
    id = impl_->writer.integer("SELECT value FROM meta WHERE key = 'last_run'");
  });
  return id;
}

std::optional<Run> Store::run(int64_t id) {
  Impl::Reader reader(*impl_);
  return first_row(reader, "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?", run_in, id);
}

std::vector<Run> Store::runs_of(int64_t idea) {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " RUN_COLUMNS " FROM runs WHERE idea = ? ORDER BY id", run_in, idea);
}

std::vector<Run> Store::runs_in(const std::vector<RunState>& states) {
  Impl::Reader reader(*impl_);
  std::vector<Run> runs;
  for (const RunState state : states) {
    std::vector<Run> some =
        all_rows(reader, "SELECT " RUN_COLUMNS " FROM runs WHERE state = ? ORDER BY id", run_in, name_of(state));
    std::move(some.begin(), some.end(), std::back_inserter(runs));
  }
  return runs;
}

std::vector<Run> Store::runs() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " RUN_COLUMNS " FROM runs ORDER BY id", run_in);
}

std::vector<RunHead> Store::run_heads() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT id, idea, person, state, tracked, larger, rung, submitted FROM runs ORDER BY id",
                  [](const Query& row) {
                    return RunHead{row.integer(0),
                                   row.integer(1),
                                   row.integer(2),
                                   state_in(row.view(3)),
                                   row.flag(4),
                                   row.flag(5),
                                   static_cast<int>(row.integer(6)),
                                   row.real(7)};
                  });
}

void Store::update(const Run& run) {
  write([&] {
    Query query(impl_->writer,
                "UPDATE runs SET idea = ?, person = ?, state = ?, reason = ?, tracked = ?, by_person = ?, command = ?, "
                "recipe = ?, slots = ?, nodes = ?, memory = ?, seed = ?, time_limit = ?, metric = ?, larger = ?, "
                "held_out = ?, length = ?, rung = ?, submitted = ?, attempts = ?, claim = ? WHERE id = ?");
    bind_run(query, run);
    query.bind(run.id).run();
  });
}

void Store::add(const Attempt& attempt) {
  write([&] {
    Query query(impl_->writer, "INSERT INTO attempts(" ATTEMPT_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.bind(attempt.run).bind(attempt.number);
    bind_attempt(query, attempt);
    query.run();
  });
}

void Store::update(const Attempt& attempt) {
  write([&] {
    Query query(impl_->writer,
                "UPDATE attempts SET backend_id = ?, places = ?, decided = ?, started = ?, ended = ?, exit = ?, why = "
                "?, tokens = ?, core_seconds = ?, joules = ? WHERE run = ? AND number = ?");
    bind_attempt(query, attempt);
    query.bind(attempt.run).bind(attempt.number).run();
  });
}

std::vector<Attempt> Store::attempts(int64_t run) {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE run = ? ORDER BY number", attempt_in, run);
}

std::vector<Attempt> Store::all_attempts() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " ATTEMPT_COLUMNS " FROM attempts ORDER BY run, number", attempt_in);
}

std::unordered_map<int64_t, Store::Used> Store::used_by_runs() {
  Impl::Reader reader(*impl_);
  Query query(reader, "SELECT run, core_seconds, joules FROM attempts");
  std::unordered_map<int64_t, Used> sums;
  while (query.step()) {
    Used& used = sums[query.integer(0)];
    const double core_seconds = query.real(1), joules = query.real(2);
    used.core_seconds += core_seconds;
    if (joules >= 0)
      used.joules += joules;
    else
      used.unmeasured_core_seconds += core_seconds;
    ++used.attempts;
  }
  return sums;
}

void Store::add(const Decision& decision) {
  write([&] {
    Query(impl_->writer,
          "INSERT INTO decisions(time, run, idea, kind, old, new, actor, rule, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, "
          "?)")
        .bind(decision.time)
        .bind(decision.run)
        .bind(decision.idea)
        .bind(decision.kind)
        .bind(decision.from)
        .bind(decision.to)
        .bind(decision.by)
        .bind(decision.rule)
        .bind(decision.reason)
        .run();
  });
}

std::vector<Decision> Store::decisions_of_run(int64_t run) {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " DECISION_COLUMNS " FROM decisions WHERE run = ? ORDER BY id", decision_in, run);
}

std::vector<Decision> Store::decisions_of_idea(int64_t idea) {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT " DECISION_COLUMNS " FROM decisions WHERE idea = ? ORDER BY id", decision_in, idea);
}

std::vector<Decision> Store::decisions_after(int64_t id, int limit, int64_t* last_id) {
  Impl::Reader reader(*impl_);
  if (id < 0) {
    Database& database = reader;
    id = std::max<int64_t>(0, database.integer("SELECT MAX(id) FROM decisions") + id);
  }
  if (last_id != nullptr) *last_id = id;
  return all_rows(
      reader, "SELECT " DECISION_COLUMNS " FROM decisions WHERE id > ? ORDER BY id LIMIT ?",
      [&](const Query& row) {
        if (last_id != nullptr) *last_id = row.integer(0);
        return decision_in(row);
      },
      id, limit > 0 ? limit : -1);
}

void Store::add_score(int64_t run, int rung, double score) {
  write([&] {
    Query(impl_->writer, "INSERT INTO scores VALUES(?, ?, ?) ON CONFLICT(run, rung) DO NOTHING")
        .bind(run)
        .bind(rung)
        .bind(score)
        .run();
  });
}

std::vector<double> Store::scores(int64_t run) {
  Impl::Reader reader(*impl_);
  return all_rows(
      reader, "SELECT score FROM scores WHERE run = ? ORDER BY rung", [](const Query& row) { return row.real(0); },
      run);
}

#undef RUN_COLUMNS
#undef ATTEMPT_COLUMNS
#undef DECISION_COLUMNS

}  // namespace hadal::cluster
