// The daemon against a plain model: people submit, suspend, stop and promote, programs end or fail, nodes get lost and
// come back, clocks jump, the daemon is killed at any call of its backend. After each step the invariants of the state
// machine are counted anew. HADAL_PROPERTY_CASES sets how many cases, HADAL_PROPERTY_SEED which; a
// failing one is shrunk and printed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/digest.h"
#include "base/rng.h"
#include "base/testing/scratch.h"
#include "cluster/testing/daemon_bench.h"

namespace hadal::cluster {
namespace {
using testing::DaemonBench;
using testing::DaemonKilled;
using testing::FakeJob;

enum class Step {
  submit,
  pass,
  end,
  report,
  lose,
  back,
  jump,
  suspend,
  resume,
  stop,
  promote,
  park,
  grant,
  restart,
  kill,
  down,
  kCount
};
constexpr const char* kStepNames[] = {"submit", "pass", "end",     "report", "lose",  "back",    "jump", "suspend",
                                      "resume", "stop", "promote", "park",   "grant", "restart", "kill", "down"};

struct Op {
  Step step;
  uint32_t a, b;
};

// In memory, where there is such a place: what is proved here is no disk.
class ShortFolder {
 public:
  ShortFolder() {
    static int number = 0;
    std::error_code error;
    const Path base =
        std::filesystem::is_directory("/dev/shm", error) ? Path("/dev/shm") : std::filesystem::temp_directory_path();
    path_ = base / fmt::format("hadal_property_{}_{}", ::getpid(), ++number);
    std::filesystem::create_directories(path_);
    set_log_level(LogLevel::error);
  }
  ~ShortFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const Path& path() const { return path_; }

 private:
  Path path_;
};

std::map<std::string, int> changes_seen;  // "running>done by exit", over all cases

class PropertyCase {
 public:
  PropertyCase() : bench_(folder_.path() / "c", 3, 2) {
    for (const char* name : {"ada", "bob", "cleo"}) people_.push_back(bench_.person(name));
  }

  // What is wrong; "" for nothing.
  std::string play(const std::vector<Op>& ops) {
    for (size_t i = 0; i < ops.size(); ++i) {
      step(ops[i]);
      if (const std::string wrong = check(); !wrong.empty()) return fmt::format("after step {}: {}", i + 1, wrong);
    }
    return settle();
  }

 private:
  // A round of the daemon, which may be killed in it and is then started again.
  void tick(double seconds = 1) {
    bench_.pass(seconds);
    guarded([&] { bench_.daemon->tick(); });
  }
  template <typename Body>
  void guarded(const Body& body) {
    try {
      body();
    } catch (const DaemonKilled&) {
      restart();
    } catch (const ApiError&) {  // what a person may not do now
    }
  }
  void restart() {
    bench_.machines->kill_in = 0;
    bench_.restart();
  }
  FakeJob* some_job(uint32_t which) {
    std::vector<FakeJob*> live;
    for (auto& [name, job] : bench_.machines->jobs)
      if (job.running && !job.unseen) live.push_back(&job);
    return live.empty() ? nullptr : live[which % live.size()];
  }
  int64_t some_run(uint32_t which) { return runs_.empty() ? 0 : runs_[which % runs_.size()]; }
  Idea idea_of(int64_t run) { return *bench_.daemon->store().idea(bench_.run(run).idea); }

  // The plain model: what a run is after its program ended.
  void end(FakeJob& job, int code) {
    const int64_t id = job.order.run;
    const Run before = bench_.run(id);
    if (!is_live(before.state) || job.order.attempt != before.attempts) return bench_.machines->end(job, code);
    const bool stops = bench_.daemon->store().note("ask", id, "stop").has_value();
    const bool at_budget = tokens_[id] >= budgets_[job.order.name];
    const std::string expected = code == 0                              ? "done"
                                 : stops                                ? "stopped"
                                 : before.state == RunState::suspending ? "suspended"
                                 : code == 3 && at_budget               ? "paused"
                                                                        : "failed";
    bench_.machines->end(job, code);
    ended_core_seconds_ += (bench_.wall - job.started) * slots(job.order.places);
    bench_.machines->down = false;
    tick(0);
    bool found = false;  // it may have gone on since
    for (const Decision& decision : bench_.daemon->store().decisions_of_run(id))
      found |= decision.kind == "state" && decision.to == expected && decision.from == name_of(before.state);
    if (!found)
      wrong_ = fmt::format("{} was {} and ended with {}: expected {}, it is {}: {}", run_name(id),
                           name_of(before.state), code, expected, bench_.state(id), bench_.run(id).reason);
  }
  static int slots(const std::vector<Place>& places) {
    int sum = 0;
    for (const Place& place : places) sum += place.slots;
    return sum;
  }

