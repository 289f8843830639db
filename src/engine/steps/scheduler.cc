#include "engine/steps/scheduler.h"

#include <algorithm>
#include <numeric>

namespace hadal {
namespace {

// All but the last token of its prompt, whose logits each answer needs for itself.
int64_t shareable(const Scheduler::Standing& sequence) { return sequence.prompt - 1; }

bool begins_like(const Scheduler::Standing& sequence, const Scheduler::Standing& before) {
  return sequence.group == before.group && shareable(sequence) > 0;
}

}  // namespace

std::vector<int64_t> share_step(std::span<const int64_t> pending, int64_t step_tokens) {
  std::vector<int64_t> counts(pending.size());
  std::vector<size_t> readers;
  for (size_t i = 0; i < pending.size(); ++i) {
    counts[i] = std::min<int64_t>(1, pending[i]);
    if (pending[i] > 1) readers.push_back(i);
  }
  std::stable_sort(readers.begin(), readers.end(), [&](size_t a, size_t b) { return pending[a] < pending[b]; });
  auto left = static_cast<int64_t>(readers.size());
  for (const size_t i : readers) {
    counts[i] = std::min(pending[i], std::max<int64_t>(1, step_tokens / left));
    step_tokens -= counts[i];
    --left;
  }
  return counts;
}

// Blocks that are there for it already, or will be without taking any from the pool.
int64_t Scheduler::held_blocks(const Standing& sequence, bool has_sibling) const {
  if (sequence.fed > 0) return blocks_of(sequence.fed);
  return has_sibling ? shareable(sequence) / limits_.block_tokens : 0;
}

size_t Scheduler::admit(std::span<const Standing> running, std::span<const Standing> waiting,
                        int64_t free_blocks) const {
  const Standing* last = nullptr;
  int64_t promised = 0;  // to those that are still reading their prompts
  const auto let_in = [&](const Standing& sequence) {
    promised += blocks_of(sequence.tokens) - held_blocks(sequence, last != nullptr && begins_like(sequence, *last));
    last = &sequence;
  };
  for (const Standing& sequence : running) let_in(sequence);
  size_t count = 0;
  for (const Standing& newcomer : waiting) {
    const auto others = static_cast<int64_t>(running.size() + count);
    if (others >= limits_.max_running) break;
    const bool has_sibling = last != nullptr && begins_like(newcomer, *last);
    const int64_t needed = blocks_of(newcomer.tokens + 1) - held_blocks(newcomer, has_sibling) + others;
    if (others > 0 && free_blocks - promised < needed) break;
    let_in(newcomer);
    ++count;
  }
  return count;
}

// Where a sequence without cached rows begins: with the blocks of the first of its group that has prefilled the prompt.
// While that one is still prefilling, it waits (count 0).
Scheduler::Feed Scheduler::start_of(std::span<const Standing> running, size_t i) const {
  const Standing& sequence = running[i];
  Feed feed{.count = sequence.tokens - sequence.fed};
  if (sequence.fed > 0) return feed;
  size_t first = i;
  while (first > 0 && begins_like(sequence, running[first - 1])) --first;
  for (size_t j = first; j < i; ++j)
    if (running[j].fed >= shareable(sequence))
      return {.count = sequence.tokens - shareable(sequence), .shares = shareable(sequence), .source = j};
  if (first < i) feed.count = 0;
  return feed;
}

Scheduler::Plan Scheduler::plan(std::span<const Standing> running, int64_t free_blocks) const {
  Plan plan;
  std::vector<int64_t> pending;
  for (size_t i = 0; i < running.size(); ++i) {
    plan.feeds.push_back(start_of(running, i));
    pending.push_back(plan.feeds.back().count);
  }
  const std::vector<int64_t> counts = share_step(pending, limits_.step_tokens);
  // Preempting a whole group frees its shared blocks too. They are not counted: one sequence more may be preempted.
  for (size_t i = 0; i < plan.feeds.size(); ++i) {
    Feed& feed = plan.feeds[i];
    feed.count = counts[i];
    if (feed.count == 0) continue;
    const int64_t begin = running[i].fed > 0 ? running[i].fed : feed.shares;
    const int64_t needed = blocks_of(begin + feed.count) - held_blocks(running[i], feed.shares > 0);
    while (i < plan.feeds.size() && needed > free_blocks && plan.feeds.size() > 1) {
      free_blocks += running[plan.feeds.size() - 1].own_blocks;
      plan.feeds.pop_back();
      ++plan.preempted;
    }
    free_blocks -= needed;
  }
  return plan;
}

}  // namespace hadal
