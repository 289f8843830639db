#include "chat/chat_template.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"

namespace hadal::chat {
namespace {

std::string render(std::string_view source, const OrderedJson& context = OrderedJson::object()) {
  return ChatTemplate(source).render(context).text;
}

OrderedJson json(const char* text) { return OrderedJson::parse(text); }

// Expected outputs are those of Jinja 3.1 in Hugging Face's settings.
struct Case {
  const char *source, *expected;
};

void check(std::initializer_list<Case> cases, const OrderedJson& context = OrderedJson::object()) {
  for (const Case& c : cases) {
    try {
      EXPECT_EQ(render(c.source, context), c.expected) << c.source;
    } catch (const Error& e) {
      ADD_FAILURE() << c.source << ": " << e.what();
    }
  }
}

TEST(ChatTemplate, Text) {
  check({{"", ""},
         {"a\n", "a"},
         {"a\n\n", "a\n"},
         {"a{{ 'b' }}c", "abc"},
         {"a\r\nb", "a\nb"},
         {"{ {a} }", "{ {a} }"},
         {"{# no #}a{#- no -#} b", "ab"},
         {"{% raw %}{{ x }}{% endraw %}", "{{ x }}"},
         {"{{ '}}' }}", "}}"},
         {"{{ {'a': {}} }}", "{'a': {}}"}});
}

TEST(ChatTemplate, WhiteSpaceControl) {
  check({{"a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  b\nc"},
         {"a \n {%- if true -%} \n b {%- endif %} c", "ab c"},
         {"  {{ 1 }}\n", "  1"},
         {"x  {% if true %}y{% endif %}", "x  y"},
         {"  {%+ if true %}y{% endif +%}\nz", "  y\nz"},
         {"{% set a = 1 %}\n\n{{ a }}", "\n1"},
         {"{{ 1 -}}  \n 2", "12"},
         {"  {# c #}\nx", "x"}});
}

TEST(ChatTemplate, ExpressionsAndOperators) {
  check({{"{{ 1 + 2 * 3 - 4 / 2 }}", "5.0"},
         {"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }}", "3 -4 2 1024"},
         {"{{ 'a' ~ 1 ~ none ~ true }}", "a1NoneTrue"},
         {"{{ 'ab' * 2 + 'c' }}", "ababc"},
         {"{{ [1] + ['x'] }}", "[1, 'x']"},
         {"{{ 1 < 2 <= 2 != 3 }}", "True"},
         {"{{ 'b' in 'abc' and 'x' not in ['y'] }}", "True"},
         {"{{ 'yes' if x is defined else 'no' }}", "no"},
         {"{{ 'yes' if false }}", ""},
         {"{{ not 1 == 2 }}", "True"},
         {"{{ none or 'x' }}{{ 0 and y.z }}", "x0"},
         {"{{ 1.0 }} {{ 1e20 }} {{ 0.1 + 0.2 }} {{ 1e-5 }}", "1.0 1e+20 0.30000000000000004 1e-05"},
         {"{{ 'it\\'s' }} {{ \"a\\tb\\x41\\u00e9\" }}", "it's a\tbAé"},
         {"{{ ['it\\'s', \"q\", true, none, 1.5] }}", "[\"it's\", 'q', True, None, 1.5]"},
         {"{{ 'a' 'b' }}", "ab"},
         {"{{ -x.0.1 if x else -1.5 }}", "-1.5"},
         {"{{ (1, 2)[1] }}", "2"}});
}

TEST(ChatTemplate, ItemsAndSlices) {
  check({{"{{ m.a }}{{ m['a'] }}{{ m.none_such }}", "11"},
         {"{{ l[0] }}{{ l[-1] }}{{ l[9] }}", "14"},
         {"{{ l[1:] }}{{ l[:-1] }}{{ l[::-1] }}{{ l[::2] }}", "[2, 3, 4][1, 2, 3][4, 3, 2, 1][1, 3]"},
         {"{{ s[1] }}{{ s[-1:] }}{{ s[::-1] }}",
          "éß"
          "ßéa"},
         {"{{ m.items() | list }}", "[('a', 1), ('b', [2])]"},
         {"{{ n[0][1] }}", "x"}},
        json(R"({"m": {"a": 1, "b": [2]}, "l": [1, 2, 3, 4], "s": "aéß", "n": [["w", "x"]]})"));
}

TEST(ChatTemplate, Statements) {
  check(
      {{"{% for x in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}",
        "1/3,2/3,3/3"},
       {"{% for x in [] %}a{% else %}b{% endfor %}", "b"},
       {"{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"},
       {"{% for x in range(6) if x is odd %}{{ x }}{{ loop.index0 }} {% endfor %}", "10 31 52 "},
       {"{% for x in range(9) %}{% if x == 2 %}{% continue %}{% elif x > 3 %}{% break %}{% endif %}{{ x }}{% endfor %}",
        "013"},
       {"{% for x in 'ab' %}{{ loop.previtem }}{{ x }}{{ loop.nextitem }};{% endfor %}", "ab;ab;"},
       {"{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1"},
       {"{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "4"},
       {"{% if 0 %}a{% elif '' %}b{% elif [0] %}c{% else %}d{% endif %}", "c"},
       {"{% set x %}\na {{ 1 }}\n{% endset %}[{{ x }}]", "[a 1\n]"},
       {"{% set x | upper %}a{% endset %}{{ x }}", "A"},
       {"{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"},
       {"{% filter upper %}a{% endfilter %}", "A"},
       {"{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(b=2, a=3) }}{{ m(*[4, 5]) }}", "1x3245"},
       {"{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "3210"},
       {"{% macro m() %}<{{ caller('z') }}>{% endmacro %}{% set y = 1 %}{% call(x) m() %}{{ x }}{{ y }}{% endcall %}",
        "<z1>"},
       {"{% generation %}a{% endgeneration %}", "a"}});
}

TEST(ChatTemplate, FiltersTestsAndMethods) {
  check(
      {{"{{ '  a ' | trim }}|{{ 'aB' | upper }}{{ 'aB' | lower }}{{ 'ab cd' | title }}", "a|ABabAb Cd"},
       {"{{ x | default('d') }}{{ '' | default('e', true) }}{{ none | d('f') }}", "deNone"},
       {"{{ [3, 1, 2] | sort | join('-') }} {{ [3, 1] | first }}{{ 'é世' | length }} {{ [1, 2] | last }}",
        "1-2-3 32 2"},
       {"{{ [{'r': 'a'}, {'r': 'b'}] | selectattr('r', 'equalto', 'b') | map(attribute='r') | list }}", "['b']"},
       {"{{ [{'r': 1}, {'q': 1}] | rejectattr('r', 'defined') | list }}{{ [1, 2, 3] | select('odd') | list }}{{ "
        "['a', 'b'] | reject('equalto', 'a') | list }}",
        "[{'q': 1}][1, 3]['b']"},
       {"{{ 'a-b' | replace('-', '+') }}{{ '42' | int + 1 }}{{ 'x' | int }}{{ 3 | string + '!' }}", "a+b4303!"},
       {"{{ {'a': 1} | items | list }}{{ 'ab' | list }}{{ ['a'] | map('upper') | join }}", "[('a', 1)]['a', 'b']A"},
       {"{{ 'a\nb' | indent(2) }}", "a\n  b"},
       {"{{ '<' | e }}{{ '<' | safe }}", "&lt;<"},
       {"{{ 1 is number }}{{ true is integer }}{{ {} is mapping }}{{ 'a' is string }}{{ [] is sequence }}{{ x is "
        "none }}{{ 3 is divisibleby 3 }}",
        "TrueFalseTrueTrueTrueFalseTrue"},
       {"{{ true is true }}{{ 1 is true }}{{ x is not defined }}{{ 'a' is in ['a'] }}{{ 5 is gt 4 }}{{ 'a' is "
        "iterable }}",
        "TrueFalseTrueTrueTrueTrue"},
       {"{{ 'a</think>b'.split('</think>')[-1] }}{{ ' a b '.split() }}{{ 'xax'.strip('x') }}{{ ' a '.lstrip() }}|",
        "b['a', 'b']aa |"},
       {"{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'aXa'.replace('a', 'b') }}{{ 'ab'.upper() "
        "}}{{ 'a b'.title() }}",
        "TrueTruebXbABA B"},
       {"{{ {'a': 1}.get('a') }}{{ {}.get('b', 2) }}{{ {}.get('b') }}{{ {'k': 1}.keys() | list }}", "12None['k']"},
       {"{{ strftime_now('%Y') | int > 2023 }}{{ strftime_now('%d %b %Y') | length }}{{ strftime_now('') }}", "True11"},
       {"{{ ','.join(['a', 'b']) }}{{ 'a,b'.rsplit(',', 1)[0] }}{{ 'abc'.find('c') }}", "a,ba2"}});
}

TEST(ChatTemplate, ToJsonIsPythons) {
  check({{"{{ v | tojson }}", R"({"b": [1, 2.5, null, true], "a": "é\"<&\n\u0001", "e": {}, "l": []})"},
         {"{{ v.b | tojson(indent=2) }}", "[\n  1,\n  2.5,\n  null,\n  true\n]"},
         {"{{ {'b': 1, 'a': {'c': []}} | tojson(indent=4, sort_keys=true) }}",
          "{\n    \"a\": {\n        \"c\": []\n    },\n    \"b\": 1\n}"},
         {"{{ 'é😀' | tojson(ensure_ascii=true) }}", "\"\\u00e9\\ud83d\\ude00\""}},
        json(R"({"v": {"b": [1, 2.5, null, true], "a": "é\"<&\n\u0001", "e": {}, "l": []}})"));
}

// Short templates in the manner of the published families.
TEST(ChatTemplate, Conversations) {
  const OrderedJson context =
      json(R"({"bos_token": "<B>", "eos_token": "<E>", "add_generation_prompt": true, "messages": [
      {"role": "system", "content": "S"}, {"role": "user", "content": " U "},
      {"role": "assistant", "content": "<think>t</think>A"}, {"role": "user", "content": "V"}]})");
  const char* deepseek = R"({% set ns = namespace(system='', first=true) %}
{%- for m in messages %}{%- if m['role'] == 'system' %}{%- if ns.first %}{% set ns.system = ns.system + m['content'] %}{% set ns.first = false %}
{%- else %}{% set ns.system = ns.system + '\n\n' + m['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system }}
{%- for m in messages %}{%- if m['role'] == 'user' %}{{ '<U>' + m['content'] }}{%- elif m['role'] == 'assistant' and 'tool_calls' not in m %}
{%- set content = m['content'] %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}{{ '<A>' + content + eos_token }}
{%- endif %}{%- endfor %}{% if add_generation_prompt %}{{ '<A><think>\n' }}{% endif %})";
  EXPECT_EQ(render(deepseek, context), "<B>S<U> U <A>A<E><U>V<A><think>\n");
  const char* chatml = R"({%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content | trim + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)";
  EXPECT_EQ(render(chatml, context),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n<think>t</"
            "think>A<|im_end|>\n"
            "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n");
}

// What real Jinja made of them, character for character.
TEST(ChatTemplate, RendersAsJinja) {
  const Path file = Path(HADAL_SOURCE_DIR) / "tests/goldens/data/templates/jinja.json";
  const OrderedJson cases = OrderedJson::parse(read_file(file));
  for (const OrderedJson& one : cases.at("renders")) {
    const auto source = one.at("template").get<std::string>();
    try {
      EXPECT_EQ(render(source, cases.at("context")), one.at("text").get<std::string>()) << source;
    } catch (const Error& e) {
      ADD_FAILURE() << source << ": " << e.what();
    }
  }
}

void refuse(std::string_view source, const char* named, const OrderedJson& context = OrderedJson::object()) {
  try {
    render(source, context);
    ADD_FAILURE() << "accepted " << source.substr(0, 200);
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(named), std::string::npos) << "\"" << e.what() << "\" does not name " << named;
  }
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  refuse("a\n{{ 1 +", "line 2");
  refuse("\n\n{% if x %}", "endif");
  refuse("{% endfor %}", "endfor");
  refuse("{{ ] }}", "]");
  refuse("{{ 'a }}", "string");
  refuse("{# a", "#}");
  refuse("{% include 'x' %}", "include");
  refuse("{% break %}", "loop");
  refuse("a\n{{ raise_exception('roles must alternate') }}",
         "line 2: the template refuses the conversation: roles must alternate");
  refuse("{{ x.y }}", "'x', which is undefined");
  refuse("\n{{ f() }}", "line 2");
  refuse("{{ 'a' + 1 }}", "a string and an int");
  refuse("{{ x + 'a' }}", "undefined");
  refuse("{{ 1 | unheard_of }}", "unheard_of");
  refuse("{{ 1 is unheard_of }}", "unheard_of");
  refuse("{{ 1 // 0 }}", "divisor");
  refuse("{% for x in 5 %}{% endfor %}", "an int");
  refuse("{{ strftime_now(1) }}", "strftime_now");
  refuse("{{ strftime_now('%c' * 1000) }}", "strftime_now");
  refuse("{% set a, b = [1] %}", "2 values");
  refuse("{{ 9223372036854775807 + 1 }}", "2^63");
  refuse("{{ 99999999999999999999 }}", "99999999999999999999");
  refuse("{{ x }}", "object", OrderedJson::array());
}