  void step(const Op& op) {
    auto& machines = *bench_.machines;
    switch (op.step) {
      case Step::submit: {
        Submission submission;
        submission.command = {"work"};
        submission.size.slots = 1 + static_cast<int>(op.a % 3);
        if (op.a % 7 == 0) submission.size = {0, 1 + static_cast<int>(op.b % 2), 0};
        if (op.b % 2 == 0) submission.metric = "loss";
        const Caller& who = people_[op.b / 2 % people_.size()];
        submission.idea = fmt::format("{}-{}", who.person.name, op.a % 2);
        guarded(
            [&] { runs_.push_back(*run_named(bench_.daemon->submit(who, submission).at("run").get<std::string>())); });
        break;
      }
      case Step::pass:
        return tick(op.a % 3 == 0 ? 1 + op.b % 400 : 1);
      case Step::end:
        if (FakeJob* job = some_job(op.a)) end(*job, op.b % 4 == 0 ? 0 : op.b % 4 == 1 ? 1 : 3);
        break;
      case Step::report:
        if (FakeJob* job = some_job(op.a)) {
          const int64_t id = job->order.run;
          tokens_[id] += 1'100'000;
          std::ofstream(job->order.folder / "metrics.jsonl", std::ios::app) << fmt::format(
              "{{\"step\":{},\"tokens\":{},\"loss\":{}}}\n", tokens_[id] / 1000, tokens_[id], 1 + op.b % 100 / 100.0);
        }
        break;
      case Step::lose: {
        PolicyNode& node = machines.nodes[op.a % machines.nodes.size()];
        node.up = false;
        for (auto& [name, job] : machines.jobs) {
          std::vector<Place>& places = job.order.places;
          const auto is_here = [&](const Place& place) { return place.node == node.name; };
          if (!job.running || std::none_of(places.begin(), places.end(), is_here)) continue;
          job.unseen = true;  // and what it had on other nodes is killed with it
          std::erase_if(places, [&](const Place& place) { return !is_here(place); });
        }
        break;
      }
      case Step::back:
        back();
        break;
      case Step::jump:
        bench_.wall += op.a % 2 == 0 ? 86'400.0 : -86'400.0;
        break;
      case Step::suspend:
      case Step::resume:
      case Step::stop:
        if (const int64_t run = some_run(op.a); run != 0)
          guarded([&] {
            bench_.daemon->act(bench_.me(), run,
                               op.step == Step::suspend  ? "suspend"
                               : op.step == Step::resume ? "resume"
                                                         : "stop",
                               "");
          });
        break;
      case Step::promote:
      case Step::park:
      case Step::grant:
        if (const int64_t run = some_run(op.a); run != 0) {
          const char* verb = op.step == Step::promote ? "promote"
                             : op.step == Step::grant ? "grant"
                             : op.b % 2 == 0          ? "park"
                                                      : "open";
          ApiRequest request;
          request.who.uid = ::geteuid(), request.method = "POST";
          request.path = fmt::format("/api/cluster/ideas/{}/{}", idea_of(run).name, verb);
          request.body = fmt::format("{{\"to\":{},\"slots\":1,\"until\":{:.0f}}}", 2 + op.b % 3,
                                     bench_.daemon->now() + op.b % 500);
          answer(*bench_.daemon, request);
        }
        break;
      case Step::restart:
        restart();
        break;
      case Step::kill:
        machines.kill_in = 1 + static_cast<int>(op.a % 5), machines.kill_after = op.b % 2 == 0;
        break;
      case Step::down:
        machines.down = op.a % 2 == 0;
        break;
      case Step::kCount:
        break;
    }
    tick();
  }

  void back() {
    for (PolicyNode& node : bench_.machines->nodes) node.up = true;
    for (auto& [name, job] : bench_.machines->jobs) job.unseen = false;
  }

  std::string check() {
    if (!wrong_.empty()) return wrong_;
    Store& store = bench_.daemon->store();
    for (auto& [name, job] : bench_.machines->jobs)  // the budget that it was given
      if (!budgets_.contains(name)) {
        std::error_code error;
        if (!std::filesystem::exists(job.order.order_file, error)) continue;
        for (const auto& [key, value] : read_order(job.order.order_file).environment)
          if (key == "HADAL_BUDGET") budgets_[name] = std::stoll(value);
      }
    if (!bench_.machines->mistakes.empty()) return bench_.machines->mistakes[0];
    if (store.runs().size() != runs_.size()) return "a run is lost";
    for (const PolicyNode& node : bench_.machines->nodes)
      if (bench_.machines->used(node.name) > node.slots) return node.name + ": more is used than it has";
    for (const auto& [name, job] : bench_.machines->jobs) {
      const Run run = *store.run(job.order.run);
      if (!job.running || job.unseen || !is_live(run.state) || run.attempts != job.order.attempt) continue;
      const auto owner = store.token_owner(sha256(job.token));
      if (!owner || owner->attempt != job.order.attempt) return name + ": its token opens nothing";
    }
    const Json report = bench_.get("check");
    if (!report.at("mistakes").empty()) return dump_json(report.at("mistakes"));
    double sum = 0;
    for (const auto& [run, used] : store.used_by_runs()) sum += used.core_seconds;
    if (sum < 0) return "a negative cost";
    return "";
  }

