// Trains byte-level BPE (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units") on
// counted words. Counts of pairs are updated with each merge; each pair has a list of the words it may occur in, so
// that a merge visits those alone.
#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "tokenizer/bpe/word_counts.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

constexpr int64_t kMinCount = 2;  // rarer pairs are not merged

uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

class Trainer {
 public:
  explicit Trainer(const std::vector<WordCount>& words) {
    for (int byte = 0; byte < 256; ++byte) order_[static_cast<size_t>(byte)] = byte;
    // Ids of bytes follow the order of the alphabet's characters, as in the published byte-level vocabularies.
    std::sort(order_.begin(), order_.end(), [](int a, int b) {
      return byte_alphabet()[static_cast<size_t>(a)] < byte_alphabet()[static_cast<size_t>(b)];
    });
    std::array<TokenId, 256> id_of{};
    for (int i = 0; i < 256; ++i) {
      const int byte = order_[static_cast<size_t>(i)];
      id_of[static_cast<size_t>(byte)] = i;
      tokens_.emplace_back(1, static_cast<char>(byte));
    }
    for (size_t i = 0; i < tokens_.size(); ++i) token_of_.emplace(tokens_[i], static_cast<TokenId>(i));
    words_.reserve(words.size());
    for (const auto& [word, count] : words) {
      words_.push_back({symbols_.size(), static_cast<uint32_t>(word.size()), count});
      for (const char c : word) symbols_.push_back(id_of[static_cast<uint8_t>(c)]);
    }
    count_pairs();
  }

  // Merges until the vocabulary has `vocab_size` tokens or no pair occurs kMinCount times.
  void train(int64_t vocab_size) {
    while (static_cast<int64_t>(tokens_.size()) < vocab_size) {
      const auto best = pop_best();
      if (best == kNone) return;
      const uint64_t key = pairs_[best].key;
      const auto left = static_cast<TokenId>(key >> 32), right = static_cast<TokenId>(key & 0xFFFFFFFFu);
      const std::string joined = text(left) + text(right);
      const auto [found, is_new] = token_of_.try_emplace(joined, static_cast<TokenId>(tokens_.size()));
      if (is_new) tokens_.push_back(joined);
      merges_.push_back({left, right});
      apply(best, left, right, found->second);
    }
  }

  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<std::pair<TokenId, TokenId>>& merges() const { return merges_; }

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  struct Word {
    size_t start;
    uint32_t length;
    int64_t count;
  };
  struct Pair {
    uint64_t key;
    int64_t count = 0;
    std::vector<uint32_t> words;  // where it occurs or has occurred
  };
  struct Candidate {
    int64_t count;
    uint32_t pair;
  };

  const std::string& text(TokenId id) const { return tokens_[static_cast<size_t>(id)]; }

  // Smaller: less count, or later in the order of the pairs' bytes.
  bool is_worse(const Candidate& a, const Candidate& b) const {
    if (a.count != b.count) return a.count < b.count;
    const uint64_t x = pairs_[a.pair].key, y = pairs_[b.pair].key;
    const auto left = text(static_cast<TokenId>(x >> 32)).compare(text(static_cast<TokenId>(y >> 32)));
    if (left != 0) return left > 0;
    return text(static_cast<TokenId>(x & 0xFFFFFFFFu)).compare(text(static_cast<TokenId>(y & 0xFFFFFFFFu))) > 0;
  }

  uint32_t pair_index(TokenId left, TokenId right) {
    const uint64_t key = pair_key(left, right);
    const auto [found, is_new] = index_.try_emplace(key, static_cast<uint32_t>(pairs_.size()));
    if (is_new) pairs_.push_back({key, 0, {}});
    return found->second;
  }

  void add(TokenId left, TokenId right, int64_t count, uint32_t word, bool grows) {
    const uint32_t index = pair_index(left, right);
    Pair& pair = pairs_[index];
    pair.count += count;
    if (!grows) return;
    if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
    changed_.push_back(index);
  }

  void push(uint32_t pair) {
    if (pairs_[pair].count < kMinCount) return;
    queue_.push_back({pairs_[pair].count, pair});
    std::push_heap(queue_.begin(), queue_.end(), [this](const auto& a, const auto& b) { return is_worse(a, b); });
  }

  void push_changed() {
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    for (const uint32_t pair : changed_) push(pair);
    changed_.clear();
  }

