// Combine numbers to a target: {"task": "countdown", "numbers": [19, 36, 55], "target": 38}.
#include "tasks/kinds/countdown.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/wording.h"

namespace hadal::tasks {
namespace {

constexpr std::array<std::string_view, 2> kKinds = {"countdown3", "countdown4"};

constexpr double kMadeUpShare = 0.2;  // of the questions trained on

// {t} the target, {l} the numbers as a list. The last quarter is never trained on.
constexpr std::array<std::string_view, 32> kPatterns = {
    "[Make|Reach|Get|Build] {t} from {l}.", "[Make|Get|Form] {t} [with|out of|using] {l}.",
    "Use [the numbers |]{l} to [make|reach|get] {t}.",
    "Using [the numbers |]{l}, [make|write|create] an [expression|equation] that equals {t}.",
    "Using the numbers {l}, create an equation that equals {t}. You can use basic arithmetic operations (+, -, *, /) "
    "and each number [can only be used once|must be used exactly once].",
    "Numbers: {l}. Target: {t}.", "Target: {t}. Numbers: {l}.",
    "Target {t}, numbers {l}.[| Each number exactly once.| Use every number once.]", "{l} [->|=>|to] {t}",
    "How [can|do] [you|I|we] [make|get] {t} from {l}?",
    "Combine {l} with [+, -, * and /|plus, minus, times and divided by] [to get|so that the result is] {t}.",
    "Find an expression [of|with|from] {l} whose value is {t}.[| Use each number exactly once.]",
    "I have the numbers {l}. [How do I get {t}?|Help me make {t}.]", "Countdown: [make|reach] {t} [from|with] {l}.",
    "[Please write|Write] {t} [with|using] the numbers {l}, each [exactly once|used once].",
    "[Which|What] expression of {l} [makes|equals|is] {t}?",
    "Each of {l} must be used [exactly once|once and only once]. [Make|Reach] {t}.",
    "With [addition, subtraction, multiplication and division|+ - * /] and brackets, [turn|combine] {l} into {t}.",
    "Given {l}, [reach|make|get] {t} by [the four operations|adding, subtracting, multiplying and dividing].",
    "The target is {t}. [You have|The numbers are] {l}.", "[My|The] numbers are {l} and [my|the] target is {t}.",
    "Can {l} [make|give] {t}? [Show how.|Write the expression.]", "{t} from {l}[|, please]",
    "We [need|want] {t}. We [have|are given] {l}. [Use all numbers once.|All of them must be used.]",
    // Held out.
    "[Could you|Would you] [hit|arrive at] {t} by combining {l}?",
    "A number game: {l} are on the table, and {t} is the goal. [What is a solution?|Solve it.]",
    "Put + - * / and brackets between {l}, in any order, so that {t} comes out.",
    "[Arrive at|Produce] {t} using all of {l}.", "Goal: {t}. Given: {l}.[| Each must be used once.]",
    "What calculation with {l} gives {t}?", "Solve this [puzzle|round]: numbers {l}, target {t}.",
    "Let us play: {l} are yours, and {t} is what you need. Show [one|an] expression that does it."};

static_assert(!kPatterns.back().empty());

std::string list_of(const std::vector<int64_t>& numbers, Rng& rng) {
  struct Style {
    std::string_view begin, between, before_last, end;
  };
  static constexpr std::array<Style, 6> kStyles = {{{"", " ", " ", ""},
                                                    {"", ", ", ", ", ""},
                                                    {"", ", ", " and ", ""},
                                                    {"", ", ", ", and ", ""},
                                                    {"[", ", ", ", ", "]"},
                                                    {"(", ", ", ", ", ")"}}};
  const Style& style = kStyles[rng.below(kStyles.size())];
  std::string text(style.begin);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) text += i + 1 == numbers.size() ? style.before_last : style.between;
    text += std::to_string(numbers[i]);
  }
  return text.append(style.end);
}

