// Gradient-boosted regression trees (Friedman 2001), grown by XGBoost's histograms (Chen & Guestrin 2016). The same
// bits for any number of threads. One thread at a time. What XGBoost complains of is an Error that begins with `who`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "market/forecast/sample_blocks.h"
#include "market/strategy_file.h"

namespace hadal::market::forecast {

class Trees {
 public:
  // Reads `blocks` several times over, to find the bins and to fill them; they are not needed later.
  Trees(const TreesSpec& spec, int64_t seed, SampleBlocks& blocks, int num_threads, std::string who);
  ~Trees();

  // One round: grows a tree that brings the sums of trees nearer to the labels, of the samples in the order of
  // `blocks`. False where there is nothing left to learn; then none was grown.
  bool boost(const std::vector<double>& labels);
  // Sums of the trees [begin, end), for samples [count][width]; valid until the next call.
  std::span<const float> sums(const std::vector<float>& features, int64_t begin, int64_t end) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal::market::forecast
