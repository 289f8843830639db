#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/jinja/syntax.h"

namespace hadal::jinja {
namespace {

// An expression with every operator's operands in brackets.
std::string shown(const Expr* e) {
  using Kind = Expr::Kind;
  if (e == nullptr) return "";
  const auto part = [&](size_t i) { return shown(e->parts.at(i).get()); };
  const auto list = [&](size_t from) {
    std::string out;
    const size_t first_named = e->parts.size() - e->names.size();
    for (size_t i = from; i < e->parts.size(); ++i)
      out += (i > from ? ", " : "") + (i >= first_named ? e->names[i - first_named] + "=" : "") + part(i);
    return out;
  };
  switch (e->kind) {
    case Kind::constant:
      return to_repr(e->value).bytes();
    case Kind::name:
      return e->text;
    case Kind::list:
      return "[" + list(0) + "]";
    case Kind::tuple:
      return "tuple(" + list(0) + ")";
    case Kind::dict:
      return "dict(" + list(0) + ")";
    case Kind::negate:
      return "(-" + part(0) + ")";
    case Kind::positive:
      return "(+" + part(0) + ")";
    case Kind::logic_not:
      return "(not " + part(0) + ")";
    case Kind::logic_and:
      return "(" + part(0) + " and " + part(1) + ")";
    case Kind::logic_or:
      return "(" + part(0) + " or " + part(1) + ")";
    case Kind::arithmetic:
      return "(" + part(0) + " " + e->text + " " + part(1) + ")";
    case Kind::comparison: {
      std::string out = "(" + part(0);
      for (size_t i = 0; i < e->names.size(); ++i) out += " " + e->names[i] + " " + part(i + 1);
      return out + ")";
    }
    case Kind::conditional:
      return "(" + part(0) + " if " + part(1) + " else " + part(2) + ")";
    case Kind::attribute:
      return part(0) + "." + e->text;
    case Kind::item:
      return part(0) + "[" + part(1) + "]";
    case Kind::slice:
      return part(0) + "[" + part(1) + ":" + part(2) + ":" + part(3) + "]";
    case Kind::call:
      return part(0) + "(" + list(1) + ")";
    case Kind::unpack:
      return "*" + part(0);
    case Kind::unpack_named:
      return "**" + part(0);
    case Kind::filter:
      return "(" + part(0) + "|" + e->text + "(" + list(1) + "))";
    case Kind::test:
      return "(" + part(0) + " is " + e->text + "(" + list(1) + "))";
  }
  return "?";
}

std::string parsed(const std::string& expression) {
  const Body body = parse_template("{{ " + expression + " }}");
  return body.size() == 1 && body[0]->exprs.size() == 1 ? shown(body[0]->exprs[0].get()) : "?";
}

TEST(Parser, BindsOperatorsAsJinjaDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"},
      {"2 ** 3 ** 4", "((2 ** 3) ** 4)"},
      {"-2 ** 2", "((-2) ** 2)"},
      {"a ~ b + c * d", "((a ~ b) + (c * d))"},
      {"a or b and not c", "(a or (b and (not c)))"},
      {"not a in b", "(not (a in b))"},
      {"a not in b", "(a not in b)"},
      {"1 < a <= 3", "(1 < a <= 3)"},
      {"a if b else c if d else e", "(a if b else (c if d else e))"},
      {"a if b", "(a if b else )"},
      {"a|f|g(1, x=2)", "((a|f())|g(1, x=2))"},
      {"-a|abs", "((-a)|abs())"},
      {"a + b|f", "(a + (b|f()))"},
      {"a is odd", "(a is odd())"},
      {"a is divisibleby 3 and b", "((a is divisibleby(3)) and b)"},
      {"a is not none", "(not (a is none()))"},
      {"a.b['c'][1].d(2)(*e, **f)", "a.b['c'][1].d(2)(*e, **f)"},
      {"a[1:]", "a[1::]"},
      {"a[::-1]", "a[::(-1)]"},
      {"[1, (2, 3), {'k': v}]", "[1, tuple(2, 3), dict('k', v)]"},
      {"(1)", "1"},
      {"(1,)", "tuple(1)"},
      {"'a' 'b'", "'ab'"},
      {"true and None", "(True and None)"},
  };
  for (const auto& [expression, expected] : cases) EXPECT_EQ(parsed(expression), expected) << expression;
}

TEST(Parser, MakesATreeOfStatements) {
  using Kind = Statement::Kind;
  const Body body = parse_template(
      "{% if a %}x{% elif b %}y{% else %}z{% endif %}"
      "{% for k, v in d if k recursive %}{{ k }}{% break %}{% else %}none{% endfor %}"
      "{% set n.x = 1 %}{% set t | upper %}q{% endset %}"
      "{% macro m(a, b=2) %}{{ varargs }}{% endmacro %}"
      "{% call(x) m(1) %}c{% endcall %}{% filter upper %}f{% endfilter %}"
      "{% with p = 1, q = 2 %}w{% endwith %}{% generation %}g{% endgeneration %}{% block b %}s{% endblock %}");
  std::vector<Kind> kinds;
  for (const auto& statement : body) kinds.push_back(statement->kind);
  ASSERT_EQ(kinds, (std::vector<Kind>{Kind::if_else, Kind::for_loop, Kind::set, Kind::set_block, Kind::macro,
                                      Kind::call_block, Kind::filter_block, Kind::with, Kind::mark, Kind::scope}));
  EXPECT_EQ(body[0]->exprs.size(), 2u);
  EXPECT_EQ(body[0]->bodies.size(), 3u);
  EXPECT_EQ(shown(body[1]->targets[0].get()), "tuple(k, v)");
  EXPECT_EQ(shown(body[1]->exprs[0].get()), "d");
  EXPECT_EQ(shown(body[1]->exprs[1].get()), "k");
  EXPECT_TRUE(body[1]->recursive);
  EXPECT_EQ(body[1]->bodies[0].back()->kind, Kind::loop_break);
  EXPECT_EQ(body[1]->bodies[1].size(), 1u);
  EXPECT_EQ(shown(body[2]->targets[0].get()), "n.x");
  EXPECT_EQ(body[4]->text, "m");
  EXPECT_EQ(body[4]->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(body[4]->defaults.size(), 1u);
  EXPECT_TRUE(body[4]->takes_varargs);
  EXPECT_FALSE(body[4]->takes_kwargs);
  EXPECT_EQ(body[5]->names, std::vector<std::string>{"x"});
  EXPECT_EQ(body[7]->targets.size(), 2u);
}

TEST(Parser, NamesTheLineOfAMistake) {
  for (const char* wrong : {"{% if %}{% endif %}", "{% if a %}", "{% endif %}", "{% for in a %}{% endfor %}",
                            "{% nothing %}", "{{ }}", "{{ a b }}", "{{ 1 + }}", "{{ a. }}", "{{ a[ }}",
                            "{{ f(x=1, 2) }}", "{% set 1 = 2 %}", "{% set a.b.c %}", "{% include 'x' %}", "{% break %}",
                            "{{ {1: 2, 3} }}", "{{ a|1 }}", "{{ a is }}", "{% macro m(a=1, b) %}{% endmacro %}"}) {
    try {
      parse_template("x\n" + std::string(wrong));
      ADD_FAILURE() << wrong;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find("line 2"), std::string_view::npos) << wrong << ": " << e.what();
    }
  }
}

TEST(Parser, RefusesWhatIsNestedTooDeep) {
  EXPECT_THROW(parsed(std::string(5000, '(') + "1" + std::string(5000, ')')), Error);
  std::string ifs;
  for (int i = 0; i < 5000; ++i) ifs += "{% if a %}";
  EXPECT_THROW(parse_template(ifs), Error);
}

}  // namespace
}  // namespace hadal::jinja
