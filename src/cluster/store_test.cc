#include "cluster/store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "base/testing/scratch.h"
#include "cluster/store/database.h"

namespace hadal::cluster {
namespace {
using test::error_of;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Person person_called(const std::string& name) {
  Person person;
  person.name = name;
  return person;
}

Idea idea_called(const std::string& name) {
  Idea idea;
  idea.name = name;
  return idea;
}

Run run_of_idea(int64_t idea) {
  Run run;
  run.idea = idea, run.person = 1;
  run.command = {"sh", "-c", "echo \"\u00e4\" '\n"};
  run.size = {2, 1, 1 << 30};
  run.seed = 7, run.time_limit_s = 60, run.metric = "loss", run.larger_is_better = true;
  run.held_out = "abc", run.length_tokens = 5, run.rung = 3, run.submitted = 12.5, run.attempts = 2;
  run.claim = {{"n1", 2}, {"n2", 1}};
  run.reason = "waits", run.recipe = "a.toml", run.by_person = true, run.state = RunState::suspended;
  return run;
}

TEST(Store, KeepsRowsOverAReopen) {
  test::ScratchFolder folder;
  std::string id;
  {
    Store store(folder / "store.db");
    id = store.cluster_id();
    const Person ada = store.add_person({0, "Ada", "ada", true, false});
    EXPECT_EQ(ada.id, 1);
    const Idea idea = store.add_idea({0, "warm-up", ada.id, "because", true, true, IdeaState::parked, 3.5});
    auto run = store.add_run(run_of_idea(idea.id));
    EXPECT_EQ(run.id, 1);
    store.add(Attempt{run.id, 1, "x", {{"n1", 2}}, 1, 2, 3, 143, "killed", 100, 4.5, -1});
    store.add(Attempt{run.id, 2, "", {}, 4, 0, 0, {}, "", -1, 0, 12});
    store.add(Decision{1, run.id, idea.id, "state", "", "queued", "Ada", "submit", "first"});
    store.add(Grant{0, idea.id, 4, 1, 2});
    store.add_score(run.id, 1, 1.5);
    store.add_score(run.id, 2, kNan);
    store.add_score(run.id, 1, 9);  // it stays
    store.set_note("tag", run.id, "k", "v");
  }
  EXPECT_EQ(std::filesystem::status(folder / "store.db").permissions() & std::filesystem::perms(0077),
            std::filesystem::perms::none);
  Store store(folder / "store.db");
  EXPECT_EQ(store.cluster_id(), id);
  EXPECT_EQ(id.size(), 8u);
  EXPECT_EQ(store.person_named("Ada")->unix_user, "ada");
  EXPECT_EQ(store.person_of_unix("ada")->lead, true);
  const Idea idea = *store.idea_named("warm-up");
  EXPECT_TRUE(idea.baseline && idea.secret && idea.state == IdeaState::parked && idea.created == 3.5);
  const auto run = *store.run(1);
  const auto expected = run_of_idea(idea.id);
  EXPECT_EQ(run.command, expected.command);
  EXPECT_EQ(run.size, expected.size);
  EXPECT_EQ(run.claim, expected.claim);
  EXPECT_TRUE(run.state == RunState::suspended && run.by_person && run.seed == 7 && run.time_limit_s == 60 &&
              run.metric == "loss" && run.larger_is_better && run.held_out == "abc" && run.length_tokens == 5 &&
              run.rung == 3 && run.submitted == 12.5 && run.attempts == 2 && run.reason == "waits" &&
              run.recipe == "a.toml");
  const auto attempts = store.attempts(1);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].exit, 143);
  EXPECT_EQ(attempts[0].places, (std::vector<Place>{{"n1", 2}}));
  EXPECT_FALSE(attempts[1].exit);
  const auto used = store.used_by_runs();
  EXPECT_EQ(used.at(1).core_seconds, 4.5);
  EXPECT_EQ(used.at(1).unmeasured_core_seconds, 4.5);
  EXPECT_EQ(used.at(1).joules, 12);
  EXPECT_EQ(store.decisions_of_run(1).at(0).to, "queued");
  EXPECT_EQ(store.grants().at(0).slots, 4);
  const auto scores = store.scores(1);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0], 1.5);
  EXPECT_TRUE(std::isnan(scores[1]));
  EXPECT_EQ(store.note("tag", 1, "k"), "v");
  EXPECT_EQ(store.run_heads().at(0).rung, 3);
  EXPECT_EQ(store.runs_in({RunState::suspended, RunState::queued}).size(), 1u);
}

TEST(Store, NamesAreUniqueAndOfThePlainKind) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  store.add_person(person_called("Ada"));
  EXPECT_HAS(error_of([&] { store.add_person(person_called("Ada")); }), "a person \"Ada\" already");
  EXPECT_HAS(error_of([&] { store.add_person(person_called("a/x")); }), "other characters");
  store.add_idea(idea_called("a"));
  EXPECT_HAS(error_of([&] { store.add_idea(idea_called("a")); }), "an idea \"a\" already");
  EXPECT_HAS(error_of([&] { store.add_idea(idea_called("r12")); }), "looks like the id of a run");
  EXPECT_EQ(store.ideas().size(), 1u);
}

TEST(Store, IdsOfRunsAreNeverGivenAgain) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  EXPECT_EQ(store.next_run_id(), 1);
  EXPECT_EQ(store.next_run_id(), 2);
  auto run = run_of_idea(1);
  run.id = 2;
  EXPECT_EQ(store.add_run(run).id, 2);
  run.id = 0;
  EXPECT_EQ(store.add_run(run).id, 3);  // came by another way
  EXPECT_EQ(store.next_run_id(), 4);
}

