#include "cluster/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "base/digest.h"
#include "base/testing/scratch.h"
#include "cluster/supervisor/attempt_files.h"
#include "cluster/testing/daemon_bench.h"

namespace hadal::cluster {
namespace {
using test::error_of;
using testing::DaemonBench;

void append(const Path& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

std::vector<std::string> states_of(DaemonBench& bench, int64_t run) {
  std::vector<std::string> states;
  for (const Decision& decision : bench.daemon->store().decisions_of_run(run))
    if (decision.kind == "state") states.push_back(decision.to);
  return states;
}

std::map<std::string, std::string> environment_of(DaemonBench& bench, int64_t run) {
  const Order order = read_order(bench.job(run).order.order_file);
  return {order.environment.begin(), order.environment.end()};
}

TEST(ClusterDaemon, ARunFromSubmissionToItsEnd) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  Submission submission = bench.command(2);
  submission.why = "is it warm?";
  submission.seed = 5;
  submission.files = {{"data/x.txt", "x"}};
  submission.environment = {{"FLAVOUR", "sour"}, {"HADAL_RUN", "forged"}, {"API_KEY", "s3cret"}};
  const OrderedJson reply = bench.daemon->submit(bench.me(), submission);
  EXPECT_EQ(dump_json(reply), R"({"idea":"sleep","run":"r1","state":"queued","position":1,"starts_within_s":0.0})");
  const Path run_folder = bench.daemon->run_folder(1);
  EXPECT_EQ(read_file(run_folder / "data/x.txt"), "x");
  bench.tick();
  EXPECT_EQ(bench.state(1), "starting");
  const std::map<std::string, std::string> environment = environment_of(bench, 1);
  EXPECT_EQ(environment.at("HADAL_RUN"), "r1");
  EXPECT_EQ(environment.at("HADAL_ATTEMPT"), "1");
  EXPECT_EQ(environment.at("HADAL_RUN_DIR"), run_folder.string());
  EXPECT_EQ(environment.at("HADAL_SUBMIT_DIR"), "/somewhere");
  EXPECT_EQ(environment.at("HADAL_SLOTS"), "2");
  EXPECT_EQ(environment.at("HADAL_RESUME"), "0");
  EXPECT_EQ(environment.at("HADAL_BUDGET"), "2000000");
  EXPECT_EQ(environment.at("HADAL_SEED"), "5");
  EXPECT_EQ(environment.at("FLAVOUR"), "sour");
  EXPECT_EQ(environment.at("API_KEY"), "s3cret");
  EXPECT_EQ(environment.at("MLFLOW_TRACKING_URI"), "http://localhost:1");
  EXPECT_EQ(read_order(bench.job(1).order.order_file).command, submission.command);
  // Its token opens this run alone; the store has a hash, and no secret.
  const Caller inside = bench.daemon->caller({.uid = {}, .token = environment.at("MLFLOW_TRACKING_TOKEN")});
  EXPECT_EQ(inside.run, 1);
  for (const char* name : {"store.db", "store.db-wal"}) {
    const std::string bytes = read_file(folder / "c" / name);
    EXPECT_EQ(bytes.find("s3cret"), std::string::npos);
    EXPECT_EQ(bytes.find(environment.at("MLFLOW_TRACKING_TOKEN")), std::string::npos);
  }
  bench.tick();
  EXPECT_EQ(bench.state(1), "running");
  bench.pass(100);
  bench.machines->end(bench.job(1), 0);
  bench.tick();
  EXPECT_EQ(bench.state(1), "done");
  EXPECT_EQ(states_of(bench, 1), (std::vector<std::string>{"queued", "starting", "running", "done"}));
  EXPECT_HAS(error_of([&] { bench.daemon->caller({.uid = {}, .token = environment.at("MLFLOW_TRACKING_TOKEN")}); }),
             "opens nothing");
  EXPECT_FALSE(std::filesystem::exists(folder / "c/orders/r1-1.json"));
  const Json shown = bench.get("runs/r1");
  EXPECT_EQ(shown.at("attempts").at(0).at("exit"), 0);
  EXPECT_EQ(shown.at("attempts").at(0).at("nodes").at(0), "n1");
  EXPECT_NEAR(shown.at("cost").at("core_hours").get<double>(), 2 * 101 / 3600.0, 1e-6);
  EXPECT_TRUE(shown.at("cost").at("joules").is_null());
  const Json ideas = bench.get("ideas");
  EXPECT_EQ(ideas.at("ideas").at(0).at("why"), "is it warm?");
  EXPECT_EQ(bench.get("ledger").at("total").at("attempts"), 1);
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, SuspendResumeStop) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  bench.post("runs/r1/suspend", {{"why", "lunch"}});
  bench.tick();
  EXPECT_EQ(bench.state(run), "suspending");
  EXPECT_TRUE(bench.job(run).asked_to_save);
  bench.machines->end(bench.job(run), 3);
  bench.tick();
  EXPECT_EQ(bench.state(run), "suspended");
  EXPECT_HAS(bench.run(run).reason, "saved and ended");
  bench.tick(1000);
  EXPECT_EQ(bench.state(run), "suspended");  // waits for its person
  EXPECT_HAS(bench.post("runs/r1/suspend", {}, 409).at("error").get<std::string>(), "by hand already");
  bench.post("runs/r1/resume", {});
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(run), "running");
  EXPECT_EQ(bench.run(run).attempts, 2);
  EXPECT_EQ(environment_of(bench, run).at("HADAL_RESUME"), "1");
  // A stop while it saves is a stop; its end with 0 while suspended would be done.
  bench.post("runs/r1/suspend", {});
  bench.post("runs/r1/stop", {{"why", "wrong data"}});
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(run), "stopped");
  EXPECT_EQ(bench.run(run).reason, "wrong data");
  bench.post("runs/r1/stop", {}, 409);
  const int64_t second = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  bench.post("runs/r2/suspend", {});
  bench.tick();
  bench.machines->end(bench.job(second), 0);
  bench.tick();
  EXPECT_EQ(bench.state(second), "done");
  const int64_t third = bench.submit(bench.command());
  bench.post("runs/r3/stop", {});  // had not begun
  EXPECT_EQ(bench.state(third), "stopped");
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

