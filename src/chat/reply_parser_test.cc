#include "chat/reply_parser.h"

#include <gtest/gtest.h>

#include <random>

#include "chat/testing/tiny_tokenizer.h"

namespace hadal::chat {
namespace {

// "think: ...", "say: ...", "call f({...})", one a line.
std::string shown(const Message& message) {
  std::string out;
  if (message.reasoning) out += "think: " + *message.reasoning + "\n";
  if (message.content) out += "say: " + *message.content + "\n";
  for (const OrderedJson& call : message.tool_calls.is_array() ? message.tool_calls : OrderedJson::array())
    out += "call " + call["function"]["name"].get<std::string>() + "(" +
           call["function"]["arguments"].get<std::string>() + ")\n";
  return out;
}

// A reply is written as its text; with `marks` its tags are special tokens, else they are text.
struct Case {
  const char* reply;
  const char* expected;
  bool opened = false, tools = false;
  int marks = -1;  // 0: as text alone, 1: as marks alone, -1: both give the same
};

const std::vector<std::string> kTags = {"<think>",
                                        "</think>",
                                        "<tool_call>",
                                        "</tool_call>",
                                        "<|python_tag|>",
                                        "<｜tool▁calls▁begin｜>",
                                        "<｜tool▁calls▁end｜>",
                                        "<｜tool▁call▁begin｜>",
                                        "<｜tool▁call▁end｜>",
                                        "<｜tool▁sep｜>"};

const std::vector<Case> kCases = {
    {"Hello.", "say: Hello.\n"},
    {"", ""},
    {" \n Hello, <b>you</b> & <thinker>\n", "say:  \n Hello, <b>you</b> & <thinker>\n\n"},
    {"\n\n", "say: \n\n\n"},
    {"<thi", "say: <thi\n"},
    {"a < b and b << c <", "say: a < b and b << c <\n"},
    // thoughts
    {"<think>hm</think>yes", "think: hm\nsay: yes\n"},
    {"\n<think>\nhm, so\n\n</think>\n\nyes \n", "think: hm, so\nsay: yes \n\n"},
    {"<think>\n\n</think>\n\nyes", "say: yes\n"},
    {"<think></think>", ""},
    {"<think>hm, a  b </thin k", "think: hm, a  b </thin k\n"},
    {"hm\n</think>\n\nyes", "think: hm\nsay: yes\n", true},
    {"<think>\nhm\n</think>\n\nyes", "think: hm\nsay: yes\n", true},  // the prompt had opened them already
    {"</think>yes", "say: yes\n", true},
    {"hm", "think: hm\n", true},
    {"<think>a < b</think>c </think> d", "think: a < b\nsay: c </think> d\n", false, false, 0},
    // tags as text are quoted, or stand where none can be
    {"In R1 the tag `</think>` ends the thoughts.", "say: In R1 the tag `</think>` ends the thoughts.\n", false, false,
     0},
    {"First <think>, then </think>.", "say: First <think>, then </think>.\n", false, false, 0},
    {"<think>the `</think>` tag, \"</think>\", “</think>”\n</think>yes",
     "think: the `</think>` tag, \"</think>\", “</think>”\nsay: yes\n", false, false, 0},
    {"<tool_call>{\"name\": \"f\"}</tool_call>", "say: <tool_call>{\"name\": \"f\"}</tool_call>\n", false, false, 0},
    // tags as special tokens are certain, and those of no use here leave no trace
    {"one<think>two</think>three", "think: two\nsay: onethree\n", false, false, 1},
    {"</think>yes", "say: yes\n", false, false, 1},
    {"<tool_call>x</tool_call>y<|python_tag|>", "say: xy\n", false, false, 1},
    // calls: DeepSeek-V3.1, V3, Qwen2.5, Llama 3
    {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
     "<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     "call f({\"a\": 1})\ncall g({})\n", false, true},
    {"I look.\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
     "\"```\"}\n```<｜tool▁call▁end｜>\n<｜tool▁calls▁end｜>",
     "say: I look.\ncall f({\"a\": \"```\"})\n", false, true},
    {"<think>hm</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"b\": [1], \"a\": "
     "\"</tool\"}}\n</tool_call>\n"
     "<tool_call>\n{\"name\": \"g\", \"arguments\": \"{}\"}\n</tool_call>",
     "think: hm\ncall f({\"b\":[1],\"a\":\"</tool\"})\ncall g({})\n", false, true},
    {"Well. <tool_call>{\"name\": \"f\"}</tool_call>\n\nSo.", "say: Well.So.\ncall f({})\n", false, true},
    {"<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": 1}}", "call f({\"a\":1})\n", false, true},
    {"<tool_call>{\"name\": \"f\", \"arguments\": {}}", "call f({})\n", false, true},  // the end came first
    {"hm<tool_call>{\"name\": \"f\"}</tool_call>", "think: hm\ncall f({})\n", true, true, 1},
    // what is no call stays, to the byte
    {"a \n<tool_call>{\"name\": 5}</tool_call> b", "say: a \n<tool_call>{\"name\": 5}</tool_call> b\n", false, true},
    {"<tool_call>f(1)", "say: <tool_call>f(1)\n", false, true},
    {"a <tool_call", "say: a <tool_call\n", false, true, 0},
    {"<|python_tag|>print(1)\n", "say: <|python_tag|>print(1)\n\n", false, true},
    {"<｜tool▁calls▁begin｜> f \n", "say: <｜tool▁calls▁begin｜> f \n\n", false, true},
    {"x <｜tool▁calls▁begin｜>\n<｜tool▁call▁begin｜>f<｜tool▁sep｜>[1]<｜tool▁call▁end｜>",
     "say: x <｜tool▁calls▁begin｜>\n<｜tool▁call▁begin｜>f<｜tool▁sep｜>[1]<｜tool▁call▁end｜>\n", false, true},
    {"x <｜tool▁calls▁end｜>", "say: x <｜tool▁calls▁end｜>\n", false, true},
};

ReplyFormat format_of(const Case& one, bool marks) {
  ReplyFormat format{one.opened, one.tools, {}};
  for (size_t i = 0; marks && i < kTags.size(); ++i) format.marks.emplace_back(static_cast<TokenId>(i), kTags[i]);
  return format;
}

// The reply in pieces: texts, and marks as their ids.
struct Piece {
  std::string text;
  TokenId mark = -1;
};

std::vector<Piece> pieces_of(std::string_view reply, bool marks) {
  std::vector<Piece> out;
  while (marks && !reply.empty()) {
    size_t at = reply.size(), which = kTags.size();
    for (size_t i = 0; i < kTags.size(); ++i)
      if (const size_t found = reply.find(kTags[i]); found < at) at = found, which = i;
    if (at > 0) out.push_back({std::string(reply.substr(0, at))});
    if (which < kTags.size()) out.push_back({"", static_cast<TokenId>(which)});
    reply.remove_prefix(which < kTags.size() ? at + kTags[which].size() : at);
  }
  if (!reply.empty()) out.push_back({std::string(reply)});
  return out;
}

// `cut` says whether the text is cut before its byte i.
template <typename Cut>
Message read(const Case& one, bool marks, Cut&& cut) {
  ReplyParser parser(format_of(one, marks));
  Message message{"assistant"};
  const auto take = [&](const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) {
      EXPECT_TRUE(delta.kind == ReplyDelta::Kind::tool_call || !delta.text.empty());
      append(message, delta);
    }
  };
  size_t byte = 0;
  for (const Piece& piece : pieces_of(one.reply, marks)) {
    if (piece.mark >= 0) {
      take(parser.push_mark(piece.mark));
      continue;
    }
    size_t begin = 0;
    for (size_t i = 1; i <= piece.text.size(); ++i, ++byte) {
      if (i < piece.text.size() && !cut(byte)) continue;
      take(parser.push(std::string_view(piece.text).substr(begin, i - begin)));
      begin = i;
    }
  }
  take(parser.finish());
  return message;
}

TEST(ReplyParser, GivesTheSameForEverySplit) {
  std::mt19937 random(7);
  for (const Case& one : kCases)
    for (const bool marks : {false, true}) {
      if (one.marks >= 0 && marks != (one.marks == 1)) continue;
      const size_t size = std::string_view(one.reply).size();
      const auto check = [&](auto&& cut, const std::string& how) {
        EXPECT_EQ(shown(read(one, marks, cut)), one.expected) << one.reply << (marks ? " as marks, " : ", ") << how;
      };
      check([](size_t) { return false; }, "whole");
      check([](size_t) { return true; }, "byte by byte");
      for (size_t at = 0; at < size; ++at)
        check([at](size_t byte) { return byte == at; }, "cut at " + std::to_string(at));
      for (int i = 0; i < 200; ++i) check([&](size_t) { return random() % 4 == 0; }, "at random");
    }
}

// Any text at all: put together it says what was read, whatever it was cut into.
TEST(ReplyParser, LosesNothingOfAnyText) {
  std::mt19937 random(11);
  std::vector<std::string> bits = kTags;
  for (const char* bit :
       {"a", " ", "\n", "{\"name\": \"f\"}", "`", "<", "<｜tool", "think>", "</", "\u201c", "x<sep>{}"})
    bits.emplace_back(bit);
  for (int i = 0; i < 3000; ++i) {
    std::string reply;
    for (size_t n = random() % 12; n > 0; --n) reply += bits[random() % bits.size()];
    const Case one{reply.c_str(), "", random() % 2 == 0, random() % 2 == 0};
    for (const bool marks : {false, true}) {
      const std::string whole = shown(read(one, marks, [](size_t) { return false; }));
      for (int k = 0; k < 5; ++k)
        ASSERT_EQ(shown(read(one, marks, [&](size_t) { return random() % 3 == 0; })), whole) << reply;
    }
    if (one.tools) continue;
    // Without tools only the two tags of thoughts, and white space, are part of nothing.
    const Message message = read(one, false, [](size_t) { return false; });
    const auto letters = [](std::string text) {
      std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
      for (const std::string tag : {"<think>", "</think>"})
        for (size_t at; (at = text.find(tag)) != text.npos;) text.erase(at, tag.size());
      return text;
    };
    EXPECT_EQ(letters(message.reasoning.value_or("") + message.content.value_or("")), letters(reply)) << reply;
  }
}

// What can be decided is said at once.
TEST(ReplyParser, StreamsThoughtsBeforeTheAnswer) {
  using Kind = ReplyDelta::Kind;
  ReplyParser parser({});
  EXPECT_TRUE(parser.push("<think>").empty());
  EXPECT_EQ(parser.push("\nI add"), (std::vector<ReplyDelta>{{Kind::reasoning, "I add"}}));
  EXPECT_EQ(parser.push(" 2."), (std::vector<ReplyDelta>{{Kind::reasoning, " 2."}}));
  EXPECT_EQ(parser.push("</think>Four"), (std::vector<ReplyDelta>{{Kind::content, "Four"}}));
  EXPECT_EQ(parser.push(" \n"), (std::vector<ReplyDelta>{{Kind::content, " \n"}}));
  EXPECT_TRUE(parser.finish().empty());

  ReplyParser both({});
  EXPECT_EQ(both.push("<think>a</think>b"), (std::vector<ReplyDelta>{{Kind::reasoning, "a"}, {Kind::content, "b"}}));
}

TEST(ReplyFormat, KnowsWhichTagsAreSpecialTokens) {
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const ReplyFormat format = reply_format(tokenizer);
  const std::vector<std::pair<TokenId, std::string>> expected = {{tokenizer.find("<think>"), "<think>"},
                                                                 {tokenizer.find("</think>"), "</think>"}};
  EXPECT_EQ(format.marks, expected);
}

}  // namespace
}  // namespace hadal::chat
