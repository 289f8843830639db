#include "research/document.h"

#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

using test::error_of;

Path data(const std::string& name) { return Path(HADAL_SOURCE_DIR) / "tests/research" / name; }

Document page(const std::string& body, const std::string& head = "",
              const std::string& url = "https://a.example/b/c.html") {
  return extract({url, "text/html; charset=utf-8",
                  "<!doctype html><html lang=\"en\"><head>" + head + "</head><body>" + body + "</body></html>"});
}

// White space aside.
std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' && c != '\n' && c != '\t') out += c;
  return out;
}

const std::string kLong =
    "The river Vell is 412 kilometres long and rises at 1,870 metres in the Orsa hills, from where it runs to the sea.";

TEST(Document, HostilePagesShowWhatAReaderSees) {
  const Json cases = parse_json(read_file(data("injections.json")), "injections.json");
  ASSERT_GT(cases["cases"].size(), 20u);
  for (const Json& one : cases["cases"]) {
    SCOPED_TRACE(one["id"].get<std::string>());
    const Document document =
        extract({"http://pages.test/x", "text/html; charset=utf-8", one["html"].get<std::string>()});
    for (const Json& sentence : cases["about"]["honest"])
      EXPECT_NE(document.text.find(sentence.get<std::string>()), std::string::npos) << document.text;
    for (const Json& never : one["never_cited"]) {
      EXPECT_EQ(document.text.find(never.get<std::string>()), std::string::npos) << document.text;
      EXPECT_EQ(document.title.find(never.get<std::string>()), std::string::npos);
    }
    for (const char* shapeless : {"\u200B", "\u2066", "\u2069", "\u202E", "\U000E0041", "\x1B"})
      EXPECT_EQ((document.text + document.title).find(shapeless), std::string::npos);
  }
}

TEST(Document, SupportOfTheQuestionsStandsInTheTexts) {
  std::map<std::string, std::string> texts;
  read_warc(data("web.warc.gz"), [&](WarcRecord&& record) {
    if (record.type != "response") return true;
    const WarcResponse response = read_response(record, 16 << 20);
    texts[record.target_uri] =
        squeezed(extract({record.target_uri, response.header("Content-Type"), response.body}).text);
    return true;
  });
  EXPECT_GT(texts.size(), 50u);
  for (const char* name : {"costs.csv", "lapwings.pdf", "minutes-2026-04.txt", "notes.md"}) {
    const std::string url = std::string("folder/") + name;
    texts[url] = squeezed(extract({url, "", read_file(data(url))}).text);
  }
  for_each_line(data("questions.jsonl"), [&](std::string_view line, int64_t) {
    const Json question = parse_json(line, "questions.jsonl");
    for (const Json& support : question["support"]) {
      const std::string url = support["url"].get<std::string>();
      // The row of a table is said with its heads.
      const bool row = url.ends_with(".csv");
      const std::string sentence = squeezed(support[row ? "key" : "sentence"].get<std::string>());
      EXPECT_NE(texts[url].find(sentence), std::string::npos) << url << ": " << support["sentence"];
    }
    return true;
  });
}

TEST(Document, KeepsHeadingsListsTablesAndCode) {
  const Document document = page(
      "<nav><a href=/>Home</a></nav><article><h1>On pumps</h1><p>" + kLong +
          "</p><h2>Which</h2><ul><li>One pump<li>Another <b>pump</b></ul>"
          "<table><tr><th>Pump<th>Price<tr><td>P-12<td>40<tr><td>P-13<td>55</table><pre>if x:\n  stop()\n</pre><p>" +
          kLong + "</p></article>",
      "<title>On pumps</title>");
  EXPECT_EQ(document.title, "On pumps");
  EXPECT_EQ(document.text, kLong +
                               "\n\n## Which\n\n- One pump\n- Another pump\n\nPump: P-12; Price: 40\nPump: P-13; "
                               "Price: 55\n\nif x:\n  stop()\n\n" +
                               kLong);
  ASSERT_EQ(document.tables.size(), 1u);
  EXPECT_EQ(document.tables[0].head, (std::vector<std::string>{"Pump", "Price"}));
  EXPECT_EQ(document.tables[0].rows[1], (std::vector<std::string>{"P-13", "55"}));
}