std::vector<std::string> line_of(DaemonBench& bench) {
  std::vector<std::string> line;
  const Json queue = bench.get("queue").at("queue");
  for (const Json& row : queue) line.push_back(row.at("run"));
  return line;
}

TEST(ClusterDaemon, WhoLeavesTheLineGivesUpTheirPromise) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c", 1);
  const Caller ada = bench.person("ada"), bob = bench.person("bob"), cleo = bench.person("cleo");
  bench.submit(ada, bench.command());
  bench.tick();
  const int64_t bobs = bench.submit(bob, bench.command());
  bench.tick();
  bench.submit(cleo, bench.command());
  const auto promise = [&](int64_t run) { return bench.daemon->store().note("run", run, "promised_by"); };
  ASSERT_TRUE(promise(2) && promise(3));
  EXPECT_EQ(line_of(bench), (std::vector<std::string>{"r2", "r3"}));
  bench.tick();
  bench.post("runs/r2/suspend", {});
  EXPECT_FALSE(promise(bobs));
  EXPECT_EQ(line_of(bench), (std::vector<std::string>{"r3"}));
  bench.tick();
  bench.post("runs/r2/resume", {});
  for (int daemon = 0; daemon < 2; ++daemon) {
    EXPECT_EQ(line_of(bench), (std::vector<std::string>{"r3", "r2"})) << daemon;
    EXPECT_FALSE(promise(bobs));
    bench.restart();
  }
  bench.tick(1000);  // whose promise is due goes first
  EXPECT_EQ(line_of(bench)[0], "r3");
}

TEST(ClusterDaemon, WhatIsAskedForDuringAStartHoldsThoughItIsRefused) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t first = bench.submit(bench.command());
  bench.machines->refusal = "the partition takes no such job";
  bench.machines->during_start = [&] { bench.post("runs/r1/suspend", {{"why", "lunch"}}); };
  bench.tick();
  EXPECT_EQ(bench.state(first), "suspended");
  EXPECT_TRUE(bench.run(first).by_person);
  EXPECT_HAS(bench.run(first).reason, bench.machines->refusal);
  bench.tick(1000);
  EXPECT_EQ(bench.state(first), "suspended");
  bench.post("runs/r1/resume", {});
  bench.machines->during_start = [&] { bench.post("runs/r1/stop", {{"why", "wrong data"}}); };
  bench.tick();
  EXPECT_EQ(bench.state(first), "stopped");
  EXPECT_EQ(bench.run(first).reason, "wrong data");
  const int64_t second = bench.submit(bench.command());
  bench.tick();
  EXPECT_EQ(bench.state(second), "failed");
  EXPECT_TRUE(bench.get("runs/r1").at("attempts").at(0).at("started").is_null());
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, AnAttemptThatNeverBeganIsNoStart) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.machines->refusal = "not now";
  bench.machines->during_start = [&] { bench.post("runs/r1/suspend", {}); };
  bench.tick();
  bench.machines->refusal.clear();
  bench.restart();
  bench.post("runs/r1/resume", {});
  bench.tick();
  const std::map<std::string, std::string> environment = environment_of(bench, run);
  EXPECT_EQ(environment.at("HADAL_ATTEMPT"), "2");
  EXPECT_EQ(environment.at("HADAL_RESUME"), "0");
}