// A question of made-up words around its numbers: what it asks shows by where they stand alone. Learnt among the
// others, it makes words that were never seen harmless.
std::string among_made_up_words(const std::string& target, const std::string& list, Rng& rng) {
  const bool target_first = rng.below(2) == 0;
  const std::string before = made_up_words(rng.below(6), rng), between = made_up_words(1 + rng.below(6), rng),
                    after = made_up_words(rng.below(6), rng);
  std::string text = before.empty() ? "" : before + (rng.below(5) == 0 ? ": " : " ");
  text += target_first ? target : list;
  text += (rng.below(4) == 0 ? ", " : rng.below(4) == 0 ? ". " : " ") + between + (rng.below(4) == 0 ? ": " : " ");
  text += target_first ? list : target;
  if (!after.empty()) text += " " + after;
  return text += rng.below(3) == 0 ? "?" : rng.below(2) == 0 ? "." : "";
}

int64_t whole_number(const OrderedJson& value, int64_t max, std::string_view where, std::string_view field) {
  const bool whole = value.is_number_unsigned()  ? value.get<uint64_t>() - 1 < static_cast<uint64_t>(max)
                     : value.is_number_integer() ? value.get<int64_t>() >= 1 && value.get<int64_t>() <= max
                                                 : false;
  if (!whole) fail("{}: \"{}\": expected a whole number from 1 to {}, found {}", where, field, max, brief_json(value));
  return value.get<int64_t>();
}

CountdownItem read(const OrderedJson& item, std::string_view where) {
  const auto numbers = item.find("numbers"), target = item.find("target");
  if (numbers == item.end() || !numbers->is_array() || numbers->size() < 2 || numbers->size() > CountdownItem::kMax)
    fail("{}: \"numbers\": expected a list of 2 to {} numbers, found {}", where, CountdownItem::kMax,
         numbers == item.end() ? "none" : brief_json(*numbers));
  if (target == item.end()) fail("{}: \"target\": expected a whole number, found none", where);
  CountdownItem result;
  for (const OrderedJson& number : *numbers)
    result.numbers.push_back(whole_number(number, CountdownItem::kMaxNumber, where, "numbers"));
  result.target = whole_number(*target, CountdownItem::kMaxTarget, where, "target");
  return result;
}

CountdownItem read(const OrderedJson& item) { return read(item, "item"); }

class Countdown final : public Task {
 public:
  std::string_view name() const override { return "countdown"; }
  std::span<const std::string_view> kinds() const override { return kKinds; }
  std::string kind(const OrderedJson& item) const override {
    return fmt::format("countdown{}", item.at("numbers").size());
  }
  void check(const OrderedJson& item, std::string_view where) const override { read(item, where); }

  std::string canonical(const OrderedJson& item) const override {
    CountdownItem known = read(item);
    std::sort(known.numbers.begin(), known.numbers.end());
    std::string text = "countdown";
    for (const int64_t number : known.numbers) text += fmt::format(" {}", number);
    return text + fmt::format(" = {}", known.target);
  }

  OrderedJson make(std::string_view kind, Split split, Rng& rng) const override {
    HADAL_CHECK(kind == kKinds[0] || kind == kKinds[1], "countdown makes no {}", kind);
    const size_t count = kind == kKinds[0] ? 3 : 4;
    for (;;) {
      CountdownItem drawn;
      for (size_t i = 0; i < count; ++i) drawn.numbers.push_back(1 + static_cast<int64_t>(rng.below(99)));
      drawn.target = 10 + static_cast<int64_t>(rng.below(90));
      OrderedJson item{{"task", name()}, {"numbers", drawn.numbers}, {"target", drawn.target}};
      if (is_held_out(*this, item) == (split == Split::held_out) && countdown_solvable(drawn)) return item;
    }
  }

  std::string question(const OrderedJson& item, Wordings wordings, Rng& rng) const override {
    const CountdownItem known = read(item);
    const std::string target = std::to_string(known.target), list = list_of(known.numbers, rng);
    if (wordings == Wordings::training && rng.uniform() < kMadeUpShare) return among_made_up_words(target, list, rng);
    return fill_pattern(draw_pattern(kPatterns, wordings, rng), {{"t", target}, {"l", list}}, rng);
  }

  std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng& rng) const override {
    return trace_countdown(read(item), max_bytes, rng);
  }

  Verdict judge(const OrderedJson& item, std::string_view answer) const override {
    return judge_countdown(read(item), answer);
  }
};

}  // namespace

const Task& countdown_task() {
  static const Countdown task;
  return task;
}

}  // namespace hadal::tasks
