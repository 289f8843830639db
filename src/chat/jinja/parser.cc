#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "chat/jinja/syntax.h"

namespace hadal::jinja {
namespace {

constexpr int kMaxNesting = 200;    // of brackets and blocks: bounds the parser's own stack
constexpr int kMaxTreeDepth = 500;  // bounds the evaluator's: long chains a + b + c + ... make deep trees, too

using Kind = Expr::Kind;

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

  Body parse() {
    Body body = parse_body({});
    if (peek().kind != TokenKind::end) fail_here("a statement that belongs here");
    return body;
  }

 private:
  // --- tokens ---
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(TokenKind kind, std::string_view text) const { return peek().kind == kind && peek().text == text; }
  bool is_op(std::string_view text) const { return is(TokenKind::op, text); }
  bool is_word(std::string_view text) const { return is(TokenKind::name, text); }
  bool skip_op(std::string_view text) { return is_op(text) && (take(), true); }
  bool skip_word(std::string_view text) { return is_word(text) && (take(), true); }

  static std::string describe(const Token& token) {
    switch (token.kind) {
      case TokenKind::end:
        return "the end of the template";
      case TokenKind::variable_end:
        return "}}";
      case TokenKind::block_end:
        return "%}";
      case TokenKind::variable_begin:
        return "{{";
      case TokenKind::block_begin:
        return "{%";
      default:
        return fmt::format("\"{}\"", token.text);
    }
  }
  [[noreturn]] void fail_here(std::string_view expected) const {
    fail("chat template, line {}: expected {}, found {}", peek().line, expected, describe(peek()));
  }
  void expect_op(std::string_view text) {
    if (!skip_op(text)) fail_here(fmt::format("\"{}\"", text));
  }
  void expect(TokenKind kind, std::string_view what) {
    if (peek().kind != kind) fail_here(what);
    take();
  }
  std::string expect_name() {
    if (peek().kind != TokenKind::name) fail_here("a name");
    return take().text;
  }

  struct Nest {
    explicit Nest(Parser& p) : parser(p) {
      if (++parser.nesting_ > kMaxNesting) parser.fail_here(fmt::format("at most {} levels of nesting", kMaxNesting));
    }
    ~Nest() { --parser.nesting_; }
    Parser& parser;
  };

  template <typename... Parts>
  ExprPtr make(Kind kind, int line, std::string text, Parts... parts) {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->line = line;
    expr->text = std::move(text);
    (add(*expr, std::move(parts)), ...);
    return expr;
  }
  void add(Expr& expr, ExprPtr part) {
    if (part) expr.depth = std::max(expr.depth, part->depth + 1);
    if (expr.depth > kMaxTreeDepth) fail_here(fmt::format("expressions of at most {} levels", kMaxTreeDepth));
    expr.parts.push_back(std::move(part));
  }

  // --- expressions, loosest first ---
  ExprPtr expression(bool conditional = true) {
    const Nest nest(*this);
    ExprPtr left = logic_or();
    while (conditional && is_word("if")) {
      const int line = take().line;
      ExprPtr condition = logic_or();
      ExprPtr otherwise = skip_word("else") ? expression() : nullptr;
      left = make(Kind::conditional, line, "", std::move(left), std::move(condition), std::move(otherwise));
    }
    return left;
  }

  ExprPtr logic_or() {
    ExprPtr left = logic_and();
    while (is_word("or")) {
      const int line = take().line;
      left = make(Kind::logic_or, line, "", std::move(left), logic_and());
    }
    return left;
  }

  ExprPtr logic_and() {
    ExprPtr left = logic_not();
    while (is_word("and")) {
      const int line = take().line;
      left = make(Kind::logic_and, line, "", std::move(left), logic_not());
    }
    return left;
  }

  ExprPtr logic_not() {
    if (!is_word("not")) return comparison();
    const Nest nest(*this);
    const int line = take().line;
    return make(Kind::logic_not, line, "", logic_not());
  }

  std::string comparison_operator() {
    for (const char* op : {"==", "!=", "<", "<=", ">", ">="}) {
      if (skip_op(op)) return op;
    }
    if (skip_word("in")) return "in";
    if (is_word("not") && peek(1).kind == TokenKind::name && peek(1).text == "in") return take(), take(), "not in";
    return "";
  }

