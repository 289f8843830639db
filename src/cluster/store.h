// Everything a cluster remembers: one SQLite file in WAL mode, one schema with migrations. One connection writes (the
// daemon's, under its lock); each reading thread has its own and never blocks it. Error names the file and SQLite's
// reason.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "cluster/idea.h"
#include "cluster/run.h"

namespace hadal::cluster {

struct MetricPoint {
  int64_t run = 0;
  std::string key;
  int64_t step = 0;
  double value = 0;  // may be nan or infinite
  double time = 0;   // seconds since 1970
  int64_t tokens = -1;
};

struct NamedText {
  std::string name, value;
};

class Store {
 public:
  explicit Store(const Path& file);  // made where it is missing, migrated where it is older
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Everything that `body` writes is committed together, or nothing. Nested calls join the outer one. Thread-safe.
  void write(const std::function<void()>& body);

  // A number that only grows: each daemon takes the next. Writing under an older one is an Error (a daemon that was
  // frozen while another took over).
  int64_t take_generation();
  std::string cluster_id();

  // People and tokens: only a token's hash is kept.
  Person add_person(Person person);
  std::optional<Person> person(int64_t id);
  std::optional<Person> person_named(const std::string& name);
  std::optional<Person> person_of_unix(const std::string& user);
  std::vector<Person> people();
  void update(const Person& person);
  void add_token(const std::string& hash, int64_t person, int64_t run, int attempt);  // run 0: a person's own
  void drop_tokens_of_run(int64_t run);
  void drop_tokens_of_person(int64_t person);
  struct TokenOwner {
    int64_t person = 0, run = 0;
    int attempt = 0;
  };
  std::optional<TokenOwner> token_owner(const std::string& hash);

  Idea add_idea(Idea idea);
  std::optional<Idea> idea(int64_t id);
  std::optional<Idea> idea_named(const std::string& name);
  std::vector<Idea> ideas();
  void update(const Idea& idea);

  Run add_run(Run run);
  std::optional<Run> run(int64_t id);
  std::vector<Run> runs_of(int64_t idea);
  std::vector<Run> runs_in(const std::vector<RunState>& states);
  std::vector<Run> runs();
  void update(const Run& run);  // all of its row

  void add(const Attempt& attempt);
  void update(const Attempt& attempt);
  std::vector<Attempt> attempts(int64_t run);
  std::vector<Attempt> all_attempts();

  void add(const Decision& decision);
  std::vector<Decision> decisions_of_run(int64_t run);
  std::vector<Decision> decisions_of_idea(int64_t idea);
  std::vector<Decision> decisions_after(int64_t id, int limit, int64_t* last_id);

  Grant add(const Grant& grant);
  std::vector<Grant> grants();
  void drop_grant(int64_t id);

  // Rung scores of a run, in the order of rungs.
  void add_score(int64_t run, int rung, double score);
  std::vector<double> scores(int64_t run);

  void add(const std::vector<MetricPoint>& metrics);  // append-only
  std::vector<std::string> metric_keys(int64_t run);
  std::vector<MetricPoint> metrics(int64_t run, const std::string& key, int64_t after_row = 0, int limit = 0,
                              int64_t* last_row = nullptr);
  struct MetricSummary {
    std::string key;
    double last = 0, least = 0, most = 0;
    int64_t step = 0, tokens = -1;
    double time = 0;
  };
  std::vector<MetricSummary> metric_summaries(int64_t run);

  // What MLflow's API keeps: of an idea or a run, by kind ("param", "tag", "name", "stage", ...).
  void set_note(const std::string& kind, int64_t of, const std::string& key, const std::string& value);
  void drop_note(const std::string& kind, int64_t of, const std::string& key);
  std::optional<std::string> note(const std::string& kind, int64_t of, const std::string& key);
  std::vector<NamedText> notes(const std::string& kind, int64_t of);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::cluster
