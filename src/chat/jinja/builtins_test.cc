// Filters, tests and methods, each by its name. What is expected is what Jinja 3.1 writes for {{ expression }}.
#include "chat/jinja/builtins.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "chat/jinja/call.h"
#include "chat/jinja/evaluator.h"

namespace hadal::jinja {
namespace {

struct Case {
  std::string expression, expected;
};

const std::vector<Case> kFilters = {
    {"none|default('x')", "None"},
    {"missing|default('x')", "x"},
    {"''|d('x', true)", "x"},
    {"[1, 2]|length", "2"},
    {"'héé'|count", "3"},
    {"[]|first is undefined", "True"},
    {"'abc'|last", "c"},
    {"' 12 '|int", "12"},
    {"'0x1F'|int(0, 16)", "31"},
    {"'x'|int(7)", "7"},
    {"'1.5'|float", "1.5"},
    {"'x'|float(2.5)", "2.5"},
    {"{'a': 1}|items|list", "[('a', 1)]"},
    {"[{'a': 1}, {'a': 2}]|map(attribute='a')|list", "[1, 2]"},
    {"[{'a': {'b': 3}}]|map(attribute='a.b')|list", "[3]"},
    {"['a', 'b']|map('upper')|join('-')", "A-B"},
    {"[0, 1, 2, 3]|select('odd')|list", "[1, 3]"},
    {"[0, 1, 2]|reject|list", "[0]"},
    {"[{'a': 0, 'b': 1}, {'a': 1, 'b': 2}]|selectattr('a')|map(attribute='b')|list", "[2]"},
    {"[{'r': 'x'}, {'r': 'y'}]|selectattr('r', 'equalto', 'y')|list", "[{'r': 'y'}]"},
    {"[{'r': 'x'}, {'r': 'y'}]|rejectattr('r', 'in', ['y'])|list", "[{'r': 'x'}]"},
    {"['b', 'A', 'c']|sort|join", "Abc"},
    {"['b', 'A', 'c']|sort(case_sensitive=true, reverse=true)|join", "cbA"},
    {"[{'n': 2}, {'n': 1}]|sort(attribute='n')|map(attribute='n')|list", "[1, 2]"},
    {"{'b': 1, 'a': 2}|dictsort", "[('a', 2), ('b', 1)]"},
    {"{'b': 1, 'a': 2}|dictsort(by='value')", "[('b', 1), ('a', 2)]"},
    {"[{'k': 1, 'v': 'a'}, {'k': 1, 'v': 'b'}, {'k': 0, 'v': 'c'}]|groupby('k')|map('first')|list", "[0, 1]"},
    {"['a', 'A', 'b']|unique|list", "['a', 'b']"},
    {"[3, 1, 2]|max", "3"},
    {"['b', 'A']|min", "A"},
    {"[1, 2, 3]|sum", "6"},
    {"[{'n': 2}, {'n': 5}]|sum(attribute='n', start=1)", "8"},
    {"2.567|round(1)", "2.6"},
    {"2.5|round", "2.0"},
    {"2.1|round(method='ceil')", "3.0"},
    {"2.19|round(1, 'floor')", "2.1"},
    {"[1, 2, 3, 4, 5]|batch(2, 0)|list", "[[1, 2], [3, 4], [5, 0]]"},
    {"[1, 2, 3, 4, 5]|slice(2)|list", "[[1, 2, 3], [4, 5]]"},
    {"-3|abs", "3"},
    {"'abc'|list", "['a', 'b', 'c']"},
    {"{'a': 1}|attr('items') is defined", "True"},
    {"[1, 'a', none]|join(', ')", "1, a, None"},
    {"{'b': [1, 2.5, true, none], 'é': '<'}|tojson", "{\"b\": [1, 2.5, true, null], \"é\": \"<\"}"},
    {"{'a': [1]}|tojson(indent=2)", "{\n  \"a\": [\n    1\n  ]\n}"},
    {"'aaa'|replace('a', 'b', 2)", "bba"},
    {"'  x '|trim", "x"},
    {"'xxaxx'|trim('x')", "a"},
    {"'a\\nb'|indent(2)", "a\n  b"},
    {"'a\\nb'|indent(2, true)", "  a\n  b"},
    {"'<a & \"b\">'|e", "&lt;a &amp; &#34;b&#34;&gt;"},
    {"'<b>'|escape", "&lt;b&gt;"},
    {"'<b>'|safe|e", "<b>"},
    {"'<b>'|safe|forceescape", "&lt;b&gt;"},
    {"'aé'|upper", "AÉ"},
    {"'AÉ'|lower", "aé"},
    {"'hello wORLD it\\'s'|title", "Hello World It's"},
    {"'hELLO'|capitalize", "Hello"},
    {"'ab'|center(7) ~ '|'", "   ab  |"},
    {"5|string ~ 1", "51"},
    {"'%s is %d'|format('a', 3)", "a is 3"},
    {"'hello big world'|truncate(9)", "hello..."},
    {"'hello big world'|truncate(9, true, '..')", "hello b.."},
    {"'a b/é?'|urlencode", "a%20b/%C3%A9%3F"},
    {"'go to https://example.org now'|urlize",
     "go to <a href=\"https://example.org\" rel=\"noopener\">https://example.org</a> now"},
    {"'<p>a <b>b</b></p>'|striptags", "a b"},
    {"'one two, three'|wordcount", "3"},
    {"'one two three four'|wordwrap(8)", "one two\nthree\nfour"},
    {"13000|filesizeformat", "13.0 kB"},
    {"13000|filesizeformat(true)", "12.7 KiB"},
    {"{'class': 'a b', 'id': none}|xmlattr", " class=\"a b\""},
    {"{'a': [1, 'x']}|pprint", "{'a': [1, 'x']}"},
    {"'abc'|reverse", "cba"},
    {"[1, 2, 3]|reverse|list", "[3, 2, 1]"},
};

const std::vector<Case> kTests = {
    {"missing is defined", "False"}, {"none is none", "True"},        {"'a' is string", "True"},
    {"{} is mapping", "True"},       {"[] is iterable", "True"},      {"'a' is sequence", "True"},
    {"1 is sequence", "False"},      {"true is true", "True"},        {"1 is true", "False"},
    {"false is false", "True"},      {"true is boolean", "True"},     {"1.5 is number", "True"},
    {"1.5 is integer", "False"},     {"1.5 is float", "True"},        {"3 is odd", "True"},
    {"3 is even", "False"},          {"9 is divisibleby(3)", "True"}, {"'abc' is lower", "True"},
    {"'ABC' is upper", "True"},      {"'upper' is filter", "True"},   {"'odd' is test", "True"},
    {"'a'|e is escaped", "True"},    {"1 is in([1, 2])", "True"},     {"1 is eq(1)", "True"},
    {"1 is ne 1", "False"},          {"1 is lt 2", "True"},           {"2 is le 2", "True"},
    {"1 is gt 2", "False"},          {"2 is ge(2)", "True"},          {"1 is not odd", "False"},
    {"range is callable", "True"},
};

const std::vector<Case> kMethods = {
    {"' a '.strip()", "a"},
    {"'xay'.lstrip('x')", "ay"},
    {"'xay'.rstrip('y')", "xa"},
    {"'Ab'.swapcase()", "aB"},
    {"'Straße'.casefold()", "strasse"},
    {"'unhappy'.removeprefix('un')", "happy"},
    {"'a.txt'.removesuffix('.txt')", "a"},
    {"'a b  c'.split()", "['a', 'b', 'c']"},
    {"'a,b,c'.split(',', 1)", "['a', 'b,c']"},
    {"'a,b,c'.rsplit(',', 1)", "['a,b', 'c']"},
    {"'a\\nb\\r\\nc'.splitlines()", "['a', 'b', 'c']"},
    {"'a=b=c'.partition('=')", "('a', '=', 'b=c')"},
    {"'a=b=c'.rpartition('=')", "('a=b', '=', 'c')"},
    {"'-'.join(['a', 'b'])", "a-b"},
    {"'abc'.startswith(('x', 'a'))", "True"},
    {"'abc'.endswith('c')", "True"},
    {"'abcabc'.find('c')", "2"},
    {"'abcabc'.rfind('c')", "5"},
    {"'abc'.find('x')", "-1"},
    {"'abcabc'.index('b')", "1"},
    {"'aaa'.count('a')", "3"},
    {"'ab'.center(6, '*')", "**ab**"},
    {"'ab'.ljust(4, '.')", "ab.."},
    {"'ab'.rjust(4, '.')", "..ab"},
    {"'-7'.zfill(4)", "-007"},
    {"'a\\tb'.expandtabs(4)", "a   b"},
    {"'{} {x!r:>5}'.format(1, x='a')", "1   'a'"},
    {"'12'.isdigit()", "True"},
    {"'a1'.isalnum()", "True"},
    {"'ab c'.isalpha()", "False"},
    {"'Title Case'.istitle()", "True"},
    {"'a_1'.isidentifier()", "True"},
    {"{'a': 1}.get('b', 2)", "2"},
    {"{'a': 1, 'b': 2}.items()|list", "[('a', 1), ('b', 2)]"},
    {"{'a': 1}.keys()|list", "['a']"},
    {"{'a': 1}.values()|list", "[1]"},
    {"[1, 2, 1].count(1)", "2"},
    {"[1, 2].index(2)", "1"},
};

std::string evaluate(const std::string& expression) {
  return render(parse_template("{{ " + expression + " }}"), OrderedJson::object(), OrderedJson::object()).text;
}

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    try {
      EXPECT_EQ(evaluate(one.expression), one.expected) << one.expression;
    } catch (const Error& e) {
      ADD_FAILURE() << one.expression << ": " << e.what();
    }
  }
}