TEST(ClusterDaemon, ReadingMetricsLeavesNoFileOpen) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const Path file = bench.daemon->run_folder(run) / "metrics.jsonl";
  write_file_whole(file, "{\"step\":1,\"loss\":1}\n");
  bench.tick();
  const auto before = open_files();
  for (int i = 2; i < 12; ++i) {
    append(file, fmt::format("{{\"step\":{},\"loss\":1}}\n", i));
    const bool fails = i >= 5 && i < 8;  // what was read cannot be kept
    const Path store = folder / "c/store.db", away = folder / "c/away";
    if (fails) std::filesystem::rename(store, away);
    EXPECT_EQ(error_of([&] { bench.tick(); }).empty(), !fails);
    if (fails) std::filesystem::rename(away, store);
    // What a round that failed had read is no later round's.
    if (!fails) EXPECT_EQ(bench.daemon->store().metrics(run, "loss").back().step, i);
  }
  EXPECT_EQ(open_files(), before);
}

TEST(ClusterDaemon, FailuresAreNotTriedAgainLostNodesAre) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c", 4, 2);
  const int64_t fails = bench.submit(bench.command()), resumable = bench.submit(bench.command()),
                lost = bench.submit(bench.command(4));
  bench.tick();
  bench.tick();
  bench.machines->end(bench.job(fails), 1);
  bench.machines->end(bench.job(resumable), 3);
  testing::FakeJob& old = bench.job(lost);
  old.unseen = true;
  for (PolicyNode& node : bench.machines->nodes) node.up = node.name != old.order.places[0].node;
  bench.tick();
  EXPECT_EQ(bench.state(fails), "failed");
  EXPECT_EQ(bench.state(resumable), "failed");
  EXPECT_HAS(bench.run(resumable).reason, "nobody had asked it to save");
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(lost), "running");
  EXPECT_EQ(bench.run(lost).attempts, 2);
  // The node comes back, and on it the old attempt: it is told to end, and its slots are nobody else's until then.
  old.unseen = false;
  for (PolicyNode& node : bench.machines->nodes) node.up = true;
  const int64_t waits = bench.submit(bench.command(4));
  bench.daemon->tick();
  EXPECT_EQ(bench.state(waits), "queued");
  EXPECT_TRUE(old.asked_to_stop && old.running);
  bench.tick();
  EXPECT_EQ(bench.state(waits), "starting");
  EXPECT_TRUE(bench.machines->mistakes.empty()) << bench.machines->mistakes[0];
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, WhatABackendNeverStartsFails) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  bench.machines->refusal = "the partition takes no such job";
  bench.daemon->submit(bench.me(), bench.command(1));
  bench.tick();
  EXPECT_EQ(bench.state(1), "failed");
  const Json shown = bench.get("runs/r1");
  EXPECT_EQ(shown.at("reason"), bench.machines->refusal);
  EXPECT_EQ(shown.at("cost").at("core_hours"), 0);
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, ABackendThatCannotBeAskedChangesNothing) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.machines->down = true;
  bench.tick();
  bench.tick();
  bench.restart();
  bench.tick(3600);
  EXPECT_HAS(bench.get("status").at("backend_error").get<std::string>(), "controller is down");
  EXPECT_EQ(bench.post("submit", {{"command", {"true"}}}, 503).contains("error"), true);
  bench.machines->down = false;
  for (int i = 0; i < 40 && bench.state(run) != "running"; ++i) bench.tick();
  EXPECT_EQ(bench.state(run), "running");
  EXPECT_EQ(bench.run(run).attempts, 1);
}

