#include "market/factors/parser.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/toml_table.h"
#include "market/factors/operators.h"

namespace hadal::market::factors {
namespace {

constexpr size_t kLongestExpression = 64 << 10;
constexpr int kDeepest = 200;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One line of `text` around [begin, end), and carets under that part.
std::string marked(std::string_view text, size_t begin, size_t end) {
  constexpr size_t kBefore = 60, kLength = 100;
  size_t from = begin > kBefore ? begin - kBefore : 0;
  while (from > 0 && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) --from;
  std::string line = from > 0 ? "..." : "", carets(line.size(), ' ');
  const size_t to = std::min(text.size(), from + kLength);
  for (size_t at = from; at < to;) {
    const size_t bytes = utf8_char_bytes(text, at);
    const bool plain = bytes > 1 || (bytes == 1 && text[at] >= ' ' && text[at] != 0x7f);
    if (plain)
      line += text.substr(at, bytes);
    else
      line += text[at] == '\n' || text[at] == '\t' ? " " : "\uFFFD";
    carets += at >= begin && at < end ? '^' : ' ';
    at += std::max<size_t>(1, bytes);
  }
  if (to < text.size()) line += "...";
  if (begin >= text.size()) carets += '^';
  carets.erase(carets.find_last_not_of(' ') + 1);
  return fmt::format("\n  {}\n  {}", line, carets);
}

struct Term {
  int node = -1;
  size_t begin = 0, end = 0;
};

class Parser {
 public:
  Parser(Graph& graph, std::string_view text, const std::string& who, LookAhead look_ahead)
      : graph_(graph), text_(text), who_(who), look_ahead_(look_ahead) {}

  int parse() {
    if (text_.size() > kLongestExpression)
      hadal::fail("{}: expected an expression of at most {} bytes, found {}", who_, kLongestExpression, text_.size());
    const Term term = parse_or();
    skip_blanks();
    if (at_ < text_.size()) refuse(at_, at_ + 1, "expected an operator or the end here");
    return term.node;
  }