  ExprPtr comparison() {
    ExprPtr left = sum();
    ExprPtr chain;
    for (std::string op; !(op = comparison_operator()).empty();) {
      if (!chain) chain = make(Kind::comparison, peek().line, "", std::move(left));
      chain->names.push_back(std::move(op));
      add(*chain, sum());
    }
    return chain ? std::move(chain) : std::move(left);
  }

  // One level of binary operators that group from the left.
  template <typename Next>
  ExprPtr binary(std::initializer_list<std::string_view> operators, Next next) {
    ExprPtr left = next();
    for (;;) {
      const auto found = std::ranges::find_if(operators, [&](std::string_view op) { return is_op(op); });
      if (found == operators.end()) return left;
      const int line = take().line;
      left = make(Kind::arithmetic, line, std::string(*found), std::move(left), next());
    }
  }
  ExprPtr sum() {
    return binary({"+", "-"}, [this] { return concatenation(); });
  }
  ExprPtr concatenation() {
    return binary({"~"}, [this] { return product(); });
  }
  ExprPtr product() {
    return binary({"*", "/", "//", "%"}, [this] { return power(); });
  }
  ExprPtr power() {
    return binary({"**"}, [this] { return unary(); });
  }

  ExprPtr unary(bool with_filter = true) {
    const Nest nest(*this);
    const int line = peek().line;
    ExprPtr expr;
    if (skip_op("-"))
      expr = make(Kind::negate, line, "", unary(false));
    else if (skip_op("+"))
      expr = make(Kind::positive, line, "", unary(false));
    else
      expr = primary();
    expr = postfix(std::move(expr));
    return with_filter ? filters_and_tests(std::move(expr)) : std::move(expr);
  }

  ExprPtr constant(int line, Value value) {
    ExprPtr expr = make(Kind::constant, line, "");
    expr->value = std::move(value);
    return expr;
  }

  ExprPtr primary() {
    const Token& token = peek();
    const int line = token.line;
    switch (token.kind) {
      case TokenKind::name: {
        const std::string& name = take().text;
        if (name == "true" || name == "True") return constant(line, true);
        if (name == "false" || name == "False") return constant(line, false);
        if (name == "none" || name == "None") return constant(line, None{});
        if (name == "varargs") names_varargs_ = true;
        if (name == "kwargs") names_kwargs_ = true;
        return make(Kind::name, line, name);
      }
      case TokenKind::string: {
        std::string text = take().text;
        while (peek().kind == TokenKind::string) text += take().text;
        return constant(line, std::move(text));
      }
      case TokenKind::integer:
        return constant(line, number<int64_t>(take()));
      case TokenKind::floating:
        return constant(line, number<double>(take()));
      default:
        break;
    }
    if (skip_op("(")) {
      if (skip_op(")")) return make(Kind::tuple, line, "");
      ExprPtr inner = tuple({")"});
      expect_op(")");
      return inner;
    }
    if (skip_op("[")) return list(line);
    if (skip_op("{")) return dict(line);
    fail_here("an expression");
  }

  template <typename Number>
  Number number(const Token& token) {
    Number value{};
    const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (error != std::errc{} || end != token.text.data() + token.text.size()) {
      fail("chat template, line {}: expected a number that fits, found {}", token.line, token.text);
    }
    return value;
  }

  // a, b, c: a tuple; a alone: itself. Ends at one of `ends`, which stays.
  ExprPtr tuple(std::initializer_list<std::string_view> ends, bool conditional = true) {
    const int line = peek().line;
    ExprPtr first = expression(conditional);
    if (!is_op(",")) return first;
    ExprPtr items = make(Kind::tuple, line, "", std::move(first));
    const auto ended = [&] {
      return peek().kind == TokenKind::block_end || peek().kind == TokenKind::variable_end ||
             std::ranges::any_of(ends, [&](std::string_view end) { return is_op(end); });
    };
    while (skip_op(",") && !ended()) add(*items, expression(conditional));
    return items;
  }

  ExprPtr list(int line) {
    ExprPtr items = make(Kind::list, line, "");
    while (!skip_op("]")) {
      if (!items->parts.empty()) {
        expect_op(",");
        if (skip_op("]")) break;
      }
      add(*items, expression());
    }
    return items;
  }

