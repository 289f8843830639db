#include "research/index.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "research/index/near_duplicates.h"
#include "research/index/terms.h"

namespace hadal::research {
namespace {

Path data(const std::string& name) { return Path(HADAL_SOURCE_DIR) / "tests/research" / name; }

Document made(const std::string& url, const std::string& title, const std::string& text) {
  Document document;
  document.url = url;
  document.title = title;
  document.text = text;
  document.type = "text/plain";
  return document;
}

std::vector<std::string> sentences(const std::string& text) {
  std::vector<std::string> out;
  for (const Span& span : sentences_of(text)) out.push_back(text.substr(span.begin, span.end - span.begin));
  return out;
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (const Term& term : terms_of(text)) out.push_back(term.text);
  return out;
}

std::vector<std::string> found(const Index& index, const std::string& query, int hops = 1) {
  std::vector<std::string> out;
  for (const DocumentHit& hit : index.documents(query, {.k = 10, .hops = hops})) out.push_back(hit.id);
  return out;
}

using Strings = std::vector<std::string>;

TEST(PorterStem, AgreesWithThePaper) {
  const std::vector<std::pair<std::string, std::string>> kCases = {{"caresses", "caress"},
                                                                   {"ponies", "poni"},
                                                                   {"agreed", "agre"},
                                                                   {"plastered", "plaster"},
                                                                   {"motoring", "motor"},
                                                                   {"conflated", "conflat"},
                                                                   {"hopping", "hop"},
                                                                   {"falling", "fall"},
                                                                   {"filing", "file"},
                                                                   {"happy", "happi"},
                                                                   {"sky", "sky"},
                                                                   {"relational", "relat"},
                                                                   {"vietnamization", "vietnam"},
                                                                   {"hopefulness", "hope"},
                                                                   {"electriciti", "electr"},
                                                                   {"adjustment", "adjust"},
                                                                   {"adoption", "adopt"},
                                                                   {"effective", "effect"},
                                                                   {"rate", "rate"},
                                                                   {"controlling", "control"},
                                                                   {"roll", "roll"},
                                                                   {"yyyy", "yyyi"}};
  for (const auto& [word, stem] : kCases) EXPECT_EQ(porter_stem(word), stem) << word;
}

TEST(Terms, FoldCaseAccentsAndNumbers) {
  EXPECT_EQ(words("Zürich's Cafés"), (Strings{"zurich", "s", "cafe"}));
  EXPECT_EQ(words("1,204 of 3.12.0, 12,5 and 1,2,3"),
            (Strings{"1204", "of", "3.12.0", "12", "5", "and", "1", "2", "3"}));
  EXPECT_EQ(words("com\u00adparable"), words("comparable"));
  EXPECT_EQ(words("3C 273"), (Strings{"3c", "273"}));
  EXPECT_EQ(words(std::string(1000, 'x')).at(0).size(), 64u);
  EXPECT_NO_THROW(words("\xff\xfe broken \xe4\xb8"));
}

TEST(Terms, BringIrregularFormsTogether) {
  EXPECT_EQ(words("chose chosen choosing"), words("choose choose choose"));
  EXPECT_EQ(words("women bought"), words("woman buy"));
}

TEST(Terms, ArePairsWhereNoSpacesAreWritten) {
  EXPECT_EQ(words("土星的卫星"), (Strings{"土星", "星的", "的卫", "卫星"}));
  EXPECT_EQ(words("猫 dog"), (Strings{"猫", "dog"}));
}

TEST(Sentences, EndAtTheirMarks) {
  EXPECT_EQ(sentences("Dr. Smith of the U.S. Navy left. He came back, e.g. in May. Fig. 3 shows 3.5 kg!"),
            (Strings{"Dr. Smith of the U.S. Navy left.", "He came back, e.g. in May.", "Fig. 3 shows 3.5 kg!"}));
  EXPECT_EQ(sentences("\"Is it?\" she asked. (It was.) J. R. Brown agreed.[12] Then?"),
            (Strings{"\"Is it?\" she asked.", "(It was.)", "J. R. Brown agreed.[12]", "Then?"}));
  EXPECT_EQ(sentences("土星有卫星。最大的是泰坦！是吗？"), (Strings{"土星有卫星。", "最大的是泰坦！", "是吗？"}));
}

TEST(Sentences, OfBlocksStandAlone) {
  EXPECT_EQ(sentences("# A title\nText that goes\non here. More.\n\n- one\n- two. And on\n1. first\n"
                      "Pump: P-12; Price: 40\nPump: P-13; Price: 50\n"),
            (Strings{"# A title", "Text that goes\non here.", "More.", "- one", "- two.", "And on", "1. first",
                     "Pump: P-12; Price: 40", "Pump: P-13; Price: 50"}));
  EXPECT_TRUE(sentences(" \n\n ").empty());
}

TEST(NearDuplicates, MaySpeakOtherwiseButNotCountOtherwise) {
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "Word" + std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i) + " ";
  EXPECT_TRUE(near_duplicates(terms_of(text + "at the end"), terms_of(text + "at an end")));
  EXPECT_FALSE(near_duplicates(terms_of(text + "costs 40"), terms_of(text + "costs 41")));
}

TEST(Index, FindsByStemTitleAndPhrase) {
  Index index(":memory:");
  index.add(made("a", "Pumps", "The pump was bought. It runs well."), "1");
  index.add(made("b", "Valves", "A valve was sold near the pump house."), "1");
  index.add(made("c", "Pipes", "Nothing else is said here."), "1");
  EXPECT_EQ(found(index, "pumping"), (Strings{"a", "b"}));
  EXPECT_EQ(found(index, "which valves?"), (Strings{"b"}));
  EXPECT_TRUE(found(index, "\"' AND ( * --").empty());
  EXPECT_TRUE(found(index, "").empty());
  const std::vector<PassageHit> hits = index.passages("bought");
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].span, (Span{0, 34}));
}

