// Which sequences run, and what each feeds in the next step. Pure: it decides from numbers, owns nothing, and knows
// neither threads nor memory but as a count of blocks.
//
// Sequences stand in order of arrival: those that run, then those that wait. The answers of one prompt follow each
// other and are a group: its first one reads the prompt, the others wait for it and then begin with its rows.
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
    int64_t own_blocks = 0;  // of the cache, that nobody shares
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

  // How many of those that wait, from the first, run from now on: as there are places, and memory for what they hold so
  // far and a block more for each that runs, so that a newcomer is not thrown out at once. Where nobody runs, the first
  // one does.
  size_t admit(std::span<const Standing> running, std::span<const Standing> waiting, int64_t free_blocks) const;

  // What each feeds. When memory runs out, the youngest are preempted; they will read again what they held, which gives
  // the same bits. The oldest is never preempted by another, so something always ends; alone it fits.
  Plan plan(std::span<const Standing> running, int64_t free_blocks) const;

 private:
  int64_t blocks_of(int64_t tokens) const { return (tokens + limits_.block_tokens - 1) / limits_.block_tokens; }
  int64_t held_blocks(const Standing& sequence, bool has_sibling) const;
  Feed start_of(std::span<const Standing> running, size_t i) const;

  Limits limits_;
};

// `pending`: what each sequence has to feed. One that writes its answer feeds its last token; those that read share
// `step_tokens` so that the short ones get all they need and the long ones the same of what is left: nobody waits for
// another's prompt. Each that has something gets at least one.
std::vector<int64_t> share_step(std::span<const int64_t> pending, int64_t step_tokens);

}  // namespace hadal