TEST(ClusterDaemon, WhatARoundReadsEndsNoLine) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c", 17);
  for (int i = 0; i < 17; ++i) bench.submit(bench.command());
  bench.tick();
  bench.tick();
  const auto write = [&](int64_t run, size_t bytes) {
    const std::string begin = "{\"step\":1,\"loss\":1,\"word\":\"", end = "\"}\n";
    append(bench.daemon->run_folder(run) / "metrics.jsonl",
           begin + std::string(bytes - begin.size() - end.size(), 'x') + end);
  };
  for (int64_t run = 1; run < 17; ++run) write(run, (1 << 20) - 10);  // which leaves 160 bytes of the round's 16 MiB
  write(17, 300);
  bench.tick();
  bench.tick();
  for (int64_t run = 1; run <= 17; ++run) {
    EXPECT_EQ(bench.daemon->store().metrics(run, "loss").size(), 1u) << run;
    EXPECT_EQ(bench.daemon->store().tail(run)->bad_lines, 0) << run;
  }
}

TEST(ClusterDaemon, MetricsOfThePresentAttemptAlone) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  const Path file = bench.daemon->run_folder(run) / "metrics.jsonl";
  append(file, "{\"step\":1,\"train/loss\":3.5,\"train/tokens\":100}\nnot json\n{\"step\":2,\"tra");
  bench.tick();
  append(file, "in/loss\":null,\"deep\":{\"a\":1},\"word\":\"x\"}\n");
  append(file, "{\"step\":2,\"validation/a/bits_per_byte\":1.0}\n{\"step\":2,\"validation/b/bits_per_byte\":2.0}\n");
  append(file, "{\"step\":3,\"train/loss\":2.5,\"train/tokens\":300,\"attempt\":7}\n");  // of another attempt
  append(file, "{\"step\":3,\"train/loss\":2.25,\"train/tokens\":300}\n");
  bench.tick();
  Store& store = bench.daemon->store();
  const auto losses = store.metrics(run, "train/loss");
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_TRUE(std::isnan(losses[1].value));
  EXPECT_EQ(losses[2].value, 2.25);
  EXPECT_EQ(losses[2].tokens, 300);
  const auto means = store.metrics(run, std::string(kMeanKey));
  ASSERT_EQ(means.size(), 1u);
  EXPECT_EQ(means[0].value, 1.5);
  EXPECT_EQ(means[0].tokens, 100);
  EXPECT_EQ(store.metrics(run, "deep/a").size(), 1u);
  const Json shown = bench.get("runs/r1");
  EXPECT_EQ(shown.at("metrics_bad_lines"), 1);
  EXPECT_EQ(shown.at("metrics").at("train/loss").at("best"), 2.25);

  // A second attempt writes the file anew, as a trainer that resumes does: what it repeats is there already.
  bench.post("runs/r1/suspend", {});
  bench.tick();
  bench.machines->end(bench.job(run), 3);
  bench.tick();
  append(file, "{\"step\":9,\"train/loss\":0.1}\n");  // an old process that computes on
  bench.post("runs/r1/resume", {});
  bench.tick();
  bench.tick();
  write_file_whole(
      file,
      "{\"step\":1,\"train/loss\":3.5,\"train/tokens\":100}\n{\"step\":4,\"train/loss\":2,\"train/tokens\":400}\n");
  bench.tick();
  append(file, "{\"step\":5,\"train/loss\":1.5,\"train/tokens\":500}");  // without a line's end
  bench.machines->end(bench.job(run), 0);
  bench.restart();
  bench.tick();
  const auto all = bench.daemon->store().metrics(run, "train/loss");
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[3].value, 2);
  EXPECT_EQ(all[4].tokens, 500);
  EXPECT_EQ(bench.get("runs/r1/metrics", {{"key", "train/loss"}, {"from", "4"}}).at("points").size(), 2u);
}

TEST(ClusterDaemon, ALinkIsNoMetricsFileNorALog) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  write_file_whole(folder / "secret", "{\"step\":1,\"loss\":1}\n");
  std::filesystem::create_symlink(folder / "secret", bench.daemon->run_folder(run) / "metrics.jsonl");
  std::filesystem::create_symlink(folder / "secret", bench.daemon->run_folder(run) / "log");
  bench.tick();
  EXPECT_TRUE(bench.daemon->store().metric_keys(run).empty());
  EXPECT_EQ(bench.get("runs/r1/log").at("text"), "");
}

