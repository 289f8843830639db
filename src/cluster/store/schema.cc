#include "cluster/store/schema.h"

#include <array>

#include "base/error.h"

namespace hadal::cluster {
namespace {

constexpr std::array<const char*, 1> kSteps = {R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unix_user TEXT NOT NULL, lead INTEGER NOT NULL,
  removed INTEGER NOT NULL);
CREATE TABLE tokens(hash TEXT PRIMARY KEY, person INTEGER NOT NULL, run INTEGER NOT NULL, attempt INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE INDEX tokens_of_run ON tokens(run);
CREATE TABLE ideas(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner INTEGER NOT NULL, why TEXT NOT NULL,
  baseline INTEGER NOT NULL, secret INTEGER NOT NULL, state INTEGER NOT NULL, created REAL NOT NULL);
CREATE TABLE runs(id INTEGER PRIMARY KEY, idea INTEGER NOT NULL, person INTEGER NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, tracked INTEGER NOT NULL, by_person INTEGER NOT NULL, command TEXT NOT NULL,
  recipe TEXT NOT NULL, slots INTEGER NOT NULL, nodes INTEGER NOT NULL, memory INTEGER NOT NULL, seed INTEGER NOT NULL,
  time_limit REAL NOT NULL, metric TEXT NOT NULL, larger INTEGER NOT NULL, held_out TEXT NOT NULL,
  length INTEGER NOT NULL, rung INTEGER NOT NULL, submitted REAL NOT NULL, attempts INTEGER NOT NULL,
  claim TEXT NOT NULL);
CREATE INDEX runs_of_idea ON runs(idea);
CREATE INDEX runs_by_state ON runs(state);
CREATE TABLE attempts(run INTEGER NOT NULL, number INTEGER NOT NULL, backend_id TEXT NOT NULL, places TEXT NOT NULL,
  decided REAL NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, exit INTEGER, why TEXT NOT NULL,
  tokens INTEGER NOT NULL, core_seconds REAL NOT NULL, joules REAL NOT NULL, PRIMARY KEY(run, number)) WITHOUT ROWID;
CREATE TABLE decisions(id INTEGER PRIMARY KEY, time REAL NOT NULL, run INTEGER NOT NULL, idea INTEGER NOT NULL,
  kind TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, actor TEXT NOT NULL, rule TEXT NOT NULL,
  reason TEXT NOT NULL);
CREATE INDEX decisions_of_run ON decisions(run);
CREATE INDEX decisions_of_idea ON decisions(idea);
CREATE TABLE grants(id INTEGER PRIMARY KEY, idea INTEGER NOT NULL, slots INTEGER NOT NULL, given REAL NOT NULL,
  until REAL NOT NULL);
CREATE TABLE scores(run INTEGER NOT NULL, rung INTEGER NOT NULL, score REAL, PRIMARY KEY(run, rung)) WITHOUT ROWID;
-- A series is one key of one run, with the figures that lists show; its points are numbered from 1.
CREATE TABLE series(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, key TEXT NOT NULL, compared INTEGER NOT NULL,
  points INTEGER NOT NULL, last REAL, least REAL, most REAL, step INTEGER NOT NULL, tokens INTEGER NOT NULL,
  time REAL NOT NULL, UNIQUE(run, key));
CREATE INDEX series_compared ON series(run) WHERE compared = 1;
CREATE TABLE points(series INTEGER NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, value REAL,
  time REAL NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY(series, number)) WITHOUT ROWID;
CREATE TABLE tails(run INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, inode INTEGER NOT NULL, position INTEGER NOT NULL,
  replaced INTEGER NOT NULL, bad_lines INTEGER NOT NULL, left_out INTEGER NOT NULL, left_bytes INTEGER NOT NULL);
CREATE TABLE notes(kind TEXT NOT NULL, of INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(kind, of, key)) WITHOUT ROWID;
INSERT INTO meta VALUES('cluster', lower(hex(randomblob(4)))), ('generation', 0);
)sql"};

}  // namespace

void migrate(Database& database, const Path& file) {
  const auto newest = static_cast<int64_t>(kSteps.size());
  if (database.integer("PRAGMA user_version") == newest) return;
  database.run("BEGIN IMMEDIATE");
  try {
    const int64_t version = database.integer("PRAGMA user_version");  // another process may have been quicker
    if (version > newest)
      fail("{}: expected a store of schema {} or older, found {}: a newer hadal made it; use that one", file.string(),
           newest, version);
    for (int64_t step = version; step < newest; ++step) database.run(kSteps[static_cast<size_t>(step)]);
    database.run(fmt::format("PRAGMA user_version = {}", newest).c_str());
    database.run("COMMIT");
  } catch (...) {
    try {
      database.run("ROLLBACK");
    } catch (const Error&) {  // SQLite rolled back by itself
    }
    throw;
  }
}

}  // namespace hadal::cluster