  ExprPtr dict(int line) {
    ExprPtr entries = make(Kind::dict, line, "");
    while (!skip_op("}")) {
      if (!entries->parts.empty()) {
        expect_op(",");
        if (skip_op("}")) break;
      }
      add(*entries, expression());
      expect_op(":");
      add(*entries, expression());
    }
    return entries;
  }

  ExprPtr postfix(ExprPtr expr) {
    for (;;) {
      const int line = peek().line;
      if (skip_op(".")) {
        if (peek().kind == TokenKind::integer) {
          expr = make(Kind::item, line, "", std::move(expr), constant(line, number<int64_t>(take())));
        } else {
          expr = make(Kind::attribute, line, expect_name(), std::move(expr));
        }
      } else if (skip_op("[")) {
        expr = subscript(std::move(expr), line);
      } else if (is_op("(")) {
        expr = make(Kind::call, line, "", std::move(expr));
        arguments(*expr);
      } else {
        return expr;
      }
    }
  }

  ExprPtr subscript(ExprPtr expr, int line) {
    ExprPtr bounds[3];
    int colons = 0;
    for (; !is_op("]");) {
      if (skip_op(":")) {
        if (++colons > 2) fail_here("at most start:stop:step");
      } else if (bounds[colons]) {
        fail_here("\"]\"");
      } else {
        bounds[colons] = expression();
      }
    }
    expect_op("]");
    if (colons > 0)
      return make(Kind::slice, line, "", std::move(expr), std::move(bounds[0]), std::move(bounds[1]),
                  std::move(bounds[2]));
    if (!bounds[0]) fail_here("an index before \"]\"");
    return make(Kind::item, line, "", std::move(expr), std::move(bounds[0]));
  }

  void arguments(Expr& call) {
    expect_op("(");
    for (bool first = true; !skip_op(")"); first = false) {
      if (!first) {
        expect_op(",");
        if (skip_op(")")) break;
      }
      if (is_op("*") || is_op("**")) {
        const Kind kind = is_op("*") ? Kind::unpack : Kind::unpack_named;
        const int line = take().line;
        if (!call.names.empty()) fail_here("unpacked arguments before named ones");
        add(call, make(kind, line, "", expression()));
        continue;
      }
      if (peek().kind == TokenKind::name && peek(1).kind == TokenKind::op && peek(1).text == "=") {
        call.names.push_back(take().text);
        take();
      } else if (!call.names.empty()) {
        fail_here("a named argument behind named ones");
      }
      add(call, expression());
    }
  }

  ExprPtr filters_and_tests(ExprPtr expr) {
    for (;;) {
      const int line = peek().line;
      if (is_op("|")) {
        expr = filter(std::move(expr));
      } else if (skip_word("is")) {
        expr = test(std::move(expr), line);
      } else if (is_op("(")) {
        expr = make(Kind::call, line, "", std::move(expr));
        arguments(*expr);
      } else {
        return expr;
      }
    }
  }

  std::string dotted_name() {
    std::string name = expect_name();
    while (skip_op(".")) (name += '.') += expect_name();
    return name;
  }

  ExprPtr filter(ExprPtr expr) {
    const int line = take().line;  // |
    expr = make(Kind::filter, line, dotted_name(), std::move(expr));
    if (is_op("(")) arguments(*expr);
    return expr;
  }

  ExprPtr test(ExprPtr expr, int line) {
    const bool negated = skip_word("not");
    expr = make(Kind::test, line, dotted_name(), std::move(expr));
    if (is_op("(")) {
      arguments(*expr);
    } else {
      const Token& next = peek();
      const bool word = next.kind == TokenKind::name && next.text != "else" && next.text != "or" &&
                        next.text != "and" && next.text != "if" && next.text != "is" && next.text != "in" &&
                        next.text != "not";
      const bool value =
          next.kind == TokenKind::string || next.kind == TokenKind::integer || next.kind == TokenKind::floating;
      if (word || value || is_op("[") || is_op("{")) add(*expr, postfix(primary()));
    }
    return negated ? make(Kind::logic_not, line, "", std::move(expr)) : std::move(expr);
  }