TEST(ClusterDaemon, AMetricAMicrosecondIsThinnedOut) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += fmt::format("{{\"step\":{},\"loss\":{}}}\n", i, i);
  append(bench.daemon->run_folder(run) / "metrics.jsonl", lines);
  bench.tick();
  bench.machines->end(bench.job(run), 0);
  bench.tick();
  const auto points = bench.daemon->store().metrics(run, "loss");
  EXPECT_GE(points.size(), 100u);
  EXPECT_LE(points.size(), 800u);
  EXPECT_EQ(points.back().step, 19'999);
  EXPECT_EQ(bench.get("runs/r1").at("metrics_left_out").get<size_t>() + points.size(), 20'000u);
}

TEST(ClusterDaemon, TheLogIsReadInPieces) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  const Path at = bench.daemon->run_folder(run);
  append(at / "log", "one\ntw\xc3");
  Json piece = bench.get("runs/r1/log");
  EXPECT_EQ(piece.at("text"), "one\ntw");
  EXPECT_EQ(piece.at("next"), 6);
  EXPECT_EQ(piece.at("more"), true);
  append(at / "log", "\xa4\n");
  write_file_whole(at / "log.tail", "[left out here: 100 bytes]\nlast\n");
  piece = bench.get("runs/r1/log", {{"from", "6"}});
  EXPECT_EQ(piece.at("text"), "\xc3\xa4\n");
  EXPECT_EQ(piece.at("next"), 9);
  piece = bench.get("runs/r1/log", {{"from", "9"}});
  EXPECT_EQ(piece.at("text"), "[left out here: 100 bytes]\nlast\n");
  EXPECT_EQ(piece.at("next"), 114);
  EXPECT_EQ(bench.get("runs/r1/log", {{"from", "114"}}).at("text"), "");
}

TEST(ClusterDaemon, SubmissionsThatCannotBeAreRefusedAndLeaveNothing) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c", 4);
  const auto refused = [&](const Json& body, int status) {
    return bench.post("submit", body, status).at("error").get<std::string>();
  };
  EXPECT_HAS(refused({{"command", {"x"}}, {"slots", 5}}, 400), "5 slots on one node; the largest has 4");
  EXPECT_HAS(refused({{"command", {"x"}}, {"slots", 0}}, 400), "slots: expected a whole number");
  EXPECT_HAS(refused(Json::object(), 400), "found neither");
  EXPECT_HAS(refused({{"command", {"x"}}, {"slotz", 1}}, 400), "did you mean slots?");
  EXPECT_HAS(refused({{"command", {"x"}}, {"idea", "a/b"}}, 400), "other characters");
  EXPECT_HAS(refused({{"recipe", {{"name", "a.toml"}, {"text", "a = = 1"}}}}, 400), "a.toml");
  EXPECT_FALSE(refused({{"recipe", {{"name", "a.toml"}, {"text", "a = 1"}}}}, 400).empty());  // /bin/false checks it
  for (const char* name : {"../x", "/etc/x", "a/../../x", "", ".", "attempts/1/exit.json", "a//../b"}) {
    const Json files = Json::array({{{"path", name}, {"base64", "eA=="}}});
    EXPECT_FALSE(refused({{"command", {"x"}}, {"files", files}}, 400).empty()) << name;
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "c/runs"));
  EXPECT_TRUE(bench.daemon->store().runs().empty());
  EXPECT_TRUE(bench.daemon->store().ideas().empty());
}

TEST(ClusterDaemon, AsManyBytesOfFilesAsAreTakenFitASubmission) {
  EXPECT_EQ(kMaxFileBytes, 48 << 20);
  Submission submission;
  submission.command = {"x"};
  submission.files = {{"data", std::string(static_cast<size_t>(kMaxFileBytes), '\xff')}};
  for (int i = 0; i < 1000; ++i) submission.environment.emplace_back(fmt::format("V{}", i), std::string(1000, 'v'));
  const std::string text = submission_text(submission);
  EXPECT_LE(static_cast<int64_t>(text.size()), kMaxSubmissionBytes);
  EXPECT_EQ(read_submission(text).files, submission.files);
}

