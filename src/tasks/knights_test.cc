#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/knights/puzzle.h"

namespace hadal::tasks {
namespace {

using Roles = std::map<std::string, bool>;  // who is a knight

OrderedJson json(std::string_view text) { return parse_ordered_json(text, "test"); }

std::vector<OrderedJson> lines_of(const std::string& name) {
  std::vector<OrderedJson> lines;
  for (const std::string& line : split(read_file(Path(HADAL_SOURCE_DIR) / "tests/reason" / name), '\n'))
    if (!line.empty()) lines.push_back(json(line));
  return lines;
}

// The oracle: the README's words for EXPR, one by one.
bool says_true(const OrderedJson& expr, const Roles& roles) {
  const std::string form = expr[0];
  if (form == "is") return roles.at(expr[1]) == (expr[2] == "knight");
  if (form == "same") return roles.at(expr[1]) == roles.at(expr[2]);
  if (form == "not") return !says_true(expr[1], roles);
  if (form == "and") return says_true(expr[1], roles) && says_true(expr[2], roles);
  if (form == "or") return says_true(expr[1], roles) || says_true(expr[2], roles);
  if (form == "if") return !says_true(expr[1], roles) || says_true(expr[2], roles);
  const auto is_knight = [](const auto& role) { return role.second; };
  return std::count_if(roles.begin(), roles.end(), is_knight) == expr[1].get<int>();
}

std::vector<Roles> all_roles(const OrderedJson& item) {
  std::vector<Roles> all;
  const OrderedJson& people = item.at("people");
  for (size_t a = 0; a < size_t{1} << people.size(); ++a) {
    Roles roles;
    for (size_t p = 0; p < people.size(); ++p) roles[people[p]] = (a >> p & 1) != 0;
    all.push_back(roles);
  }
  return all;
}

bool kept(const OrderedJson& item, const Roles& roles) {
  return std::ranges::all_of(item.at("statements"), [&](const OrderedJson& statement) {
    return says_true(statement.at("says"), roles) == roles.at(statement.at("by"));
  });
}

std::string answer_of(const Roles& roles) {
  std::string text;
  for (const auto& [name, knight] : roles) text += name + (knight ? " is a knight. " : " is a knave. ");
  return text;
}

void expect_one_solution(const OrderedJson& item) {
  size_t found = 0;
  for (const Roles& roles : all_roles(item)) {
    found += kept(item, roles) ? 1 : 0;
    EXPECT_EQ(knights_task().judge(item, answer_of(roles)).right, kept(item, roles)) << dump_json(item);
  }
  EXPECT_EQ(found, 1u) << dump_json(item);
}

// Claims inside claims, as deep as `depth`.
OrderedJson random_expr(const OrderedJson& people, int depth, Rng& rng) {
  const auto name = [&] { return people[rng.below(people.size())]; };
  switch (rng.below(depth > 0 ? 7 : 3)) {
    case 0:
      return {"is", name(), rng.below(2) == 0 ? "knight" : "knave"};
    case 1:
      return {"same", name(), name()};
    case 2:
      return OrderedJson::array({"knights", rng.below(people.size() + 1)});
    case 3:
      return OrderedJson::array({"not", random_expr(people, depth - 1, rng)});
    default:
      const std::array<const char*, 3> forms = {"and", "or", "if"};
      return {forms[rng.below(3)], random_expr(people, depth - 1, rng), random_expr(people, depth - 1, rng)};
  }
}

OrderedJson random_item(Rng& rng) {
  for (;;) {
    OrderedJson item{{"task", "knights"}, {"people", {"Ada", "Björk", "cleo-2", "I"}}, {"statements", {}}};
    const size_t n = 3 + rng.below(3);
    for (size_t i = 0; i < n; ++i)
      item["statements"].push_back(
          {{"by", item["people"][rng.below(4)]}, {"says", random_expr(item["people"], 3, rng)}});
    try {
      knights_task().check(item, "item");
      return item;
    } catch (const Error&) {
    }
  }
}

TEST(Knights, ReadsTheSharedItems) {
  for (const auto& [file, count] : {std::pair{"knights2", 10}, {"knights3", 20}, {"knights4", 10}}) {
    const auto items = lines_of(std::string(file) + ".jsonl");
    EXPECT_EQ(std::ssize(items), count);
    for (const OrderedJson& item : items) {
      knights_task().check(item, file);
      EXPECT_EQ(knights_task().kind(item), file);
      EXPECT_TRUE(is_held_out(knights_task(), item));
      EXPECT_EQ(knights::item_of(knights::read_puzzle(item, "item")), item);
      expect_one_solution(item);
    }
  }
}

TEST(Knights, JudgesAsTheSharedVerdicts) {
  int seen = 0;
  for (const OrderedJson& row : lines_of("verdicts.jsonl")) {
    if (row.at("item").at("task") != "knights") continue;
    ++seen;
    const Verdict verdict = judge_reply(knights_task(), row.at("item"), row.at("reply").get<std::string>());
    EXPECT_EQ(verdict.right, row.at("right").get<bool>()) << row.at("reply");
    EXPECT_FALSE(verdict.why.empty());
  }
  EXPECT_EQ(seen, 6);
}

TEST(Knights, TheFormOfAnAnswerIsStrict) {
  const OrderedJson item = json(R"({"task": "knights", "people": ["Ada", "Ben", "and"], "statements": [
      {"by": "Ada", "says": ["is", "Ben", "knave"]}, {"by": "Ben", "says": ["same", "Ada", "Ben"]},
      {"by": "and", "says": ["is", "Ada", "knight"]}]})");
  knights_task().check(item, "item");
  for (const char* right : {"Ada is a knight. Ben is a knave. and is a knight.", "ADA:KNIGHT,ben :knave,And: Knight",
                            "Ben is a knave, and Ada is a knight, and and is a knight",
                            "and is a knight and Ben: knave and\nAda: knight"}) {
    const Verdict verdict = knights_task().judge(item, right);
    EXPECT_TRUE(verdict.right) << right << ": " << verdict.why;
    EXPECT_EQ(verdict.nearness, 1) << right;
  }
  for (const char* wrong :
       {"", ".", "and", "Ada", "Ada is", "Ada is a", "Ada: ", "Ada is a knight. Ben is a knave. and is a knave.",
        "Ada is a knight. Ben is a knave. and is a knight and", "Ada is a knight Ben is a knave and is a knight",
        "Ada is a knight. Ben is a knave. and is a knight. Ada is a knight.",
        "Ada is a knight; Ben: knave; and: knight", "Ada is a knight, Ben is a knave, and is a knight, Cleo is a knave",
        "Ada is an knight. Ben: knave. and: knight", "Ada is a knight. Ben is a knave or a knight. and is a knight.",
        "Ada and and are knights. Ben is a knave.", "Ada is not a knave. Ben: knave. and: knight",
        "knight, knave, knight", ". Ada: knight. Ben: knave. and: knight"})
    EXPECT_FALSE(knights_task().judge(item, wrong).right) << wrong;
  EXPECT_NEAR(knights_task().judge(item, "Ada: knight. Ben: knight. and: knight").nearness, 2.0 / 3, 1e-12);
  EXPECT_EQ(knights_task().judge(item, "Ada: knight").nearness, 0);
}

