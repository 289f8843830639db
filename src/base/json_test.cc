#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

std::string mistake(std::string_view text, JsonRules rules = {}) {
  std::string plain, ordered;
  try {
    parse_json(text, "x", rules);
  } catch (const Error& e) {
    plain = e.what();
  }
  try {
    parse_ordered_json(text, "x", rules);
  } catch (const Error& e) {
    ordered = e.what();
  }
  EXPECT_EQ(plain, ordered);
  return plain;
}

std::string nested(size_t levels, std::string_view open = "[", std::string_view close = "]") {
  std::string text;
  for (size_t i = 0; i < levels; ++i) text += open;
  for (size_t i = 0; i < levels; ++i) text += close;
  return text;
}

TEST(Json, ReadsWhatTheLibraryReads) {
  for (const char* text : {"null", "true", "-3", "18446744073709551615", "1.5e3", "\"a\\u00e9\\n\\ud83d\\ude00\"", "[]",
                           "{}", "[1,[2,{\"a\":[]}],\"\"]", "{\"b\":1,\"a\":{\"d\":null,\"c\":[false]}}", " \n[1]\t",
                           "\xEF\xBB\xBF[1]", "{\"a\":1,\"b\":2,\"a\":[3]}"}) {
    EXPECT_EQ(parse_json(text, "x"), Json::parse(text)) << text;
    EXPECT_EQ(parse_ordered_json(text, "x").dump(), OrderedJson::parse(text).dump()) << text;
  }
}

TEST(Json, MistakesSayWhereAndWhat) {
  const std::string start = "x: expected valid JSON, found ";
  EXPECT_EQ(mistake(""), start + "nothing at byte 1");
  EXPECT_EQ(mistake(" \n "), start + "nothing at line 1, column 1");
  EXPECT_EQ(mistake("{\"a\":1,}"), start + "a comma before \"}\" at byte 7");
  EXPECT_EQ(mistake("[1,\n 2,\n]"), start + "a comma before \"]\" at line 2, column 3");
  EXPECT_EQ(mistake("[1"), start + "its end too early: a bracket is not closed, or a value is missing, at byte 3");
  EXPECT_EQ(mistake("[\"abc"), start + "its end inside of a text; the closing quote is missing at byte 6");
  EXPECT_EQ(mistake("{'a':1}"), start + "a single quote, where double quotes are required, at byte 2");
  EXPECT_EQ(mistake("{\"a\":True}"), start + "\"True\" in the wrong place at byte 6");
  EXPECT_EQ(mistake("[NaN]"), start + "\"NaN\" in the wrong place at byte 2");
  EXPECT_EQ(mistake("[1e999999]"), start + "the number 1e999999, which is out of range, at byte 2");
  EXPECT_EQ(mistake("[012]"), start + "\"012\" in the wrong place at byte 2");
  EXPECT_EQ(mistake("[\"a\" \"b\"]"), start + "a text in the wrong place at byte 6");
  EXPECT_EQ(mistake(std::string_view("{\"a\":1}\0[2]", 11)), start + "a NUL byte at byte 8");
  EXPECT_EQ(mistake("{\"a\":1} x"), start + "\"x\" in the wrong place at byte 9");
  EXPECT_EQ(mistake("[\"a\nb\"]").find(start + "\"\\n\" as it is inside of a text"), 0u) << mistake("[\"a\nb\"]");
  EXPECT_EQ(mistake("[\"a\xff\"]"), start + "bytes that are not valid UTF-8 at byte 4");
  EXPECT_EQ(mistake("[\"a\xc3\"]"), start + "bytes that are not valid UTF-8 at byte 5");
  EXPECT_EQ(mistake("[\"a\\x\"]").find(start + "an escape that JSON does not have"), 0u);
  EXPECT_EQ(mistake("[\"a\\u12g4\"]").find(start + "an escape that JSON does not have"), 0u);
  EXPECT_EQ(mistake("[\xe2\x82\xac]"), start + "\"\xe2\x82\xac\" in the wrong place at byte 2");
}