TEST(Index, FindsChineseAndJapanese) {
  Index index(":memory:");
  index.add(made("zh", "土星", "土星最大的卫星是泰坦。它由惠更斯发现。"), "1");
  index.add(made("ja", "ポンプ", "新しいポンプを買いました。値段は四十円です。"), "1");
  EXPECT_EQ(found(index, "最大的卫星"), (Strings{"zh"}));
  EXPECT_EQ(found(index, "ポンプの値段"), (Strings{"ja"}));
}

TEST(Index, ReplacesKeepsAndRemoves) {
  Index index(":memory:");
  const int64_t first = index.add(made("notes/a.md", "A", "old words"), "1");
  EXPECT_EQ(index.add(made("notes/a.md", "A", "ignored"), "1"), first);
  EXPECT_EQ(found(index, "old"), (Strings{"notes/a.md"}));
  index.add(made("notes/a.md", "A", "new words"), "2");
  EXPECT_TRUE(found(index, "old").empty());
  EXPECT_EQ(found(index, "new"), (Strings{"notes/a.md"}));
  EXPECT_TRUE(index.has("notes/a.md", "2"));
  EXPECT_FALSE(index.has("notes/a.md", "1"));
  index.add(made("notesbook", "B", "other"), "1");
  EXPECT_TRUE(index.remove("notes"));
  EXPECT_FALSE(index.remove("notes"));
  EXPECT_EQ(index.list(), (std::vector<std::pair<std::string, std::string>>{{"notesbook", "B"}}));
  EXPECT_TRUE(found(index, "new").empty());
}

TEST(Index, KeepsAllAddressesOfWhatIsTheSame) {
  Index index(":memory:");
  std::string text;
  for (int i = 0; i < 80; ++i) text += "sentence" + std::to_string(i * 7919 % 1000) + " holds words. ";
  const int64_t number = index.add(made("http://a.test/", "T", text), "1");
  EXPECT_EQ(index.add(made("http://b.test/", "T", text), "2"), number);
  EXPECT_EQ(index.document(number).also_at, (Strings{"http://b.test/"}));
  EXPECT_TRUE(index.has("http://b.test/", "2"));
  EXPECT_EQ(index.list().size(), 1u);
}

TEST(Index, GivesDocumentsBackWhole) {
  Index index(":memory:");
  Document document = made("u", "T", "Text.");
  document.author = "A";
  document.date = "2024-05";
  document.pages = {0, 3};
  document.links = {{"http://x.test/", "x"}};
  document.tables = {{{"h"}, {{"r"}}}};
  const IndexedDocument read = index.document(index.add(document, "hash", "<urn:uuid:1>"));
  EXPECT_EQ(read.document.text, "Text.");
  EXPECT_EQ(read.document.date, "2024-05");
  EXPECT_EQ(read.document.pages, document.pages);
  EXPECT_EQ(read.document.links.at(0).url, "http://x.test/");
  EXPECT_EQ(read.document.tables.at(0).rows.at(0).at(0), "r");
  EXPECT_EQ(read.snapshot, "<urn:uuid:1>");
  EXPECT_THROW(index.document(99), Error);
}

TEST(Index, ABatchIsAllOrNothing) {
  Index index(":memory:");
  EXPECT_THROW(index.batch([&] {
    index.add(made("a", "A", "one"), "1");
    throw Error("no");
  }),
               Error);
  EXPECT_TRUE(index.list().empty());
  EXPECT_TRUE(found(index, "one").empty());
}

TEST(Index, OfAFileIsSeenByOthersAndRefusesWhatIsNone) {
  const Path folder = Path(testing::TempDir()) / "hadal_index_test";
  std::filesystem::remove_all(folder);
  Index writer(folder / "index.db");
  Index reader(folder / "index.db");
  EXPECT_TRUE(found(reader, "pump").empty());
  writer.add(made("a", "A", "a pump"), "1");
  EXPECT_EQ(found(reader, "pump"), (Strings{"a"}));
  std::ofstream(folder / "foreign.db") << std::string(5000, 'x');
  EXPECT_THROW(Index(folder / "foreign.db"), Error);
  std::filesystem::remove_all(folder);
}

// The figures of the shown half of HotpotQA, as lower bounds.
TEST(Index, SecondHopFindsBothPassagesOfHotpot) {
  Index index(":memory:");
  index.batch([&] {
    for_each_line(data("hotpot/passages.jsonl.zst"), [&](std::string_view line, int64_t) {
      const Json json = parse_json(line, "passages");
      index.add(made(json.at("id"), json.at("title"), json.at("text")), "1");
      return true;
    });
  });
  double recall = 0, both = 0, count = 0;
  for_each_line(data("hotpot/questions.jsonl"), [&](std::string_view line, int64_t) {
    const Json json = parse_json(line, "questions");
    const auto relevant = json.at("relevant").get<std::set<std::string>>();
    size_t hits = 0;
    for (const DocumentHit& hit : index.documents(json.at("text").get<std::string>(), {.k = 5, .hops = 2})) {
      hits += relevant.contains(hit.id);
    }
    recall += static_cast<double>(hits) / static_cast<double>(relevant.size());
    both += hits == relevant.size();
    ++count;
    return true;
  });
  EXPECT_GE(recall / count, 0.96);
  EXPECT_GE(both / count, 0.92);
}

}  // namespace
}  // namespace hadal::research
