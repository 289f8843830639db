// Repeating a text: {"task": "echo", "text": "Kirum 47, 5 bova"}. Every other task begins with copying what the
// question gives; a model learns that here first, word by word and digit by digit. The way to the answer writes every
// number from its last digit on, as the sums of arithmetic need it.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/wording.h"

namespace hadal::tasks {
namespace {

constexpr std::string_view kKinds[] = {"echo"};

constexpr std::string_view kPatterns[] = {"[Repeat|Copy|Echo]: {t}", "[Please say|Say] {t}",
                                          "{t} [- again, please|- once more]",
                                          "[Write|Type] [this|the following] [again|once more]: {t}",
                                          "[Say after me|After me]: {t}", "[Return|Give back] this text: {t}",
                                          // Held out.
                                          "[What did I say|What is written here]: {t}", "[Now you|Your turn]: {t}"};

// "Kirum 47, 5 bova": words and numbers of up to six digits.
std::string made_up_text(Rng& rng) {
  std::string text;
  for (size_t parts = 1 + rng.below(8); parts > 0; --parts) {
    if (!text.empty()) text += rng.below(4) == 0 ? ", " : " ";
    if (rng.below(2) == 0) {
      text += made_up_words(1, rng);
    } else {
      uint64_t limit = 10;
      for (size_t digits = rng.below(6); digits > 0; --digits) limit *= 10;
      text += std::to_string(rng.below(limit));
    }
  }
  return text;
}

std::string with_reversed_numbers(std::string text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (auto at = text.begin(); at != text.end();) {
    const auto begin = std::find_if(at, text.end(), is_digit);
    at = std::find_if_not(begin, text.end(), is_digit);
    std::reverse(begin, at);
  }
  return text;
}

class Echo final : public Task {
 public:
  std::string_view name() const override { return "echo"; }
  std::span<const std::string_view> kinds() const override { return kKinds; }
  std::string kind(const OrderedJson&) const override { return std::string(name()); }

  void check(const OrderedJson& item, std::string_view where) const override {
    const auto text = item.find("text");
    if (text == item.end() || !text->is_string() || !reply_answer(text->get_ref<const std::string&>()).text)
      fail("{}: \"text\": expected a text, found {}", where, text == item.end() ? "none" : brief_json(*text));
  }
  std::string canonical(const OrderedJson& item) const override { return "echo " + text_of(item); }

  OrderedJson make(std::string_view, Split split, Rng& rng) const override {
    for (;;) {
      OrderedJson item = {{"task", name()}, {"text", made_up_text(rng)}};
      if (is_held_out(*this, item) == (split == Split::held_out)) return item;
    }
  }
  std::string question(const OrderedJson& item, Wordings wordings, Rng& rng) const override {
    return fill_pattern(draw_pattern(kPatterns, wordings, rng), {{"t", text_of(item)}}, rng);
  }
  std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng&) const override {
    Trace trace{with_reversed_numbers(text_of(item)), text_of(item)};
    if (trace.thinking.size() > max_bytes) return std::nullopt;
    return trace;
  }
  Verdict judge(const OrderedJson& item, std::string_view answer) const override {
    // The text is read as the reply was, whose last line counts, without a closing full stop.
    const bool right = answer == reply_answer(text_of(item)).text;
    return {right, std::string(answer), right ? "the same text" : "another text", right ? 1.0 : 0.0};
  }

 private:
  static std::string text_of(const OrderedJson& item) { return item.at("text"); }
};

}  // namespace

const Task& echo_task() {
  static const Echo task;
  return task;
}

}  // namespace hadal::tasks