// Whether a case names it behind `before`.
bool is_tried(const std::vector<Case>& cases, const std::string& before, std::string_view name) {
  for (const Case& one : cases) {
    const size_t at = one.expression.find(before + std::string(name));
    const size_t end = at + before.size() + name.size();
    if (at == std::string::npos) continue;
    if (end == one.expression.size() || std::isalnum(static_cast<unsigned char>(one.expression[end])) == 0) return true;
  }
  return false;
}

TEST(Builtins, FiltersWriteWhatJinjaWrites) { check(kFilters); }
TEST(Builtins, TestsSayWhatJinjaSays) { check(kTests); }
TEST(Builtins, MethodsDoWhatPythonsDo) { check(kMethods); }

TEST(Builtins, EveryFilterOfTextsIsTried) {
  for (const auto& [name, function] : text_filters()) EXPECT_TRUE(is_tried(kFilters, "|", name)) << name;
}

TEST(Builtins, UnknownNamesAndArgumentsThatDoNotFitAreErrors) {
  for (const char* wrong : {"1|nothing", "1 is nothing", "'a'.nothing()", "'a'|replace('a')", "'a'|center('x')",
                            "[1]|map('nothing')|list", "none|items", "'a'|round", "[1, 'a']|sort", "[[1]]|sum"})
    EXPECT_THROW(evaluate(wrong), Error) << wrong;
}

}  // namespace
}  // namespace hadal::jinja
