#include "cluster/tracking/tracking.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "cluster/daemon.h"
#include "cluster/store.h"

namespace hadal::cluster {
namespace {

class Tracking : public testing::Test {
 protected:
  Tracking() {
    ann.person = person("ann", false);
    bob.person = person("bob", false);
    lead.person = person("lea", true);
    std::filesystem::create_directory(scratch / "runs");
  }

  Person person(const std::string& name, bool leads) {
    Person added;
    added.name = name;
    added.lead = leads;
    return store.add_person(added);
  }
  static ApiRequest request(const std::string& method, const std::string& path, const std::string& body = "") {
    ApiRequest request;
    request.method = method;
    request.path = "/api/2.0/" + path;
    request.body = body;
    return request;
  }

  struct Answer {
    int status = 0;
    Json json;
    std::string text;
    std::string code() const { return json.value("error_code", ""); }
    std::string message() const { return json.value("message", ""); }
  };
  Answer ask(const Caller& who, const ApiRequest& asked) {
    const ApiReply reply = answer_mlflow(store, who, scratch.path(), asked);
    Answer answer{reply.status, {}, reply.body};
    if (reply.read)
      for (std::string piece = reply.read(); !piece.empty(); piece = reply.read()) answer.text += piece;
    if (reply.content_type == "application/json") answer.json = parse_json(answer.text, "the answer");
    return answer;
  }
  Answer post(const Caller& who, const std::string& path, const Json& body) {
    return ask(who, request("POST", "mlflow/" + path, body.dump()));
  }
  Answer get(const Caller& who, const std::string& path, std::map<std::string, std::string, std::less<>> query = {}) {
    ApiRequest asked = request("GET", "mlflow/" + path);
    asked.query = std::move(query);
    return ask(who, asked);
  }
  Answer files(const Caller& who, const std::string& method, const std::string& path, const std::string& body = "") {
    return ask(who, request(method, "mlflow-artifacts/artifacts" + path, body));
  }

  std::string new_experiment(const Caller& who, const std::string& name) {
    return post(who, "experiments/create", {{"name", name}}).json.at("experiment_id");
  }
  std::string new_run(const Caller& who, const std::string& experiment = "0") {
    return post(who, "runs/create", {{"experiment_id", experiment}}).json.at("run").at("info").at("run_id");
  }
  Json run_of(const std::string& id) { return get(lead, "runs/get", {{"run_id", id}}).json.at("run"); }
  std::string found(const Caller& who, Json body) {
    std::string ids;
    const Answer answer = post(who, "runs/search", body);
    for (const Json& run : answer.json.at("runs"))
      ids += (ids.empty() ? "" : " ") + run.at("info").at("run_id").get<std::string>();
    return ids;
  }
  Json metric(const std::string& key, Json value, int64_t time = 1700000000123, int64_t step = 0) {
    return {{"key", key}, {"value", std::move(value)}, {"timestamp", time}, {"step", step}};
  }