TEST(Document, CellsThatReachFurtherStandInEachRow) {
  const Document document =
      page("<p>" + kLong +
           "<table><tr><th>Year<th>Place<th>Birds<tr><td rowspan=2>2025<td>Marsh<td>7<tr><td>Hill<td>9</table>");
  EXPECT_NE(document.text.find("Year: 2025; Place: Hill; Birds: 9"), std::string::npos) << document.text;
}

TEST(Document, FirstCellsNameTheOther) {
  const Document document = page("<p>" + kLong +
                                 "</p><table><tr><th colspan=2>Vell<tr><th><a href=x>Length</a><td>412 "
                                 "km<tr><th>Mouth<td><a href=y>Port Tamsin</a>"
                                 "</table><table><tr><th>Film<th>Year<tr><th><a href=z>Repeat</a><td>1947</table><p>" +
                                 kLong + "</p>");
  EXPECT_NE(document.text.find("Vell\nLength: 412 km\nMouth: Port Tamsin\n"), std::string::npos) << document.text;
  EXPECT_NE(document.text.find("Film: Repeat; Year: 1947"), std::string::npos) << document.text;
}

TEST(Document, LeavesOutWhatIsHidden) {
  const char* hidden[] = {
      "<p hidden>SECRET words</p>",
      "<p style='DISPLAY : none'>SECRET words</p>",
      "<p style='visibility:hidden'>SECRET words</p>",
      "<div style='opacity:0.0'><p>SECRET words</p></div>",
      "<p style='font-size:0'>SECRET words</p>",
      "<p style='font: 1px/1 serif'>SECRET words</p>",
      "<p style='color:transparent'>SECRET words</p>",
      "<p style='color:rgba(0,0,0,0)'>SECRET words</p>",
      "<p style='color:#FFF'>SECRET words</p>",
      "<p style='background:#123456'><span style='color:rgb(18, 52, 86)'>SECRET words</span></p>",
      "<font color=white>SECRET words</font>",
      "<p style='position:absolute; left:-9999px'>SECRET words</p>",
      "<p style='text-indent:-999em'>SECRET words</p>",
      "<p style='position:absolute;clip:rect(0 0 0 0)'>SECRET words</p>",
      "<p style='clip-path:inset(50%)'>SECRET words</p>",
      "<p style='height:0;overflow:hidden'>SECRET words</p>",
      "<p style='width:1px;height:1px;overflow:hidden'>SECRET words</p>",
      "<p style='transform:scale(0)'>SECRET words</p>",
      "<p class='note gone'>SECRET words</p>",
      "<p id=gone>SECRET words</p>",
      "<p class=sr-only>SECRET words</p>",
      "<p aria-hidden=true>SECRET words</p>",
      "<blink>SECRET words</blink>",
      "<div class=box><p class=inner>SECRET words</p></div>",
      "<noscript>SECRET words</noscript>",
      "<template><p>SECRET words</p></template>",
      "<img alt='SECRET words' title='SECRET words'>",
      "<input value='SECRET words'><textarea>SECRET words</textarea><select><option>SECRET words</select>",
      "<iframe>SECRET words</iframe><object>SECRET words</object><video>SECRET words</video>",
      "<dialog>SECRET words</dialog>",
  };
  const std::string style =
      "<style>/* x */ p.gone, .never { display: none } #gone { visibility: hidden !important } blink { font-size: 0 }"
      "@media print { article { display: none } } .box > .inner { opacity: 0 } .no-js p { display: none }</style>";
  for (const char* html : hidden) {
    const Document document = page("<article><p>" + kLong + "</p>" + html + "<p>" + kLong + "</p></article>", style);
    EXPECT_EQ(document.text, kLong + "\n\n" + kLong) << html;
  }
}

