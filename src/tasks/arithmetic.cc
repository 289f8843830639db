// One operation on two whole numbers: {"task": "arithmetic", "expression": "347*86"}.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/arithmetic_trace.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/wording.h"
#include "tasks/numbers/exact_number.h"
#include "tasks/numbers/plain_math.h"

namespace hadal::tasks {
namespace {

constexpr std::string_view kKinds[] = {"arithmetic", "multiplication44"};
constexpr std::string_view kOperators = "+-*/";
constexpr size_t kMaxDigits = 100;

struct Expression {
  std::string a, b;
  char op = '+';

  std::string text() const { return a + op + b; }
  std::string canonical() const {  // the smaller number first where the order does not matter
    const bool swap = (op == '+' || op == '*') && (a.size() != b.size() ? a.size() > b.size() : a > b);
    return swap ? b + op + a : text();
  }
};

bool is_whole_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDigits && text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text[0] != '0' || text.size() == 1);
}

std::optional<Expression> parse(std::string_view text) {
  const size_t at = text.find_first_of(kOperators);
  if (at == std::string_view::npos) return std::nullopt;
  Expression e{std::string(text.substr(0, at)), std::string(text.substr(at + 1)), text[at]};
  if (!is_whole_number(e.a) || !is_whole_number(e.b)) return std::nullopt;
  return e;
}

Expression expression_of(const OrderedJson& item) {
  auto found = parse(item.at("expression").get_ref<const std::string&>());
  HADAL_CHECK(found, "an item that was not checked");
  return std::move(*found);
}

// How many digits the two numbers have; of a division the divisor and the quotient.
struct Sizes {
  char op;
  int a, b;
};
// A ladder of sizes that reports compare models on; half of all items are drawn from it.
constexpr Sizes kLadder[] = {{'+', 4, 4}, {'+', 6, 5}, {'-', 5, 4}, {'-', 6, 6}, {'*', 2, 2},
                             {'*', 3, 2}, {'*', 3, 3}, {'*', 4, 3}, {'/', 2, 2}, {'/', 3, 1}};
constexpr int kMaxSize = 6, kMaxFactor = 4, kMaxDivisor = 3;

int one_to(int n, Rng& rng) { return 1 + static_cast<int>(rng.below(static_cast<uint64_t>(n))); }

Sizes draw_sizes(Rng& rng) {
  const Sizes ladder = kLadder[rng.below(std::size(kLadder))];
  if (rng.below(2) == 0) return ladder;
  switch (ladder.op) {
    case '*':
      return {'*', one_to(kMaxFactor, rng), one_to(kMaxFactor, rng)};
    case '/':
      return {'/', one_to(kMaxDivisor, rng), one_to(kMaxSize - kMaxDivisor, rng)};
    default:
      return {ladder.op, one_to(kMaxSize, rng), one_to(kMaxSize, rng)};
  }
}

int64_t draw_number(int digits, Rng& rng) {
  int64_t low = 1;
  for (int i = 1; i < digits; ++i) low *= 10;
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(9 * low)));
}

Expression draw(const Sizes& sizes, Rng& rng) {
  constexpr int kNegativeEvery = 20;
  int64_t a = draw_number(sizes.a, rng), b = draw_number(sizes.b, rng);
  if (sizes.op == '/') a = std::exchange(b, a) * a;
  if (sizes.op == '-' && a < b && rng.below(kNegativeEvery) != 0) std::swap(a, b);
  if (sizes.op == '*' && sizes.a != sizes.b && rng.below(2) == 0) std::swap(a, b);
  return {std::to_string(a), std::to_string(b), sizes.op};
}

constexpr double kMadeUpShare = 0.15;  // of the questions trained on

