// Data as users have it: the formats of dialogues, text files, odd files; what is left out is counted and said.
#include "train/data/documents.h"

#include <sys/stat.h>
#include <zstd.h>

#include "train/data/data_files.h"
#include "train/data/dialogue_formats.h"
#include "train/data/text_pieces.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

// "user: hi | assistant: hello"; "-" before a message that is not learnt.
std::string text_of(const std::vector<chat::Message>& messages) {
  std::string out;
  for (const chat::Message& m : messages) {
    out += fmt::format("{}{}{}: {}", out.empty() ? "" : " | ", m.learnt ? "" : "-", m.role, m.text());
  }
  return out;
}

std::string dialogue(const std::string& line) {
  const Dialogue d = read_dialogue(OrderedJson::parse(line), "d.jsonl:3");
  return d.unusable.empty() ? text_of(d.conversation.messages) : d.unusable;
}

TEST(DialogueFormats, AllMeanTheSameConversation) {
  const std::string expected = "user: hi | assistant: hello";
  for (
      const char* line : {
          R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})",
          R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]},
                            {"role": "assistant", "content": "hello", "weight": 1, "refusal": null}]})",
          R"({"id": 7, "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]})",
          R"({"conversation": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})",
          R"({"instruction": "hi", "input": "", "output": "hello"})",
          R"({"instruction": "hi", "context": null, "response": "hello", "category": "open_qa"})",
          R"({"prompt": "hi", "completion": "hello"})",
          R"({"prompt": [{"role": "user", "content": "hi"}], "completion": [{"role": "assistant", "content": "hello"}]})",
      }) {
    EXPECT_EQ(dialogue(line), expected) << line;
  }
}

TEST(DialogueFormats, KeepWhatElseTheySay) {
  EXPECT_EQ(
      dialogue(
          R"({"system": "be kind", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
                         {"from": "observation", "value": "c"}]})"),
      "system: be kind | user: a | assistant: b | tool: c");
  EXPECT_EQ(dialogue(R"({"instruction": "add", "input": "1 2", "output": "3", "history": [["a", "b"]]})"),
            "user: a | assistant: b | user: add\n\n1 2 | assistant: 3");
  EXPECT_EQ(
      dialogue(
          R"({"messages": [{"role": "developer", "content": "s"}, {"role": "assistant", "content": "x", "weight": 0},
                         {"role": "assistant", "content": "y", "weight": 1.0}]})"),
      "system: s | -assistant: x | assistant: y");
  // What stands in a prompt is context.
  EXPECT_EQ(
      dialogue(
          R"({"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
                         "completion": [{"role": "assistant", "content": "d"}]})"),
      "user: a | -assistant: b | user: c | assistant: d");
  const Dialogue d = read_dialogue(
      OrderedJson::parse(
          R"({"messages": [{"role": "user", "content": "time?"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]},
                     {"role": "tool", "content": "5", "tool_call_id": "1"}], "tools": [{"type": "function", "a": 1}]})"),
      "line");
  EXPECT_EQ(d.unusable, "");
  EXPECT_EQ(d.conversation.messages[1].tool_calls[0]["id"], "1");
  EXPECT_EQ(d.conversation.messages[2].tool_call_id, "1");
  EXPECT_EQ(d.conversation.tools.dump(), R"([{"type":"function","a":1}])");  // in this order
  const char* const as_text = R"({"prompt": "a", "completion": "b", "tools": "[{\"type\": \"function\", \"a\": 1}]"})";
  EXPECT_EQ(read_dialogue(OrderedJson::parse(as_text), "line").conversation.tools.dump(), d.conversation.tools.dump());
}

TEST(DialogueFormats, SayWhatCannotBeLearntFrom) {
  EXPECT_NE(dialogue(R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})")
                .find("image_url"),
            std::string::npos);
  EXPECT_NE(dialogue(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": null}]})")
                .find("without content"),
            std::string::npos);
  EXPECT_NE(
      dialogue(R"({"messages": [{"role": "assistant", "content": null, "function_call": {}}]})").find("function_call"),
      std::string::npos);
  EXPECT_NE(dialogue(R"({"messages": []})").find("without messages"), std::string::npos);
}

