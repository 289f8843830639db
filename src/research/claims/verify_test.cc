#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/testing/scratch.h"
#include "research/claims.h"
#include "research/report/files.h"
#include "research/testing/scripted_writer.h"
#include "research/testing/small_web.h"

namespace hadal::research {
namespace {

using test::ScratchFolder;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    test::write_web(scratch_ / "web.warc.gz", test::small_pages());
    RunOptions options =
        test::replayed(scratch_ / "web.warc.gz", run_, "How long is the river Vell, and where does it rise?");
    options.slots = {Slot::write};
    test::ScriptedWriter writer([](auto, const auto&) {
      return R"({"sentences":[{"text":"The river Vell is 412 kilometres long.","cites":[1]}]})";
    });
    research(options, &writer);
  }
  std::string faults() {
    std::string text;
    for (const std::string& fault : verify_run(run_).faults) text += fault + "\n";
    return text;
  }
  // Writes report.json anew, with what is made of it, as someone would who knows how.
  void write_report(const Json& json) { write_report_files(report_from_json(json, "report.json"), run_); }
  ScratchFolder scratch_;
  Path run_ = scratch_ / "run";
};

TEST_F(VerifyTest, AnUntouchedRunIsFine) {
  EXPECT_EQ(faults(), "");
  const Verdict verdict = verify_run(run_);
  EXPECT_TRUE(verdict.ok);
  EXPECT_GT(verdict.claims, 1);
}

TEST_F(VerifyTest, AByteOfAnyFileIsMissedByItsName) {
  Rng rng(3);
  for (const char* name : {kReportJson, kReportMarkdown, kReportHtml, kArchive, kJournal}) {
    const std::string whole = read_file(run_ / name);
    for (int i = 0; i < 12; ++i) {
      std::string changed = whole;
      const size_t at = rng.below(changed.size());
      changed[at] = static_cast<char>(changed[at] ^ (1 << rng.below(7)));
      write_file_whole(run_ / name, changed);
      EXPECT_HAS(faults(), name) << at;
    }
    std::filesystem::remove(run_ / name);
    EXPECT_HAS(faults(), name);
    write_file_whole(run_ / name, whole.substr(0, whole.size() / 2));
    EXPECT_HAS(faults(), name);
    write_file_whole(run_ / name, whole);
  }
  EXPECT_EQ(faults(), "");
}

TEST_F(VerifyTest, AReportThatWasMadeAnewIsStillHeldAgainstItsArchive) {
  const Json whole = parse_json(read_file(run_ / kReportJson), "report.json");
  const auto edited = [&](const char* pointer, const Json& value) {
    Json json = whole;
    json[Json::json_pointer(pointer)] = value;
    write_report(json);
    return faults();
  };
  const auto quote = [&](const char* text) {
    Json json = whole;
    Json& claim = json["sections"][0]["claims"].back();
    claim["text"] = claim["cites"][0]["quote"] = text;
    write_report(json);
    return faults();
  };
  EXPECT_HAS(edited("/sections/0/claims/0/text", "The river Vell is 9 kilometres long."), "9 stands in no quote");
  EXPECT_HAS(edited("/sections/0/claims/0/kind", "said"), "kind");
  EXPECT_HAS(edited("/sections/0/claims/0/support", "true"), "support");
  EXPECT_HAS(edited("/sections/0/claims/0/cites", Json::array()), "cites nothing");
  EXPECT_HAS(edited("/sections/0/claims/0/cites/0/start", 1), "the quote is not bytes");
  EXPECT_HAS(edited("/sections/0/claims/0/cites/0/end", 100'000), "not in the snapshot");
  EXPECT_HAS(edited("/sections/0/claims/0/cites/0/source", 99), "no source 99");
  EXPECT_HAS(quote("The river Vell is 9 kilometres long."), "the quote is not bytes");
  EXPECT_HAS(edited("/sources/0/url", "http://elsewhere.test/"), "url");
  EXPECT_HAS(edited("/sources/0/title", "Another"), "title");
  EXPECT_HAS(edited("/sources/0/date", "1999"), "date");
  EXPECT_HAS(edited("/sources/0/fetched", "1999-01-01T00:00:00Z"), "fetched");
  EXPECT_HAS(edited("/sources/0/snapshot", "<urn:uuid:0>"), "snapshot");
  EXPECT_HAS(edited("/answer", "It is 9 kilometres long, of course."), "answer");
  EXPECT_HAS(edited("/answer", ""), "answer");
  EXPECT_HAS(edited("/question", "Another question?"), "question");
  EXPECT_HAS(edited("/mode", "magic"), "mode");
  for (const char* field :
       {"/found", "/gaps", "/conflicts", "/refused", "/searches", "/stopped", "/rejected", "/slots", "/cost/pages"}) {
    Json value = whole[Json::json_pointer(field)];
    if (value.is_boolean()) value = !value.get<bool>();
    if (value.is_number()) value = value.get<int64_t>() + 1;
    if (value.is_string()) value = "never";
    if (std::string_view(field) == "/gaps" || std::string_view(field) == "/slots") value.push_back("judge");
    if (std::string_view(field) == "/conflicts") value.push_back({{"heading", "h"}, {"claims", Json::array()}});
    if (std::string_view(field) == "/refused") value.push_back({{"url", "u"}, {"why", "w"}});
    if (std::string_view(field) == "/searches") value = Json::array();
    EXPECT_HAS(edited(field, value), "report.json: it was changed after the run") << field;
  }
  write_report(whole);
  EXPECT_EQ(faults(), "");
}

}  // namespace
}  // namespace hadal::research
