// Finding the answer of a reply: every search goes through the text once.
#include <algorithm>
#include <vector>

#include "base/text.h"
#include "tasks/task.h"

namespace hadal::tasks {
namespace {

constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>", kBox = "\\boxed";
constexpr std::string_view kFinal = "final answer is";
constexpr std::string_view kAnswer = "<answer>", kAnswerEnd = "</answer>";
constexpr std::string_view kSpaces = " \t\r\n\v\f";
constexpr size_t kMaxChars = 4000, kMaxLevels = 100;

ReplyAnswer none(std::string why) { return {std::nullopt, std::move(why)}; }

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::string without_spaces(std::string_view text) {
  std::string result(text);
  std::erase_if(result, [](char c) { return kSpaces.find(c) != std::string_view::npos; });
  return result;
}

bool starts_with_words(std::string_view text, std::string_view words) {
  return lower_case(std::string(text.substr(0, words.size()))) == words;
}

// What follows the thinking; `why` is set where there is none.
std::string_view after_thinking(std::string_view reply, std::string& why) {
  const size_t end = reply.find(kThinkEnd);
  if (end == std::string_view::npos) {
    if (reply.find(kThink) != std::string_view::npos) why = "the thinking has no end";
    return reply;
  }
  const std::string_view rest = reply.substr(end + kThinkEnd.size());
  if (rest.find(kThinkEnd) != std::string_view::npos) why = "more than one end of thinking";
  if (rest.find(kThink) != std::string_view::npos) why = "thinking begins again behind its end";
  return rest;
}

// Where the content of the first \boxed{} or \boxed {} from `at` on begins; npos: there is none.
size_t find_box(std::string_view text, size_t at) {
  for (at = text.find(kBox, at); at != std::string_view::npos; at = text.find(kBox, at)) {
    at += kBox.size();
    const size_t brace = text.find_first_not_of(kSpaces, at);
    if (brace != std::string_view::npos && text[brace] == '{') return brace + 1;
  }
  return at;
}

// Appends the content of every \boxed{} in `text`. false: one has no end, or stands in another.
bool find_boxes(std::string_view text, std::vector<std::string_view>& boxes) {
  for (size_t at = find_box(text, 0); at != std::string_view::npos; at = find_box(text, at)) {
    const size_t begin = at;
    size_t levels = 1;
    for (; at < text.size() && levels > 0; ++at) {
      if (text[at] == '\\')
        ++at;  // \{ and \} are characters
      else if (text[at] == '{')
        ++levels;
      else if (text[at] == '}')
        --levels;
    }
    if (levels > 0) return false;
    boxes.push_back(text.substr(begin, at - 1 - begin));
    if (find_box(boxes.back(), 0) != std::string_view::npos) return false;
  }
  return true;
}

// Without the line that closes a displayed formula, where \[, the formula and \] stand on lines of their own.
std::string_view without_formula_end(std::string_view text) {
  text = trimmed(text);
  for (const std::string_view end : {"\\]", "$$"}) {
    if (!text.ends_with(end)) continue;
    const std::string_view before = text.substr(0, text.size() - end.size());
    const size_t last = before.find_last_not_of(" \t");
    if (last != std::string_view::npos && (before[last] == '\n' || before[last] == '\r')) return trimmed(before);
  }
  return text;
}

std::string_view last_line(std::string_view text) {
  text = without_formula_end(text);
  const size_t line_end = text.find_last_of("\r\n");
  if (line_end != std::string_view::npos) text.remove_prefix(line_end + 1);
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view words : {"the answer is:", "the answer is", "answer:"}) {
      if (!starts_with_words(text, words)) continue;
      text = trimmed(text.substr(words.size()));
      again = true;
      break;
    }
  }
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

size_t deepest_level(std::string_view text) {
  size_t levels = 0, deepest = 0;
  for (const char c : text) {
    if (c == '(' || c == '[' || c == '{') deepest = std::max(deepest, ++levels);
    if ((c == ')' || c == ']' || c == '}') && levels > 0) --levels;
  }
  return deepest;
}

ReplyAnswer limited(std::string_view answer) {
  answer = trimmed(answer);
  if (answer.empty()) return none("the answer is empty");
  const auto chars = std::count_if(answer.begin(), answer.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (static_cast<size_t>(chars) > kMaxChars) return none("the answer has more than 4,000 characters");
  if (deepest_level(answer) > kMaxLevels) return none("the answer has more than 100 levels of brackets");
  return {std::string(answer), ""};
}

// Boxes that differ were steps where a sentence behind them says which answer is the final one.
ReplyAnswer behind_boxes(std::string_view text) {
  const size_t begin = lower_case(std::string(text)).rfind(kFinal);
  if (begin == std::string_view::npos) return none("several boxes that differ");
  return limited(last_line(text.substr(begin + kFinal.size())));
}

}  // namespace

ReplyAnswer reply_answer(std::string_view reply) {
  std::string why;
  const std::string_view text = after_thinking(reply, why);
  if (!why.empty()) return none(why);
  if (trimmed(text).empty()) return none("nothing behind the thinking");

  std::vector<std::string_view> boxes;
  if (!find_boxes(text, boxes)) return none("a box without an end, or with another inside");
  if (!boxes.empty()) {
    const std::string last = without_spaces(boxes.back());
    for (const std::string_view box : boxes)
      if (without_spaces(box) != last)
        return behind_boxes(text.substr(static_cast<size_t>(boxes.back().data() - text.data())));
    return limited(boxes.back());
  }
  const size_t begin = text.rfind(kAnswer);
  if (begin == std::string_view::npos) return limited(last_line(text));
  const std::string_view tagged = text.substr(begin + kAnswer.size());
  const size_t end = tagged.find(kAnswerEnd);
  if (end == std::string_view::npos) return none("<answer> without </answer>");
  return limited(tagged.substr(0, end));
}

}  // namespace hadal::tasks