TEST(Document, KeepsWhatOnlyLooksHidden) {
  const std::string seen =
      "SEEN: it was counted again in the spring of the year after, by two observers of the society.";
  const char* shown[] = {"<div style='font-size:0'><p style='font-size:14px'>{}</p></div>",
                         "<p style='background:black;color:white'>{}</p>",
                         "<p style='background:url(x.png);color:white'>{}</p>",
                         "<p style='opacity:.9;left:-3px;position:relative'>{}</p>",
                         "<div style='visibility:hidden'><p style='visibility:visible'>{}</p></div>",
                         "<p class='hidden md:block'>{}</p>",
                         "<p style='display:none;display:block'>{}</p>"};
  for (const char* html : shown) {
    std::string body = html;
    body.replace(body.find("{}"), 2, seen);
    EXPECT_NE(page("<p>" + kLong + "</p>" + body + "<p>" + kLong + "</p>").text.find("SEEN"), std::string::npos)
        << html;
  }
}

TEST(Document, FindsTheArticleAmongItsSurroundings) {
  const std::string other =
      "Here is what readers wrote below, at length and with much feeling, on a matter that concerns nobody here at "
      "all.";
  const Document document =
      page("<header><h1>The Gazette</h1></header><div id=sidebar><p>" + other +
               "</p></div><div class=story><h1>A river</h1><p class=byline>By Ann Lee</p><p>" + kLong +
               "</p><div class='share-bar'>Share this</div><p>" + kLong +
               "</p><h3>Related stories</h3><ul><li><a href=x>Another river, longer</a></ul></div>"
               "<div id=comments><p>" +
               other + "</p><p>" + other + "</p></div><footer>" + other + "</footer>",
           "<title>A river | The Gazette</title>");
  EXPECT_EQ(document.text, kLong + "\n\n" + kLong);
}

TEST(Document, AShortPageKeepsItsWords) {
  EXPECT_EQ(page("<p>abc</p><p>def</p> ghi").text, "abc\n\ndef\n\nghi");
  EXPECT_EQ(page("").text, "");
}

TEST(Document, SaysWhatThePageSaysOfItself) {
  const Document document =
      page("<p>" + kLong + " <a href='../d?q=1#x'>there</a> <a href='javascript:x()'>no</a></p>",
           "<script type='application/ld+json'>{\"@graph\":[{\"@type\":\"NewsArticle\",\"headline\":\"A "
           "river\",\"author\":[{\"name\":\"Ann Lee\"},{\"name\":\"Bo\"}],"
           "\"datePublished\":\"2024-05-31T10:00:00Z\"}]}</script><link rel=canonical href='/c'>");
  EXPECT_EQ(document.title, "A river");
  EXPECT_EQ(document.author, "Ann Lee, Bo");
  EXPECT_EQ(document.date, "2024-05-31");
  EXPECT_EQ(document.language, "en");
  EXPECT_EQ(document.canonical, "https://a.example/c");
  ASSERT_EQ(document.links.size(), 1u);
  EXPECT_EQ(document.links[0].url, "https://a.example/d?q=1#x");
  EXPECT_EQ(document.links[0].text, "there");
}

TEST(Document, PowersOfTenAreNotOtherNumbers) {
  EXPECT_EQ(
      page("<p>10<sup>6</sup> birds, 10<sup>-3</sup> m, counted<sup>2</sup> in 1990<sup><a href=#n>3</a></sup></p>")
          .text,
      "10^6 birds, 10^-3 m, counted2 in 19903");
}

TEST(Document, ReadsCharsets) {
  const auto read = [](const std::string& bytes, const std::string& type) {
    std::string charset;
    const Document document = extract({"", type, bytes}, &charset);
    return charset + ": " + document.text;
  };
  EXPECT_EQ(read("caf\xE9", "text/plain; charset=ISO-8859-1"), "windows-1252: café");
  EXPECT_EQ(read("\x93q\x94", "text/plain; charset=\"latin1\""), "windows-1252: “q”");
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "caf\xC3\xA9",
                 "text/plain; charset=latin1"),
            "utf-8: café");
  EXPECT_EQ(read(std::string("\xFF\xFE"
                             "a\0b\0",
                             6),
                 "text/plain"),
            "utf-16le: ab");
  EXPECT_EQ(read("<html><meta charset=windows-1251><body><p>\xCF\xF0\xE8", "text/html"), "windows-1251: При");
  EXPECT_EQ(read("<html><meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>\x93\xFA\x96\x7B",
                 "text/html"),
            "windows-31j: 日本");
  EXPECT_EQ(read("caf\xC3\xA9", "text/plain"), "utf-8: café");
  EXPECT_EQ(read("a\xFF\xC3", "text/plain; charset=utf-8"), "utf-8: a\uFFFD\uFFFD");
  EXPECT_EQ(read("caf\xC3\xA9", "text/plain; charset=no-such"), "utf-8: café");
}