 private:
  [[noreturn]] void refuse(size_t begin, size_t end, const std::string& message) const {
    hadal::fail("{}: {}{}", who_, message, marked(text_, begin, end));
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(std::string_view mark) {
    skip_blanks();
    if (text_.substr(at_, mark.size()) != mark) return false;
    at_ += mark.size();
    return true;
  }
  char next() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  Term joined(Op op, const Term& a, const Term& b) { return {graph_.element(op, a.node, b.node), a.begin, b.end}; }

  Term parse_or() {
    if (++depth_ > kDeepest) refuse(at_, at_ + 1, fmt::format("expected at most {} levels of parentheses", kDeepest));
    Term term = parse_and();
    while (take("|")) term = joined(Op::logical_or, term, parse_and());
    --depth_;
    return term;
  }
  Term parse_and() {
    Term term = parse_compare();
    while (take("&")) term = joined(Op::logical_and, term, parse_compare());
    return term;
  }

  Term parse_compare() {
    static constexpr struct {
      std::string_view mark;
      Op op;
    } kMarks[] = {{">=", Op::ge}, {"<=", Op::le}, {"==", Op::eq}, {"!=", Op::ne}, {">", Op::gt}, {"<", Op::lt}};
    Term term = parse_sum();
    for (bool first = true;; first = false) {
      const auto* mark = std::begin(kMarks);
      while (mark != std::end(kMarks) && !take(mark->mark)) ++mark;
      if (mark == std::end(kMarks)) {
        if (next() == '=') refuse(at_, at_ + 1, "expected == for a comparison");
        return term;
      }
      if (!first)
        refuse(at_ - mark->mark.size(), at_, "a comparison of a comparison; put parentheses, or join two with &");
      term = joined(mark->op, term, parse_sum());
    }
  }

  Term parse_sum() {
    Term term = parse_product();
    for (;;) {
      if (take("+"))
        term = joined(Op::add, term, parse_product());
      else if (take("-"))
        term = joined(Op::sub, term, parse_product());
      else
        return term;
    }
  }
  Term parse_product() {
    Term term = parse_unary();
    for (;;) {
      skip_blanks();
      if (text_.substr(at_, 2) != "**" && take("*"))
        term = joined(Op::mul, term, parse_unary());
      else if (take("/"))
        term = joined(Op::div, term, parse_unary());
      else
        return term;
    }
  }
  Term parse_unary() {
    if (next() != '-') return parse_power();
    const size_t begin = at_++;
    if (++depth_ > kDeepest) refuse(begin, at_, fmt::format("expected at most {} levels", kDeepest));
    const Term term = parse_unary();
    --depth_;
    return {graph_.element(Op::sub, graph_.constant(0), term.node), begin, term.end};
  }
  Term parse_power() {
    const Term base = parse_primary();
    return take("**") ? joined(Op::power, base, parse_unary()) : base;
  }

  Term parse_primary() {
    const char c = next();
    const size_t begin = at_;
    if (c == '(') {
      ++at_;
      Term term = parse_or();
      if (!take(")")) refuse(at_, at_ + 1, "expected ) here");
      return {term.node, begin, at_};
    }
    if (c == '$') return parse_field();
    if (is_digit(c) || c == '.') return parse_number();
    if (is_letter(c)) return parse_call();
    refuse(begin, begin + 1,
           c == '\0' ? "expected a number, a field ($close), an operator or ( here, found the end"
                     : "expected a number, a field ($close), an operator or ( here");
  }

  std::string_view take_name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Term parse_field() {
    static const std::vector<std::string> kNames = {"open", "high", "low", "close", "volume", "vwap"};
    const size_t begin = at_++;
    const std::string_view name = take_name();
    for (size_t i = 0; i < kNames.size(); ++i)
      if (kNames[i] == name) return {graph_.field(static_cast<Field>(i)), begin, at_};
    if (name.empty()) refuse(begin, begin + 1, "expected a field after $: open, high, low, close, volume or vwap");
    refuse(begin, at_,
           fmt::format("unknown field {}; did you mean ${}?", brief(text_.substr(begin, at_ - begin)),
                       nearest_word(std::string(name), kNames)));
  }

  Term parse_number() {
    const size_t begin = at_;
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    at_ = static_cast<size_t>(end - text_.data());
    if (error != std::errc{} || !std::isfinite(value))
      refuse(begin, std::max(at_, begin + 1), "expected a number here");
    if (at_ < text_.size() && (is_letter(text_[at_]) || text_[at_] == '.')) {
      take_name();
      refuse(begin, std::max(at_, begin + 1), "expected a number here");
    }
    return {graph_.constant(value), begin, at_};
  }

  Term parse_call();
  void parse_argument(const Operator& op, char kind, Arguments& a, int& num_series, int& num_windows);
  void take_window(const Operator& op, char kind, const Term& term, int64_t& window, double& number) const;
  std::string parse_symbol();

  Graph& graph_;
  std::string_view text_;
  const std::string& who_;
  LookAhead look_ahead_;
  size_t at_ = 0;
  int depth_ = 0;
};

Term Parser::parse_call() {
  const size_t begin = at_;
  const std::string_view name = take_name();
  const size_t name_end = at_;
  const Operator* op = find_operator(name);
  if (op == nullptr) {
    static const std::vector<std::string> kNames = {"open", "high", "low", "close", "volume", "vwap"};
    for (const std::string& field : kNames)
      if (field == name) refuse(begin, name_end, fmt::format("expected ${} for the field {}", field, field));
    refuse(begin, name_end,
           fmt::format("unknown operator {}; did you mean {}?", brief(name),
                       nearest_word(std::string(name), operator_names())));
  }
  if (!take("(")) refuse(name_end, name_end + 1, fmt::format("expected ( here: {}", op->usage));
  Arguments a;
  int num_series = 0, num_windows = 0;
  for (size_t i = 0; i < op->signature.size(); ++i) {
    const char kind = op->signature[i];
    if (kind == 'g' && next() == ')') break;
    if (i > 0 && !take(",")) refuse(at_, at_ + 1, fmt::format("expected one more argument: {}", op->usage));
    if (i == 0 && next() == ')') refuse(at_, at_ + 1, fmt::format("expected an argument: {}", op->usage));
    parse_argument(*op, kind, a, num_series, num_windows);
  }
  if (next() == ',') refuse(at_, at_ + 1, fmt::format("too many arguments: {}", op->usage));
  if (!take(")")) refuse(at_, at_ + 1, "expected ) here");
  const bool shifts = op->signature.find('r') != std::string_view::npos;
  if (shifts && a.n[0] < 0 && look_ahead_ == LookAhead::refused)
    refuse(
        begin, at_,
        fmt::format("looks {} bar{} ahead, which a factor may not: only [label] may", -a.n[0], a.n[0] < -1 ? "s" : ""));
  return {op->build(graph_, a), begin, at_};
}

void Parser::parse_argument(const Operator& op, char kind, Arguments& a, int& num_series, int& num_windows) {
  if (kind == 's') {
    a.symbol = parse_symbol();
    return;
  }
  skip_blanks();
  const Term term = parse_or();
  if (kind == 'x' || kind == 'g') {
    a.x[static_cast<size_t>(num_series++)] = term.node;
  } else if (kind == 'n' || kind == 'r' || kind == 'e') {
    take_window(op, kind, term, a.n[static_cast<size_t>(num_windows++)], a.number);
  } else {
    const Node& node = graph_[term.node];
    const bool share = kind == 'q';
    if (node.op != Op::constant || !(share ? node.number >= 0 && node.number <= 1 : node.number > 0))
      refuse(term.begin, term.end,
             fmt::format("expected a number {} here: {}", share ? "from 0 to 1" : "above 0", op.usage));
    a.number = node.number;
  }
}

void Parser::take_window(const Operator& op, char kind, const Term& term, int64_t& window, double& number) const {
  const Node& node = graph_[term.node];
  const double value = node.number, most = static_cast<double>(kLongestWindow);
  if (kind == 'e' && node.op == Op::constant && value > 0 && value < 1) {
    number = value;
    return;
  }
  const double least = kind == 'r' ? -most : 1;
  if (node.op != Op::constant || value != std::floor(value) || value < least || value > most)
    refuse(term.begin, term.end,
           fmt::format("expected a whole number of bars from {} to {} here: {}", least, most, op.usage));
  window = static_cast<int64_t>(value);
}

std::string Parser::parse_symbol() {
  const char c = next();
  const size_t begin = at_;
  std::string_view symbol;
  if (c == '"' || c == '\'') {
    const size_t end = text_.find(c, at_ + 1);
    if (end == std::string_view::npos) refuse(begin, begin + 1, "expected a closing quote");
    symbol = text_.substr(begin + 1, end - begin - 1);
    at_ = end + 1;
  } else {
    while (at_ < text_.size() &&
           (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.' || text_[at_] == '-'))
      ++at_;
    symbol = text_.substr(begin, at_ - begin);
  }
  if (symbol.empty()) refuse(begin, begin + 1, "expected an instrument's symbol here: Mask(x,SYMBOL)");
  return std::string(symbol);
}

}  // namespace

int parse_expression(Graph& graph, std::string_view text, const std::string& who, LookAhead look_ahead) {
  return Parser(graph, text, who, look_ahead).parse();
}

}  // namespace hadal::market::factors
