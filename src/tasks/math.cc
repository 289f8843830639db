// Items whose answer is a number: {"task": "math", "question": "...", "answer": "72"}. The answer may be any text that
// ends with its number, GSM8K's "... #### 72" too; replies are compared with it exactly, without tolerance.
#include "base/error.h"
#include "base/json.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/stories.h"
#include "tasks/numbers/exact_number.h"

namespace hadal::tasks {
namespace {

constexpr std::string_view kKinds[] = {"stories"};
constexpr std::string_view kGoldMark = "####";  // GSM8K's

StatedNumber gold_number(const OrderedJson& answer) {
  if (answer.is_number()) return stated_number(answer.dump());
  std::string_view text = answer.get_ref<const std::string&>();
  if (const size_t mark = text.rfind(kGoldMark); mark != std::string_view::npos)
    text.remove_prefix(mark + kGoldMark.size());
  return stated_number(text);
}

class Math final : public Task {
 public:
  std::string_view name() const override { return "math"; }
  std::span<const std::string_view> kinds() const override { return kKinds; }

  // What make() wrote has its steps; people's own items need none.
  std::string kind(const OrderedJson& item) const override { return item.contains("steps") ? "stories" : "math"; }

  void check(const OrderedJson& item, std::string_view where) const override {
    const auto question = item.find("question"), answer = item.find("answer"), steps = item.find("steps");
    if (question == item.end() || !question->is_string())
      fail("{}: \"question\": expected a text, found {}", where,
           question == item.end() ? "none" : brief_json(*question));
    if (answer == item.end() || !(answer->is_string() || answer->is_number()) || !gold_number(*answer).number)
      fail("{}: \"answer\": expected a number, or a text that ends with one, found {}", where,
           answer == item.end() ? "none" : brief_json(*answer));
    if (steps != item.end() && !steps->is_string())
      fail("{}: \"steps\": expected a text, found {}", where, brief_json(*steps));
  }

  std::string canonical(const OrderedJson& item) const override {
    return "math " + item.at("question").get_ref<const std::string&>();
  }

  OrderedJson make(std::string_view, Split split, Rng& rng) const override {
    for (;;) {
      Story story = make_story(split == Split::training ? Wordings::training : draw_wordings(rng), rng);
      OrderedJson item = {{"task", name()},
                          {"question", std::move(story.question)},
                          {"answer", std::move(story.answer)},
                          {"steps", std::move(story.steps)}};
      if (is_held_out(*this, item) == (split == Split::held_out)) return item;
    }
  }

  std::string question(const OrderedJson& item, Wordings, Rng&) const override { return item.at("question"); }

  std::optional<Trace> trace(const OrderedJson& item, size_t max_bytes, Rng&) const override {
    const auto steps = item.find("steps");
    if (steps == item.end()) return std::nullopt;
    Trace trace{steps->get<std::string>(), gold_number(item.at("answer")).number->value};
    if (trace.thinking.size() > max_bytes) return std::nullopt;
    return trace;
  }

  Verdict judge(const OrderedJson& item, std::string_view answer) const override {
    Verdict verdict{.answer = std::string(answer)};
    const StatedNumber found = stated_number(answer);
    if (!found.number) {
      verdict.why = found.why;
      return verdict;
    }
    verdict.right = found.number->value == gold_number(item.at("answer")).number->value;
    verdict.why = verdict.right ? "the right number" : "another number";
    verdict.nearness = verdict.right;
    return verdict;
  }

 private:
  // What is measured has every kind of story in it, as often as there are templates of it.
  static Wordings draw_wordings(Rng& rng) { return rng.below(4) == 0 ? Wordings::held_out : Wordings::training; }
};

}  // namespace

const Task& math_task() {
  static const Math task;
  return task;
}

}  // namespace hadal::tasks