TEST(Store, AWriteIsWholeOrNothing) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  const auto run = store.add_run(run_of_idea(1));
  EXPECT_HAS(error_of([&] {
               store.write([&] {
                 store.add_idea(idea_called("a"));
                 store.add({{run.id, "loss", 1, 2.0, 0, -1}});
                 EXPECT_TRUE(store.idea_named("a"));  // seen by who writes it
                 std::thread([&] { EXPECT_FALSE(store.idea_named("a")); }).join();
                 fail("no");
               });
             }),
             "no");
  EXPECT_FALSE(store.idea_named("a"));
  EXPECT_TRUE(store.metric_summaries(run.id).empty());
  store.add({{run.id, "loss", 1, 3.0, 0, -1}});  // what is kept of series was undone as well
  EXPECT_EQ(store.metrics(run.id, "loss").size(), 1u);
}

TEST(Store, AnOlderGenerationMayNotWrite) {
  test::ScratchFolder folder;
  Store first(folder / "store.db");
  EXPECT_EQ(first.take_generation(), 1);
  first.add_idea(idea_called("a"));
  Store second(folder / "store.db");
  EXPECT_EQ(second.take_generation(), 2);
  EXPECT_HAS(error_of([&] { first.add_idea(idea_called("b")); }),
             "another daemon has taken this cluster over (generation 2");
  second.add_idea(idea_called("c"));
  EXPECT_EQ(first.ideas().size(), 2u);
}

TEST(Store, MetricsComeInBatchesWithTheirSummary) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  const auto run = store.add_run(run_of_idea(1));
  constexpr double kInf = std::numeric_limits<double>::infinity();
  store.add({{run.id, "loss", 1, 3, 10, 100}, {run.id, "x", 1, kNan, 10, -1}, {run.id, "loss", 2, 1, 11, 200}});
  store.add({{run.id, "loss", 3, kNan, 12, 300}, {run.id, "loss", 4, 2, 13, 400}, {run.id, "x", 2, -kInf, 10, -1}});
  const auto summaries = store.metric_summaries(run.id);
  ASSERT_EQ(summaries.size(), 2u);
  EXPECT_EQ(summaries[0].key, "loss");
  EXPECT_EQ(summaries[0].last, 2);
  EXPECT_EQ(summaries[0].least, 1);
  EXPECT_EQ(summaries[0].most, 3);
  EXPECT_EQ(summaries[0].step, 4);
  EXPECT_EQ(summaries[0].tokens, 400);
  EXPECT_EQ(summaries[1].last, -kInf);
  EXPECT_EQ(store.metric_keys(run.id), (std::vector<std::string>{"loss", "x"}));
  int64_t row = 0;
  EXPECT_EQ(store.metrics(run.id, "loss", 0, 3, &row).size(), 3u);
  const auto rest = store.metrics(run.id, "loss", row, 0, &row);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].tokens, 400);
  EXPECT_EQ(row, 4);
  EXPECT_TRUE(std::isnan(store.metrics(run.id, "x").at(0).value));
  EXPECT_EQ(store.compared_summaries().at(run.id).key, "loss");
  EXPECT_HAS(error_of([&] { store.add({{99, "loss", 1, 1, 1, 1}}); }), "no run r99");
}

TEST(Store, TokensOpenWhatTheyWereMadeFor) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  store.add_token("h1", 1, 0, 0);
  store.add_token("h2", 1, 5, 2);
  EXPECT_EQ(store.token_owner("h2")->run, 5);
  store.drop_tokens_of_run(5);
  EXPECT_FALSE(store.token_owner("h2"));
  EXPECT_EQ(store.token_owner("h1")->person, 1);
  store.drop_tokens_of_person(1);
  EXPECT_FALSE(store.token_owner("h1"));
}

TEST(Store, DamagedNewerAndMissingFilesAreSaid) {
  test::ScratchFolder folder;
  write_file_whole(folder / "text.db", "this is a text, and a longer one than a header of SQLite is, and so no store");
  EXPECT_HAS(error_of([&] { Store(folder / "text.db"); }), "damaged or other file");
  { Database(folder / "newer.db", Database::Use::write).run("PRAGMA user_version = 99"); }
  EXPECT_HAS(error_of([&] { Store(folder / "newer.db"); }), "found 99");
  EXPECT_HAS(error_of([&] { Store(folder / "no/such.db"); }), "no/such.db");
  Store store(folder / "store.db");
  std::filesystem::rename(folder / "store.db", folder / "elsewhere.db");
  EXPECT_HAS(error_of([&] { store.add_idea(idea_called("a")); }), "removed or replaced");
}

TEST(Store, ReadersAndAWriterDoNotMeet) {
  test::ScratchFolder folder;
  Store store(folder / "store.db");
  const auto run = store.add_run(run_of_idea(1));
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      size_t seen = 0;
      while (!stop) {
        const size_t now = store.metrics(run.id, "loss").size();
        EXPECT_GE(now, seen);
        EXPECT_EQ(now % 10, 0u);  // whole batches
        seen = now;
      }
    });
  for (int batch = 0; batch < 50; ++batch) {
    std::vector<MetricPoint> points;
    for (int i = 0; i < 10; ++i) points.push_back({run.id, "loss", batch * 10 + i, 1.0, 0, -1});
    store.add(points);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(store.metrics(run.id, "loss").size(), 500u);
}

}  // namespace
}  // namespace hadal::cluster
