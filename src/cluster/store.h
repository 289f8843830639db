// Everything a cluster remembers: one SQLite file in WAL mode, one schema with migrations. One connection writes, one
// thread at a time; whoever reads takes another from a pool and neither waits for the writer nor blocks it, and sees
// what was committed (inside write(): also what it wrote itself). All calls are thread-safe. Error names the file and
// SQLite's reason; then nothing was changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "cluster/idea.h"
#include "cluster/run.h"

namespace hadal::cluster {

// Another daemon has taken the store's generation over.
struct TakenOver : Error {
  using Error::Error;
};

struct MetricPoint {
  int64_t run = 0;
  std::string key;
  int64_t step = 0;
  double value = 0;  // may be nan or infinite
  double time = 0;   // seconds since 1970
  int64_t tokens = -1;
};

// The key under which the mean of a recipe's validation/*/bits_per_byte is kept, which the ladder compares.
inline constexpr std::string_view kMeanKey = "validation/bits_per_byte";
inline std::string compared_key(const Run& run) { return run.metric.empty() ? std::string(kMeanKey) : run.metric; }

// How far a run's metrics.jsonl was read.
struct MetricsTail {
  int64_t run = 0;
  int attempt = 0;         // whose lines are read
  uint64_t inode = 0;      // of the file; 0: there was none
  int64_t offset = 0;      // bytes of it that are read, whole lines
  bool replaced = false;   // the file was written anew during the attempt: what it repeats is skipped
  int64_t bad_lines = 0;   // no JSON object
  int64_t left_out = 0;    // points, of keys that are written too often
  int64_t left_bytes = 0;  // of a file that grew faster than it is read
  bool operator==(const MetricsTail&) const = default;
};

// A run in lists: without what the supervisor needs.
struct RunHead {
  int64_t id = 0, idea = 0, person = 0;
  RunState state = RunState::queued;
  bool tracked = false, larger_is_better = false;
  int rung = 1;
  double submitted = 0;
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

  // Everything that `body` writes is committed together and forced to disk, or nothing is. Nested calls join the outer
  // one. A single call of those below that change something is a write() of its own.
  void write(const std::function<void()>& body);
  // The same, not forced to disk: a power cut may take the last seconds of it. For metrics.
  void write_unforced(const std::function<void()>& body);

  // A number that only grows: each daemon takes the next. Writing under an older one is an Error (a daemon that was
  // frozen while another took over).
  int64_t take_generation();
  void check_generation();  // TakenOver where another daemon has the next one
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

  int64_t next_run_id();  // not given again, unless a power cut forgets it: its folder is made before
  Run add_run(Run run);   // with id 0 it gets one
  std::optional<Run> run(int64_t id);
  std::vector<Run> runs_of(int64_t idea);
  std::vector<Run> runs_in(const std::vector<RunState>& states);
  std::vector<Run> runs();
  std::vector<RunHead> run_heads();  // of all, in the order of ids
  void update(const Run& run);       // all of its row

  void add(const Attempt& attempt);
  void update(const Attempt& attempt);
  std::vector<Attempt> attempts(int64_t run);
  std::vector<Attempt> all_attempts();
  // Sums over the attempts of each run that has any.
  struct Used {
    double core_seconds = 0, joules = 0;  // joules: of attempts where they are known
    double unmeasured_core_seconds = 0;   // of the others
    int attempts = 0;
  };
  std::unordered_map<int64_t, Used> used_by_runs();

  void add(const Decision& decision);
  std::vector<Decision> decisions_of_run(int64_t run);
  std::vector<Decision> decisions_of_idea(int64_t idea);
  // In their order; -N: the newest N.
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
  std::unordered_map<int64_t, MetricSummary> compared_summaries();  // by run: of its compared_key(), where it has any

  void set_tail(const MetricsTail& tail);
  std::optional<MetricsTail> tail(int64_t run);

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
