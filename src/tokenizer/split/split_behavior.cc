// The behaviours of a Split, by the rules of Hugging Face's tokenizers (normalizer.rs, split).
#include <algorithm>

#include "tokenizer/pre_tokenizer.h"

namespace hadal {
namespace {

struct Piece {
  std::string_view text;
  bool matched;
};

std::string_view joined(std::string_view left, std::string_view right) {
  return {left.data(), left.size() + right.size()};
}

class BehaviorStage final : public SplitStage {
 public:
  BehaviorStage(std::unique_ptr<SplitStage> inner, SplitBehavior behavior, bool invert)
      : inner_(std::move(inner)), behavior_(behavior), invert_(invert) {}

  void split(std::string_view text, PieceSink sink) const override {
    std::vector<Piece> pieces;
    inner_->split(text, [&](std::string_view piece, bool matched) { pieces.push_back({piece, matched != invert_}); });
    if (behavior_ == SplitBehavior::merged_with_previous || behavior_ == SplitBehavior::contiguous) join(pieces);
    if (behavior_ == SplitBehavior::merged_with_next) join_backwards(pieces);
    for (const Piece& piece : pieces) {
      if (!piece.text.empty() && !(behavior_ == SplitBehavior::removed && piece.matched))
        sink(piece.text, piece.matched);
    }
  }

 private:
  // Is a piece joined with the one before it (in the order of joining)?
  bool goes_with(bool previous, bool matched) const {
    return behavior_ == SplitBehavior::contiguous ? matched == previous : matched && !previous;
  }
  void join(std::vector<Piece>& pieces) const {
    std::vector<Piece> out;
    bool previous = false;
    for (const Piece& piece : pieces) {
      if (goes_with(previous, piece.matched) && !out.empty())
        out.back().text = joined(out.back().text, piece.text);
      else
        out.push_back(piece);
      previous = piece.matched;
    }
    pieces = std::move(out);
  }
  void join_backwards(std::vector<Piece>& pieces) const {
    std::vector<Piece> out;
    bool previous = false;
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
      if (goes_with(previous, piece->matched) && !out.empty())
        out.back().text = joined(piece->text, out.back().text);
      else
        out.push_back(*piece);
      previous = piece->matched;
    }
    std::reverse(out.begin(), out.end());
    pieces = std::move(out);
  }

  std::unique_ptr<SplitStage> inner_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace

std::unique_ptr<SplitStage> with_behavior(std::unique_ptr<SplitStage> stage, SplitBehavior behavior, bool invert) {
  return std::make_unique<BehaviorStage>(std::move(stage), behavior, invert);
}

}  // namespace hadal
