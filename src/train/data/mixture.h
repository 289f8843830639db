// What training reads: pieces of documents, shuffled by seed, drawn from several sources in given shares, and packed
// into ragged batches. Plain text is cut into pieces of at most sequence_length tokens, each beginning with bos (where
// the tokenizer has one); dialogues are one piece each, cut at the end. Positions restart at each piece, and attention
// never crosses a border, except where `join` lets a dialogue continue the one before it. Deterministic by (seed,
// state).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "model/model.h"
#include "train/data/token_store.h"

namespace hadal {

struct TrainingBatch {
  Batch batch;
  std::vector<int32_t> targets;  // [T]
  std::vector<float> weights;    // [T], 0 or 1
  double weight = 0;             // their sum
  int64_t target_bytes = 0;      // of the texts of the targets with weight 1
  bool ends_whole = false;       // the last piece is a dialogue that was not cut: another may follow it
  int64_t num_tokens() const { return static_cast<int64_t>(batch.ids.size()); }
};

struct MixtureOptions {
  std::vector<double> shares;  // of each store, of tokens
  int64_t sequence_length = 512;
  bool assistant_only = false;
  uint64_t seed = 1;
  TokenId bos = -1;
  std::vector<uint32_t> token_bytes;  // of each token id
  double join = 0;                    // share of dialogues that become further turns of the conversation before them
};

class Mixture {
 public:
  Mixture(std::vector<const TokenStore*> stores, MixtureOptions options);

  // Whole pieces, as many as fit into `max_tokens` (at least one). Endless: a source that runs out is shuffled anew.
  TrainingBatch next(int64_t max_tokens);

  int64_t next_length();  // of the piece that next() begins with

  // The validation pieces of store `i`, up to `max_tokens` of them in all, in batches of at most `batch_tokens`.
  void for_validation(size_t i, int64_t max_tokens, int64_t batch_tokens,
                      const std::function<void(TrainingBatch&&)>& use) const;

  size_t num_sources() const { return sources_.size(); }
  const std::string& source_name(size_t i) const { return sources_[i].store->name(); }

  Json state() const;
  void restore(const Json& state, const std::string& who);  // Error naming who when it is not of this mixture

 private:
  struct Piece {
    uint32_t document = 0, begin = 0, length = 0;  // length: of the inputs
  };
  struct Source {
    const TokenStore* store = nullptr;
    double share = 0;
    std::vector<Piece> train, validation;
    std::vector<uint32_t> order;  // of this epoch
    uint64_t epoch = 0, next = 0, tokens = 0;
  };

  void cut(Source& source);
  void shuffle(Source& source);
  bool keeps_first(const Source& source, const Piece& piece) const;
  bool joins(const Source& source, const Piece& piece, const TrainingBatch& out) const;
  void append(const Source& source, const Piece& piece, bool joined, TrainingBatch& out) const;
  Source& due();

  MixtureOptions options_;
  std::vector<Source> sources_;
};

}  // namespace hadal
