#include "research/run.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/json.h"
#include "base/rng.h"
#include "base/testing/scratch.h"
#include "net/testing/test_server.h"
#include "research/claims.h"
#include "research/testing/scripted_writer.h"
#include "research/testing/small_web.h"

namespace hadal::research {
namespace {

using test::error_of;
using test::ScratchFolder;
using test::ScriptedWriter;

constexpr const char* kQuestion = "How long is the river Vell, and where does it rise?";

std::string faults(const Path& folder) {
  std::string text;
  for (const std::string& fault : verify_run(folder).faults) text += fault + "\n";
  return text;
}

std::string without_cost(const Path& folder) {
  Json json = parse_json(read_file(folder / kReportJson), "report.json");
  json.erase("cost");
  return dump_json(json);
}

std::vector<std::string> quotes_of(const Report& report) {
  std::vector<std::string> quotes;
  for (const Section& section : report.sections)
    for (const Claim& claim : section.claims)
      for (const Cite& cite : claim.cites) quotes.push_back(cite.quote);
  return quotes;
}

bool any_holds(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

class RunTest : public ::testing::Test {
 protected:
  RunTest() { test::write_web(web_, test::small_pages()); }
  RunOptions options(const std::string& name, const std::string& question = kQuestion) {
    return test::replayed(web_, scratch_ / name, question);
  }
  ScratchFolder scratch_;
  Path web_ = scratch_ / "web.warc.gz";
};

TEST_F(RunTest, AnswersByQuotesThatVerify) {
  const Report report = research(options("a"), nullptr);
  EXPECT_TRUE(report.found);
  EXPECT_EQ(report.mode, "extract");
  EXPECT_HAS(report.answer, "412 kilometres");
  EXPECT_TRUE(any_holds(quotes_of(report), "412 kilometres long"));
  EXPECT_EQ(report.sources.at(0).kind, "web");
  EXPECT_EQ(faults(scratch_ / "a"), "");
  EXPECT_GT(verify_run(scratch_ / "a").quotes, 0);
  EXPECT_EQ(to_markdown(read_report(scratch_ / "a")), read_file(scratch_ / "a" / kReportMarkdown));
}

TEST_F(RunTest, AFolderIsPrivateAndNamedByItsFiles) {
  std::filesystem::create_directories(scratch_ / "notes");
  write_file_whole(scratch_ / "notes/pump.md", "# Pumps\n\nWe choose the pump P-12 for 40 pounds in March.\n");
  RunOptions o;
  o.question = "Which pump did we choose in March?";
  o.sources = {"folder:" + (scratch_ / "notes").string()};
  o.out = scratch_ / "a";
  const Report report = research(o, nullptr);
  EXPECT_TRUE(report.found);
  EXPECT_EQ(report.sources.at(0).url, "notes/pump.md");
  EXPECT_EQ(report.sources.at(0).kind, "folder");
  EXPECT_EQ(faults(o.out), "");
}

TEST_F(RunTest, FilesThatCannotBeReadAreNamed) {
  std::filesystem::create_directories(scratch_ / "notes");
  write_file_whole(scratch_ / "notes/pump.md", "We chose the pump P-12 in March.\n");
  write_file_whole(scratch_ / "notes/broken.pdf", "%PDF-1.4 and no more");
  RunOptions o;
  o.question = "Which pump did we choose?";
  o.sources = {"folder:" + (scratch_ / "notes").string()};
  o.out = scratch_ / "a";
  const Report report = research(o, nullptr);
  EXPECT_TRUE(report.found);
  ASSERT_EQ(report.refused.size(), 1u);
  EXPECT_EQ(report.refused[0].url, "notes/broken.pdf");
  EXPECT_HAS(report.refused[0].why, "PDF");
  EXPECT_HAS(read_file(o.out / kReportMarkdown), "notes/broken.pdf");
  EXPECT_EQ(faults(o.out), "");
}

TEST_F(RunTest, TheSameArchiveGivesTheSameReport) {
  research(options("a"), nullptr);
  research(options("b"), nullptr);
  EXPECT_EQ(without_cost(scratch_ / "a"), without_cost(scratch_ / "b"));
  // And so does the archive that a run made.
  RunOptions again = options("c");
  again.replay = scratch_ / "a" / kArchive;
  research(again, nullptr);
  const Report first = read_report(scratch_ / "a"), third = read_report(scratch_ / "c");
  EXPECT_EQ(quotes_of(first), quotes_of(third));
}

// Runs it in a child that kills itself at the given event, and perhaps loses the end of its last writes.
void run_and_kill(const RunOptions& options, int64_t event) {
  const pid_t child = ::fork();
  if (child == 0) {
    RunHooks hooks;
    int64_t seen = 0;
    hooks.on_event = [&](const RunEvent&) {
      if (++seen >= event) ::raise(SIGKILL);
    };
    ScriptedWriter writer(test::obey);
    try {
      research(options, options.slots ? &writer : nullptr, hooks);
    } catch (...) {
      ::_exit(7);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
}

void cut(const Path& file, uint64_t bytes) {
  const uint64_t size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, size - std::min(size, bytes));
}

TEST_F(RunTest, KilledAnywhereItResumesToTheSameReport) {
  for (const bool with_model : {false, true}) {
    RunOptions whole = options(fmt::format("whole{}", with_model));
    if (with_model) whole.slots = {Slot::plan, Slot::judge, Slot::gap, Slot::write};
    ScriptedWriter writer(test::obey);
    research(whole, with_model ? &writer : nullptr);
    const std::string expected = without_cost(whole.out);
    const auto events = static_cast<uint64_t>(run_events(whole.out).size());
    Rng rng(7);
    for (int i = 0; i < 20; ++i) {
      RunOptions killed = whole;
      killed.out = scratch_ / fmt::format("killed{}{}", with_model, i);
      const auto at = static_cast<int64_t>(1 + rng.below(events));
      run_and_kill(killed, at);
      // A torn line; bytes in the archive that no line of the journal speaks of.
      const std::string journal = read_file(killed.out / kJournal);
      if (rng.below(2) == 0 && journal.find('\n') + 1 < journal.size()) {
        cut(killed.out / kJournal, 1 + rng.below(journal.size() - journal.find('\n') - 1));
        std::ofstream(killed.out / kArchive, std::ios::app) << "\x1f\x8b torn";
      }
      ScriptedWriter other(test::obey);
      resume(killed.out, with_model ? &other : nullptr);
      ASSERT_EQ(without_cost(killed.out), expected) << "killed at event " << at << " of " << events;
      ASSERT_EQ(faults(killed.out), "") << at;
    }
  }
}

TEST_F(RunTest, ADoneRunIsResumedToItself) {
  research(options("a"), nullptr);
  const std::string html = read_file(scratch_ / "a" / kReportHtml), json = read_file(scratch_ / "a" / kReportJson);
  std::filesystem::remove(scratch_ / "a" / kReportHtml);
  resume(scratch_ / "a", nullptr);
  EXPECT_EQ(read_file(scratch_ / "a" / kReportHtml), html);
  EXPECT_EQ(read_file(scratch_ / "a" / kReportJson), json);
  ScriptedWriter writer(test::obey);
  EXPECT_HAS(error_of([&] { resume(scratch_ / "a", &writer); }), "without a model");
}

TEST_F(RunTest, TheUserStopsItAndGetsAReport) {
  RunHooks hooks;
  int asked = 0;
  hooks.stopped = [&] { return ++asked > 3; };
  const Report report = research(options("a"), nullptr, hooks);
  EXPECT_EQ(report.stopped, "user");
  EXPECT_EQ(faults(scratch_ / "a"), "");
  EXPECT_EQ(list_runs(scratch_.path()).at(0).state, "stopped");
}

TEST_F(RunTest, BudgetsEndIt) {
  RunOptions o =
      options("a", "How deep is the harbour of the town where the river Vell meets the sea, and who owns zebras?");
  o.budget.pages = 1;
  const Report report = research(o, nullptr);
  EXPECT_EQ(report.stopped, "pages");
  EXPECT_EQ(report.cost.pages, 1);
  EXPECT_FALSE(report.gaps.empty());
  EXPECT_EQ(faults(o.out), "");
  RunOptions few = options("b");
  few.slots = {Slot::plan, Slot::judge, Slot::gap, Slot::write};
  few.budget.tokens = 200;
  ScriptedWriter writer(test::obey);
  EXPECT_EQ(research(few, &writer).stopped, "tokens");
}

TEST_F(RunTest, WhatCannotBeAnsweredIsSaid) {
  const Report report = research(options("a", "Which zebra won the chess tournament of Quito?"), nullptr);
  EXPECT_FALSE(report.found);
  EXPECT_EQ(report.answer, "");
  EXPECT_FALSE(report.gaps.empty());
  EXPECT_EQ(faults(scratch_ / "a"), "");
}

TEST_F(RunTest, FaultsAreOneSentence) {
  const auto error = [&](const RunOptions& o) { return error_of([&] { research(o, nullptr); }); };
  EXPECT_HAS(error(options("a", "  ")), "question: expected a question");
  EXPECT_HAS(error(options("a", "??")), "question");
  EXPECT_HAS(error(options("a", std::string(10'000, 'x'))), "at most");
  RunOptions o = options("a");
  o.replay = scratch_ / "none.warc.gz";
  EXPECT_HAS(error(o), "none.warc.gz");
  o = options("a");
  o.replay.clear();
  EXPECT_HAS(error(o), "--sources");
  o.sources = {"gopher:x"};
  EXPECT_HAS(error(o), "gopher");
  std::filesystem::create_directories(scratch_ / "empty");
  o.sources = {"folder:" + (scratch_ / "empty").string()};
  EXPECT_HAS(error(o), "empty");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "a")) << "a run that read nothing leaves nothing";
  write_file_whole(scratch_ / "text.warc.gz", "this is no archive");
  o = options("a");
  o.replay = scratch_ / "text.warc.gz";
  EXPECT_NE(error(o), "");
  research(options("a"), nullptr);
  EXPECT_HAS(error(options("a")), "holds a run already");
}

TEST_F(RunTest, ADeadSearchServerDoesNotEndARun) {
  std::filesystem::create_directories(scratch_ / "notes");
  write_file_whole(scratch_ / "notes/pump.md", "# Pumps\n\nWe chose the pump P-12 for 40 pounds in March.\n");
  std::string dead;
  {
    test::Server server([](test::Connection& c, const test::Request&) { c.reply(200); });
    dead = server.url();
  }
  RunOptions o;
  o.question = "Which pump did we choose, and who is the president of Freedonia?";
  o.sources = {"searx:" + dead, "folder:" + (scratch_ / "notes").string()};
  o.out = scratch_ / "a";
  const Report report = research(o, nullptr);
  EXPECT_TRUE(any_holds(quotes_of(report), "P-12"));
  EXPECT_FALSE(report.refused.empty());
  EXPECT_EQ(faults(o.out), "");
}

TEST_F(RunTest, AFullDiskIsSaid) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string why = error_of([&] { research(options("a"), nullptr); });
    ::_exit(why.find("File too large") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(RunTest, RunsAreListedAndNamed) {
  research(options("a"), nullptr);
  run_and_kill(options("b"), 3);
  std::map<std::string, std::string> states;
  for (const RunSummary& run : list_runs(scratch_.path())) states[run.id] = run.state;
  EXPECT_EQ(states, (std::map<std::string, std::string>{{"a", "done"}, {"b", "killed"}}));
  const std::string id = new_run_id(scratch_.path(), "How long is <the> river/Vell?");
  EXPECT_HAS(id, "-how-long-is-the-river");
  std::filesystem::create_directories(scratch_ / id);
  EXPECT_NE(new_run_id(scratch_.path(), "How long is <the> river/Vell?"), id);
}

// A model that writes sensibly, by rule.
std::string write_well(std::string_view slot, const std::string& asked) {
  if (slot == "judge") return R"({"bears":true,"sentence":1})";
  if (slot == "plan")
    return R"(Well, {"questions":[{"question":"How long is the river Vell?","queries":["river Vell length"]},{"question":"Where does the river Vell rise?","queries":["river Vell rises"]}]})";
  if (slot == "gap") return R"({"missing":[]})";
  size_t number = 1;
  for (; number < 9; ++number) {
    const size_t at = asked.find(fmt::format("[{}] from", number));
    if (at != std::string::npos && asked.substr(at, asked.find('\n', at) - at).find("412") != std::string::npos) break;
  }
  return fmt::format(
      R"(```json
{{"sentences":[{{"text":"The river Vell is 412 km long.","cites":[{}]}},{{"text":"The river Vell is 500 km long.","cites":[1]}}]}}
```)",
      number > 8 ? 1 : number);
}

TEST_F(RunTest, AModelsSentencesAreCheckedBeforeTheyArePublished) {
  RunOptions o = options("a");
  o.slots = {Slot::plan, Slot::judge, Slot::gap, Slot::write};
  ScriptedWriter writer(write_well);
  const Report report = research(o, &writer);
  EXPECT_EQ(report.mode, "model");
  EXPECT_EQ(report.model, "scripted");
  EXPECT_EQ(report.sections.at(0).claims.at(0).text, "The river Vell is 412 km long.");
  EXPECT_EQ(report.sections.at(0).claims.at(0).support, "checked");
  EXPECT_GT(report.rejected, 0);
  EXPECT_EQ(json_file(report).find("500"), std::string::npos);
  EXPECT_GT(report.cost.tokens_in, 0);
  EXPECT_EQ(faults(o.out), "");
}

TEST_F(RunTest, AModelThatFailsTheProbesGivesQuotes) {
  ::setenv("XDG_CACHE_HOME", (scratch_ / "cache").c_str(), 1);
  ScriptedWriter writer([](auto, const auto&) { return "hm"; });
  const Report report = research(options("a"), &writer);
  EXPECT_EQ(report.mode, "extract");
  EXPECT_TRUE(report.slots.empty());
  EXPECT_EQ(report.slots_why, std::vector<std::string>{"this model failed 8 of 8 reading probes; you get quotes"});
  EXPECT_EQ(faults(scratch_ / "a"), "");
}

// What was read in private documents reaches no server.
TEST_F(RunTest, PrivateWordsStayHere) {
  std::filesystem::create_directories(scratch_ / "notes");
  write_file_whole(scratch_ / "notes/pump.md",
                   "# Pumps\n\nWe chose the pump Zanzibar from Quixote Brothers for 40 pounds in March.\n");
  test::Server server([](test::Connection& c, const test::Request&) {
    c.reply(200, "Content-Type: application/json\r\n", R"({"results":[]})");
  });
  for (const bool allowed : {false, true}) {
    RunOptions o;
    o.question = "Which pump did we choose, and who invented the Freedonian valve of brass?";
    o.sources = {"searx:" + server.url(), "folder:" + (scratch_ / "notes").string()};
    o.out = scratch_ / fmt::format("a{}", allowed);
    o.private_queries = allowed;
    o.slots = {Slot::gap};
    ScriptedWriter writer([](auto, const std::string& asked) {
      const bool seen = asked.find("Quixote") != std::string::npos;
      return seen ? R"({"missing":["Quixote Brothers Zanzibar"]})" : R"({"missing":["Freedonian brass valve"]})";
    });
    research(o, &writer);
    bool told = false;
    for (const test::Request& request : server.requests())
      told = told || request.target.find("Quixote") != std::string::npos ||
             request.target.find("Zanzibar") != std::string::npos;
    EXPECT_EQ(told, allowed);
    EXPECT_FALSE(server.requests().empty());
  }
}

// A page of the web that says nearly the same does not make a private document public.
TEST_F(RunTest, ANearDuplicateOfAPageStaysPrivate) {
  std::string rest;
  for (int i = 0; i < 300; ++i) {
    for (const int letter : {i % 17, i % 7, i % 13, i % 5}) rest += static_cast<char>('a' + letter);
    rest += i % 15 == 14 ? ".\n" : " ";
  }
  const auto text = [&](const std::string& who) { return "We chose the pump that " + who + " recommended.\n" + rest; };
  std::filesystem::create_directories(scratch_ / "notes");
  write_file_whole(scratch_ / "notes/pump.md", "# Pumps\n\n" + text("Quixote"));
  std::string origin;
  test::Server server([&](test::Connection& c, const test::Request& request) {
    if (request.target == "/page")
      return c.reply(200, "Content-Type: text/html\r\n", test::page("Pumps", "<p>" + text("everybody") + "</p>"));
    if (request.target == "/robots.txt") return c.reply(404);
    c.reply(200, "Content-Type: application/json\r\n",
            fmt::format(R"({{"results":[{{"url":"{}/page","title":"Pumps"}}]}})", origin));
  });
  origin = server.url();
  RunOptions o;
  o.question = "Which pump did we choose, and who invented the Freedonian valve of brass?";
  o.sources = {"searx:" + server.url(), "folder:" + (scratch_ / "notes").string()};
  o.fetch.allowed = net::AllowList({origin.substr(origin.find("//") + 2)});
  o.fetch.limits.host_interval_s = 0;
  o.out = scratch_ / "a";
  o.slots = {Slot::gap};
  ScriptedWriter writer([](auto, const std::string& asked) {
    const bool seen = asked.find("Quixote") != std::string::npos;
    return seen ? R"({"missing":["Quixote"]})" : R"({"missing":["Freedonian brass valve"]})";
  });
  const Report report = research(o, &writer);
  EXPECT_EQ(report.cost.pages, 1);
  ASSERT_EQ(report.sources.size(), 1u) << "page and note are one document, or this shows nothing";
  EXPECT_EQ(report.sources[0].kind, "folder");
  for (const test::Request& request : server.requests())
    EXPECT_EQ(request.target.find("Quixote"), std::string::npos) << request.target;
}

TEST_F(RunTest, TheTimeThatIsLeftIsThatOfTheBudgetAlsoAfterAResume) {
  RunOptions o = options("a");
  o.budget.seconds = 5000;
  run_and_kill(o, 6);
  RunHooks hooks;
  bool told = false;
  hooks.on_progress = [&](const RunProgress& progress) {
    if (progress.round == 0) return;
    told = true;
    EXPECT_DOUBLE_EQ(progress.left_s, std::max(0.0, 5000 - progress.seconds));
  };
  resume(o.out, nullptr, hooks);
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace hadal::research