TEST(ClusterDaemon, PeopleActOnTheirOwnAndSeeWhatIsOpen) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const Json ada = bench.post("users", {{"name", "ada"}}),
             cleo = bench.post("users", {{"name", "cleo"}, {"lead", true}});
  const Credentials as_ada{.uid = {}, .token = ada.at("token")}, as_cleo{.uid = {}, .token = cleo.at("token")};
  EXPECT_EQ(ada.at("token").get<std::string>().size(), 64u);
  EXPECT_TRUE(bench.daemon->store().token_owner(sha256(ada.at("token").get<std::string>())).has_value());
  bench.ask({}, "GET", "status", {}, 401);
  bench.ask({.uid = {}, .token = "wrong"}, "GET", "status", {}, 401);
  EXPECT_HAS(bench.ask(as_ada, "POST", "submit", {{"command", {"x"}}}, 403).at("error").get<std::string>(),
             "may only track");
  bench.ask(as_ada, "POST", "ideas", {{"name", "hidden"}, {"why", "a secret"}, {"private", true}});
  bench.post("ideas", {{"name", "mine"}, {"why", "w"}, {"private", true}});
  bench.submit(bench.command(1, "mine"));
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.ask(as_ada, "GET", "ideas").at("ideas").size(), 1u);
  EXPECT_EQ(bench.ask(as_cleo, "GET", "ideas").at("ideas").size(), 2u);
  bench.ask(as_ada, "GET", "ideas/mine", {}, 404);
  for (const char* path : {"runs/r1", "runs/r1/log", "runs/r1/metrics"}) bench.ask(as_ada, "GET", path, {}, 404);
  bench.ask(as_ada, "GET", "compare", {}, 404, {{"runs", "r1"}});
  for (const char* path : {"status", "queue", "decisions", "ledger"}) {
    const std::string seen = dump_json(bench.ask(as_ada, "GET", path, {}, 200, {{"by", "idea"}}));
    EXPECT_EQ(seen.find("mine"), std::string::npos) << seen;
    EXPECT_EQ(seen.find("r1"), std::string::npos) << seen;
  }
  EXPECT_EQ(bench.ask(as_ada, "GET", "status").at("slots").at("used"), 1);
  bench.ask(as_ada, "POST", "runs/r1/stop", Json::object(), 404);
  bench.submit(bench.command(1, "open"));
  bench.ask(as_ada, "POST", "runs/r2/stop", Json::object(), 403);
  bench.ask(as_ada, "POST", "ideas/open/park", Json::object(), 403);
  bench.ask(as_ada, "POST", "ideas/hidden/promote", {{"to", 2}}, 403);
  bench.ask(as_ada, "POST", "users", {{"name", "eve"}}, 403);
  bench.ask(as_cleo, "POST", "runs/r2/stop", {{"why", "lead"}});
  EXPECT_EQ(bench.get("runs/r2").at("decisions").back().at("by"), "cleo");
  bench.ask(as_cleo, "DELETE", "users/ada");
  bench.ask(as_ada, "GET", "status", {}, 401);
}

