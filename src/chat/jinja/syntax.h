// A template's tokens and its tree. The grammar is Jinja 3's (jinja2/lexer.py, parser.py) as chat templates use it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/value.h"

namespace hadal::jinja {

enum class TokenKind {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  floating,
  op,
  end
};

struct Token {
  TokenKind kind;
  std::string text;  // strings: with escapes resolved
  int line;
};

// Cuts the source up; applies trim_blocks, lstrip_blocks and the signs - and +. Throws Error with the line.
std::vector<Token> tokenize(std::string_view source);

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Expr {
  enum class Kind {
    constant,  // value
    name,      // text
    list,      // parts
    tuple,     // parts; as a target of an assignment: targets
    dict,      // parts: key, value, key, value, ...
    negate,
    positive,
    logic_not,  // parts[0]
    logic_and,
    logic_or,     // parts[0], parts[1]
    arithmetic,   // text is one of + - * / // % ** ~
    comparison,   // parts[0] names[0] parts[1] names[1] parts[2] ...
    conditional,  // parts[0] if parts[1] else parts[2] (which may be null)
    attribute,    // parts[0].text
    item,         // parts[0][parts[1]]
    slice,        // parts[0][parts[1]:parts[2]:parts[3]], each of which may be null
    call,         // parts[0](parts[1], ...); the last parts are named, by `names`
    unpack,
    unpack_named,  // *parts[0] and **parts[0], among the arguments of a call
    filter,        // parts[0] | text(parts[1], ...)
    test,          // parts[0] is text(parts[1], ...)
  };
  Kind kind;
  int line;
  int depth = 1;
  std::string text;
  Value value;
  std::vector<ExprPtr> parts;
  std::vector<std::string> names;
};

// What an assignment may have on its left: a name, an attribute (of a name that holds a namespace), a tuple of targets.
struct Statement {
  enum class Kind {
    text,          // text
    output,        // exprs[0]
    if_else,       // exprs[i] chooses bodies[i]; one body more: else
    for_loop,      // targets[0] in exprs[0], if exprs[1] (may be null); bodies: each, else
    set,           // targets[0] = exprs[0]
    set_block,     // targets[0] = bodies[0] passed through exprs[0], a chain of filters
    with,          // targets[i] = exprs[i] inside bodies[0]
    macro,         // text(names), defaults of the last names; bodies[0]
    call_block,    // exprs[0], a call that gets bodies[0] as caller(names), with defaults
    filter_block,  // bodies[0] passed through exprs[0], a chain of filters
    mark,          // bodies[0]: {% generation %}, which only marks
    scope,         // bodies[0], with names of its own: {% block %}, {% autoescape %}
    loop_break,
    loop_continue,
  };
  Kind kind;
  int line;
  std::string text;
  std::vector<std::string> names;
  std::vector<ExprPtr> targets, exprs, defaults;
  std::vector<Body> bodies;
  bool recursive = false;                            // a loop whose body may call loop(items)
  bool takes_varargs = false, takes_kwargs = false;  // a macro whose body names varargs, kwargs
};

// The name under which the text of {% set x | filter %}...{% endset %} reaches the filters.
inline constexpr std::string_view kBlockText = " block";

Body parse_template(std::string_view source);  // throws Error with the line

}  // namespace hadal::jinja