// Whatever the mistake, a message is short, valid UTF-8 and free of the library's words.
TEST(Json, MistakesAreBriefWhateverIsRead) {
  const std::string good = "{\"a\\u00e9\xc3\xa9\":[1,-2.5e3,true,\"x\\n\",{\"b\":null}]}",
                    letters = "\"\\{[]},:0-eux\xc3\xff\n\x01 ";
  for (size_t at = 0; at <= good.size(); ++at) {
    for (const char c : letters) {
      for (const bool insert : {false, true}) {
        std::string text = good;
        if (insert) text.insert(at, 1, c);
        if (!insert && at < text.size()) text[at] = c;
        const std::string message = mistake(text);
        EXPECT_EQ(message.empty(), Json::accept(text)) << text;
        EXPECT_LT(message.size(), 250u) << message;
        EXPECT_EQ(message.find("exception"), std::string::npos) << message;
        EXPECT_EQ(brief(message, 1000), message);
      }
    }
  }
  EXPECT_LT(mistake("[" + std::string(1'000'000, 'x') + "]").size(), 250u);
  EXPECT_LT(mistake("[1" + std::string(1'000'000, '0') + "]").size(), 250u);
  EXPECT_LT(mistake("[\"" + std::string(1'000'000, 'x')).size(), 250u);
}

TEST(Json, DepthHasALimit) {
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}"), std::pair("[{\"a\":", "}]")}) {
    const size_t step = std::string_view(open).size() == 6 ? 2 : 1;
    const auto text = [&](size_t levels) {
      std::string all = nested(levels / step, open, close);
      return all.insert(all.find(close), "1");
    };
    EXPECT_EQ(mistake(text(10)), "");
    EXPECT_EQ(mistake(text(kMaxJsonDepth)), "");
    EXPECT_EQ(dump_json(parse_json(text(kMaxJsonDepth), "x")), text(kMaxJsonDepth));
    for (const size_t levels : {kMaxJsonDepth + 2, size_t{1000}, size_t{1'000'000}}) {
      EXPECT_EQ(mistake(text(levels)),
                "x: expected JSON of at most 128 arrays and objects inside each other, found more");
    }
  }
  EXPECT_NE(mistake(std::string(1'000'000, '[')), "");
  EXPECT_EQ(mistake("[" + nested(127) + "," + nested(127) + "]"), "");  // beside each other they do not add up
}

