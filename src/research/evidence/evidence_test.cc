#include "research/evidence/evidence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "base/testing/scratch.h"
#include "base/text.h"
#include "research/evidence/question.h"
#include "research/evidence/windows.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

Path data(const std::string& name) { return Path(HADAL_SOURCE_DIR) / "tests/research" / name; }

std::vector<std::string> parts(const std::string& question) {
  std::vector<std::string> out;
  for (const SubQuestion& part : split_question(question)) out.push_back(part.text);
  return out;
}

using Strings = std::vector<std::string>;

void add(Index& index, const std::string& url, const std::string& text) {
  Document document;
  document.url = url;
  document.title = url;
  document.text = text;
  index.add(document, "1");
}

TEST(Counts, WhoHasHowMany) {
  const std::string question = "How many known moons has Saturn?";
  EXPECT_EQ(counted_term(question), "moon");
  EXPECT_EQ(counted_term("Who has moons?"), "");
  EXPECT_EQ(counts("Saturn has at least 274 known moons.", "moon", question), 2);
  EXPECT_EQ(counts("The six regular moons of Saturn are small.", "moon", question), 1);
  EXPECT_EQ(counts("Saturn is far away. It has 274 moons.", "moon", question), 1);
  EXPECT_EQ(counts("Saturn was seen in 1655.", "moon", question), 0);
  EXPECT_EQ(counts("Saturn has 274 moons.", "moon", "How many of the 274 moons has Saturn?"), 0);
}

TEST(Gather, QuestionsOfOtherLanguages) {
  Index index(":memory:");
  add(index, "ja", "温室は1987年に建てられました。トマトは240本あります。");
  add(index, "ru", "Насос установлен в 1994 году в подвале. Крыша стоит с весны.");
  for (const auto& [question, part] : {std::pair("温室はいつ建てられましたか？", "1987"),
                                       {"トマトは何本ありますか？", "240"},
                                       {"Когда установлен насос?", "1994"}}) {
    const auto parts = split_question(question);
    const Evidence evidence = gather(index, question, parts, 10);
    ASSERT_FALSE(evidence.quotes.empty()) << question;
    const Quote& best = evidence.quotes.front();
    EXPECT_HAS(index.document(best.document).document.text.substr(best.span.begin, best.span.end - best.span.begin),
               part);
    EXPECT_TRUE(evidence.found.at(0)) << question;
    EXPECT_TRUE(evidence.missing.empty()) << question << ": " << evidence.missing.at(0);
  }
}

TEST(Gather, TheSameSentenceIsQuotedOnce) {
  Index index(":memory:");
  add(index, "a", "The lighthouse is 31 metres tall. The lighthouse is 31 metres tall. Ships see it from afar.");
  add(index, "b", "Boats pass here. The lighthouse is 31 metres tall.");
  const std::string question = "How tall is the lighthouse?";
  std::multiset<std::string> said;
  for (const Quote& q : gather(index, question, split_question(question), 10).quotes)
    said.insert(index.document(q.document).document.text.substr(q.span.begin, q.span.end - q.span.begin));
  EXPECT_LE(said.count("The lighthouse is 31 metres tall."), 1u);
}

TEST(SplitQuestion, AtClausesMarksAndSides) {
  EXPECT_EQ(parts("How many moons has Saturn?"), (Strings{"How many moons has Saturn?"}));
  EXPECT_EQ(parts("How many moons has Saturn, and who first saw the largest?"),
            (Strings{"How many moons has Saturn?", "who first saw the largest?"}));
  EXPECT_EQ(parts("What does it cost? Who sells it?"), (Strings{"What does it cost?", "Who sells it?"}));
  EXPECT_EQ(parts("Which is heavier, lead or gold?"), (Strings{"Which is heavier lead?", "Which is heavier gold?"}));
  EXPECT_EQ(parts("Was rain heavier in Kent or in Sussex?"),
            (Strings{"Was rain heavier in Kent?", "Was rain heavier in Sussex?"}));
  EXPECT_EQ(parts("Do salt and pepper mix?").size(), 1u);
  EXPECT_EQ(split_question("").size(), 1u);
  EXPECT_LE(split_question(std::string(100'000, '?') + std::string(100'000, 'a')).size(), 6u);
}

TEST(AnswerKind, ByTheQuestionsWords) {
  EXPECT_EQ(answer_kind("Who sells it?"), AnswerKind::person);
  EXPECT_EQ(answer_kind("In which year was it sold?"), AnswerKind::time);
  EXPECT_EQ(answer_kind("How many were sold?"), AnswerKind::number);
  EXPECT_EQ(answer_kind("Where is it?"), AnswerKind::place);
  EXPECT_EQ(answer_kind("Why?"), AnswerKind::any);
}

