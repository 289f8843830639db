// What a run asks: items made up by seed or drawn from files, in words. Training never sees the tenth of all items that
// tasks::is_held_out() names, and development sees nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "rl/items_spec.h"
#include "tasks/command_verifier.h"
#include "tasks/task.h"

namespace hadal::rl {

struct Question {
  const tasks::Task* task = nullptr;
  std::shared_ptr<const OrderedJson> item;
  size_t kind = 0;                                             // of Items::kinds()
  std::string text;                                            // as it is asked
  std::shared_ptr<tasks::CommandVerifier> verifier = nullptr;  // judges in the place of the task; null: the task does
};

// Drawing is a pure function of its arguments. Verifiers that are programs belong to the thread that made
// this.
class Items {
 public:
  // Reads the recipe's files whole, and tries their verifiers. Error naming file and line for an item that is none, and
  // for a file of which nothing is left for training or for development; where a verifier cannot run.
  explicit Items(const ItemsSpec& spec);

  struct Kind {
    std::string name;                   // as the recipe has it: "countdown3", or the name of a file
    double share = 1;                   // of the items
    const tasks::Task* task = nullptr;  // that makes up this kind; null: a file's
    int opens_after = -1;               // the kind before it of its task in this recipe; -1: none
  };
  const std::vector<Kind>& kinds() const { return kinds_; }
  bool has_verifiers() const { return has_verifiers_; }  // that are programs

  // Leaves out what of the files takes a longer prompt than `most` tokens, with a warning that counts it: a run must
  // not end where such an item is drawn at last. Error where nothing is left for training or for development.
  void leave_out_long(int64_t most, const std::function<int64_t(const std::string& question)>& prompt_tokens);

  // An item of one of the kinds that are `open`, by their shares.
  Question draw(const std::vector<bool>& open, uint64_t seed) const;
  // `count` held-out items of a kind, every second one in words that training never sees. Different ones, where the
  // kind has so many; all that a file has, where that is fewer.
  std::vector<Question> development(size_t kind, int64_t count, uint64_t seed) const;

 private:
  struct FileItems {
    std::string where;  // "r.toml:3: mine.jsonl"
    std::vector<Question> training, development;
  };
  FileItems read_file(const ItemsFile& file, size_t kind);

  std::vector<Kind> kinds_;
  std::vector<FileItems> files_;  // by kind; empty where items are made up
  bool has_verifiers_ = false;
};

// One number for a text of numbers: seeds of independent draws.
uint64_t seed_of(std::initializer_list<uint64_t> parts);

}  // namespace hadal::rl