TEST(DialogueFormats, RefuseOtherShapesByName) {
  auto error = [](const std::string& line) { return error_of([&] { dialogue(line); }); };
  expect_contains(error(R"({"q": 1, "a": 2})"),
                  {"d.jsonl:3", "the fields q, a", "messages", "conversations", "instruction", "completion"});
  expect_contains(error(R"({"text": "x"})"), {"kind = \"text\""});
  expect_contains(error(R"({"prompt": "x", "chosen": "y", "rejected": "z"})"),
                  {"preference data", "chosen", "messages"});
  expect_contains(error(R"({"chosen": [], "rejected": []})"), {"preference data"});
  expect_contains(error(R"({"prompt": "x", "completion": "y", "label": false})"), {"preference data", "label"});
  expect_contains(error(R"({"messages": "hi"})"), {"\"messages\"", "expected a list", "string"});
  expect_contains(error(R"({"messages": [1]})"), {"expected objects, found number"});
  expect_contains(error(R"({"messages": [{"role": "user"}]})"), {"\"content\"", "found the fields role"});
  expect_contains(error(R"({"messages": [{"role": "user", "content": 5}]})"), {"\"content\"", "found number"});
  expect_contains(error(R"({"messages": [{"role": "user", "content": "a", "weight": 0.5}]})"),
                  {"\"weight\": expected 0 or 1, found 0.5"});
  expect_contains(error(R"({"conversations": [{"from": "robot", "value": "a"}]})"),
                  {"\"from\"", "human, gpt", "robot"});
  expect_contains(error(R"({"prompt": "x", "completion": []})"), {"two strings or two lists"});
  // Never a text without a bound.
  Json many;
  for (int i = 0; i < 1000; ++i) many[fmt::format("{}{}", i, std::string(5000, 'k'))] = i;
  EXPECT_LT(error(many.dump()).size(), 1200u);
}

SourceSpec source_of(const Path& path, SourceKind kind = SourceKind::text) {
  SourceSpec s;
  s.name = "data";
  s.kind = kind;
  s.path = path;
  s.validation = 0;
  return s;
}

struct Read {
  std::vector<std::string> texts;  // "!" at the end: held out
  SourceReport report;
  std::string all() const {
    std::string out;
    for (const auto& text : texts) out += (out.empty() ? "" : "|") + text;
    return out;
  }
};

Read read(const SourceSpec& source) {
  Read r;
  for_each_document(
      source,
      [&](Document&& d) {
        r.texts.push_back((d.conversation.messages.empty() ? d.text : text_of(d.conversation.messages)) +
                          (d.validation ? "!" : ""));
        return true;
      },
      &r.report);
  return r;
}

TEST(Documents, BadLinesEndTheReadingOrAreSkippedAndCounted) {
  const TemporaryFolder folder;
  SourceSpec s = source_of(folder.file(
      "d.jsonl", "{\"text\":\"a\"}\n{\"text\":\n\n{\"text\":\"b\"}\n{\"other\":1}\n[1]\n{\"text\":\"\xE9\"}\n"));
  s.where = "r.toml:7";
  expect_contains(error_of([&] { read(s); }), {"r.toml:7", "\"data\"", "d.jsonl:2", "on_bad_line = \"skip\""});
  s.skip_bad_lines = true;
  const Read r = read(s);
  EXPECT_EQ(r.all(), "a|b");
  EXPECT_EQ(r.report.left_out(), 4);
  EXPECT_EQ(r.report.read(), 6);
  expect_contains(r.report.text(),
                  {"6 documents read", "4 left out", "4 malformed and skipped", "line 2", "d.jsonl:2"});
}