// {e} is the expression, {a} and {b} its numbers.
constexpr std::string_view kAny[] = {
    "What is {e}?",
    "What's {e}?",
    "{e}",
    "{e} = ?",
    "{e} =",
    "Calculate {e}.",
    "Compute {e}.",
    "How much is {e}?",
    "[Please w|W]ork out {e}.",
    "Find {e}.",
    "Tell me what {e} is.",
    "Evaluate {e}.",
    "Can you [work out|calculate|compute] {e}?",
    "I need [to know|the value of] {e}.",
    "What does {e} [make|equal|come to]?",
    "Solve: {e}",
    "[What do you get for|What do I get for] {e}?",
    "Give me the [result|value] of {e}.",
    "what is {e}",
    "[Quick question|Maths question|Homework]: {e}[| = ?|?]",
    "The result of {e} is what?",
    "{e}[|, please].",
    "[Do|Let's do] {e}.",
    "Could you tell me [how much|what] {e} is?",
    "I have to [compute|work out|find] {e}[| for school| for my homework]. [Can you help|Can you do it|What is it]?",
    "[My calculator is broken|I have no calculator]. [What is|How much is] {e}?",
    "Hi! [What is|Can you tell me] {e}?",
    "{e} [equals|gives|makes] what?",
    "{e}, [what is that|how much is that|what does it give]?",
    "[Next one|Now]: {e}",
    "Here is a [sum|problem|task] for you: {e}.",
    "[Answer|Answer this|Work this out]: what is {e}?",
    "Question: [what is {e}|how much is {e}|{e}]?",
    "what does {e} equal",
    "[Step by step, what|What exactly] is {e}?",
    "Write down the [value|result] of {e}.",
    // held out
    "Determine {e}.",
    "[My sister|My son] asks how much {e} is.",
    "Fill in the gap: {e} = __",
    "Let me know the result of {e}.",
    "If you take {e}, what do you get?",
    "What number is {e}?",
    "I would like to know {e}.",
    "{e} is how much?",
    "Which number does {e} give?",
    "Do you know what {e} is?",
    "Say what {e} comes to.",
    "Help me with {e}.",
};
constexpr std::string_view kSums[] = {
    "[Put|Count] {a} and {b} together.", "{a} and {b}[, added up|, added]: [what is it|how much]?",
    "What is {b} more than {a}?", "[Add|Please add] {a} and {b}.", "What is the sum of {a} and {b}?", "Add {b} to {a}.",
    "Add up {a} and {b}.", "[Find|Calculate|Compute] the sum of {a} and {b}.", "What do {a} and {b} make together?",
    // held out
    "How much are {a} and {b} together?", "What is the total of {a} and {b}?", "If I add {a} to {b}, what do I get?"};
constexpr std::string_view kDifferences[] = {
    "From {a} take {b}.", "[Remove|Deduct] {b} from {a}.", "What is {a} reduced by {b}?", "Subtract {b} from {a}.",
    "What is left of {a} when you take away {b}?", "Take {b} away from {a}.", "What is {b} less than {a}?",
    "[Find|Calculate|Compute] the difference {e}.", "How much is {a} less {b}?",
    // held out
    "Take {b} from {a}. What is left?", "What remains of {a} after taking off {b}?",
    "If I subtract {b} from {a}, what do I get?"};
constexpr std::string_view kProducts[] = {
    "{a} and {b}, multiplied: [what is it|how much]?", "How much is {a} lots of {b}?",
    "[Form|Take] the product of {a} and {b}.", "[Multiply|Please multiply] {a} by {b}.",
    "What is the product of {a} and {b}?", "Multiply {a} and {b}.",
    "[Find|Calculate|Compute] the product of {a} and {b}.", "How much is {a} multiplied by {b}?",
    "What is {a} taken {b} times?",
    // held out
    "What do you get when you multiply {a} by {b}?", "Give the product of {a} and {b}.",
    "If I multiply {a} with {b}, what do I get?"};
constexpr std::string_view kQuotients[] = {
    "Split {a} into {b} equal parts.", "[How many {b}s are in {a}|How many {b}s make {a}]?",
    "[Form|Take] the quotient of {a} and {b}.", "[Divide|Please divide] {a} by {b}.",
    "How many times does {b} go into {a}?", "What is the quotient of {a} and {b}?",
    "[Find|Calculate|Compute] the quotient of {a} and {b}.", "How much is {a} divided by {b}?",
    "Share {a} out into {b} equal parts. How big is [a|each] part?",
    // held out
    "What do you get when you divide {a} by {b}?", "How often does {b} fit into {a}?",
    "If I divide {a} by {b}, what do I get?"};

std::span<const std::string_view> own_patterns(char op) {
  switch (op) {
    case '+':
      return kSums;
    case '-':
      return kDifferences;
    case '*':
      return kProducts;
    default:
      return kQuotients;
  }
}

constexpr std::string_view operator_forms(char op) {
  switch (op) {
    case '+':
      return "{a}[+| + | plus ]{b}";
    case '-':
      return "{a}[-| - |-| - |\u2212| \u2212 | minus ]{b}";
    case '*':
      return "{a}[*| * |\u00d7| \u00d7 | x |x|\u00b7| times | times | multiplied by ]{b}";
    default:
      return "{a}[/| / |/| / | \u00f7 |\u00f7| : | divided by | divided by | over ]{b}";
  }
}

// A question of made-up words around its expression: learnt among the others, it makes words that were never seen
// harmless.
std::string among_made_up_words(const std::string& expression, Rng& rng) {
  std::string text = made_up_words(rng.below(7), rng);
  if (!text.empty()) text += rng.below(4) == 0 ? ": " : " ";
  text += expression;
  if (const std::string after = made_up_words(rng.below(5), rng); !after.empty()) text += " " + after;
  return text += rng.below(3) == 0 ? "?" : rng.below(2) == 0 ? "." : "";
}