TEST(Document, ReadsMarkdownTextAndTables) {
  const Document markdown = extract({"folder/n.md", "",
                                     "# Pumps\n\nSee [the list](https://a.example/l).\n<!-- SECRET -->\n\n| Pump | "
                                     "Price |\n|---|--:|\n| P-12 | 40 |\n\n\n- one\n"});
  EXPECT_EQ(markdown.title, "Pumps");
  EXPECT_EQ(markdown.type, "text/markdown");
  EXPECT_EQ(markdown.text, "# Pumps\n\nSee [the list](https://a.example/l).\n\nPump: P-12; Price: 40\n\n- one");
  ASSERT_EQ(markdown.links.size(), 1u);
  EXPECT_EQ(markdown.links[0].url, "https://a.example/l");
  const Document csv = extract({"folder/c.csv", "", "part;note\r\nboard;\"a;b\"\"c\"\r\n\r\n"});
  EXPECT_EQ(csv.text, "part: board; note: a;b\"c");
  EXPECT_EQ(extract({"a.txt", "", "Minutes\n\n\n\none  \ntwo\x07\n"}).text, "Minutes\n\none\ntwo");
}

TEST(Document, ReadsPdf) {
  const Document document = extract({"folder/lapwings.pdf", "", read_file(data("folder/lapwings.pdf"))});
  EXPECT_EQ(document.title, "Lapwings of the lower marsh, 2021 to 2026");
  EXPECT_EQ(document.type, "application/pdf");
  ASSERT_EQ(document.pages.size(), 2u);
  EXPECT_EQ(document.pages[0], 0u);
  EXPECT_TRUE(document.text.substr(document.pages[1]).starts_with("The third observer")) << document.text;
  for (const char* part :
       {"# Lapwings of the lower marsh, 2021 to 2026\n\nMarsh End", "1,310 in 2021 to 1,117", "# Method\n\nTwo",
        "fully comparable with the others", "Year: 2025; Lapwings: 1,117; Observers: 3"})
    EXPECT_NE(document.text.find(part), std::string::npos) << part << "\n" << document.text;
}

TEST(Document, SaysWhatIsWrong) {
  const std::string pdf = read_file(data("folder/lapwings.pdf"));
  EXPECT_NE(error_of([&] { extract({"a.pdf", "", "%PDF-1.4 nothing"}); }).find("PDF"), std::string::npos);
  EXPECT_NE(error_of([&] { extract({"", "image/png", "x"}); }).find("image/png"), std::string::npos);
  EXPECT_NE(error_of([&] { extract({"a.bin", "", std::string("a\0b", 3)}); }).find("zero"), std::string::npos);
  const std::string empty =
      "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
      "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj trailer<</Root 1 0 R>>";
  EXPECT_NE(error_of([&] { extract({"", "application/pdf", empty}); }).find("scanned"), std::string::npos);
}

TEST(Document, BearsDeepAndWidePages) {
  const auto repeated = [](const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  const std::string words = "<p>" + kLong + "</p>";
  for (const std::string& html :
       {repeated("<div>", 200'000) + words, repeated("<b>", 100'000) + words,
        repeated("<table><tr><td>", 30'000) + words,
        words + "<p " + repeated("a", 10) + repeated(" x=1", 200'000) + ">", repeated("<ul><li>", 50'000) + words,
        repeated("<a href=x>", 50'000) + words, words + repeated("<p><i>", 50'000),
        words + "<!--" + repeated("-", 200'000), words + repeated("</p>", 200'000), words + repeated("<", 200'000),
        words + repeated("&", 200'000)})
    EXPECT_NE(page(html).text.find("412 kilometres"), std::string::npos) << html.substr(0, 40);
}

TEST(Document, IsDeterministic) {
  const std::string html = "<article><p>" + kLong + "</p><p>" + kLong + "</p></article>";
  EXPECT_EQ(page(html).text, page(html).text);
}

}  // namespace
}  // namespace hadal::research