TEST(Documents, WhatFiltersAndLimitsLeaveOutIsCounted) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 6; ++i)
    lines += fmt::format("{{\"text\":\"{}\",\"source\":\"{}\"}}\n", std::string(static_cast<size_t>(10 * i), 'x'),
                         i % 2 ? "a" : "b");
  SourceSpec s = source_of(folder.file("d.jsonl", lines));
  s.exclude = {"b"};
  s.max_document_bytes = 30;
  expect_contains(
      read(s).report.text(),
      {"6 documents read, 4 left out (3 of exclude, the first at line 1; 1 above max_document_bytes = 30, at line 6)"});
  const char* const turns = R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
      {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})";
  std::string line = turns;
  line.erase(line.find('\n'), 1);
  SourceSpec chat = source_of(folder.file("c.jsonl", line + "\n"), SourceKind::chat);
  chat.max_turns = 3;
  Read r = read(chat);
  EXPECT_EQ(r.all(), "user: a | assistant: b");
  expect_contains(r.report.text(), {"1 document read, 1 cut (1 to max_turns = 3, at line 1)"});
  chat.max_turns = 1;
  expect_contains(read(chat).report.text(), {"1 left out (1 without an answer in max_turns = 1"});
}

TEST(Documents, OneListIsReadLikeLines) {
  const TemporaryFolder folder;
  SourceSpec s = source_of(folder.file(
      "d.json", "\xEF\xBB\xBF\n [ {\"text\": \"a]\\\"\",\n \"more\": [1, {\"x\": 2}]},\n\n{\"text\":\"b\"}]\n"));
  EXPECT_EQ(read(s).all(), "a]\"|b");
  s.path = folder.file("e.json", "[{\"text\":\"a\"}, 7, {\"text\":\"b\"}]");
  expect_contains(error_of([&] { read(s); }), {"e.json:1", "expected an object, found number"});
  s.skip_bad_lines = true;
  EXPECT_EQ(read(s).all(), "a|b");
  s.path = folder.file("f.json", "[{\"text\":\"a\"},\n{\"text\":\"b\"");
  expect_contains(error_of([&] { read(s); }), {"f.json:2", "expected the end of the list"});
  s.path = folder.file("g.json", "[]\n{}");
  expect_contains(error_of([&] { read(s); }), {"g.json:2", "nothing after the list"});
  s.path = folder.file("h.json", "[]");
  EXPECT_EQ(read(s).all(), "");
}

std::string packed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(DataFiles, AreReadOrCalledWhatTheyAre) {
  const TemporaryFolder folder;
  const std::string line = "{\"text\":\"a\"}\r\n";
  EXPECT_EQ(read(source_of(folder.file("bom.jsonl", "\xEF\xBB\xBF" + line))).all(), "a");
  EXPECT_EQ(read(source_of(folder.file("a.jsonl.zst", packed(line)))).all(), "a");
  EXPECT_EQ(read(source_of(folder.file("t.txt.zst", packed("two\r\nlines")))).all(), "two\nlines\n");
  EXPECT_EQ(read(source_of(folder.file("empty.jsonl", ""))).all(), "");
  auto error = [&](const Path& path) {
    SourceSpec s = source_of(path);
    s.where = "r.toml:9";
    s.skip_bad_lines = true;  // none of these is a matter of lines
    return error_of([&] { read(s); });
  };
  expect_contains(error(folder.path()), {"r.toml:9", "found a folder"});
  expect_contains(error(folder.path() / "none.jsonl"), {"r.toml:9", "no such file"});
  ASSERT_EQ(mkfifo((folder.path() / "pipe.jsonl").c_str(), 0600), 0);
  expect_contains(error(folder.path() / "pipe.jsonl"), {"pipe", "more than once"});
  std::filesystem::create_symlink("itself", folder.path() / "itself");
  expect_contains(error(folder.path() / "itself"), {"itself", "cannot be read"});
  expect_contains(error(folder.file("a.jsonl.gz", "\x1F\x8B\x08")), {"gzip", "gunzip"});
  expect_contains(error(folder.file("u.txt", "\xFF\xFEh")), {"UTF-16", "iconv"});
  expect_contains(error(folder.file("v.jsonl", std::string("{\0\"\0", 4))), {"UTF-16", "zero bytes"});
  expect_contains(error(folder.file("x.parquet", "PAR1....")), {"Parquet"});
  expect_contains(error(folder.file("l.jsonl", "version https://git-lfs.github.com/spec/v1\n")), {"Git LFS pointer"});
  expect_contains(error(folder.file("z.jsonl", packed(line))), {"zstd", ".zst"});
  expect_contains(error(folder.file("y.jsonl.zst", line)), {"expected zstd data"});
  const std::string whole = packed(std::string(5000, 'x') + line);
  expect_contains(error(folder.file("cut.jsonl.zst", whole.substr(0, whole.size() - 3))), {"cut.jsonl.zst", "cut off"});
}