class Arithmetic final : public Task {
 public:
  std::string_view name() const override { return "arithmetic"; }
  std::span<const std::string_view> kinds() const override { return kKinds; }

  std::string kind(const OrderedJson& item) const override {
    const Expression e = expression_of(item);
    const size_t digits = e.a.size();
    if (e.op != '*' || e.b.size() != digits || digits < 4) return "arithmetic";
    return fmt::format("multiplication{}{}", digits, digits);
  }

  void check(const OrderedJson& item, std::string_view where) const override {
    const auto text = item.find("expression");
    if (text == item.end() || !text->is_string())
      fail("{}: \"expression\": expected a text, found {}", where, text == item.end() ? "none" : brief_json(*text));
    const auto e = parse(text->get_ref<const std::string&>());
    if (!e || (e->op == '/' && e->b == "0"))
      fail("{}: \"expression\": expected two whole numbers of at most {} digits with + - * or / between them, found {}",
           where, kMaxDigits, brief_json(*text));
  }

  std::string canonical(const OrderedJson& item) const override {
    return "arithmetic " + expression_of(item).canonical();
  }

  OrderedJson make(std::string_view kind, Split split, Rng& rng) const override {
    for (;;) {
      const Sizes sizes = kind == kKinds[0] ? draw_sizes(rng) : Sizes{'*', 4, 4};
      OrderedJson item = {{"task", name()}, {"expression", draw(sizes, rng).text()}};
      if (this->kind(item) == kind && is_held_out(*this, item) == (split == Split::held_out)) return item;
    }
  }

  std::string question(const OrderedJson& item, Wordings wordings, Rng& rng) const override {
    const Expression e = expression_of(item);
    const std::string written = fill_pattern(operator_forms(e.op), {{"a", e.a}, {"b", e.b}}, rng);
    if (wordings == Wordings::training && rng.uniform() < kMadeUpShare) return among_made_up_words(written, rng);
    const bool own = rng.below(4) == 0;
    const std::string_view pattern = draw_pattern(own ? own_patterns(e.op) : kAny, wordings, rng);
    return fill_pattern(pattern, {{"e", written}, {"a", e.a}, {"b", e.b}}, rng);
  }

  std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng&) const override {
    const Expression e = expression_of(item);
    std::string result = exact_result(e.a, e.op, e.b);
    if (result.find('/') != std::string::npos) return std::nullopt;
    Trace trace{arithmetic_steps(e.a, e.op, e.b), std::move(result)};
    if (trace.thinking.size() > max_bytes) return std::nullopt;
    return trace;
  }

  Verdict judge(const OrderedJson& item, std::string_view answer) const override {
    const Expression e = expression_of(item);
    Verdict verdict{.answer = std::string(answer)};
    std::string_view number = answer;
    if (const size_t equals = answer.rfind('='); equals != std::string_view::npos) {
      if (!is_question(e, answer.substr(0, equals))) {
        verdict.why = "another question before the =";
        return verdict;
      }
      number = answer.substr(equals + 1);
    }
    const auto found = exact_number(number);
    if (!found || is_percentage(number)) {
      verdict.why = "not one exact number";
    } else if (!found->worked_out) {
      verdict.why = "a fraction that is not worked out";
    } else {
      verdict.right = found->value == exact_result(e.a, e.op, e.b);
      verdict.why = verdict.right ? "the right number" : "another number";
    }
    verdict.nearness = verdict.right;
    return verdict;
  }

 private:
  static bool is_percentage(std::string_view text) {
    return text.find('%') != std::string_view::npos || has_word(text, "percent") || has_word(text, "per cent");
  }

  // "347 × 86" is 347*86, as are "86*347" and "347 times 86".
  static bool is_question(const Expression& e, std::string_view text) {
    if (text.size() > kMaxAnswerBytes) return false;
    constexpr std::pair<std::string_view, std::string_view> kWords[] = {
        {"plus", "+"}, {"minus", "-"}, {"multiplied by", "*"}, {"times", "*"}, {"divided by", "/"}, {"over", "/"}};
    std::string plain = plain_math(text);
    for (const auto& [word, sign] : kWords)
      if (const size_t at = plain.find(word); at != std::string::npos) plain.replace(at, word.size(), sign);
    std::erase(plain, ' ');
    std::ranges::replace(plain, 'x', '*');
    std::ranges::replace(plain, ':', '/');
    const auto found = parse(plain);
    return found && found->canonical() == e.canonical();
  }
};

}  // namespace

const Task& arithmetic_task() {
  static const Arithmetic task;
  return task;
}

}  // namespace hadal::tasks
