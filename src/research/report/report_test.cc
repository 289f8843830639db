#include "research/report.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "research/report/escape.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

using test::error_of;
using test::ScratchFolder;

constexpr const char* kEvil =
    "<script>alert(1)</script> ![map](http://collector.evil.test/p.png) [x](javascript:alert(1)) <img src=x> "
    "\xE2\x81\xA6turned "
    "http://collector.evil.test www.evil.test 1. # | `code` \x1b[31m \xF3\xA0\x81\x81";

Report hostile(const std::string& snapshot, const std::string& text) {
  Report report;
  report.question = kEvil;
  report.found = true;
  report.answer = kEvil;
  report.mode = "model";
  report.model = kEvil;
  report.slots = {"write"};
  report.slots_why = {kEvil};
  report.sections = {{kEvil, {{text, "quote", "quoted", {{1, 0, text.size(), text}}}}}};
  report.sources = {{1, "javascript:alert(1)", kEvil, kEvil, "web", snapshot, "2026-11-28T10:00:00Z"}};
  report.gaps = {kEvil};
  report.conflicts = {{kEvil, report.sections[0].claims}};
  report.refused = {{kEvil, kEvil}};
  report.searches = {{kEvil, kEvil, {{kEvil, kEvil}, {"https://example.org/a_(b)", "read"}}}};
  report.stopped = "done";
  return report;
}

TEST(Report, IsReadBackAsItWas) {
  Report report = hostile("<urn:uuid:1>", "a quote");
  report.cost = {1, 2, 3.5, 4, 5, 6.5};
  const std::string file = json_file(report);
  const Report again = report_from_json(parse_json(file, "report.json"), "report.json");
  EXPECT_EQ(json_file(again), file);
  EXPECT_EQ(again.question, kEvil);
  EXPECT_EQ(again.cost.joules, 6.5);
  EXPECT_EQ(file.find('<'), std::string::npos);
}

TEST(Report, ErrorsNameTheField) {
  Json json = parse_json(json_file(hostile("s", "q")), "report.json");
  for (const auto& [name, value] : json.items()) {
    Json without = json;
    without.erase(name);
    EXPECT_HAS(error_of([&] { report_from_json(without, "report.json"); }), name);
    without[name] = 7.5;
    EXPECT_HAS(error_of([&] { report_from_json(without, "report.json"); }), name);
  }
  json["sections"][0]["claims"][0]["cites"][0]["start"] = -1;
  EXPECT_HAS(error_of([&] { report_from_json(json, "report.json"); }), "start");
}

TEST(Report, OneOfTooManyCitesIsRefused) {
  Report report = hostile("s", "q");
  report.conflicts[0].claims[0].cites.resize(20'000 - 1, {1, 0, 1, "q"});
  const auto read = [&] { report_from_json(parse_json(json_file(report), "report.json"), "report.json"); };
  EXPECT_EQ(error_of(read), "") << "20000 with that of its section";
  report.conflicts[0].claims[0].cites.push_back({1, 0, 1, "q"});
  EXPECT_HAS(error_of(read), "report.json: expected at most 20000 cites, found 20001");
  report.conflicts.clear();
  report.sources.resize(20'001);
  EXPECT_HAS(error_of(read), "sources");
}

TEST(Report, NothingThatWasReadIsMarkup) {
  ScratchFolder folder;
  const Path archive = folder / "archive.warc.gz";
  std::string snapshot;
  {
    WarcWriter writer(archive);
    WarcRecord record;
    record.type = "conversion";
    record.target_uri = "https://example.org/";
    record.date = "2026-11-28T10:00:00Z";
    record.content_type = "text/plain; charset=utf-8";
    record.block = kEvil;
    snapshot = writer.append(std::move(record));
  }
  const Report report = hostile(snapshot, kEvil);
  const std::string html = to_html(report, archive), markdown = to_markdown(report);
  for (const std::string& text : {html, markdown, json_file(report)}) {
    for (const char* never :
         {"<script", "<img", "](http", "](javascript", "href=\"javascript", "\x1b", "\xF3\xA0\x81\x81"})
      EXPECT_EQ(text.find(never), std::string::npos) << never << "\n" << text;
  }
  for (const std::string& text : {html, markdown}) EXPECT_EQ(text.find("\xE2\x81\xA6"), std::string::npos);
  EXPECT_HAS(html, "default-src 'none'; style-src 'unsafe-inline'");
  EXPECT_EQ(html.find("src="), html.find("src=x&gt;"));
  EXPECT_EQ(markdown.find("http://collector"), std::string::npos) << "a link that some readers make by themselves";
  EXPECT_HAS(markdown, "<https://example.org/a_(b)>");
}

TEST(Report, ANoteShowsTheQuoteWithinItsSnapshot) {
  ScratchFolder folder;
  const Path archive = folder / "archive.warc.gz";
  const std::string before(300, 'b'), quote = "the \xC3\xA9 quote", after(900, 'a'),
                                      text = "\xE2\x82\xAC" + before + quote + after;
  std::string snapshot;
  {
    WarcWriter writer(archive);
    WarcRecord record;
    record.type = "conversion";
    record.target_uri = "https://example.org/";
    record.date = "2026-11-28T10:00:00Z";
    record.content_type = "text/plain; charset=utf-8";
    record.block = text;
    snapshot = writer.append(std::move(record));
  }
  Report report = hostile(snapshot, quote);
  report.sections[0].claims[0].cites[0] = {1, 3 + before.size(), 3 + before.size() + quote.size(), quote};
  report.conflicts.clear();
  report.sources[0].url = "https://example.org/";
  const std::string html = to_html(report, archive);
  EXPECT_HAS(html, "<mark>" + quote + "</mark>" + std::string(400, 'a') + " \xE2\x80\xA6");
  EXPECT_HAS(html, "\xE2\x82\xAC" + before + "<mark>");
  EXPECT_HAS(html, "<a href=\"#note-1\"");
  EXPECT_HAS(html, "<li id=\"note-1\"");
}

TEST(Escape, KeepsOrdinaryText) {
  EXPECT_EQ(inert("Grüße, 東京 – 5 °C"), "Grüße, 東京 – 5 °C");
  EXPECT_EQ(inert("a\nb\tc\x07"), "a b c\xEF\xBF\xBD");
  EXPECT_EQ(inert("a\nb", true), "a\nb");
  EXPECT_EQ(inert("\xff"), "\xEF\xBF\xBD");
  EXPECT_EQ(markdown_text("Plain words, 3.5 of them (and more)."), "Plain words, 3.5 of them \\(and more\\).");
  EXPECT_TRUE(is_web_link("https://example.org/a_(b)?c=d"));
  for (const char* no : {"javascript:alert(1)", "ftp://a", "http://a b", "https://a\"b", "data:text/html,x", "//a", ""})
    EXPECT_FALSE(is_web_link(no)) << no;
}

}  // namespace
}  // namespace hadal::research