  test::ScratchFolder scratch;
  Store store{scratch / "store.sqlite"};
  Caller ann, bob, lead;
};

TEST_F(Tracking, ExperimentsAreIdeas) {
  const std::string id = new_experiment(ann, "vision");
  const auto idea = store.idea_named("vision");
  ASSERT_TRUE(idea);
  EXPECT_EQ(id, std::to_string(idea->id));
  EXPECT_EQ(idea->owner, ann.person.id);
  ASSERT_EQ(store.decisions_of_idea(idea->id).size(), 1u);
  EXPECT_EQ(store.decisions_of_idea(idea->id)[0].by, "ann");

  const Json experiment = get(bob, "experiments/get", {{"experiment_id", id}}).json.at("experiment");
  EXPECT_EQ(experiment.at("name"), "vision");
  EXPECT_EQ(experiment.at("lifecycle_stage"), "active");
  EXPECT_EQ(experiment.at("artifact_location"), "mlflow-artifacts:/" + id);
  EXPECT_EQ(get(bob, "experiments/get-by-name", {{"experiment_name", "vision"}}).json.at("experiment"), experiment);
  EXPECT_EQ(post(ann, "experiments/create", {{"name", "vision"}}).code(), "RESOURCE_ALREADY_EXISTS");
  EXPECT_EQ(get(bob, "experiments/get-by-name", {{"experiment_name", "audio"}}).code(), "RESOURCE_DOES_NOT_EXIST");
  for (const char* missing : {"77", "-1", "x", "", "99999999999999999999"})
    EXPECT_EQ(get(bob, "experiments/get", {{"experiment_id", missing}}).code(), "RESOURCE_DOES_NOT_EXIST") << missing;
  for (const Json& name : {Json(""), Json(), Json(5), Json(std::string(501, 'x')), Json(std::string("a\0b", 3))})
    EXPECT_EQ(post(ann, "experiments/create", {{"name", name}}).code(), "INVALID_PARAMETER_VALUE") << name;
}

TEST_F(Tracking, AnExperimentMayHaveAnyName) {
  std::set<std::string> ideas;
  for (const std::string& name : std::initializer_list<std::string>{
           "/Users/ann/My trial", "r12", "../up", "-x", "...", "\xc3\xa4hnlich", "a b", "a-b", std::string(500, 'n')}) {
    const std::string id = new_experiment(ann, name);
    EXPECT_EQ(
        get(ann, "experiments/get-by-name", {{"experiment_name", name}}).json.at("experiment").at("experiment_id"), id);
    EXPECT_EQ(get(ann, "experiments/get", {{"experiment_id", id}}).json.at("experiment").at("name"), name);
    const auto idea = store.idea(std::stoll(id));
    EXPECT_EQ(name_mistake(idea->name), "") << idea->name;
    EXPECT_TRUE(ideas.insert(idea->name).second);
    EXPECT_EQ(post(ann, "experiments/create", {{"name", name}}).code(), "RESOURCE_ALREADY_EXISTS");
  }
}

TEST_F(Tracking, ExperimentZeroIsAlwaysThere) {
  EXPECT_EQ(get(ann, "experiments/get", {{"experiment_id", "0"}}).json.at("experiment").at("name"), "Default");
  EXPECT_EQ(
      get(bob, "experiments/get-by-name", {{"experiment_name", "Default"}}).json.at("experiment").at("experiment_id"),
      "0");
  EXPECT_EQ(get(bob, "experiments/search", {{"max_results", "10"}}).json.at("experiments").at(0).at("name"), "Default");
  EXPECT_EQ(found(bob, {{"experiment_ids", {"0"}}}), "");
  EXPECT_EQ(post(bob, "experiments/create", {{"name", "Default"}}).code(), "RESOURCE_ALREADY_EXISTS");
  EXPECT_TRUE(store.ideas().empty()) << "reading makes nothing";
  const std::string other = new_experiment(bob, "other");
  EXPECT_EQ(post(bob, "experiments/update", {{"experiment_id", other}, {"new_name", "Default"}}).code(),
            "RESOURCE_ALREADY_EXISTS");
  EXPECT_EQ(run_of(new_run(bob)).at("info").at("experiment_id"), "0");
  EXPECT_EQ(store.idea_named("Default")->owner, bob.person.id);
  EXPECT_EQ(run_of(post(bob, "runs/create", Json::object()).json.at("run").at("info").at("run_id"))
                .at("info")
                .at("experiment_id"),
            "0");
  EXPECT_EQ(store.ideas().size(), 2u);
  EXPECT_EQ(post(lead, "experiments/delete", {{"experiment_id", "0"}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(lead, "experiments/update", {{"experiment_id", "0"}, {"new_name", "x"}}).code(),
            "INVALID_PARAMETER_VALUE");
}

TEST_F(Tracking, ExperimentsAreRenamedDeletedAndRestored) {
  const std::string id = new_experiment(ann, "one"), run = new_run(ann, id);
  new_experiment(ann, "two");
  const Json rename = {{"experiment_id", id}, {"new_name", "one more"}};
  EXPECT_EQ(post(bob, "experiments/update", rename).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(ann, "experiments/update", {{"experiment_id", id}, {"new_name", "two"}}).code(),
            "RESOURCE_ALREADY_EXISTS");
  EXPECT_EQ(post(ann, "experiments/update", rename).status, 200);
  EXPECT_EQ(
      get(ann, "experiments/get-by-name", {{"experiment_name", "one more"}}).json.at("experiment").at("experiment_id"),
      id);
  EXPECT_EQ(get(ann, "experiments/get-by-name", {{"experiment_name", "one"}}).status, 404);

  EXPECT_EQ(post(bob, "experiments/delete", {{"experiment_id", id}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(ann, "experiments/delete", {{"experiment_id", id}}).status, 200);
  EXPECT_EQ(get(ann, "experiments/get", {{"experiment_id", id}}).json.at("experiment").at("lifecycle_stage"),
            "deleted");
  EXPECT_EQ(store.idea(std::stoll(id))->state, IdeaState::closed);
  EXPECT_EQ(post(ann, "experiments/delete", {{"experiment_id", id}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(post(ann, "experiments/update", rename).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "runs/create", {{"experiment_id", id}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "runs/set-tag", {{"run_id", run}, {"key", "k"}, {"value", "v"}}).code(),
            "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(found(ann, {{"experiment_ids", {id}}}), "");
  EXPECT_EQ(found(ann, {{"experiment_ids", {id}}, {"run_view_type", "DELETED_ONLY"}}), run);

  EXPECT_EQ(post(ann, "experiments/restore", {{"experiment_id", id}}).status, 200);
  EXPECT_EQ(post(ann, "experiments/restore", {{"experiment_id", id}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(store.idea(std::stoll(id))->state, IdeaState::open);
  EXPECT_EQ(found(ann, {{"experiment_ids", {id}}}), run);
}

TEST_F(Tracking, ExperimentsAreSearchedAndListed) {
  const std::string a = new_experiment(ann, "vis-a"), b = new_experiment(bob, "vis-b"),
                    c = new_experiment(ann, "audio");
  EXPECT_EQ(post(ann, "experiments/set-experiment-tag", {{"experiment_id", a}, {"key", "team"}, {"value", "x"}}).status,
            200);
  EXPECT_EQ(post(bob, "experiments/set-experiment-tag", {{"experiment_id", a}, {"key", "team"}, {"value", "y"}}).code(),
            "PERMISSION_DENIED");
  post(ann, "experiments/delete", {{"experiment_id", c}});
  const auto names = [&](Json body) {
    std::string out;
    const Answer answer = post(ann, "experiments/search", body);
    for (const Json& one : answer.json.at("experiments"))
      out += (out.empty() ? "" : " ") + one.at("name").get<std::string>();
    return out;
  };
  EXPECT_EQ(names({{"order_by", {"name"}}}), "Default vis-a vis-b");
  EXPECT_EQ(names({{"order_by", {"name DESC"}}, {"max_results", 2}}), "vis-b vis-a");
  EXPECT_EQ(names({{"filter", "name LIKE 'vis-%'"}, {"order_by", {"name"}}}), "vis-a vis-b");
  EXPECT_EQ(names({{"filter", "tags.team = 'x'"}}), "vis-a");
  EXPECT_EQ(names({{"view_type", "DELETED_ONLY"}}), "audio");
  EXPECT_EQ(names({{"view_type", 3}, {"order_by", {"attribute.name ASC"}}}), "Default audio vis-a vis-b");
  const Answer page = post(ann, "experiments/search", {{"max_results", 1}, {"order_by", {"name"}}});
  EXPECT_EQ(names({{"max_results", 5}, {"order_by", {"name"}}, {"page_token", page.json.at("next_page_token")}}),
            "vis-a vis-b");
  EXPECT_EQ(get(ann, "experiments/list").json.at("experiments").size(), 3u);
  EXPECT_EQ(get(ann, "experiments/list", {{"view_type", "ALL"}}).json.at("experiments").size(), 4u);
  EXPECT_EQ(get(ann, "experiments/search", {{"filter", "name = 'vis-b'"}}).json.at("experiments").size(), 1u);
  EXPECT_EQ(post(ann, "experiments/search", {{"view_type", "SOME"}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "experiments/search", {{"max_results", 0}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "experiments/search", {{"filter", "metrics.x > 1"}}).code(), "INVALID_PARAMETER_VALUE");
}

TEST_F(Tracking, ARunFromCreationToItsEnd) {
  const Json tags = {{{"key", "mlflow.user"}, {"value", "ann"}}, {{"key", "mlflow.runName"}, {"value", "first"}}};
  const Answer made = post(
      ann, "runs/create", {{"experiment_id", "0"}, {"user_id", "me"}, {"start_time", "1700000000001"}, {"tags", tags}});
  const Json info = made.json.at("run").at("info");
  const std::string id = info.at("run_id");
  EXPECT_EQ(info.at("run_uuid"), id);
  EXPECT_EQ(info.at("status"), "RUNNING");
  EXPECT_EQ(info.at("run_name"), "first");
  EXPECT_EQ(info.at("user_id"), "me");
  EXPECT_EQ(info.at("start_time"), 1700000000001);
  EXPECT_FALSE(info.contains("end_time"));
  EXPECT_EQ(info.at("artifact_uri"), "mlflow-artifacts:/0/" + id + "/artifacts");
  EXPECT_EQ(made.json.at("run").at("data").at("tags").size(), 2u);
  const hadal::cluster::Run run = *store.run(*run_named(id));
  EXPECT_TRUE(run.tracked);
  EXPECT_EQ(run.person, ann.person.id);
  EXPECT_EQ(run.state, RunState::running);

  const Answer ended = post(
      ann, "runs/update", {{"run_id", id}, {"status", "FINISHED"}, {"end_time", 1700000009999}, {"run_name", "last"}});
  EXPECT_EQ(ended.json.at("run_info").at("status"), "FINISHED");
  EXPECT_EQ(ended.json.at("run_info").at("end_time"), 1700000009999);
  EXPECT_EQ(ended.json.at("run_info").at("run_name"), "last");
  EXPECT_EQ(store.run(run.id)->state, RunState::done);
  ASSERT_EQ(store.decisions_of_run(run.id).size(), 2u);
  EXPECT_EQ(store.decisions_of_run(run.id)[1].to, "done");

  // A client that goes on with it sees it running; for us it stays over.
  post(ann, "runs/update", {{"run_uuid", id}, {"status", 1}});
  EXPECT_EQ(run_of(id).at("info").at("status"), "RUNNING");
  EXPECT_FALSE(run_of(id).at("info").contains("end_time"));
  EXPECT_EQ(store.run(run.id)->state, RunState::done);
  EXPECT_EQ(post(ann, "runs/update", {{"run_id", id}, {"status", "LATE"}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "runs/create", {{"experiment_id", "0"}, {"run_name", "other"}, {"tags", tags}}).code(),
            "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "runs/create", {{"experiment_id", "55"}}).code(), "RESOURCE_DOES_NOT_EXIST");
  for (const char* missing : {"r99", "99", "x", "r0", "r1'"})
    EXPECT_EQ(get(ann, "runs/get", {{"run_id", missing}}).code(), "RESOURCE_DOES_NOT_EXIST") << missing;
  EXPECT_EQ(get(ann, "runs/get").code(), "INVALID_PARAMETER_VALUE");
}

TEST_F(Tracking, DeletedRunsAreReadAndNotWritten) {
  const std::string id = new_run(ann);
  EXPECT_EQ(post(bob, "runs/delete", {{"run_id", id}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(ann, "runs/delete", {{"run_id", id}}).status, 200);
  EXPECT_EQ(run_of(id).at("info").at("lifecycle_stage"), "deleted");
  const Json log = {{"run_id", id}, {"key", "k"}, {"value", "1"}, {"timestamp", 1}};
  for (const char* path : {"runs/log-metric", "runs/log-parameter", "runs/set-tag", "runs/update"})
    EXPECT_EQ(post(ann, path, path == std::string("runs/update") ? Json{{"run_id", id}} : log).code(),
              "INVALID_PARAMETER_VALUE")
        << path;
  EXPECT_EQ(post(ann, "runs/restore", {{"run_id", id}}).status, 200);
  EXPECT_EQ(run_of(id).at("info").at("lifecycle_stage"), "active");
  EXPECT_EQ(post(ann, "runs/set-tag", log).status, 200);
}

TEST_F(Tracking, MetricsKeepEveryValue) {
  const std::string id = new_run(ann);
  const auto log = [&](Json value, int64_t step) {
    Json body = metric("loss", std::move(value), 1700000000000, step);
    body["run_id"] = id;
    return post(ann, "runs/log-metric", body).status;
  };
  EXPECT_EQ(log(0.1, 0), 200);
  EXPECT_EQ(log("NaN", 1), 200);
  EXPECT_EQ(log("Infinity", 2), 200);
  EXPECT_EQ(log("-Infinity", 3), 200);
  EXPECT_EQ(log(5e-324, -4), 200);
  EXPECT_EQ(log(1.7976931348623157e308, INT64_MAX), 200);
  const Json history = get(bob, "metrics/get-history", {{"run_id", id}, {"metric_key", "loss"}}).json.at("metrics");
  ASSERT_EQ(history.size(), 6u);
  EXPECT_EQ(history[0], (Json{{"key", "loss"}, {"value", 0.1}, {"timestamp", 1700000000000}, {"step", 0}}));
  EXPECT_EQ(history[1].at("value"), "NaN");
  EXPECT_EQ(history[2].at("value"), "Infinity");
  EXPECT_EQ(history[3].at("value"), "-Infinity");
  EXPECT_EQ(history[4].at("value"), 5e-324);
  EXPECT_EQ(history[4].at("step"), -4);
  EXPECT_EQ(history[5].at("step"), INT64_MAX);
  log("NaN", 9);
  EXPECT_EQ(run_of(id).at("data").at("metrics").size(), 1u);

  Json body = metric("loss", 1);
  body["run_id"] = id;
  for (const char* field : {"key", "value", "timestamp", "run_id"}) {
    Json less = body;
    less.erase(field);
    EXPECT_EQ(post(ann, "runs/log-metric", less).code(), "INVALID_PARAMETER_VALUE") << field;
  }
  for (const auto& [field, value] : {std::pair<const char*, Json>{"value", "x"},
                                     {"value", true},
                                     {"timestamp", -1},
                                     {"timestamp", 1.5},
                                     {"step", "x"},
                                     {"key", "../x"},
                                     {"key", 5}}) {
    Json wrong = body;
    wrong[field] = value;
    EXPECT_EQ(post(ann, "runs/log-metric", wrong).code(), "INVALID_PARAMETER_VALUE") << field << value;
  }
  EXPECT_EQ(get(ann, "metrics/get-history", {{"run_id", id}, {"metric_key", "none"}}).json.at("metrics").size(), 0u);
}

TEST_F(Tracking, AHistoryHasPages) {
  const std::string id = new_run(ann);
  for (int batch = 0; batch < 12; ++batch) {
    Json metrics = Json::array();
    for (int i = 0; i < 1000; ++i) metrics.push_back(metric("m", batch * 1000 + i, 5, batch * 1000 + i));
    ASSERT_EQ(post(ann, "runs/log-batch", {{"run_id", id}, {"metrics", metrics}}).status, 200);
  }
  const auto steps = [](const Json& points, int64_t first) {
    for (size_t i = 0; i < points.size(); ++i)
      if (points[i].at("step") != first + static_cast<int64_t>(i)) return false;
    return true;
  };
  const Json all = get(ann, "metrics/get-history", {{"run_id", id}, {"metric_key", "m"}}).json.at("metrics");
  ASSERT_EQ(all.size(), 12'000u);
  EXPECT_TRUE(steps(all, 0));
  std::string token;
  size_t seen = 0, pages = 0;
  do {
    const Json page = get(ann, "metrics/get-history",
                          {{"run_id", id}, {"metric_key", "m"}, {"max_results", "5000"}, {"page_token", token}})
                          .json;
    EXPECT_TRUE(steps(page.at("metrics"), static_cast<int64_t>(seen)));
    seen += page.at("metrics").size();
    token = page.value("next_page_token", "");
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen, 12'000u);
  EXPECT_EQ(pages, 3u);
  for (const auto& [field, value] :
       {std::pair<const char*, const char*>{"max_results", "25001"}, {"max_results", "0"}, {"page_token", "x"}})
    EXPECT_EQ(get(ann, "metrics/get-history", {{"run_id", id}, {"metric_key", "m"}, {field, value}}).code(),
              "INVALID_PARAMETER_VALUE")
        << value;
}

TEST_F(Tracking, ParametersAreNotRewritten) {
  const std::string id = new_run(ann);
  const auto log = [&](const std::string& key, const Json& value) {
    return post(ann, "runs/log-parameter", {{"run_id", id}, {"key", key}, {"value", value}});
  };
  EXPECT_EQ(log("lr", "0.1").status, 200);
  EXPECT_EQ(log("lr", "0.1").status, 200);
  EXPECT_EQ(log("lr", "0.2").code(), "INVALID_PARAMETER_VALUE");
  test::ScratchFolder none;
  EXPECT_HAS(log("lr", "0.2").message(), "0.1");
  EXPECT_EQ(log("n", 5).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(log("", "x").code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(log("long", std::string(6000, 'x')).status, 200);
  EXPECT_EQ(log("longer", std::string(6001, 'x')).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(log(std::string(251, 'k'), "x").code(), "INVALID_PARAMETER_VALUE");
  log("api_key", "sesame");
  EXPECT_EQ(log("api_key", "other").message().find("sesame"), std::string::npos);
  // A batch with one of them changes nothing at all.
  const Json params = {{{"key", "new"}, {"value", "1"}}, {{"key", "lr"}, {"value", "0.3"}}};
  EXPECT_EQ(
      post(ann, "runs/log-batch", {{"run_id", id}, {"params", params}, {"metrics", Json::array({metric("m", 1)})}})
          .code(),
      "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(run_of(id).at("data").at("params").size(), 3u);
  EXPECT_EQ(run_of(id).at("data").at("metrics").size(), 0u);
}

TEST_F(Tracking, TagsAreSetAndDeleted) {
  const std::string id = new_run(ann);
  const auto set = [&](const std::string& key, const std::string& value) {
    return post(ann, "runs/set-tag", {{"run_id", id}, {"key", key}, {"value", value}});
  };
  EXPECT_EQ(set("t", "one").status, 200);
  EXPECT_EQ(set("t", "two").status, 200);
  EXPECT_EQ(set("mlflow.runName", "called").status, 200);
  EXPECT_EQ(run_of(id).at("info").at("run_name"), "called");
  EXPECT_EQ(found(ann, {{"experiment_ids", {"0"}}, {"filter", "tags.t = 'two'"}}), id);
  EXPECT_EQ(set("long", std::string(8001, 'x')).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "runs/delete-tag", {{"run_id", id}, {"key", "t"}}).status, 200);
  EXPECT_EQ(post(ann, "runs/delete-tag", {{"run_id", id}, {"key", "t"}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(post(bob, "runs/set-tag", {{"run_id", id}, {"key", "t"}, {"value", "x"}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(lead, "runs/set-tag", {{"run_id", id}, {"key", "t"}, {"value", "x"}}).status, 200);
}

TEST_F(Tracking, BatchesHaveLimits) {
  const std::string id = new_run(ann);
  const auto batch = [&](int metrics, int params, int tags) {
    Json body = {{"run_id", id}, {"metrics", Json::array()}, {"params", Json::array()}, {"tags", Json::array()}};
    for (int i = 0; i < metrics; ++i) body["metrics"].push_back(metric("m" + std::to_string(i), i));
    for (int i = 0; i < params; ++i) body["params"].push_back({{"key", "p" + std::to_string(i)}, {"value", "v"}});
    for (int i = 0; i < tags; ++i) body["tags"].push_back({{"key", "t" + std::to_string(i)}, {"value", "v"}});
    return post(ann, "runs/log-batch", body).code();
  };
  EXPECT_EQ(batch(800, 100, 100), "");
  EXPECT_EQ(batch(1000, 0, 0), "");
  EXPECT_EQ(batch(1001, 0, 0), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(batch(0, 101, 0), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(batch(0, 0, 101), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(batch(801, 100, 100), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(batch(0, 0, 0), "");
  const Json large = {
      {"run_id", id}, {"tags", {{{"key", "t"}, {"value", "v"}}}}, {"ignored", std::string(1'000'000, 'x')}};
  EXPECT_EQ(post(ann, "runs/log-batch", large).code(), "INVALID_PARAMETER_VALUE");
  const Json twice = {{"run_id", id}, {"params", {{{"key", "q"}, {"value", "v"}}, {{"key", "q"}, {"value", "v"}}}}};
  EXPECT_EQ(post(ann, "runs/log-batch", twice).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(run_of(id).at("data").at("params").size(), 100u);
}

TEST_F(Tracking, ABatchSaysHowFarItsRunIs) {
  const std::string id = new_run(ann);
  post(ann, "runs/log-batch",
       {{"run_id", id}, {"metrics", {metric("loss", 2, 1, 7), metric("tokens", 4096, 1, 7), metric("loss", 1, 2, 8)}}});
  const auto points = store.metrics(*run_named(id), "loss");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].tokens, 4096);
  EXPECT_EQ(points[1].tokens, -1);
}

TEST_F(Tracking, RunsAreSearched) {
  const std::string e = new_experiment(ann, "e"), other = new_experiment(bob, "other");
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    const Json body = {{"experiment_id", e}, {"start_time", 1000 + 10 * i}, {"run_name", "n" + std::to_string(i)}};
    ids.push_back(post(ann, "runs/create", body).json.at("run").at("info").at("run_id"));
    Json log = {{"run_id", ids.back()}, {"params", {{{"key", "a b"}, {"value", i % 2 ? "odd" : "even"}}}}};
    if (i != 3) log["metrics"] = Json::array({metric("loss", i == 2 ? Json("NaN") : Json(2.0 - i))});
    post(ann, "runs/log-batch", log);
  }
  const std::string apart = new_run(bob, other);
  const Json all = {{"experiment_ids", {e}}};
  const auto with = [&](const char* field, Json value) {
    Json body = all;
    body[field] = std::move(value);
    return found(bob, body);
  };
  EXPECT_EQ(found(bob, all), ids[3] + " " + ids[2] + " " + ids[1] + " " + ids[0]);
  EXPECT_EQ(with("filter", "metrics.loss < 2 AND params.`a b` = 'odd'"), ids[1]);
  EXPECT_EQ(with("filter", "attributes.start_time >= 1010 and attributes.run_name IN ('n0','n3')"), ids[3]);
  EXPECT_EQ(with("filter", "attributes.run_id IN ('" + ids[0] + "')"), ids[0]);
  EXPECT_EQ(with("filter", "status = 'FINISHED'"), "");
  EXPECT_EQ(with("order_by", {"metrics.loss ASC"}), ids[1] + " " + ids[0] + " " + ids[2] + " " + ids[3]);
  EXPECT_EQ(with("order_by", {"params.`a b` DESC", "start_time ASC"}),
            ids[1] + " " + ids[3] + " " + ids[0] + " " + ids[2]);
  EXPECT_EQ(found(bob, {{"experiment_ids", {e, other, e, "77"}}, {"order_by", {"start_time ASC"}}, {"max_results", 1}}),
            ids[0]);
  EXPECT_EQ(found(bob, Json::object()), "");

  std::string paged, token;
  do {
    Json body = {{"experiment_ids", {e}}, {"max_results", 3}, {"page_token", token}};
    const Json page = post(bob, "runs/search", body).json;
    for (const Json& run : page.at("runs")) paged += run.at("info").at("run_id").get<std::string>() + " ";
    token = page.value("next_page_token", "");
  } while (!token.empty());
  EXPECT_EQ(paged, ids[3] + " " + ids[2] + " " + ids[1] + " " + ids[0] + " ");
  post(ann, "runs/delete", {{"run_id", ids[1]}});
  EXPECT_EQ(with("run_view_type", "DELETED_ONLY"), ids[1]);
  EXPECT_EQ(with("run_view_type", "ACTIVE_ONLY"), ids[3] + " " + ids[2] + " " + ids[0]);
  for (const auto& [field, value] : {std::pair<const char*, Json>{"max_results", 50'001},
                                     {"max_results", 0},
                                     {"page_token", "?"},
                                     {"order_by", {"shoe"}},
                                     {"run_view_type", "X"},
                                     {"filter", 5},
                                     {"filter", "metrics.loss > 1 OR metrics.loss < 9"},
                                     {"experiment_ids", true}}) {
    Json body = all;
    body[field] = value;
    EXPECT_EQ(post(bob, "runs/search", body).code(), "INVALID_PARAMETER_VALUE") << field << value;
  }
}

TEST_F(Tracking, PrivateIdeasAreTheirOwnersAndLeads) {
  const std::string id = new_experiment(ann, "hidden"), run = new_run(ann, id);
  Idea idea = *store.idea(std::stoll(id));
  idea.secret = true;
  store.update(idea);
  EXPECT_EQ(get(bob, "experiments/get", {{"experiment_id", id}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(get(bob, "experiments/get-by-name", {{"experiment_name", "hidden"}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(get(bob, "runs/get", {{"run_id", run}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(get(bob, "artifacts/list", {{"run_id", run}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(post(bob, "runs/create", {{"experiment_id", id}}).code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(found(bob, {{"experiment_ids", {id}}}), "");
  EXPECT_EQ(get(bob, "experiments/list").json.dump().find("hidden"), std::string::npos);
  EXPECT_EQ(found(ann, {{"experiment_ids", {id}}}), run);
  EXPECT_EQ(found(lead, {{"experiment_ids", {id}}}), run);
}

TEST_F(Tracking, ValuesOfSecretKeysAreTheirOwners) {
  const std::string id = new_run(ann);
  post(ann, "runs/log-batch",
       {{"run_id", id},
        {"params", {{{"key", "HF_TOKEN"}, {"value", "sesame"}}}},
        {"tags", {{{"key", "db.password"}, {"value", "sesame"}}}}});
  EXPECT_NE(get(ann, "runs/get", {{"run_id", id}}).text.find("sesame"), std::string::npos);
  for (const Caller& who : {bob, lead}) {
    EXPECT_EQ(get(who, "runs/get", {{"run_id", id}}).text.find("sesame"), std::string::npos);
    EXPECT_EQ(post(who, "runs/search", {{"experiment_ids", {"0"}}}).text.find("sesame"), std::string::npos);
    EXPECT_EQ(found(who, {{"experiment_ids", {"0"}}, {"filter", "params.HF_TOKEN LIKE 's%'"}}), "");
  }
  EXPECT_EQ(found(ann, {{"experiment_ids", {"0"}}, {"filter", "params.HF_TOKEN LIKE 's%'"}}), id);
}

class TrackingOfAttempts : public Tracking {
 protected:
  TrackingOfAttempts() {
    run.idea = std::stoll(new_experiment(ann, "scheduled"));
    run.person = ann.person.id;
    run.state = RunState::running;
    run.submitted = 1000;
    run.attempts = 1;
    run = store.add_run(run);
    Attempt attempt;
    attempt.run = run.id;
    attempt.number = 1;
    attempt.started = 1001.5;
    store.add(attempt);
    std::filesystem::create_directories(scratch / "runs" / run_name(run.id));
    id = run_name(run.id);
    own.person = ann.person;
    own.run = run.id;
    own.attempt = 1;
  }
  hadal::cluster::Run run;
  std::string id;
  Caller own;
};

TEST_F(TrackingOfAttempts, ATokenOpensItsRunAlone) {
  const std::string other = new_run(ann);
  EXPECT_EQ(post(own, "runs/log-batch",
                 {{"run_id", id},
                  {"metrics", Json::array({metric("loss", 1)})},
                  {"params", {{{"key", "lr"}, {"value", "1"}}}}})
                .status,
            200);
  EXPECT_EQ(post(own, "runs/update", {{"run_id", id}, {"status", "FINISHED"}, {"end_time", 5}})
                .json.at("run_info")
                .at("status"),
            "RUNNING");
  EXPECT_EQ(store.run(run.id)->state, RunState::running);
  EXPECT_EQ(get(own, "runs/get", {{"run_id", id}}).json.at("run").at("info").at("start_time"), 1001500);
  EXPECT_EQ(get(own, "experiments/get", {{"experiment_id", std::to_string(run.idea)}}).status, 200);
  EXPECT_EQ(get(own, "experiments/get-by-name", {{"experiment_name", "scheduled"}}).status, 200);
  EXPECT_EQ(files(own, "PUT", "/" + std::to_string(run.idea) + "/" + id + "/artifacts/a.txt", "x").status, 200);
  EXPECT_EQ(get(own, "artifacts/list", {{"run_id", id}}).json.at("files").size(), 1u);

  for (const std::string& elsewhere : {other, std::string("r77"), std::string("x")}) {
    EXPECT_EQ(get(own, "runs/get", {{"run_id", elsewhere}}).code(), "PERMISSION_DENIED");
    EXPECT_EQ(post(own, "runs/set-tag", {{"run_id", elsewhere}, {"key", "k"}, {"value", "v"}}).code(),
              "PERMISSION_DENIED");
    EXPECT_EQ(get(own, "metrics/get-history", {{"run_id", elsewhere}, {"metric_key", "m"}}).code(),
              "PERMISSION_DENIED");
    EXPECT_EQ(files(own, "GET", "/0/" + elsewhere + "/artifacts/a").code(), "PERMISSION_DENIED");
  }
  EXPECT_EQ(post(own, "runs/create", {{"experiment_id", "0"}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(own, "runs/search", {{"experiment_ids", {std::to_string(run.idea)}}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(own, "runs/delete", {{"run_id", id}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(own, "experiments/create", {{"name", "x"}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(post(own, "experiments/search", Json::object()).code(), "PERMISSION_DENIED");
  EXPECT_EQ(get(own, "experiments/list").code(), "PERMISSION_DENIED");
  EXPECT_EQ(get(own, "experiments/get", {{"experiment_id", "0"}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(get(own, "experiments/get-by-name", {{"experiment_name", "nothing"}}).code(), "PERMISSION_DENIED");
  for (const char* path : {"experiments/delete", "experiments/restore"})
    EXPECT_EQ(post(own, path, {{"experiment_id", std::to_string(run.idea)}}).code(), "PERMISSION_DENIED") << path;
}

TEST_F(TrackingOfAttempts, AnOlderAttemptIsRefused) {
  run.attempts = 2;
  store.update(run);
  const std::string file = "/" + std::to_string(run.idea) + "/" + id + "/artifacts/a.txt";
  EXPECT_EQ(post(own, "runs/log-batch", {{"run_id", id}, {"metrics", Json::array({metric("loss", 1)})}}).code(),
            "PERMISSION_DENIED");
  EXPECT_EQ(post(own, "runs/set-tag", {{"run_id", id}, {"key", "k"}, {"value", "v"}}).code(), "PERMISSION_DENIED");
  EXPECT_EQ(files(own, "PUT", file, "x").code(), "PERMISSION_DENIED");
  EXPECT_TRUE(store.metric_keys(run.id).empty());
  own.attempt = 2;
  EXPECT_EQ(post(own, "runs/log-batch", {{"run_id", id}, {"metrics", Json::array({metric("loss", 1)})}}).status, 200);
}

TEST_F(TrackingOfAttempts, AScheduledRunsMetricsAreItsAttempts) {
  EXPECT_EQ(post(ann, "runs/log-batch", {{"run_id", id}, {"metrics", Json::array({metric("loss", 1)})}}).code(),
            "PERMISSION_DENIED");
  EXPECT_EQ(post(ann, "runs/set-tag", {{"run_id", id}, {"key", "note"}, {"value", "good"}}).status, 200);
  EXPECT_EQ(post(ann, "runs/delete", {{"run_id", id}}).code(), "INVALID_PARAMETER_VALUE");
  EXPECT_EQ(post(ann, "experiments/delete", {{"experiment_id", std::to_string(run.idea)}}).code(),
            "INVALID_PARAMETER_VALUE");
  run.state = RunState::failed;
  store.update(run);
  EXPECT_EQ(run_of(id).at("info").at("status"), "FAILED");
  EXPECT_EQ(post(ann, "runs/delete", {{"run_id", id}}).status, 200);
}

TEST_F(Tracking, ArtifactsGoUpAndComeBack) {
  const std::string id = new_run(ann), root = "/0/" + id + "/artifacts";
  EXPECT_EQ(get(ann, "artifacts/list", {{"run_id", id}}).json.at("files").size(), 0u);
  const std::string bytes("\0\xff\r\n<html>", 10);
  EXPECT_EQ(files(ann, "PUT", root + "/model/w.bin", bytes).status, 200);
  EXPECT_EQ(files(ann, "PUT", root + "/a b.txt", "").status, 200);
  EXPECT_EQ(files(bob, "PUT", root + "/model/w.bin", "x").code(), "PERMISSION_DENIED");
  EXPECT_EQ(files(bob, "GET", root + "/model/w.bin").text, bytes);
  EXPECT_EQ(read_file(scratch / "runs" / id / "artifacts/model/w.bin"), bytes);

  const Json listed = get(bob, "artifacts/list", {{"run_id", id}}).json;
  EXPECT_EQ(listed.at("root_uri"), "mlflow-artifacts:" + root);
  EXPECT_EQ(listed.at("files"),
            (Json{{{"path", "a b.txt"}, {"is_dir", false}, {"file_size", 0}}, {{"path", "model"}, {"is_dir", true}}}));
  EXPECT_EQ(get(bob, "artifacts/list", {{"run_id", id}, {"path", "model"}}).json.at("files")[0].at("path"),
            "model/w.bin");
  ApiRequest list = request("GET", "mlflow-artifacts/artifacts");
  list.query["path"] = root.substr(1) + "/model";
  EXPECT_EQ(ask(bob, list).json.at("files"), (Json{{{"path", "w.bin"}, {"is_dir", false}, {"file_size", 10}}}));

  for (const char* path : {"/../../r1", "/%2e%2e/x", "/a%00b", "/a/../../../x"}) {
    EXPECT_EQ(files(ann, "PUT", root + path, "x").code(), "INVALID_PARAMETER_VALUE") << path;
    EXPECT_EQ(files(ann, "GET", root + path).code(), "INVALID_PARAMETER_VALUE") << path;
    EXPECT_EQ(files(ann, "DELETE", root + path).code(), "INVALID_PARAMETER_VALUE") << path;
    EXPECT_EQ(get(ann, "artifacts/list", {{"run_id", id}, {"path", root + path}}).code(), "INVALID_PARAMETER_VALUE")
        << path;
  }
  for (const char* path : {"/0", "/0/r1", "/0/r1/other/x", "/store.sqlite"})
    EXPECT_EQ(files(ann, "GET", path).code(), "INVALID_PARAMETER_VALUE") << path;
  EXPECT_EQ(files(ann, "GET", "/7/" + id + "/artifacts/a").code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(files(ann, "GET", root + "/none").code(), "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(files(bob, "DELETE", root + "/model").code(), "PERMISSION_DENIED");
  EXPECT_EQ(files(ann, "DELETE", root + "/model").status, 200);
  EXPECT_EQ(files(ann, "GET", root + "/model/w.bin").code(), "RESOURCE_DOES_NOT_EXIST");
}

TEST_F(Tracking, AnUploadComesInPieces) {
  const std::string id = new_run(ann);
  int left = 40;
  ApiRequest put = request("PUT", "mlflow-artifacts/artifacts/0/" + id + "/artifacts/large");
  put.read = [&] { return left-- > 0 ? std::string(100'000, 'x') : std::string(); };
  EXPECT_EQ(ask(ann, put).status, 200);
  EXPECT_EQ(std::filesystem::file_size(scratch / "runs" / id / "artifacts/large"), 4'000'000u);
}

TEST_F(Tracking, OtherPathsAndMethodsAreNoEndpoints) {
  EXPECT_EQ(get(ann, "runs/create").code(), "ENDPOINT_NOT_FOUND");
  EXPECT_EQ(get(ann, "registered-models/search").status, 404);
  EXPECT_EQ(post(ann, "", Json::object()).status, 404);
  EXPECT_EQ(files(ann, "POST", "/0/r1/artifacts/x").status, 404);
  EXPECT_EQ(files(ann, "GET", "x").status, 404);
  EXPECT_EQ(ask(ann, request("POST", "mlflow/runs/create", "{")).code(), "INVALID_PARAMETER_VALUE");
}

}  // namespace
}  // namespace hadal::cluster