TEST(TextFiles, AreUtf8OrRefusedWithTheirLine) {
  const TemporaryFolder folder;
  SourceSpec s = source_of(folder.file("a.txt", "\xEF\xBB\xBFone\r\ntwo\n\nthree"));
  EXPECT_EQ(read(s).all(), "one\ntwo\n\nthree");
  s.path = folder.file("latin.txt", "one\ncaf\xE9\nthree\n");
  expect_contains(error_of([&] { read(s); }), {"latin.txt:2", "UTF-8", "iconv -f LATIN1"});
  s.skip_bad_lines = true;
  const Read r = read(s);
  EXPECT_EQ(r.all(), "one\nthree\n");
  expect_contains(r.report.text(), {"1 left out", "line 2"});
}

std::string paragraphs(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("Paragraph {} has a line,\nand another one of {}.\n\n", i, i * i);
  return text;
}

TEST(TextFiles, HoldOutTheirShare) {
  const TemporaryFolder folder;
  const std::string one_line = [] {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "The cat sat on the mat and the dog on the log. ";
    return text;
  }();
  for (const std::string& text : {paragraphs(3000), paragraphs(40), one_line, std::string(5000, 'x')}) {
    SourceSpec s = source_of(folder.file("a.txt", text));
    for (const double share : {0.005, 0.05, 0.1, 0.5}) {
      s.validation = share;
      std::string all;
      size_t held_out = 0;
      for_each_document(s, [&](Document&& d) {
        all += d.text;
        held_out += d.validation ? d.text.size() : 0;
        return true;
      });
      EXPECT_EQ(all, text);
      const double size = static_cast<double>(text.size());
      EXPECT_NEAR(static_cast<double>(held_out) / size, share, 0.3 * share) << text.size();
    }
    s.validation = 0;
    EXPECT_EQ(read(s).texts.size(), 1u);
  }
}

TEST(TextFiles, ObeyLimits) {
  const TemporaryFolder folder;
  const std::string text = paragraphs(200);
  SourceSpec s = source_of(folder.file("a.txt", text));
  s.max_document_bytes = 300;
  const Read r = read(s);
  std::string all;
  for (const std::string& piece : r.texts) {
    EXPECT_LE(piece.size(), 300u);
    EXPECT_TRUE(piece.ends_with("\n\n")) << piece;
    all += piece;
  }
  EXPECT_EQ(all, text);
  s.max_document_bytes = 0;
  s.max_megabytes = 0.001;
  const Read first = read(s);
  EXPECT_TRUE(text.starts_with(first.all()));
  EXPECT_LE(first.all().size(), 1000u);
  EXPECT_GT(first.all().size(), 800u);
  expect_contains(first.report.text(), {"cut", "max_megabytes"});
  s.validation_tail = 0.25;
  EXPECT_EQ(read(s).texts.size(), 2u);
  // No cut falls into a character.
  s = source_of(folder.file("b.txt", std::string("你好世界你好世界你好世界")));
  for (const int64_t most : {1, 2, 3, 4, 7, 10}) {
    s.max_document_bytes = most;
    for (const std::string& piece : read(s).texts) EXPECT_EQ(piece.size() % 3, 0u);
  }
}

}  // namespace
}  // namespace hadal
