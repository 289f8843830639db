// What replies to the items of verifiable tasks say of a model, by kinds of items.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace hadal::tasks {

struct ScoredReply {
  bool right = false;
  bool finished = true;  // it ended by itself; one that did not is never right
  int64_t think_tokens = 0;
  std::optional<std::string> answer = {};  // as the verifier found it, for votes
};

class ItemScores {
 public:
  // `samples` replies to each item, of which the first `votes` vote (0: none do).
  ItemScores(int64_t samples, int64_t votes);

  void add(std::string_view kind, std::span<const ScoredReply> replies);  // to one item, `samples` of them

  int64_t num_items() const;
  double pass_at_1() const;  // the mean over all items of the share of right replies; of at least one item

  // {"items", "pass@1", "by_task": {KIND: {"items", "pass@1", "interval_95": [low, high], "pass@k": {"1", "2", "4",
  // ...}, "think_tokens", "unfinished"}}}, and with votes {"votes": {"of", "right", "interval_95"}} of each kind. Kinds
  // stand in the order in which they came. think_tokens is the mean of all replies, unfinished counts replies. The
  // interval is that of one reply an item, however many there were: replies to one item are not independent.
  OrderedJson to_json() const;

 private:
  struct Kind {
    std::string name;
    int64_t items = 0, unfinished = 0, think_tokens = 0, right_votes = 0;
    std::vector<int64_t> right = {};  // replies of each item
    int64_t all_right = 0;            // replies of all items
  };
  OrderedJson to_json(const Kind& kind) const;

  int64_t samples_, votes_;
  std::vector<Kind> kinds_;
};

}  // namespace hadal::tasks