  // --- statements ---
  using Statements = Statement::Kind;
  static std::unique_ptr<Statement> statement(Statements kind, int line) {
    auto made = std::make_unique<Statement>();
    made->kind = kind;
    made->line = line;
    return made;
  }

  // Until a {% word %} with one of `ends`; its block_begin is taken, the word stays.
  Body parse_body(std::initializer_list<std::string_view> ends) {
    const Nest nest(*this);
    Body body;
    for (;;) {
      const Token& token = peek();
      if (token.kind == TokenKind::end) {
        if (ends.size() != 0) fail_here(fmt::format("{{% {} %}}", *(ends.end() - 1)));
        return body;
      }
      take();
      if (token.kind == TokenKind::data) {
        body.push_back(statement(Statements::text, token.line));
        body.back()->text = token.text;
      } else if (token.kind == TokenKind::variable_begin) {
        body.push_back(statement(Statements::output, token.line));
        body.back()->exprs.push_back(tuple({}));
        expect(TokenKind::variable_end, "}}");
      } else {
        if (std::ranges::any_of(ends, [&](std::string_view end) { return is_word(end); })) return body;
        body.push_back(parse_statement());
      }
    }
  }

  void end_tag() { expect(TokenKind::block_end, "%}"); }

  std::unique_ptr<Statement> parse_statement() {
    const int line = peek().line;
    if (skip_word("if")) return parse_if(line);
    if (skip_word("for")) return parse_for(line);
    if (skip_word("set")) return parse_set(line);
    if (skip_word("macro")) return parse_macro(line);
    if (skip_word("call")) return parse_call_block(line);
    if (skip_word("filter")) return parse_filter_block(line);
    if (skip_word("with")) return parse_with(line);
    if (skip_word("generation")) return parse_inside(Statements::mark, line, "endgeneration");
    if (skip_word("block")) {
      const std::string name = expect_name();
      skip_word("scoped");
      skip_word("required");
      auto made = parse_inside(Statements::scope, line, "endblock", &name);
      return made;
    }
    if (skip_word("autoescape")) {
      if (!skip_word("false") && !skip_word("False"))
        fail_here("autoescape false (escaping for HTML is not supported)");
      return parse_inside(Statements::scope, line, "endautoescape");
    }
    if (is_word("break") || is_word("continue")) {
      if (loops_ == 0) fail_here("break and continue inside a loop only");
      auto made = statement(take().text == "break" ? Statements::loop_break : Statements::loop_continue, line);
      return end_tag(), std::move(made);
    }
    fail_here("a statement (if, for, set, macro, call, filter, with, block, break, continue, generation)");
  }

  std::unique_ptr<Statement> parse_if(int line) {
    auto made = statement(Statements::if_else, line);
    for (;;) {
      made->exprs.push_back(tuple({}));
      end_tag();
      made->bodies.push_back(parse_body({"elif", "else", "endif"}));
      if (skip_word("elif")) continue;
      if (skip_word("else")) {
        end_tag();
        made->bodies.push_back(parse_body({"endif"}));
      }
      return take(), end_tag(), std::move(made);
    }
  }

  std::unique_ptr<Statement> parse_inside(Statements kind, int line, std::string_view end,
                                          const std::string* end_name = nullptr) {
    auto made = statement(kind, line);
    end_tag();
    made->bodies.push_back(parse_body({end}));
    take();
    if (end_name != nullptr) skip_word(*end_name);
    return end_tag(), std::move(made);
  }

  // What an assignment writes to: names and attributes of names, one or several, also in brackets.
  ExprPtr target(std::string_view end) {
    const Nest nest(*this);
    const int line = peek().line;
    ExprPtr first = one_target();
    if (!is_op(",")) return first;
    ExprPtr all = make(Kind::tuple, line, "", std::move(first));
    while (skip_op(",") && !is_op(")") && !is_op("=") && !is_word(end)) add(*all, one_target());
    return all;
  }

  ExprPtr one_target() {
    const int line = peek().line;
    if (skip_op("(")) {
      ExprPtr inner = target(")");
      expect_op(")");
      return inner;
    }
    ExprPtr name = make(Kind::name, line, expect_name());
    return skip_op(".") ? make(Kind::attribute, line, expect_name(), std::move(name)) : std::move(name);
  }