TEST(ClusterDaemon, IdeasAreParkedAndClosedAndGranted) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");  // F is 2
  const int64_t first = bench.submit(bench.command(1, "a"));
  bench.post("ideas/a/park", {{"why", "later"}});
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(first), "queued");
  EXPECT_EQ(bench.get("runs/r1").at("reason"), "its idea is parked and starts nothing");
  EXPECT_EQ(bench.get("ideas/a").at("runs").at(0).at("reason"), "its idea is parked and starts nothing");
  EXPECT_EQ(bench.get("status").at("people").at(0).at("waiting"), 0);
  EXPECT_TRUE(bench.post("submit", {{"command", {"x"}}, {"idea", "a"}}).at("position").is_null());
  bench.post("runs/r2/stop", {});
  bench.post("ideas/a/open", {});
  bench.tick();
  EXPECT_EQ(bench.state(first), "starting");
  const int64_t waiting = bench.submit(bench.command(8, "a"));
  bench.post("ideas/a/close", {});
  EXPECT_EQ(bench.state(waiting), "stopped") << "it would wait for ever";
  EXPECT_EQ(bench.get("runs/" + run_name(waiting)).at("reason"), "its idea was closed");
  EXPECT_EQ(bench.state(first), "starting") << "what runs may end";
  EXPECT_HAS(bench.post("submit", {{"command", {"x"}}, {"idea", "a"}}, 409).at("error").get<std::string>(), "closed");
  bench.post("ideas", {{"name", "b"}, {"why", "w"}});
  EXPECT_HAS(bench.post("ideas/b/grant", {{"slots", 7}, {"until", "2100-01-01"}}, 409).at("error").get<std::string>(),
             "at most 6 of 8");
  bench.post("ideas/b/grant", {{"slots", 6}, {"until", "2100-01-01"}, {"why", "a deadline"}});
  bench.post("ideas", {{"name", "c"}, {"why", "w"}});
  bench.post("ideas/c/grant", {{"slots", 1}, {"until", "2100-01-01"}}, 409);
  bench.post("ideas/c/grant", {{"slots", 0}, {"until", "2100-01-01"}}, 409);
  bench.post("ideas/b/grant", {{"slots", 1}, {"until", "2100-02-31"}}, 400);
  bench.post("ideas/b/grant", {{"slots", 1}, {"until", "2001-01-01"}}, 400);
  EXPECT_EQ(bench.get("ideas/b").at("grants").at(0).at("slots"), 6);
  EXPECT_EQ(bench.get("ideas/b").at("decisions").back().at("to"), "6 slots until 2100-01-02 00:00 UTC");
  bench.post("ideas/b/grant", {{"slots", 2}, {"until", "2100-01-01"}});  // in its place
  EXPECT_EQ(bench.get("ideas/b").at("grants").size(), 1u);
  EXPECT_EQ(bench.get("ideas/b").at("grants").at(0).at("slots"), 2);
  bench.post("ideas/b/grant", {{"slots", 0}, {"until", "2100-01-01"}, {"why", "done early"}});
  EXPECT_TRUE(bench.get("ideas/b").at("grants").empty());
  EXPECT_EQ(bench.get("ideas/b").at("decisions").back().at("to"), "none");
}

TEST(ClusterDaemon, WrongPolicyKeepsTheOldOne) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const Path file = folder / "c/policy.toml";
  write_file_whole(file, "free_share = 0.5\n");
  bench.tick();
  EXPECT_EQ(bench.get("status").at("slots").at("free_share"), 4);
  write_file_whole(file, "free_sahre = 0.1\n");
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(2));
  bench.tick();
  const Json status = bench.get("status");
  EXPECT_HAS(status.at("policy_error").get<std::string>(), "free_sahre");
  EXPECT_EQ(status.at("slots").at("free_share"), 4);
}

TEST(ClusterDaemon, ASecondDaemonIsRefusedAndAFrozenOneEnds) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  EXPECT_HAS(error_of([&] {
               Daemon(DaemonOptions{.folder = folder / "c", .policy = {}, .program = "x", .url = ""},
                      std::make_unique<testing::FakeBackend>(bench.machines));
             }),
             "another daemon serves this cluster");
  Store thief(folder / "c/store.db");  // as if the lock had been lost
  thief.take_generation();
  EXPECT_THROW(bench.submit(bench.command()), TakenOver);
}

TEST(ClusterDaemon, FiguresBeyondAllMeasureAreHarmless) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command(1, "idea"));
  append(bench.daemon->run_folder(run) / "log", "head");
  append(bench.daemon->run_folder(run) / "log.tail", "[left out here: 9223372036854775807 bytes]\ntail");
  EXPECT_EQ(bench.get("runs/r1/log", {{"from", "9223372036854775807"}}).at("text"), "");
  EXPECT_EQ(bench.get("runs/r1/log", {{"from", "-4"}}).at("text"), "tail");
  EXPECT_EQ(bench.get("runs/r1/log", {{"from", "-9223372036854775808"}}).at("text"), "head");
  bench.post("ideas/idea/grant", {{"slots", 1}, {"until", 1e308}, {"why", "for ever"}}, 400);
}

TEST(ClusterDaemon, SecretsInACommandAreShownToNobody) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  Submission submission = bench.command();
  submission.command = {"env", "HF_TOKEN=abc", "x", "--api-key", "def", "--password=ghi", "--tokens", "5", "a=b"};
  const int64_t run = bench.submit(submission);
  EXPECT_EQ(dump_json(bench.get("runs/r1").at("command")),
            R"(["env","HF_TOKEN=***","x","--api-key","***","--password=***","--tokens","5","a=b"])");
  bench.tick();
  EXPECT_EQ(read_order(bench.job(run).order.order_file).command, submission.command);
}

