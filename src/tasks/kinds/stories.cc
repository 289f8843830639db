#include "tasks/kinds/stories.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "tasks/kinds/names.h"
#include "tasks/kinds/story_templates.h"
#include "tasks/kinds/wording.h"

namespace hadal::tasks {
namespace {

constexpr char kFirstResult = 's';  // a to d are given

class Values {
 public:
  void set(char name, int64_t value) { values_[index(name)] = value; }
  int64_t get(char name) const { return values_[index(name)]; }

  int64_t operand(std::string_view text) const {  // a name or a number
    if (text[0] >= 'a' && text[0] <= 'z') return get(text[0]);
    int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

 private:
  static size_t index(char name) {
    HADAL_CHECK(name >= 'a' && name <= 'z', "a story's number {}", name);
    return static_cast<size_t>(name - 'a');
  }
  std::array<int64_t, 26> values_{};
};

Values draw_values(std::string_view numbers, Rng& rng) {  // "a:3-9 b:12-40"
  Values values;
  for (const std::string& range : split(numbers, ' ')) {
    const size_t dash = range.find('-');
    const int64_t low = std::stoll(range.substr(2, dash - 2)), high = std::stoll(range.substr(dash + 1));
    values.set(range[0], low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1))));
  }
  return values;
}

// Nothing where the step does not give a positive whole number.
std::optional<int64_t> result_of(int64_t a, char op, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case '+':
      result = a + b;
      break;
    case '-':
      result = a - b;
      break;
    case '*':
      result = a * b;
      break;
    default:
      if (a % b != 0) return std::nullopt;
      result = a / b;
  }
  return result > 0 ? std::optional(result) : std::nullopt;
}

// The equations; their results join the values.
std::optional<std::string> work_out(std::string_view steps, Values& values, int64_t& answer) {
  std::string text;
  char name = kFirstResult;
  for (const std::string& step : split(steps, ' ')) {
    const size_t at = step.find_first_of("+-*/");
    const int64_t a = values.operand(step.substr(0, at)), b = values.operand(step.substr(at + 1));
    const auto result = result_of(a, step[at], b);
    if (!result) return std::nullopt;
    text += fmt::format("{}{}{}{}={}", text.empty() ? "" : "\n", a, step[at], b, *result);
    values.set(name++, answer = *result);
  }
  return text;
}

// `count` different ones of the list.
template <size_t count>
std::array<std::string_view, count> draw_different(std::span<const std::string_view> list, Rng& rng) {
  std::array<std::string_view, count> drawn;
  for (size_t i = 0; i < count;) {
    drawn[i] = list[rng.below(list.size())];
    bool again = false;
    for (size_t k = 0; k < i; ++k) again |= drawn[k] == drawn[i];
    i += !again;
  }
  return drawn;
}

std::string tell(std::string_view pattern, const Values& values, Rng& rng) {
  const auto people = draw_different<3>(kNames, rng);
  const auto things = draw_different<2>(story_things(), rng);
  const Noun box = story_boxes()[rng.below(story_boxes().size())];
  const bool sign = rng.below(2) == 0;
  std::array<std::string, 4> number, money;
  for (size_t i = 0; i < number.size(); ++i) {
    number[i] = std::to_string(values.get(static_cast<char>('a' + i)));
    money[i] = sign ? "$" + number[i] : number[i] + " dollars";
  }
  return fill_pattern(pattern,
                      {{"N", people[0]},
                       {"M", people[1]},
                       {"P", people[2]},
                       {"o", things[0]},
                       {"q", things[1]},
                       {"box", box.singular},
                       {"boxes", box.plural},
                       {"a", number[0]},
                       {"b", number[1]},
                       {"c", number[2]},
                       {"d", number[3]},
                       {"$a", money[0]},
                       {"$b", money[1]},
                       {"$c", money[2]},
                       {"$d", money[3]}},
                      rng);
}

}  // namespace

Story make_story(Wordings wordings, Rng& rng) {
  const StoryTemplate& chosen = story_templates()[draw_place(story_templates().size(), wordings, rng)];
  for (;;) {
    Values values = draw_values(chosen.numbers, rng);
    int64_t answer = 0;
    auto steps = work_out(chosen.steps, values, answer);
    if (steps) return {tell(chosen.text, values, rng), std::move(*steps), std::to_string(answer)};
  }
}

}  // namespace hadal::tasks