TEST(Gather, QuotesWhatBearsTheAnswerWithoutOverlap) {
  Index index(":memory:");
  add(index, "pumps",
      "Pumps are loud. We chose the pump P-12 in March. It costs 40 pounds. The roof leaks. Rain falls.");
  add(index, "other", "The garden has roses. They bloom in June.");
  const std::string question = "Which pump did we choose?";
  const Evidence evidence = gather(index, question, split_question(question), 10);
  ASSERT_FALSE(evidence.quotes.empty());
  const Quote& best = evidence.quotes[0];
  const std::string text = index.document(best.document).document.text;
  EXPECT_NE(text.substr(best.span.begin, best.span.end - best.span.begin).find("P-12"), std::string::npos);
  EXPECT_TRUE(evidence.found.at(0));
  for (size_t i = 0; i < evidence.quotes.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const Quote &a = evidence.quotes[i], &b = evidence.quotes[k];
      EXPECT_TRUE(a.document != b.document || a.span.end <= b.span.begin || b.span.end <= a.span.begin);
    }
  }
}

TEST(Gather, SaysWhatIsMissing) {
  Index index(":memory:");
  add(index, "pumps", "Pumps are loud. They need oil every month.");
  const std::string question = "How many Zeppelins did Kowalski build?";
  const Evidence evidence = gather(index, question, split_question(question), 10);
  EXPECT_FALSE(evidence.found.at(0));
  EXPECT_EQ(evidence.missing, (Strings{"Zeppelins", "Kowalski", "build"}));
}

TEST(Gather, OfAnEmptyIndexIsEmpty) {
  const Index index(":memory:");
  const Evidence evidence = gather(index, "Who?", split_question("Who?"), 10);
  EXPECT_TRUE(evidence.quotes.empty());
  EXPECT_EQ(evidence.found, std::vector<bool>{false});
}

TEST(Gather, CutsLongSentences) {
  Index index(":memory:");
  std::string text = "The pump";
  for (int i = 0; i < 500; ++i) text += " goes and";
  add(index, "long", text + " stops.");
  for (const Quote& quote : gather(index, "What stops the pump?", split_question("What stops the pump?"), 10).quotes) {
    EXPECT_LE(
        count_words(
            index.document(quote.document).document.text.substr(quote.span.begin, quote.span.end - quote.span.begin)),
        kMaxQuoteWords);
  }
}

TEST(Conflicts, AreOtherNumbersForTheSameThing) {
  Index index(":memory:");
  add(index, "a", "The pump of the lower mill costs 40 pounds.");
  add(index, "b", "The pump of the lower mill costs 45 pounds.");
  add(index, "c", "The lower mill has a wheel of oak.");
  const std::string question = "How much does the pump of the lower mill cost?";
  const Evidence evidence = gather(index, question, split_question(question), 10);
  const std::vector<Conflict> found = conflicts(index, evidence);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].quotes.size(), 2u);
}

// White space, case, soft hyphens and curly quotes made equal.
std::string plain(std::string text) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\u00ad", ""}, {"\u2019", "'"}, {"\u2018", "'"}, {"\u201c", "\""}, {"\u201d", "\""}, {"\u00a0", " "}}) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  }
  std::string out;
  for (const char c : lower_case(text)) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

void add_web(Index& index) {
  index.batch([&] {
    read_warc(data("web.warc.gz"), [&](WarcRecord&& record) {
      if (record.type != "response") return true;
      const WarcResponse response = read_response(record, 64 << 20);
      index.add(extract({record.target_uri, response.header("content-type"), response.body}), record.id);
      return true;
    });
    for (const char* name : {"costs.csv", "lapwings.pdf", "minutes-2026-04.txt", "notes.md"}) {
      index.add(extract({std::string("folder/") + name, "", read_file(data("folder") / name)}), name);
    }
  });
}

// The figures of the shown half of the questions, as lower bounds.
TEST(Gather, BearsTheAnswersOfTheSmallWeb) {
  Index index(":memory:");
  add_web(index);
  double keys = 0, held = 0, none = 0, none_so = 0, answerable = 0, unfound = 0;
  for_each_line(data("questions.jsonl"), [&](std::string_view line, int64_t) {
    const Json json = parse_json(line, "questions");
    const auto question = json.at("question").get<std::string>();
    const Evidence evidence = gather(index, question, split_question(question), 10);
    const bool found = std::find(evidence.found.begin(), evidence.found.end(), true) != evidence.found.end();
    const bool is_none = json.at("kind") == "none";
    (is_none ? none : answerable) += 1;
    (is_none ? none_so : unfound) += !found;
    for (const Json& support : json.at("support")) {
      const std::string key = plain(support.at("key"));
      bool stands = false;
      for (const Quote& quote : evidence.quotes) {
        const std::string text = index.document(quote.document).document.text;
        const std::string words = text.substr(quote.span.begin, quote.span.end - quote.span.begin);
        stands = stands || plain(words).find(key) != std::string::npos;
      }
      ++keys;
      held += stands;
      if (!stands) GTEST_LOG_(INFO) << question << ": no quote holds: " << key;
    }
    return true;
  });
  EXPECT_GE(held / keys, 0.94);
  EXPECT_GE(none_so / none, 0.4);
  EXPECT_LE(unfound / answerable, 0.05);
}

}  // namespace
}  // namespace hadal::research
