// Which sequences run, and what each feeds in the next step. Pure functions of their arguments: no threads, no memory,
// only counts of tokens and of cache blocks.
//
// Sequences are in order of arrival, the running ones before the waiting ones. The answers to one prompt are neighbours
// and form a group: the first prefills the prompt, the others wait and then share its blocks (copied on write).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

class Scheduler {
 public:
  struct Limits {
    int64_t max_running = 64;   // sequences in one step
    int64_t step_tokens = 512;  // of prompts, in one step
    int64_t block_tokens = 64;  // of the cache
  };
  // How things stand with one sequence.
  struct Standing {
    uint64_t group = 0;
    int64_t prompt = 0;      // its tokens
    int64_t tokens = 0;      // of prompt and answer
    int64_t fed = 0;         // of these, in the cache
    int64_t own_blocks = 0;  // of the cache, not shared with another
  };
  struct Feed {
    int64_t count = 0;   // tokens to feed; 0: waits for another to read its prompt
    int64_t shares = 0;  // it begins with the first so many tokens of its group's rows: of
    size_t source = 0;   // this sequence that runs
  };
  struct Plan {
    std::vector<Feed> feeds;  // of the sequences that run on, in order
    size_t preempted = 0;     // so many of the youngest give their memory back and wait
  };

  explicit Scheduler(const Limits& limits) : limits_(limits) {}

  int64_t max_running() const { return limits_.max_running; }

  // How many of the waiting sequences, from the first, are admitted: limited by max_running, and by free blocks for
  // their tokens so far and one block more for each running one, so that a newcomer is not preempted at once. When none
  // is running, the first is always admitted.
  size_t admit(std::span<const Standing> running, std::span<const Standing> waiting, int64_t free_blocks) const;

  // What each feeds. When blocks run out, the youngest are preempted: their blocks are freed, and they are prefilled
  // again later, to the same bits. The oldest is never preempted, and alone it fits, so some answer always finishes.
  Plan plan(std::span<const Standing> running, int64_t free_blocks) const;

 private:
  int64_t blocks_of(int64_t tokens) const { return (tokens + limits_.block_tokens - 1) / limits_.block_tokens; }
  int64_t held_blocks(const Standing& sequence, bool has_sibling) const;
  Feed start_of(std::span<const Standing> running, size_t i) const;

  Limits limits_;
};

// `pending`: the tokens each sequence has to feed. A decoding one feeds its last token. The prefilling ones share
// `step_tokens`: short ones get all they need, long ones equal parts of the rest, so that no prompt waits for another.
// Each with pending tokens gets at least one.
std::vector<int64_t> share_step(std::span<const int64_t> pending, int64_t step_tokens);

}  // namespace hadal
