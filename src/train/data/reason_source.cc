#include "train/data/reason_source.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/threads.h"

namespace hadal {
namespace {

constexpr int kItems = 64, kDraws = 8;   // items of a kind to try, draws of the branches of each
constexpr int64_t kBunch = 1024;         // dialogues made at once
constexpr int64_t kKeyedDialogues = 32;  // enough to meet every kind with a share worth naming

std::string_view draw_kind(const SourceSpec& source, Rng& rng) {
  double total = 0;
  for (const auto& [kind, share] : source.tasks) total += share;
  double rest = rng.uniform() * total;
  for (const auto& [kind, share] : source.tasks)
    if ((rest -= share) < 0) return kind;
  return source.tasks.back().first;
}

ReasonDialogue make_of_kind(const SourceSpec& source, std::string_view kind, tasks::Split split, Rng& rng) {
  const tasks::Task& task = tasks::task_of_kind(kind);
  for (int n = 0; n < kItems; ++n) {
    OrderedJson item = task.make(kind, split, rng);
    for (int draw = 0; draw < kDraws; ++draw) {
      auto trace = task.trace(item, static_cast<size_t>(source.max_thinking_bytes), rng);
      if (!trace) continue;
      ReasonDialogue out;
      out.conversation.messages = {
          {.role = "user", .content = tasks::question_of(task, item, tasks::Wordings::training, rng)},
          {.role = "assistant", .content = std::move(trace->answer), .reasoning = std::move(trace->thinking)}};
      out.item = std::move(item);
      return out;
    }
  }
  fail(
      "{}source \"{}\": tasks: expected traces of {} of at most max_thinking_bytes = {}, found none for {} items; "
      "raise "
      "max_thinking_bytes or leave this kind out",
      source.where_prefix(), source.name, kind, source.max_thinking_bytes, kItems);
}

}  // namespace

ReasonDialogue make_reason_dialogue(const SourceSpec& source, tasks::Split split, int64_t i) {
  const auto stream = static_cast<uint64_t>(i);
  Rng rng(source.seed, split == tasks::Split::training ? stream : ~stream);
  ReasonDialogue dialogue = make_of_kind(source, draw_kind(source, rng), split, rng);
  if (rng.uniform() < source.without_thinking) dialogue.conversation.messages.back().reasoning.reset();
  return dialogue;
}

bool for_each_reason_dialogue(const SourceSpec& source, tasks::Split split, int64_t count,
                              const std::function<bool(ReasonDialogue&&)>& take) {
  for (int64_t begin = 0; begin < count; begin += kBunch) {
    const auto n = static_cast<size_t>(std::min(kBunch, count - begin));
    std::vector<ReasonDialogue> made(n);
    std::vector<std::string> errors(n);
    ThreadPool::shared().parallel_for(static_cast<int64_t>(n), [&](int64_t i, int) {
      const auto at = static_cast<size_t>(i);
      try {  // jobs must not throw
        made[at] = make_reason_dialogue(source, split, begin + i);
      } catch (const std::exception& error) {
        errors[at] = error.what();
      }
    });
    for (size_t i = 0; i < n; ++i) {
      if (!errors[i].empty()) fail("{}", errors[i]);
      if (!take(std::move(made[i]))) return false;
    }
  }
  return true;
}

void check_reason_source(const SourceSpec& source) {
  for (const auto& [kind, share] : source.tasks) {
    Rng rng(source.seed);
    make_of_kind(source, kind, tasks::Split::training, rng);
  }
}

std::string reason_source_key(const SourceSpec& source) {
  std::string key = fmt::format("reason|{}|{}|{}", source.documents, source.seed, source.max_thinking_bytes);
  for (const auto& [kind, share] : source.tasks) key += fmt::format("|{}={}", kind, share);
  if (source.without_thinking > 0) key += fmt::format("|without {}", source.without_thinking);
  uint64_t hash = fnv1a("");
  for (int64_t i = 0; i < kKeyedDialogues; ++i) {
    for (const chat::Message& m : make_reason_dialogue(source, tasks::Split::training, i).conversation.messages)
      hash = fnv1a(m.text(), fnv1a(m.reasoning.value_or(""), hash));
  }
  return key + fmt::format("|{:016x}", mix(hash));
}

}  // namespace hadal