TEST(Json, HalfACharacterIsRefusedOrMended) {
  EXPECT_EQ(mistake("[\"a\\ud83d\"]"),
            "x: expected valid JSON, found \\ud83d, half a character (a surrogate without its other half), at byte 4");
  EXPECT_NE(mistake("[\"\\ude00\"]"), "");
  EXPECT_EQ(mistake("[\"\\\\ud83d\"]"), "");  // a backslash and five letters
  const auto mended = [](std::string_view text) {
    return parse_json(text, "x", {.mend_surrogates = true}).get<std::string>();
  };
  EXPECT_EQ(mended("\"a\\ud83db\""),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(mended("\"\\ude00\\ud83d\""), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(mended("\"\\uD83D\\uD83D\\uDE00\\\\ud83d\""), "\xEF\xBF\xBD\xF0\x9F\x98\x80\\ud83d");
}

TEST(Json, NamesThatStandTwice) {
  const std::string text = "{\"z\":1,\"a\":2,\"z\":{\"b\":3,\"b\":4}}";
  EXPECT_EQ(parse_ordered_json(text, "x").dump(), "{\"z\":{\"b\":4},\"a\":2}");
  EXPECT_EQ(parse_json(text, "x").dump(), "{\"a\":2,\"z\":{\"b\":4}}");
  EXPECT_EQ(mistake("{\"z\":1,\"a\":2,\"z\":3}", {.unique_names = true}),
            "x: expected each name once, found \"z\" twice");
  EXPECT_EQ(mistake("[{\"z\":1},{\"z\":2}]", {.unique_names = true}), "");
}

TEST(Json, LargeOrderedObjectsTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += fmt::format("{}\"{}\":{}", i ? "," : "", i, i);
  const OrderedJson json = parse_ordered_json(text + "}", "x");  // comparing each with each would take minutes
  EXPECT_EQ(json.size(), 300'000u);
  EXPECT_EQ(json.begin().key(), "0");
}

TEST(Json, AccessFailsInPlainWords) {
  try {
    static_cast<void>(Json::object().at("updates"));
  } catch (const Json::exception& e) {
    EXPECT_EQ(plain_words(e), "key 'updates' not found");
  }
}

TEST(Json, InvalidUtf8IsReplacedWhenWritten) { EXPECT_EQ(dump_json(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

TEST(Brief, ShowsShortValuesWhole) {
  EXPECT_EQ(brief("a \"b\" \xc3\xa9"), "a \"b\" \xc3\xa9");
  EXPECT_EQ(brief("a\nb\t\x1b[31m\x7f\xff"), "a\\nb\\t\\x1b[31m\\x7f\xEF\xBF\xBD");
  EXPECT_EQ(brief_json(Json{{"a", {1, "x", nullptr}}}), "{\"a\":[1,\"x\",null]}");
  EXPECT_EQ(brief_json(Json("a\n")), "\"a\\n\"");
}

TEST(Brief, CutsLongOnesAtACharacter) {
  std::string accents;
  for (int i = 0; i < 1000; ++i) accents += "\xc3\xa9";
  EXPECT_EQ(brief(accents, 3), "\xc3\xa9\xc3\xa9\xc3\xa9... (2000 bytes)");
  EXPECT_EQ(brief_json(Json(accents), 3), "\"\xc3\xa9\xc3\xa9... (2000 bytes)");
  EXPECT_EQ(brief_json(Json(std::vector<int>(1000, 7)), 6), "[7,7,7... (1000 entries)");
  EXPECT_EQ(brief_json(Json{{accents, 1}}, 4), "{\"\xc3\xa9\xc3\xa9... (1 entries)");
  Json deep = 1;
  for (int i = 0; i < 100'000; ++i) deep = Json::array({std::move(deep)});  // no reader of ours makes such a one
  EXPECT_EQ(brief_json(deep, 4), "[[[[... (1 entries)");
}

TEST(Brief, BoundsAWholeMessage) {
  EXPECT_EQ(bounded_message("a\nb"), "a\nb");
  EXPECT_EQ(bounded_message("ab\xc3\xa9"
                            "cd",
                            3),
            "ab... (the message was 6 bytes long)");
  try {
    fail("x: found {}", std::string(1'000'000, 'y'));
  } catch (const Error& e) {
    EXPECT_LT(std::string_view(e.what()).size(), 4200u);
  }
}

TEST(Utf8, KnowsWholeCharacters) {
  EXPECT_EQ(utf8_char_bytes("a", 0), 1u);
  EXPECT_EQ(utf8_char_bytes("\xc3\xa9", 0), 2u);
  EXPECT_EQ(utf8_char_bytes("\xe2\x82\xac", 0), 3u);
  EXPECT_EQ(utf8_char_bytes("\xf0\x9f\x98\x80", 0), 4u);
  for (const char* bad : {"", "\xc3", "\xc3(", "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(utf8_char_bytes(bad, 0), 0u) << bad;
  }
}

TEST(JsonNumber, WhatIsNotFiniteIsNull) {
  EXPECT_EQ(dump_json(number_or_null(1.5)), "1.5");
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) EXPECT_TRUE(number_or_null(value).is_null());
}

}  // namespace
}  // namespace hadal
