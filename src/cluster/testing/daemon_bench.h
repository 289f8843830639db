// A daemon on machines that are not there, with clocks that a test sets.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cluster/daemon.h"
#include "cluster/daemon/api_error.h"
#include "cluster/testing/fake_backend.h"

namespace hadal::cluster::testing {

class DaemonBench {
 public:
  explicit DaemonBench(const Path& folder, int slots = 8, int nodes = 1) : folder_(folder) {
    for (int i = 0; i < nodes; ++i) {
      PolicyNode node;
      node.name = "n" + std::to_string(i + 1), node.slots = slots;
      machines->nodes.push_back(node);
    }
    machines->clock = [this] { return wall; };
    restart();
  }

  void restart() {
    daemon.reset();
    DaemonOptions options;
    options.folder = folder_, options.program = "/bin/false", options.url = "http://localhost:1";
    options.clock.steady = [this] { return steady; };
    options.clock.wall = [this] { return wall; };
    daemon = std::make_unique<Daemon>(std::move(options), std::make_unique<FakeBackend>(machines));
  }

  void pass(double seconds) { steady += seconds, wall += seconds; }
  void tick(double seconds = 1) {
    pass(seconds);
    daemon->tick();
  }

  Caller me() { return daemon->caller({.uid = ::geteuid(), .token = ""}); }
  Caller person(const std::string& name) {  // runs as this test's own user
    Store& store = daemon->store();
    auto found = store.person_named(name);
    if (!found) {
      Person made;
      made.name = name, made.unix_user = me().person.unix_user;
      found = store.add_person(made);
      restart();  // whoever is added behind its back is not known to a daemon
    }
    Caller caller;
    caller.person = *found, caller.local = true;
    return caller;
  }

  Submission command(int slots = 1, const std::string& idea = "") {
    Submission submission;
    submission.idea = idea, submission.command = {"sleep", "1"}, submission.size.slots = slots;
    submission.submit_folder = "/somewhere";
    return submission;
  }
  int64_t submit(const Caller& caller, const Submission& submission) {
    return *run_named(daemon->submit(caller, submission).at("run").get<std::string>());
  }
  int64_t submit(const Submission& submission) { return submit(me(), submission); }

  Run run(int64_t id) { return *daemon->store().run(id); }
  std::string state(int64_t id) { return std::string(name_of(run(id).state)); }
  FakeJob& job(int64_t id) {
    FakeJob* found = machines->running(id);
    HADAL_CHECK(found != nullptr, "{} does not run", run_name(id));
    return *found;
  }

  Json ask(const Credentials& who, const std::string& method, const std::string& path, const Json& body = {},
           int status = 200, const std::map<std::string, std::string, std::less<>>& query = {}) {
    ApiRequest request;
    request.who = who, request.method = method, request.path = "/api/cluster/" + path, request.query = query;
    if (!body.is_null()) request.body = dump_json(body);
    const ApiReply reply = answer(*daemon, request);
    EXPECT_EQ(reply.status, status) << path << ": " << reply.body;
    return parse_json(reply.body, path);
  }
  Json get(const std::string& path, const std::map<std::string, std::string, std::less<>>& query = {}) {
    return ask({.uid = ::geteuid(), .token = ""}, "GET", path, {}, 200, query);
  }
  Json post(const std::string& path, const Json& body, int status = 200) {
    return ask({.uid = ::geteuid(), .token = ""}, "POST", path, body, status);
  }

  std::shared_ptr<FakeMachines> machines = std::make_shared<FakeMachines>();
  double steady = 1'000, wall = 1'700'000'000;
  std::unique_ptr<Daemon> daemon;

 private:
  Path folder_;
};

}  // namespace hadal::cluster::testing