TEST(ChatTemplate, IsBounded) {
  refuse("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps");
  refuse("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "levels");
  refuse("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes");
  refuse("{{ 'aaaaaaaa' * 1000000000000 }}", "bytes");
  refuse("{{ range(10000000) }}", "range");
  refuse("{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}", "deep");
  refuse("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
         "values");
  refuse("{{ " + std::string(100'000, '(') + "1" + std::string(100'000, ')') + " }}", "nesting");
  refuse("{{ " + std::string(100'000, '-') + "1 }}", "nesting");
  std::string sum = "{{ 1", ifs;
  for (int i = 0; i < 100'000; ++i) sum += " + 1", ifs += "{% if 1 %}";
  refuse(sum + " }}", "levels");
  refuse(ifs, "nesting");
  refuse("{{ 1 }}", "deep", OrderedJson{{"x", OrderedJson::parse(std::string(1000, '[') + std::string(1000, ']'))}});
  refuse("{{ [1]|tojson(indent=64) * 100000000 }}", "bytes");
  refuse("{{ 'x'.center(10 ** 17) }}", "width");
  refuse("{{ ('x' * 2000000)|wordwrap(1) }}", "steps");
  refuse("{{ ('a.' * 200000)|urlize }}", "steps");
  refuse("{{ '%999999999d' % 1 }}", "width");
  refuse("{{ '{:{w}}'.format(1, w=10 ** 9) }}", "width");
  refuse("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "levels");
  refuse("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% call m() %}{{ x.y }}{% endcall %}{% endcall %}",
         "'x'");
  refuse(
      "{% set ns = namespace(l=range(1000)|list) %}{% for i in range(190) %}{% set ns.l = [ns.l] %}{% endfor %}"
      "{{ ns.l|tojson(indent=64) * 6 }}",
      "bytes");
  refuse("{% for a, (b, c) in [[1, 2]] %}{% endfor %}", "an int");
  refuse("{{ {[1]: 2} }}", "a list");
  refuse("{{ loop(1) }}", "loop");
  refuse("{% for x in [1] %}{{ loop([1]) }}{% endfor %}", "function to call");
  refuse("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "at most 1 arguments");
  refuse("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "no parameter b");
  refuse("{{ '%d' % 'x' }}", "a string");
  refuse("{{ '%s %s' % 'x' }}", "fewer");
  refuse("{{ '%s' % (1, 2) }}", "more");
  refuse("{{ '{' .format(1) }}", "format");
  refuse("{{ '{} {}'.format(1) }}", "fewer");
  refuse("{{ '{:{:{}}}'.format(1, 2, 3) }}", "nested");
  // A loop that remembers itself and one that is called when it is over neither hang nor leak.
  EXPECT_EQ(render("{% for x in [1] %}{% if loop.changed(loop) %}a{% endif %}{% endfor %}"), "a");
  EXPECT_EQ(render("{% set ns = namespace() %}{% for x in [1] recursive %}{% set ns.l = loop %}{{ x }}{% endfor %}{{ "
                   "ns.l([2]) }}"),
            "12");
  // A namespace that holds itself must neither hang nor leak.
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self is defined }}"), "True");
}

// Whatever the bytes are: an answer or an Error, never a crash or a hang.
TEST(ChatTemplate, SurvivesRandomTemplates) {
  static const std::vector<std::string> kParts = {
      "{{",         "}}",          "{%",       "%}",     "{%-",       "-%}",      "{#",   "#}",   " if ",
      " else ",     " endif ",     " for ",    " in ",   " endfor ",  " set ",    "x",    "y",    "=",
      "==",         "(",           ")",        "[",      "]",         "{",        "}",    ":",    ",",
      ".",          "|",           "'",        "\"",     "\\",        "1",        "2.5",  " is ", " not ",
      "defined",    "~",           "+",        "-",      "*",         "**",       "\n",   " ",    "range(3)",
      "loop.index", "namespace()", "messages", "tojson", "macro m()", "endmacro", "\xff", "世"};
  Rng rng(9);
  const OrderedJson context = json(R"({"x": [1, {"a": "b"}], "y": "text", "messages": []})");
  int rendered = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string source = rng.below(2) == 0 ? "{{ " : "{% ";
    for (uint64_t n = rng.below(14); n > 0; --n) source += kParts[rng.below(kParts.size())];
    if (rng.below(2) == 0) source += source.starts_with("{{") ? " }}" : " %}";
    try {
      render(source, context);
      ++rendered;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(rendered, 0);
}

}  // namespace
}  // namespace hadal::chat