  // When nothing more goes wrong, all who wait come to their turn and end.
  std::string settle() {
    bench_.machines->kill_in = 0, bench_.machines->down = false;
    back();
    Store& store = bench_.daemon->store();
    for (const Idea& idea : store.ideas())
      if (idea.state == IdeaState::parked) bench_.post("ideas/" + idea.name + "/open", {});
    for (int round = 0; round < 200; ++round) {
      tick(20);
      std::vector<FakeJob*> live;
      for (auto& [name, job] : bench_.machines->jobs)
        if (job.running) live.push_back(&job);
      for (FakeJob* job : live)
        if (job->asked_to_save || round % 3 == 2) bench_.machines->end(*job, job->asked_to_save ? 3 : 0);
      if (const std::string wrong = check(); !wrong.empty()) return "while settling: " + wrong;
    }
    for (const Decision& decision : bench_.daemon->store().decisions_after(0, 0, nullptr))
      if (decision.kind == "state") ++changes_seen[decision.from + ">" + decision.to + " by " + decision.rule];
    for (const Run& run : bench_.daemon->store().runs()) {
      const bool rests = run.state == RunState::paused || (run.state == RunState::suspended && run.by_person);
      if (!is_over(run.state) && !rests)
        return fmt::format("{} is {} for ever: {}", run_name(run.id), name_of(run.state), run.reason);
    }
    return "";
  }

  ShortFolder folder_;
  DaemonBench bench_;
  std::vector<Caller> people_;
  std::vector<int64_t> runs_;
  std::map<int64_t, int64_t> tokens_;
  std::map<std::string, int64_t> budgets_;
  double ended_core_seconds_ = 0;
  std::string wrong_;
};

std::string wrong_in(const std::vector<Op>& ops) {
  try {
    PropertyCase the_case;
    return the_case.play(ops);
  } catch (const std::exception& error) {
    return fmt::format("an exception: {}", error.what());
  }
}

std::vector<Op> shrunk(std::vector<Op> ops) {
  for (size_t size = ops.size() / 2; size >= 1; size /= 2)
    for (size_t at = 0; at + size <= ops.size();) {
      std::vector<Op> less = ops;
      less.erase(less.begin() + static_cast<ptrdiff_t>(at), less.begin() + static_cast<ptrdiff_t>(at + size));
      if (wrong_in(less).empty())
        at += size;
      else
        ops = less;
    }
  return ops;
}

TEST(ClusterDaemonProperty, InvariantsHoldWhateverComes) {
  const char* given = std::getenv("HADAL_PROPERTY_CASES");
  const int cases = given != nullptr ? std::atoi(given) : 300;
  const char* given_seed = std::getenv("HADAL_PROPERTY_SEED");
  const auto seed = given_seed != nullptr ? static_cast<uint64_t>(std::atoll(given_seed)) : 20'260'101;
  for (int i = 0; i < cases; ++i) {
    Rng rng(seed, static_cast<uint64_t>(i));
    std::vector<Op> ops;
    const size_t count = 10 + rng.below(45);
    for (size_t k = 0; k < count; ++k) {
      auto step = static_cast<Step>(rng.below(static_cast<uint64_t>(Step::kCount)));
      if (rng.below(2) == 0) {
        constexpr Step kOften[] = {Step::submit, Step::pass, Step::report, Step::report, Step::end};
        step = kOften[rng.below(std::size(kOften))];
      }
      ops.push_back({step, static_cast<uint32_t>(rng.below(1000)), static_cast<uint32_t>(rng.below(1000))});
    }
    const std::string wrong = wrong_in(ops);
    if (wrong.empty()) continue;
    std::string text;
    const std::vector<Op> few = shrunk(ops);
    for (const Op& op : few) text += fmt::format("  {} {} {}\n", kStepNames[static_cast<size_t>(op.step)], op.a, op.b);
    FAIL() << "seed " << seed << ", case " << i << ": " << wrong << "\nshrunk: " << wrong_in(few) << "\n" << text;
  }
  if (cases < 300) return;
  // What these cases came through: a test that never got there would prove nothing of it.
  std::string seen;
  for (const auto& [change, count] : changes_seen) seen += fmt::format("{} {}\n", count, change);
  for (const char* change : {"queued>suspended by person", "starting>running by start", "running>queued by lost",
                             "running>suspending by person", "running>suspending by preempt",
                             "suspending>suspended by exit", "suspending>suspended by lost", "suspending>done by exit",
                             "running>stopped by person", "suspending>stopped by person", "running>failed by exit",
                             "running>paused by ladder", "paused>suspended by ladder", "paused>suspended by lead",
                             "suspended>starting by share", "suspended>starting by lent"})
    EXPECT_TRUE(changes_seen.contains(change)) << change << " is not among\n" << seen;
}

}  // namespace
}  // namespace hadal::cluster
