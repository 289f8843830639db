#include "base/error.h"
#include "base/json.h"
#include "tasks/command_verifier.h"

namespace hadal::tasks {
namespace {

class CommandTask final : public Task {
 public:
  std::string_view name() const override { return "command"; }
  std::span<const std::string_view> kinds() const override { return {}; }
  std::string kind(const OrderedJson&) const override { return std::string(name()); }

  void check(const OrderedJson& item, std::string_view where) const override {
    if (!item.is_object()) fail("{}: expected an item, an object, found {}", where, brief_json(item));
    const auto question = item.find("question");
    if (question == item.end() || !question->is_string())
      fail("{}: \"question\": expected a text, found {}", where,
           question == item.end() ? "none" : brief_json(*question));
  }

  std::string canonical(const OrderedJson& item) const override {
    return "command " + item.at("question").get_ref<const std::string&>();
  }
  std::string question(const OrderedJson& item, Wordings, Rng&) const override { return item.at("question"); }
  std::optional<Trace> trace(const OrderedJson&, size_t, Rng&) const override { return std::nullopt; }

  OrderedJson make(std::string_view kind, Split, Rng&) const override {
    HADAL_CHECK(false, "{}: no kind of items that can be made up", kind);
  }
  Verdict judge(const OrderedJson&, std::string_view) const override {
    HADAL_CHECK(false, "an item that its program judges");
  }
};

}  // namespace

const Task& command_task() {
  static const CommandTask task;
  return task;
}

}  // namespace hadal::tasks