  std::unique_ptr<Statement> parse_for(int line) {
    auto made = statement(Statements::for_loop, line);
    made->targets.push_back(target("in"));
    if (!skip_word("in")) fail_here("\"in\"");
    made->exprs.push_back(tuple({}, false));
    made->exprs.push_back(skip_word("if") ? expression() : nullptr);
    made->recursive = skip_word("recursive");
    end_tag();
    ++loops_;
    made->bodies.push_back(parse_body({"else", "endfor"}));
    --loops_;
    if (skip_word("else")) {
      end_tag();
      made->bodies.push_back(parse_body({"endfor"}));
    }
    return take(), end_tag(), std::move(made);
  }

  std::unique_ptr<Statement> parse_set(int line) {
    auto made = statement(Statements::set, line);
    made->targets.push_back(target("="));
    if (skip_op("=")) {
      made->exprs.push_back(tuple({}));
      return end_tag(), std::move(made);
    }
    if (made->targets[0]->kind == Kind::tuple) fail_here("\"=\"");
    made->kind = Statements::set_block;
    made->exprs.push_back(block_filters(make(Kind::name, line, std::string(kBlockText))));
    end_tag();
    made->bodies.push_back(parse_body({"endset"}));
    return take(), end_tag(), std::move(made);
  }

  std::unique_ptr<Statement> parse_with(int line) {
    auto made = statement(Statements::with, line);
    while (peek().kind != TokenKind::block_end) {
      if (!made->targets.empty()) expect_op(",");
      made->targets.push_back(one_target());
      expect_op("=");
      made->exprs.push_back(expression());
    }
    end_tag();
    made->bodies.push_back(parse_body({"endwith"}));
    return take(), end_tag(), std::move(made);
  }

  ExprPtr block_filters(ExprPtr chain) {
    while (is_op("|")) chain = filter(std::move(chain));
    return chain;
  }

  std::unique_ptr<Statement> parse_filter_block(int line) {
    auto made = statement(Statements::filter_block, line);
    ExprPtr first = make(Kind::filter, line, dotted_name(), make(Kind::name, line, std::string(kBlockText)));
    if (is_op("(")) arguments(*first);
    made->exprs.push_back(block_filters(std::move(first)));
    end_tag();
    made->bodies.push_back(parse_body({"endfilter"}));
    return take(), end_tag(), std::move(made);
  }

  std::unique_ptr<Statement> parse_call_block(int line) {
    auto made = statement(Statements::call_block, line);
    if (is_op("(")) parameters(*made);
    made->exprs.push_back(expression());
    macro_body(*made, "endcall");
    return made;
  }

  std::unique_ptr<Statement> parse_macro(int line) {
    auto made = statement(Statements::macro, line);
    made->text = expect_name();
    parameters(*made);
    macro_body(*made, "endmacro");
    return made;
  }

  void parameters(Statement& macro) {
    expect_op("(");
    for (bool first = true; !skip_op(")"); first = false) {
      if (!first) expect_op(",");
      macro.names.push_back(expect_name());
      if (skip_op("="))
        macro.defaults.push_back(expression());
      else if (!macro.defaults.empty())
        fail_here("a default, as the parameter before has one");
    }
  }

  // A macro takes more arguments than it has parameters where its body names them.
  void macro_body(Statement& macro, std::string_view end) {
    end_tag();
    const int outer_loops = std::exchange(loops_, 0);
    const bool outer_varargs = std::exchange(names_varargs_, false), outer_kwargs = std::exchange(names_kwargs_, false);
    macro.bodies.push_back(parse_body({end}));
    macro.takes_varargs = std::exchange(names_varargs_, outer_varargs || names_varargs_);
    macro.takes_kwargs = std::exchange(names_kwargs_, outer_kwargs || names_kwargs_);
    loops_ = outer_loops;
    take();
    end_tag();
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0, loops_ = 0;
  bool names_varargs_ = false, names_kwargs_ = false;  // in the macro that is being read
};

}  // namespace

Body parse_template(std::string_view source) { return Parser(source).parse(); }

}  // namespace hadal::jinja