TEST(Knights, HostileAnswersAreWrongAtOnce) {
  const OrderedJson item = lines_of("knights4.jsonl").front();
  for (const std::string& piece : {std::string("Ada: "), std::string("Dan is a knight. "), std::string("("),
                                   std::string("and "), std::string("\0\xff,", 3), std::string(":")}) {
    std::string text;
    while (text.size() < 200'000) text += piece;
    EXPECT_FALSE(knights_task().judge(item, text).right) << piece;
  }
}

TEST(Knights, RefusesBadItems) {
  const auto refused = [](const std::string& people, const std::string& statements, const char* named) {
    const std::string text = R"({"task": "knights", "people": )" + people + R"(, "statements": )" + statements + "}";
    try {
      knights_task().check(json(text), "line 7");
      ADD_FAILURE() << text.substr(0, 200);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("line 7: "), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  };
  const std::string two = R"(["Ada", "Ben"])", by = R"([{"by": "Ada", "says": )";
  const auto says = [&](const std::string& expr, const char* named) { refused(two, by + expr + "}]", named); };
  EXPECT_THROW(knights_task().check(json(R"({"task": "knights"})"), "x"), Error);
  refused("5", "[]", "people");
  refused(R"(["Ada"])", "[]", "2 to 8");
  refused(R"(["Ada", "ada"])", "[]", "twice");
  refused(R"(["Ada", "Ben Bo"])", "[]", "one word");
  refused(R"(["Ada", ""])", "[]", "one word");
  refused(R"(["Ada", "{a}"])", "[]", "one word");
  refused(R"(["Ada", 3])", "[]", "one word");
  refused(two, "{}", "statements");
  refused(two, "[]", "1 to");
  refused(two, "[5]", "by");
  refused(two, R"([{"by": "Ada"}])", "says");
  refused(two, R"([{"by": "Cleo", "says": ["knights", 1]}])", "Cleo");
  says(R"("Ben is a knave")", "a claim");
  says("[]", "a claim");
  says("[[]]", "a claim");
  says(R"(["xor", ["knights", 1], ["knights", 1]])", "xor");
  says(R"(["is", "Ben"])", "parts");
  says(R"(["is", "Ben", "knave", 1])", "parts");
  says(R"(["is", "Ben", "spy"])", "spy");
  says(R"(["is", 4, "knave"])", "people");
  says(R"(["same", "Ben", "Cleo"])", "Cleo");
  says(R"(["knights", -1])", "0 to 8");
  says(R"(["knights", 1.5])", "0 to 8");
  says(R"(["knights", 9])", "0 to 8");
  says(R"(["is", "Ada", "knight"])", "exactly one solution, found 4");
  says(R"(["is", "Ada", "knave"])", "exactly one solution, found 0");
  std::string deep = R"(["knights", 1])", wide = deep;
  for (int i = 0; i < 40; ++i) deep = R"(["not", )" + deep + "]";
  for (int i = 0; i < 12; ++i) wide = R"(["or", )" + wide + ", " + wide + "]";
  says(deep, "deep");
  says(wide, "claims");
}

TEST(Knights, MakesItemsWithOneSolutionFromTheirHalfOfTheRule) {
  for (const char* kind : {"knights2", "knights3", "knights4", "knights5"}) {
    std::map<std::string, int> forms;
    std::set<std::string> different;
    Rng rng(7), again(7);
    for (int i = 0; i < 200; ++i) {
      const Split split = i % 4 == 0 ? Split::held_out : Split::training;
      const OrderedJson item = knights_task().make(kind, split, rng);
      EXPECT_EQ(item, knights_task().make(kind, split, again));
      knights_task().check(item, kind);
      EXPECT_EQ(knights_task().kind(item), kind);
      EXPECT_EQ(is_held_out(knights_task(), item), split == Split::held_out);
      EXPECT_EQ(item.at("statements").size(), item.at("people").size());
      if (i < 40) expect_one_solution(item);
      different.insert(dump_json(item));
      for (const OrderedJson& statement : item.at("statements")) ++forms[statement.at("says")[0]];
    }
    EXPECT_EQ(different.size(), 200u);
    EXPECT_EQ(forms.size(), 7u) << kind;
  }
}

// The names of the people by their letters, as the first line has them.
std::map<char, std::string> letters_of(const std::string& line) {
  std::map<char, std::string> names;
  const auto words = split(line, ' ');
  for (size_t i = 0; i + 1 < words.size(); i += 2) names[words[i][0]] = words[i + 1];
  return names;
}

void expect_true_search(const OrderedJson& item, const Trace& trace) {
  const OrderedJson& statements = item.at("statements");
  const auto lines = split(trace.thinking, '\n');
  const auto names = letters_of(lines.at(0));
  ASSERT_EQ(names.size(), item.at("people").size());
  std::set<std::string> tried;
  for (size_t l = 1 + statements.size(); l < lines.size(); ++l) {
    auto checks = split(lines[l], ' ');
    EXPECT_TRUE(tried.insert(checks[0]).second) << trace.thinking;
    Roles roles;
    for (size_t i = 0; i + 1 < checks[0].size(); i += 2) roles[names.at(checks[0][i])] = checks[0][i + 1] == '1';
    const bool last = l + 1 == lines.size();
    EXPECT_EQ(kept(item, roles), last);
    EXPECT_TRUE(!last || checks.size() == 1 + statements.size()) << trace.thinking;
    for (size_t i = 1; i < checks.size(); ++i) {
      const OrderedJson& statement = statements[i - 1];
      const bool truth = says_true(statement.at("says"), roles), fits = truth == roles.at(statement.at("by"));
      EXPECT_TRUE(checks[i].ends_with((truth ? ":1" : ":0") + std::string(fits ? "" : "!"))) << lines[l];
      EXPECT_EQ(names.at(checks[i][0]), statement.at("by").get<std::string>());
      EXPECT_EQ(fits, last || i + 1 < checks.size()) << lines[l];
    }
  }
  EXPECT_TRUE(knights_task().judge(item, trace.answer).right) << trace.answer;
  EXPECT_TRUE(judge_reply(knights_task(), item, "<think>" + trace.thinking + "</think>" + trace.answer).right);
}

TEST(Knights, TracesAreTrue) {
  Rng rng(3);
  for (const char* kind : {"knights2", "knights3", "knights4", "knights5"})
    for (int i = 0; i < 50; ++i) {
      const OrderedJson item = knights_task().make(kind, Split::training, rng);
      const auto trace = knights_task().trace(item, 1 << 20, rng);
      ASSERT_TRUE(trace);
      expect_true_search(item, *trace);
      EXPECT_FALSE(knights_task().trace(item, 30, rng));
    }
  for (int i = 0; i < 50; ++i) {
    const OrderedJson item = random_item(rng);
    expect_true_search(item, *knights_task().trace(item, 1 << 20, rng));
  }
}

TEST(Knights, ATraceReadsLikeThis) {
  const OrderedJson item = json(R"({"task": "knights", "people": ["Ada", "Ben", "Cleo"], "statements": [
      {"by": "Ada", "says": ["or", ["is", "Ben", "knave"], ["same", "Ada", "Cleo"]]},
      {"by": "Ben", "says": ["not", ["or", ["not", ["is", "Cleo", "knave"]], ["is", "Ada", "knight"]]]},
      {"by": "Cleo", "says": ["knights", 3]}]})");
  for (uint64_t seed = 0;; ++seed) {
    Rng rng(seed);
    const Trace trace = knights_task().trace(item, 1000, rng).value();
    if (std::ranges::count(trace.thinking, '\n') != 5) continue;
    EXPECT_TRUE(trace.thinking.starts_with("A Ada B Ben C Cleo\nA:~B|A=C\nB:~(~~C|A)\nC:#3\nA")) << trace.thinking;
    EXPECT_TRUE(trace.thinking.ends_with("\nA1B0C0 A1:~B0|A1=C0:1 B0:~(~~C0|A1):0 C0:#3=1:0")) << trace.thinking;
    EXPECT_EQ(trace.answer, "Ada is a knight. Ben is a knave. Cleo is a knave.");
    return;
  }
}