  void count_pairs() {
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const TokenId* s = symbols_.data() + words_[w].start;
      for (uint32_t i = 0; i + 1 < words_[w].length; ++i) add(s[i], s[i + 1], words_[w].count, w, true);
    }
    push_changed();
  }

  // An entry of the queue is stale if the pair's count has changed; if it has shrunk, the pair is queued again.
  uint32_t pop_best() {
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end(), [this](const auto& a, const auto& b) { return is_worse(a, b); });
      const Candidate top = queue_.back();
      queue_.pop_back();
      if (top.count == pairs_[top.pair].count) return top.pair;
      if (top.count > pairs_[top.pair].count) push(top.pair);
    }
    return kNone;
  }

  void apply(uint32_t pair, TokenId left, TokenId right, TokenId merged) {
    const std::vector<uint32_t> words = std::move(pairs_[pair].words);
    pairs_[pair].words.clear();
    for (const uint32_t w : words) merge_in_word(w, left, right, merged);
    pairs_[pair].count = 0;
    push_changed();
  }

  void merge_in_word(uint32_t w, TokenId left, TokenId right, TokenId merged) {
    Word& word = words_[w];
    TokenId* s = symbols_.data() + word.start;
    uint32_t out = 0;
    for (uint32_t i = 0; i < word.length;) {
      if (i + 1 >= word.length || s[i] != left || s[i + 1] != right) {
        s[out++] = s[i++];
        continue;
      }
      if (out > 0) {
        add(s[out - 1], left, -word.count, w, false);
        add(s[out - 1], merged, word.count, w, true);
      }
      if (i + 2 < word.length) {
        add(right, s[i + 2], -word.count, w, false);
        add(merged, s[i + 2], word.count, w, true);
      }
      s[out++] = merged;
      i += 2;
    }
    word.length = out;
  }

  std::array<int, 256> order_{};
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, TokenId> token_of_;
  std::vector<std::pair<TokenId, TokenId>> merges_;
  std::vector<Word> words_;
  std::vector<TokenId> symbols_;  // of all words, concatenated
  std::vector<Pair> pairs_;
  std::unordered_map<uint64_t, uint32_t> index_;  // of a pair in `pairs_`
  std::vector<Candidate> queue_;                  // a heap
  std::vector<uint32_t> changed_;                 // pairs whose count has grown
};

// The runs of letters alone, what is outside of ASCII being one; a space or sign before them is no part of the word.
std::vector<WordCount> words_of(const std::vector<WordCount>& pieces) {
  const auto is_letter = [](unsigned char c) { return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::map<std::string_view, int64_t> counts;
  for (const WordCount& piece : pieces) {
    std::string_view word = piece.word;
    if (!is_letter(static_cast<unsigned char>(word.front()))) word.remove_prefix(1);
    if (word.size() > 1 && std::ranges::all_of(word, is_letter)) counts[word] += piece.count;
  }
  std::vector<WordCount> words;
  for (const auto& [word, count] : counts) words.push_back({std::string(word), count});
  return words;
}

void check_options(const BpeTrainingOptions& options) {
  const auto least = static_cast<int64_t>(256 + options.specials.size());
  if (options.vocab_size < least || options.vocab_size > (int64_t{1} << 24)) {
    fail("train_bpe: vocab_size: expected {} (the bytes and {} special tokens) to {}, found {}", least,
         options.specials.size(), int64_t{1} << 24, options.vocab_size);
  }
  for (const std::string* name : {&options.bos, &options.eos}) {
    if (!name->empty() &&
        std::find(options.specials.begin(), options.specials.end(), *name) == options.specials.end()) {
      fail("train_bpe: bos and eos: expected one of the special tokens or none, found \"{}\"", *name);
    }
  }
}

}  // namespace

Tokenizer train_bpe(const std::function<bool(std::string&)>& next, const BpeTrainingOptions& options) {
  check_options(options);
  TokenizerParts parts;
  parts.pre_tokenizer = options.pre_tokenizer;
  const Json rule = pre_tokenizer_description(options.pre_tokenizer, "train_bpe");
  parts.pre_tokenizer_json = dump_json(rule);
  const PreTokenizer pre_tokenizer(rule, "train_bpe");
  std::vector<WordCount> words = count_words(next, pre_tokenizer);
  if (options.words_only) words = words_of(words);
  Trainer trainer(words);
  const int64_t num_plain = options.vocab_size - static_cast<int64_t>(options.specials.size());
  trainer.train(num_plain);
  if (const auto found = static_cast<int64_t>(trainer.tokens().size()); found < num_plain) {
    log_warning(
        "train_bpe: the text gives {} of {} requested tokens: no further pair occurs twice; take more text, "
        "or a smaller vocab",
        found, num_plain);
  }
  for (const std::string& token : trainer.tokens()) parts.tokens.push_back(to_byte_alphabet(token));
  for (const auto& [left, right] : trainer.merges()) {
    parts.merges.push_back(parts.tokens[static_cast<size_t>(left)] + " " + parts.tokens[static_cast<size_t>(right)]);
  }
  parts.types.assign(parts.tokens.size(), TokenType::normal);
  for (const std::string& special : options.specials) {
    if (special == options.bos) parts.bos = static_cast<TokenId>(parts.tokens.size());
    if (special == options.eos) parts.eos = static_cast<TokenId>(parts.tokens.size());
    parts.tokens.push_back(special);
    parts.types.push_back(TokenType::control);
  }
  parts.add_bos = parts.bos >= 0;
  parts.chat_template = options.chat_template;
  return Tokenizer::from_parts(std::move(parts), "train_bpe");
}

}  // namespace hadal
