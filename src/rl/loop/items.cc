#include "rl/loop/items.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "tasks/items_file.h"

namespace hadal::rl {
namespace {

constexpr int kTries = 20;  // at items that have not been drawn yet

// Whose verifier is a program may have items of no task of ours.
const tasks::Task& task_of_line(OrderedJson& item, bool has_verifier, const std::string& where) {
  const bool named = item.is_object() && item.contains("task");
  if (has_verifier && (!named || item["task"] == tasks::command_task().name())) {
    tasks::command_task().check(item, where);
    return tasks::command_task();
  }
  if (item.is_object() && !named) item["task"] = "math";
  return tasks::task_of(item, where);
}

// A kind opens after the easier one of its task that the recipe names before it.
int opens_after(const std::vector<Items::Kind>& kinds, const Items::Kind& kind) {
  if (kind.task == nullptr) return -1;
  const auto rank = [&](const std::string& name) { return std::ranges::find(kind.task->kinds(), name); };
  int before = -1;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i].task != kind.task || !(rank(kinds[i].name) < rank(kind.name))) continue;
    if (before < 0 || rank(kinds[static_cast<size_t>(before)].name) < rank(kinds[i].name)) before = static_cast<int>(i);
  }
  return before;
}

}  // namespace

uint64_t seed_of(std::initializer_list<uint64_t> parts) {
  uint64_t hash = fnv1a("");
  for (const uint64_t part : parts) {
    std::array<char, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(part >> (8 * i));
    hash = fnv1a({bytes.data(), bytes.size()}, hash);
  }
  return mix(hash);
}

Items::Items(const ItemsSpec& spec) {
  for (const auto& [name, share] : spec.tasks) {
    const auto file = std::ranges::find_if(spec.files, [&](const ItemsFile& f) { return f.name == name; });
    kinds_.push_back({name, share, file == spec.files.end() ? &tasks::task_of_kind(name) : nullptr});
    files_.push_back(file == spec.files.end() ? FileItems{} : read_file(*file, kinds_.size() - 1));
  }
  for (Kind& kind : kinds_) kind.opens_after = opens_after(kinds_, kind);
}

Items::FileItems Items::read_file(const ItemsFile& file, size_t kind) {
  FileItems items;
  items.where = fmt::format("{}: {}", file.where, file.path.string());
  std::shared_ptr<tasks::CommandVerifier> verifier;
  if (file.verifier) verifier = std::make_shared<tasks::CommandVerifier>(*file.verifier);
  has_verifiers_ |= verifier != nullptr;
  tasks::for_each_item(file.path, 0, [&](OrderedJson&& json, const std::string& where, int64_t) {
    const tasks::Task& task = task_of_line(json, verifier != nullptr, where);
    const bool held_out = tasks::is_held_out(task, json);
    (held_out ? items.development : items.training)
        .push_back({&task, std::make_shared<const OrderedJson>(std::move(json)), kind, "", verifier});
  });
  for (const auto& [what, found] : {std::pair("training", &items.training), {"development", &items.development}}) {
    if (found->empty()) {
      fail("{}: expected items for {} (a tenth, by a hash, is held out for development), found none; give more",
           items.where, what);
    }
  }
  return items;
}

void Items::leave_out_long(int64_t most, const std::function<int64_t(const std::string&)>& prompt_tokens) {
  for (FileItems& file : files_) {
    const size_t all = file.training.size() + file.development.size();
    int64_t longest = 0;
    const auto is_long = [&](const Question& q) {
      Rng rng(0);
      const int64_t tokens = prompt_tokens(tasks::question_of(*q.task, *q.item, tasks::Wordings::training, rng));
      longest = std::max(longest, tokens);
      return tokens > most;
    };
    const size_t left_out = std::erase_if(file.training, is_long) + std::erase_if(file.development, is_long);
    if (left_out == 0) continue;
    const std::string why = fmt::format(
        "{} of {} items leave no room in the context for max_thinking_tokens and max_answer_tokens: their prompts take "
        "up to {} tokens, at most {} fit",
        left_out, all, longest, most);
    if (file.training.empty() || file.development.empty())
      fail("{}: {}; take fewer tokens for the reply, or shorter items", file.where, why);
    log_warning("{}: {}; these are left out", file.where, why);
  }
}

Question Items::draw(const std::vector<bool>& open, uint64_t seed) const {
  Rng rng(seed);
  double total = 0;
  for (size_t i = 0; i < kinds_.size(); ++i) total += open[i] ? kinds_[i].share : 0;
  double left = rng.uniform() * total;
  size_t kind = kinds_.size();
  for (size_t i = 0; i < kinds_.size(); ++i) {
    if (!open[i]) continue;
    kind = i;
    if ((left -= kinds_[i].share) < 0) break;
  }
  HADAL_CHECK(kind < kinds_.size(), "no kind is open");
  Question q;
  if (kinds_[kind].task == nullptr) {
    const auto& items = files_[kind].training;
    q = items[rng.below(items.size())];
  } else {
    const tasks::Task& task = *kinds_[kind].task;
    q = {&task, std::make_shared<const OrderedJson>(task.make(kinds_[kind].name, tasks::Split::training, rng)), kind,
         ""};
  }
  HADAL_CHECK(!tasks::is_held_out(*q.task, *q.item), "a held-out item in training: {}", dump_json(*q.item));
  q.text = tasks::question_of(*q.task, *q.item, tasks::Wordings::training, rng);
  return q;
}

std::vector<Question> Items::development(size_t kind, int64_t count, uint64_t seed) const {
  const auto n = static_cast<size_t>(count);
  std::vector<Question> questions;
  std::set<std::string> seen;
  if (kinds_[kind].task == nullptr) {
    questions = files_[kind].development;
    Rng rng(seed);
    for (size_t i = questions.size(); i > 1; --i) std::swap(questions[i - 1], questions[rng.below(i)]);
    if (questions.size() > n) questions.resize(n);
  }
  for (uint64_t i = 0; kinds_[kind].task != nullptr && questions.size() < n; ++i) {
    const tasks::Task& task = *kinds_[kind].task;
    Rng rng(seed_of({seed, i}));
    auto item = std::make_shared<const OrderedJson>(task.make(kinds_[kind].name, tasks::Split::held_out, rng));
    if (!seen.insert(task.canonical(*item)).second && i < kTries * n) continue;
    questions.push_back({&task, std::move(item), kind, ""});
  }
  for (size_t i = 0; i < questions.size(); ++i) {
    Question& q = questions[i];
    Rng rng(seed_of({seed, i, 1}));
    q.text =
        tasks::question_of(*q.task, *q.item, i % 2 == 0 ? tasks::Wordings::training : tasks::Wordings::held_out, rng);
  }
  return questions;
}

}  // namespace hadal::rl
