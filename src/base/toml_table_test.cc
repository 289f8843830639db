#include "base/toml_table.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace hadal {
namespace {

constexpr const char* kText = R"(name = "pilot"
steps = 10
rate = 0.5
whole = 2
deep = true
files = ["a", "b"]
mix = { web = 3, code = 0.5 }

[model]
hidden = 64

[[source]]
name = "novels"
path = "x"

[[source]]
path = "y"

[[stage]]
steps = 1
)";

TomlTable table() { return TomlTable::parse(kText, "r.toml"); }

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(TomlTable, ReadsDatesAndListsOfIntegers) {
  TomlTable t =
      TomlTable::parse("a = 2014-06-09\nb = \"2014-06-10\"\nc = 2014-06-09T10:00:00\nseeds = [1, 5]\nd = 3\n", "r");
  EXPECT_EQ(t.date("a"), "2014-06-09");
  EXPECT_EQ(t.date("b"), "2014-06-10");
  EXPECT_EQ(t.date("none"), "");
  EXPECT_NE(error_of([&] { t.date("c"); }).find("found a time"), std::string::npos);
  EXPECT_EQ(t.integers("seeds", 0, 9), (std::vector<int64_t>{1, 5}));
  EXPECT_NE(error_of([&] { t.integers("seeds", 0, 4); }).find("expected 0 to 4, found 5"), std::string::npos);
  EXPECT_NE(error_of([&] { t.integers("d", 0, 4); }).find("a list of integers, found an integer"), std::string::npos);
  EXPECT_EQ(table().any("rate") + table().any("whole") + table().any("deep") + table().any("name"), "0.52truepilot");
  EXPECT_NE(error_of([&] { t.any("seeds"); }).find("found a list"), std::string::npos);
  EXPECT_EQ(t.keys(), (std::vector<std::string>{"a", "b", "c", "d", "seeds"}));
}

// What the parser's library takes for impossible and a file may hold: an Error, and no undefined behaviour.
TEST(TomlTable, NoFileIsImpossible) {
  for (const char* text : {"[/x]\n", "[[/x]]\n", "\xC3\xA9 = 1\n", "a.\xC3\xA9 = 1\n", "[\xC3\xA9]\n", "a = \xC3\xA9\n",
                           "/ = 1\n", "a = [\xC3\xA9]\n"})
    EXPECT_NE(error_of([&] { TomlTable::parse(text, "r.toml"); }).find("r.toml:1"), std::string::npos) << text;
  TomlTable t = TomlTable::parse("a = \"\xC3\xA9\"\n\"\xC3\xA9\" = 2\n", "r.toml");
  EXPECT_EQ(t.text("a", ""), "\xC3\xA9");
  EXPECT_EQ(t.integer("\xC3\xA9", 0, 0, 9), 2);
}