TEST(Knights, TypicalTracesAreShort) {
  Rng rng(5);
  double chars = 0;
  size_t longest = 0;
  for (int i = 0; i < 300; ++i) {
    const auto trace = knights_task().trace(knights_task().make("knights4", Split::training, rng), 1 << 20, rng);
    chars += static_cast<double>(trace->thinking.size()) / 300;
    longest = std::max(longest, trace->thinking.size());
  }
  EXPECT_LT(chars, 350);
  EXPECT_LT(longest, 1000u);
}

TEST(Knights, QuestionsNameEveryoneInOrderAndAreWordedInManyWays) {
  Rng rng(11);
  const OrderedJson item = lines_of("knights2.jsonl").front();
  std::array<std::set<std::string>, 2> seen;
  for (int i = 0; i < 1000; ++i)
    for (const Wordings wordings : {Wordings::training, Wordings::held_out})
      seen[wordings == Wordings::held_out].insert(knights_task().question(item, wordings, rng));
  EXPECT_GT(seen[0].size(), 300u);
  EXPECT_GT(seen[1].size(), 50u);
  for (const std::string& question : seen[0]) {
    EXPECT_FALSE(seen[1].contains(question));
    EXPECT_LT(question.find("Cleo"), question.find("Finn")) << question;
  }
}

TEST(Knights, QuestionsAreWholeForClaimsInsideClaims) {
  Rng rng(12);
  for (int i = 0; i < 300; ++i) {
    const OrderedJson item = random_item(rng);
    const std::string text = knights_task().question(item, i % 2 == 0 ? Wordings::training : Wordings::held_out, rng);
    EXPECT_EQ(text.find_first_of("{}[]|"), std::string::npos) << text;
    EXPECT_EQ(std::ranges::count(text, '('), std::ranges::count(text, ')')) << text;
    for (const auto& name : item.at("people")) EXPECT_NE(text.find(name.get<std::string>()), std::string::npos);
  }
}

}  // namespace
}  // namespace hadal::tasks
