#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/jinja/syntax.h"

namespace hadal::jinja {
namespace {

// "data<a> {{ name<x> }}", one token after another.
std::string shown(const std::string& source) {
  std::string out;
  for (const Token& token : tokenize(source)) {
    const auto with_text = [&](const char* kind) { return kind + ("<" + token.text + ">"); };
    std::string one;
    switch (token.kind) {
      case TokenKind::data:
        one = with_text("data");
        break;
      case TokenKind::variable_begin:
        one = "{{";
        break;
      case TokenKind::variable_end:
        one = "}}";
        break;
      case TokenKind::block_begin:
        one = "{%";
        break;
      case TokenKind::block_end:
        one = "%}";
        break;
      case TokenKind::name:
        one = with_text("name");
        break;
      case TokenKind::string:
        one = with_text("string");
        break;
      case TokenKind::integer:
        one = with_text("integer");
        break;
      case TokenKind::floating:
        one = with_text("float");
        break;
      case TokenKind::op:
        one = token.text;
        break;
      case TokenKind::end:
        one = ".";
        break;
    }
    out += (out.empty() ? "" : " ") + one;
  }
  return out;
}

TEST(Lexer, CutsTextFromCode) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "."},
      {"a { b } c", "data<a { b } c> ."},
      {"a{{ x }}b", "data<a> {{ name<x> }} data<b> ."},
      {"{% if x %}", "{% name<if> name<x> %} ."},
      {"a{# {{ x }} #}b", "data<a> data<b> ."},
      {"{% raw %}{{ x }}{% endraw %}", "data<{{ x }}> ."},
      {"{{ '}}' }}", "{{ string<}}> }} ."},
      {"{{ {'a': {}} }}", "{{ { string<a> : { } } }} ."},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(shown(source), expected) << source;
}

TEST(Lexer, ReadsNumbersStringsAndOperators) {
  const std::pair<const char*, const char*> cases[] = {
      {"12", "integer<12>"},
      {"1_000", "integer<1000>"},
      {"1.5", "float<1.5>"},
      {"2e3", "float<2e3>"},
      {"'a\\n\\'b\\\\'", "string<a\n'b\\>"},
      {"\"\\u00e9\\x41\"", "string<\u00e9A>"},
      {"a.b[0]", "name<a> . name<b> [ integer<0> ]"},
      {"a//b**c!=d<=e", "name<a> // name<b> ** name<c> != name<d> <= name<e>"},
      {"a|f(x=1)~b", "name<a> | name<f> ( name<x> = integer<1> ) ~ name<b>"},
  };
  for (const auto& [code, expected] : cases)
    EXPECT_EQ(shown("{{ " + std::string(code) + " }}"), "{{ " + std::string(expected) + " }} .") << code;
}

TEST(Lexer, TrimsBlocksAsHuggingFaceSetsIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n  {% x %}\nb", "data<a\n> {% name<x> %} data<b> ."},      // the line of a block goes
      {"a  {% x %} \nb", "data<a  > {% name<x> %} data< \nb> ."},    // but not what else is on it
      {"a\n  {{ x }}\nb", "data<a\n  > {{ name<x> }} data<\nb> ."},  // nor that of a value
      {"a \n {{- x -}} \n b", "data<a> {{ name<x> }} data<b> ."},
      {"a\n  {%+ x +%}\nb", "data<a\n  > {% name<x> %} data<\nb> ."},
      {"a\r\nb\rc\n", "data<a\nb\nc> ."},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(shown(source), expected) << source;
}

TEST(Lexer, KnowsTheLineOfEachToken) {
  std::string lines;
  for (const Token& token : tokenize("a\nb{{\nx }}\n{% y\n%}")) lines += std::to_string(token.line) + " ";
  EXPECT_EQ(lines, "1 2 3 3 3 4 4 5 5 ");
}

TEST(Lexer, RefusesWhatIsNotClosed) {
  for (const char* wrong : {"{{ x", "{% x", "{# x", "{{ 'x }}", "{% raw %}x", "{{ $ }}", "{{ (x] }}", "{{ x) }}"})
    EXPECT_THROW(tokenize(wrong), Error) << wrong;
}

}  // namespace
}  // namespace hadal::jinja