// To a daemon that was frozen, the attempts of the one that took over are none that it knows.
TEST(ClusterDaemon, AFrozenDaemonTouchesNothingOfTheNext) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  std::filesystem::remove(folder / "c/lock");
  const std::unique_ptr<Daemon> frozen = std::move(bench.daemon);
  bench.restart();
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(run), "running");
  EXPECT_THROW(frozen->tick(), TakenOver);
  EXPECT_FALSE(bench.job(run).asked_to_stop);
}

TEST(ClusterDaemon, WhatEndsWithoutAWordAgainAndAgainIsNotTriedForEver) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  for (int i = 0; i < 200 && bench.state(run) != "failed"; ++i) {
    if (testing::FakeJob* job = bench.machines->running(run)) job->running = false;  // its supervisor was killed
    bench.tick(2);
  }
  EXPECT_EQ(bench.state(run), "failed");
  EXPECT_EQ(bench.run(run).attempts, 3);
  EXPECT_HAS(bench.run(run).reason, "not tried again");
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, AnAttemptThatTheBackendForgotIsNotStartedTwice) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  const Path taken = attempt_folder(bench.daemon->run_folder(run), 1) / "taken";
  const int held = ::open(taken.c_str(), O_RDONLY | O_CLOEXEC);  // as its supervisor does
  ASSERT_EQ(::flock(held, LOCK_SH), 0);
  bench.machines->jobs.clear();
  for (int i = 0; i < 20; ++i) bench.tick(2);
  EXPECT_EQ(bench.state(run), "running");
  EXPECT_EQ(bench.run(run).attempts, 1);
  ::close(held);
  for (int i = 0; i < 20; ++i) bench.tick(2);
  EXPECT_EQ(bench.run(run).attempts, 2);
}

TEST(ClusterDaemon, TheLadderLetsTheBestGoOn) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  std::vector<int64_t> runs;
  for (int i = 0; i < 3; ++i) {
    Submission submission = bench.command(1, fmt::format("idea-{}", i));
    submission.metric = "loss";
    runs.push_back(bench.submit(bench.person(fmt::format("p{}", i)), submission));
  }
  bench.tick();
  bench.tick();
  for (int i = 0; i < 3; ++i) {
    append(bench.daemon->run_folder(runs[static_cast<size_t>(i)]) / "metrics.jsonl",
           fmt::format("{{\"step\":1,\"tokens\":2000000,\"loss\":{}}}\n", 1.0 + .1 * i));
    bench.machines->end(bench.job(runs[static_cast<size_t>(i)]), 3);
  }
  bench.tick();
  EXPECT_EQ(bench.run(runs[0]).rung, 2);
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(runs[0]), "running");
  EXPECT_EQ(bench.state(runs[1]), "paused");
  EXPECT_EQ(bench.state(runs[2]), "paused");
  EXPECT_EQ(bench.daemon->store().scores(runs[2]).size(), 1u);
  EXPECT_EQ(environment_of(bench, runs[0]).at("HADAL_BUDGET"), "6000000");
  bench.post("ideas/idea-2/promote", {{"to", 2}, {"why", "I believe in it"}});  // a lead stands above
  bench.tick();
  bench.tick();
  EXPECT_EQ(bench.state(runs[2]), "running");
  bool on_record = false;
  for (const Decision& decision : bench.daemon->store().decisions_of_run(runs[2]))
    on_record |= decision.kind == "rung" && decision.rule == "lead" && decision.reason == "I believe in it";
  EXPECT_TRUE(on_record);
  EXPECT_TRUE(bench.get("check").at("mistakes").empty());
}

TEST(ClusterDaemon, AClockThatJumpsChangesNothing) {
  test::ScratchFolder folder;
  DaemonBench bench(folder / "c");
  const int64_t run = bench.submit(bench.command());
  bench.tick();
  bench.tick();
  bench.wall += 86'400;
  bench.tick();
  bench.wall -= 2 * 86'400;
  bench.tick();
  EXPECT_EQ(bench.state(run), "running");
  bench.restart();  // and finds its stamps a day ahead of the clock
  bench.tick();
  bench.machines->end(bench.job(run), 0);
  bench.tick();
  EXPECT_EQ(bench.state(run), "done");
  for (const Attempt& attempt : bench.daemon->store().attempts(run)) {
    EXPECT_GE(attempt.core_seconds, 0);
    EXPECT_GE(attempt.ended, attempt.started);
  }
}

}  // namespace
}  // namespace hadal::cluster
