// Machines that are not there, for tests of the daemon. They outlive their daemon as real ones do, and can kill it: at
// the call that `kill_in` counts down to, before or after the call has had its effect, DaemonKilled flies through the
// daemon, which is no Error, so that nothing is put in order.
#pragma once

#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/backend.h"
#include "cluster/supervisor.h"
#include "cluster/supervisor/attempt_files.h"

namespace hadal::cluster::testing {

struct DaemonKilled {};

struct FakeJob {
  StartOrder order;
  bool running = true, taken = true;
  bool asked_to_save = false, asked_to_stop = false;
  bool unseen = false;  // its node is lost: it computes on, and the backend says so of it no more
  double started = 0, stopped = 0;
  std::string token;  // that its order gave it
};

struct FakeMachines {
  std::vector<PolicyNode> nodes;
  std::map<std::string, FakeJob> jobs;  // by the attempt's name
  std::function<double()> clock;
  bool down = false;                        // cannot be asked
  std::string refusal;                      // of every start, for good; "": none
  std::function<void()> during_start = {};  // what somebody does while the backend is asked
  int kill_in = 0;                          // 0: never
  bool kill_after = false;
  int starts = 0;
  std::vector<std::string> mistakes;

  // A call with an effect.
  template <typename Effect>
  void call(const Effect& effect) {
    if (down) fail("the controller is down");
    const bool dies = kill_in > 0 && --kill_in == 0;
    if (dies && !kill_after) throw DaemonKilled();
    effect();
    if (dies) throw DaemonKilled();
  }

  // The job's program ends: exit.json is written as the supervisor does.
  void end(FakeJob& job, int code, const std::string& why = "") {
    AttemptEnd end;
    end.attempt = job.order.attempt, end.code = code;
    end.why = why.empty() ? "exit code " + std::to_string(code) : why;
    end.suspended = job.asked_to_save, end.stopped = job.asked_to_stop;
    end.started = job.started, end.ended = clock(), end.seconds = end.ended - end.started;
    std::error_code error;
    if (std::filesystem::is_directory(job.order.folder, error)) EndFile(job.order.folder, job.order.attempt).write(end);
    job.running = false;
  }

  FakeJob* running(int64_t run) {
    for (auto& [name, job] : jobs)
      if (job.running && !job.unseen && job.order.run == run) return &job;
    return nullptr;
  }

  // Slots that programs really hold on a node.
  int used(const std::string& node) const {
    int slots = 0;
    for (const auto& [name, job] : jobs)
      for (const Place& place : job.order.places)
        if (job.running && !job.unseen && place.node == node) slots += place.slots;
    return slots;
  }
};

class FakeBackend : public Backend {
 public:
  explicit FakeBackend(std::shared_ptr<FakeMachines> machines) : m_(std::move(machines)) {}

  std::vector<PolicyNode> nodes() override {
    if (m_->down) fail("the controller is down");
    return m_->nodes;
  }

  std::string start(const StartOrder& order) override {
    if (m_->during_start) std::exchange(m_->during_start, {})();
    if (!m_->refusal.empty()) throw StartRefused(m_->refusal);
    m_->call([&] {
      if (m_->jobs.contains(order.name)) return;
      const Order read = read_order(order.order_file);
      if (read.name != order.name || read.command.empty()) m_->mistakes.push_back("the order is another's");
      FakeJob job;
      job.order = order, job.started = m_->clock();
      for (const auto& [key, value] : read.environment)
        if (key == "MLFLOW_TRACKING_TOKEN") job.token = value;
      ++m_->starts;
      std::filesystem::create_directories(attempt_folder(order.folder, order.attempt));
      int lock = -1;
      if (const std::string taken = take_attempt(order.folder, order.attempt, lock); !taken.empty())
        m_->mistakes.push_back(order.name + ": " + taken);
      if (lock >= 0) ::close(lock);
      for (const Place& place : order.places)
        for (const PolicyNode& node : m_->nodes)
          if (node.name == place.node && m_->used(place.node) + place.slots > node.slots)
            m_->mistakes.push_back(order.name + ": more slots than " + node.name + " has");
      for (const auto& [name, other] : m_->jobs)
        if (other.running && !other.unseen && other.order.run == order.run)
          m_->mistakes.push_back(order.name + ": runs twice");
      m_->jobs.emplace(order.name, job);
    });
    return "job-" + order.name;
  }

  void suspend(const std::string& name, const std::string&) override {
    m_->call([&] {
      if (const auto job = m_->jobs.find(name); job != m_->jobs.end()) job->second.asked_to_save = true;
    });
  }

  void stop(const std::string& name, const std::string&) override {
    m_->call([&] {
      const auto job = m_->jobs.find(name);
      if (job == m_->jobs.end() || !job->second.running) return;
      if (!job->second.asked_to_stop) job->second.stopped = m_->clock();
      job->second.asked_to_stop = true;  // it takes its time: until later in look()
    });
  }

  std::vector<Sighting> look() override {
    std::vector<Sighting> seen;
    m_->call([&] {
      for (auto& [name, job] : m_->jobs) {
        if (job.running && job.asked_to_stop && !job.unseen && m_->clock() != job.stopped) m_->end(job, 143, "SIGTERM");
        Sighting sighting;
        sighting.name = name, sighting.backend_id = "job-" + name, sighting.words = "RUNNING";
        if (job.running && job.unseen) sighting.state = Sighting::State::lost, sighting.words = "NODE_FAIL";
        if (!job.running) sighting.state = Sighting::State::ended, sighting.words = "COMPLETED";
        seen.push_back(sighting);
      }
    });
    return seen;
  }

 private:
  std::shared_ptr<FakeMachines> m_;
};

}  // namespace hadal::cluster::testing
