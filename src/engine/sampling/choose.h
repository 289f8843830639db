// Which token a number from [0, 1) stands for. The definition sorts; the fast way finds the same token by a pass over
// the logits and a look at a few of them, and sorts where rounding might decide otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/sampler.h"
#include "ops/logits.h"

namespace hadal {

// The definition. Tokens are sorted, the higher logit first, of equals the lower id. Those whose probability is below
// min_p times the first one's are dropped (and those below e^-40 times, which no sum would notice); then all but the
// first top_k; then all after the first ones that hold top_p of the rest. What is left shares [0, 1) in that order, and
// `at` picks one. Temperature 0 takes the first. No logit is NaN, the highest one is finite.
TokenId choose_by_sorting(std::span<const float> logits, const SamplingOptions& options, double at);

// Finds the same token, always. Keeps scratch memory; one thread at a time.
class Chooser {
 public:
  // `range` of the logits, as logit_range() finds it.
  TokenId choose(std::span<const float> logits, const LogitRange& range, const SamplingOptions& options, double at);
  int64_t times_sorted() const { return times_sorted_; }  // a sum came too close to a boundary

 private:
  using Candidate = std::pair<float, TokenId>;
  struct Part {  // tokens in order, and the mass of all that come before them
    std::vector<Candidate> sorted;
    double before = 0;
  };
  std::optional<TokenId> choose_by_mass(std::span<const float> logits, const LogitFall& fall, double top_p, double at);
  std::optional<TokenId> choose_of_top_k(std::span<const float> logits, const LogitFall& fall,
                                         const SamplingOptions& options, double at);
  Part part_at(std::span<const float> logits, const LogitFall& fall, const std::vector<double>& masses, double mass);
  void narrow(Part& part, const LogitFall& fall, double mass);
  std::vector<Candidate> gather(std::span<const float> logits, const LogitFall& fall, size_t begin, size_t end,
                                size_t room);

  std::vector<int32_t> indices_;
  int64_t times_sorted_ = 0;
};

}  // namespace hadal