TEST(TomlTable, ReadsValuesAndDefaults) {
  TomlTable t = table();
  EXPECT_EQ(t.text("name", "x"), "pilot");
  EXPECT_EQ(t.text("absent", "x"), "x");
  EXPECT_EQ(t.choice("name", "x", {"pilot", "x"}), "pilot");
  EXPECT_EQ(t.integer("steps", 1, 0, 10), 10);
  EXPECT_EQ(t.integer("more", 7, 0, 1), 7);  // a default may be out of range
  EXPECT_EQ(t.number("rate", 0, 0, 1), 0.5);
  EXPECT_EQ(t.number("whole", 0, 0, 5), 2);  // an integer is a number
  EXPECT_TRUE(t.flag("deep", false));
  EXPECT_EQ(t.texts("files"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(t.texts("no files").empty());
  const auto shares = t.shares("mix");
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_TRUE(t.has("model") && !t.has("models"));
  EXPECT_EQ(t.table("model")->integer("hidden", 0, 0, 100), 64);
  EXPECT_FALSE(t.table("optimizer"));
  EXPECT_EQ(t.table_or_empty("optimizer").integer("warmup", 5, 0, 9), 5);
  EXPECT_EQ(t.tables("source").size(), 2u);
  EXPECT_TRUE(t.tables("evaluation").empty());
  EXPECT_EQ(t.where("rate"), "r.toml:3");
  EXPECT_EQ(t.where(), "r.toml:1");
}

TEST(TomlTable, ErrorsNameLineAndKey) {
  TomlTable t = table();
  const struct {
    std::function<void()> call;
    const char* error;
  } cases[] = {
      {[&] { t.text("steps", ""); }, "r.toml:2: steps: expected a text, found an integer"},
      {[&] {
         t.choice("name", "x", {"y", "z"});
       },
       "r.toml:1: name: expected one of y, z, found \"pilot\""},
      {[&] { t.flag("rate", true); }, "r.toml:3: rate: expected true or false, found a number"},
      {[&] { t.integer("rate", 0, 0, 9); }, "r.toml:3: rate: expected an integer, found a number"},
      {[&] { t.integer("steps", 0, 0, 9); }, "r.toml:2: steps: expected 0 to 9, found 10"},
      {[&] { t.number("name", 0, 0, 9); }, "r.toml:1: name: expected a number, found a text"},
      {[&] { t.number("rate", 0, 1, 9); }, "r.toml:3: rate: expected 1 to 9, found 0.5"},
      {[&] { t.texts("name"); }, "r.toml:1: name: expected a list of texts, found a text"},
      {[&] { t.shares("files"); }, "r.toml:6: files: expected { name = number }, found a list"},
      {[&] { t.table("files"); }, "r.toml:6: files: expected a table, found a list"},
      {[&] { t.tables("model"); }, "r.toml:9: model: expected [[model]] tables, found a table"},
      {[&] { t.table("model")->require("depth"); }, "r.toml:9: expected the key depth in [model], found none; add it"},
  };
  for (const auto& c : cases) EXPECT_EQ(error_of(c.call), c.error);
  EXPECT_EQ(error_of([&] { t.require("steps"); }), "no error");
  EXPECT_NE(error_of([] { TomlTable::parse("a = \nb = 1", "r.toml"); }).find("not valid TOML"), std::string::npos);
  EXPECT_NE(error_of([] { TomlTable::parse_file("/nowhere/r.toml"); }).find("/nowhere/r.toml"), std::string::npos);
  for (const auto& [value, found] : {std::pair("-1", "-1"), {"inf", "inf"}, {"true", "true or false"}}) {
    EXPECT_EQ(error_of([&] { TomlTable::parse(fmt::format("a = {{ b = {} }}", value), "r").shares("a"); }),
              fmt::format("r:1: a: b: expected a number from 0, found {}", found));
  }
}

TEST(TomlTable, UnknownKeysAreFound) {
  TomlTable t = TomlTable::parse("steps = 1\n[model]\nhiden = 2\n", "r.toml");
  t.integer("steps", 0, 0, 9);
  TomlTable model = *t.table("model");
  model.integer("hidden", 1, 0, 9);
  model.integer("layers", 1, 0, 9);
  EXPECT_EQ(error_of([&] { t.finish(); }), "no error");
  EXPECT_EQ(error_of([&] { model.finish(); }),
            "r.toml:3: unknown key \"hiden\" in [model]; the nearest valid key is \"hidden\"");
}

TEST(TomlTable, RecordsWhatWasRead) {
  TomlTable t = table();
  t.integer("steps", 0, 0, 99);
  t.integer("steps", 0, 0, 99);
  t.text("absent", "default");
  t.table("model")->integer("hidden", 0, 0, 99);
  for (TomlTable& source : t.tables("source")) source.text("path", "");
  for (TomlTable& stage : t.tables("stage")) stage.integer("steps", 0, 0, 9);
  std::string all;
  for (const TomlValue& v : t.asked()) all += v.key + " = " + v.value + " @ " + v.where + "\n";
  EXPECT_EQ(all,
            "steps = 10 @ r.toml:2\n"
            "absent = default @ r.toml:1\n"
            "[model] hidden = 64 @ r.toml:10\n"
            "[[source]] \"novels\": path = x @ r.toml:14\n"
            "[[source]] 2: path = y @ r.toml:17\n"
            "[[stage]] 1: steps = 1 @ r.toml:20\n");
}

TEST(NearestWord, HasTheSmallestEditDistance) {
  EXPECT_EQ(nearest_word("hiden", {"heads", "hidden", "steps"}), "hidden");
  EXPECT_EQ(nearest_word("", {"abc", "ab"}), "ab");
  EXPECT_EQ(nearest_word("x", {}), "");
  EXPECT_EQ(nearest_word("same", {"name", "same"}), "same");
}

// What is set, is read; everything else is as it was.
TEST(TomlValueSet, ChangesOneValueInItsPlace) {
  const std::string text =
      "# of mine\nseed = 1 # one\nb = { x = 1 }\n\n[optimizer]\n\n[[stage]]\nname = \"é.t\"\nsteps = 4\n"
      "[[stage]]\nname = \"chat\"\nnote = \"ü\" \nsteps = 5 # five\n";
  const auto set = [&](const std::string& key, const std::string& value) {
    return with_toml_value(text, key, value, "r");
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string out = text;
    return out.replace(out.find(from), from.size(), to);
  };
  EXPECT_EQ(set("seed", "2"), replaced("seed = 1", "seed = 2"));
  EXPECT_EQ(set("stage.chat.steps", "50"), replaced("steps = 5", "steps = 50"));
  EXPECT_EQ(set("stage.1.note", "a b"), replaced("\"ü\"", "\"a b\""));
  EXPECT_EQ(set("stage.0.steps", "[1, 2]"), replaced("steps = 4", "steps = [1, 2]"));
  EXPECT_EQ(set("stage.0.rate", "0.1"), replaced("[[stage]]\n", "[[stage]]\nrate = 0.1\n"));
  EXPECT_EQ(set("optimizer.matrices", "adamw"), replaced("[optimizer]\n", "[optimizer]\nmatrices = \"adamw\"\n"));
  EXPECT_EQ(set("b.y", "true"), replaced("{ x", "{ y = true, x"));
  EXPECT_EQ(set("b.x", "\"1\""), replaced("x = 1", "x = \"1\""));
  EXPECT_EQ(set("name", "say \"hi\""), "name = \"say \\\"hi\\\"\"\n" + text);
  EXPECT_EQ(set("run.a.every", "3"), text + "\n[run.a]\nevery = 3\n");
  EXPECT_EQ(with_toml_value("", "a", "1", "r"), "a = 1\n");
}

// Where a line cannot be put in, the document is written anew: with the same values.
TEST(TomlValueSet, KeepsTheDocumentInAnyForm) {
  for (const std::string text : {"a.b = 1\n", "[a.c]\nx = 1\n", "a = {}\n", "[a]\nb = \"\"\"\n2\n\"\"\"\n", "[a]"}) {
    TomlTable set = TomlTable::parse(with_toml_value(text, "a.d", "7", "r"), "r");
    EXPECT_EQ(set.table("a")->integer("d", 0, 0, 9), 7) << text;
    const size_t before = TomlTable::parse(text, "r").table("a")->keys().size();
    EXPECT_EQ(set.table("a")->keys().size(), before + 1) << text;
  }
  TomlTable both = TomlTable::parse(with_toml_value("[a]\nb = \"\"\"\n2\n\"\"\"\nc = 3\n", "a.c", "4", "r"), "r");
  EXPECT_EQ(both.table("a")->text("b", ""), "2\n");
  EXPECT_EQ(both.table("a")->integer("c", 0, 0, 9), 4);
}

TEST(TomlValueSet, TakesOneValueAlone) {
  for (const std::string value : {"1\nb = 2", "1 # x", "a, b", "", "[1", "1 2"}) {
    TomlTable set = TomlTable::parse(with_toml_value("", "a", value, "r"), "r");
    EXPECT_EQ(set.keys().size(), 1u) << value;
    EXPECT_EQ(set.text("a", ""), value);
  }
}

TEST(TomlValueSet, SaysWhatIsNoTable) {
  const std::string text = "a = 1\n[[stage]]\nname = \"x\"\n";
  const auto error = [&](const std::string& key, const std::string& from) {
    try {
      with_toml_value(from, key, "1", "r.toml");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error("a.b", text).find("r.toml: a.b: expected a table at a, found an integer"), std::string::npos);
  EXPECT_NE(error("stage.y.steps", text).find("one of its 1 [[stage]], found y"), std::string::npos);
  EXPECT_NE(error("stage.1.steps", text).find("found 1"), std::string::npos);
  EXPECT_NE(error("stage.steps", text).find("found none"), std::string::npos);
  EXPECT_NE(error("a..b", text).find("expected a key"), std::string::npos);
  EXPECT_NE(error("a", "a = ").find("not valid TOML"), std::string::npos);
}

}  // namespace
}  // namespace hadal
