#include "tokenizer/bpe/word_counts.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/threads.h"

namespace hadal {
namespace {

constexpr size_t kShards = 64;
constexpr size_t kBatchBytes = size_t{32} << 20;  // texts counted at a time; one longer text is a batch of its own
constexpr size_t kJobBytes = size_t{1} << 20;

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
};
using Counts = std::unordered_map<std::string, int64_t, Hash, std::equal_to<>>;

void add(Counts& counts, std::string_view word, int64_t count) {
  const auto found = counts.find(word);
  if (found != counts.end())
    found->second += count;
  else
    counts.emplace(word, count);
}

class Counter {
 public:
  Counter(const PreTokenizer& pre_tokenizer, size_t max_words)
      : pre_tokenizer_(pre_tokenizer),
        max_shard_words_(std::max<size_t>(1, max_words / kShards)),
        local_(static_cast<size_t>(ThreadPool::shared().size())),
        shards_(kShards) {
    for (auto& shards : local_) shards.resize(kShards);
  }

  void count(const std::vector<std::string>& texts) {
    // A job is a run of consecutive texts. A text is never split, because that could split a word.
    std::vector<size_t> starts{0};
    for (size_t i = 0, bytes = 0; i < texts.size(); ++i) {
      bytes += texts[i].size();
      if (bytes < kJobBytes && i + 1 < texts.size()) continue;
      starts.push_back(i + 1);
      bytes = 0;
    }
    std::exception_ptr error;
    std::mutex mutex;
    ThreadPool::shared().parallel_for(static_cast<int64_t>(starts.size()) - 1, [&](int64_t job, int worker) {
      try {
        const auto j = static_cast<size_t>(job);
        for (size_t i = starts[j]; i < starts[j + 1]; ++i) count_text(texts[i], local_[static_cast<size_t>(worker)]);
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
      }
    });
    if (error) std::rethrow_exception(error);
    ThreadPool::shared().parallel_for(kShards, [&](int64_t shard, int) { gather(static_cast<size_t>(shard)); });
  }

  std::vector<WordCount> take() {
    std::vector<WordCount> words;
    for (Counts& shard : shards_) {
      while (!shard.empty()) {
        auto node = shard.extract(shard.begin());
        words.push_back({std::move(node.key()), node.mapped()});
      }
    }
    std::sort(words.begin(), words.end(), [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
    return words;
  }

 private:
  void count_text(std::string_view text, std::vector<Counts>& shards) const {
    const auto count_word = [&](std::string_view word) {
      if (word.size() > 1) add(shards[Hash{}(word) >> 58], word, 1);
    };
    pre_tokenizer_.split(text, [&](std::string_view word) {
      if (word.size() <= kMaxWordBytes) return count_word(word);
      for (; word.size() > kPieceBytes; word.remove_prefix(piece_size(word)))
        count_word(word.substr(0, piece_size(word)));
      count_word(word);
    });
  }

  // The size of a long word's first piece: kPieceBytes, or slightly less so that no character is split.
  static size_t piece_size(std::string_view word) {
    const auto inside = [&](size_t at) { return (static_cast<unsigned char>(word[at]) & 0xC0) == 0x80; };
    for (size_t size = kPieceBytes; size > kPieceBytes - 4; --size) {
      if (!inside(size)) return size;
    }
    return kPieceBytes;
  }

  void gather(size_t index) {
    Counts& shard = shards_[index];
    for (auto& shards : local_) {
      for (const auto& [word, count] : shards[index]) add(shard, word, count);
      shards[index].clear();
    }
    // The contents of a shard after a batch depend on the texts alone, so dropping is deterministic.
    for (int64_t rare = 1; is_too_large(shard); ++rare) forget(shard, rare);
  }

  bool is_too_large(const Counts& shard) const {
    if (shard.size() > max_shard_words_) return true;
    size_t bytes = 0;
    for (const auto& [word, count] : shard) bytes += word.size();
    return bytes > kMaxTotalBytes / kShards;
  }

  // If nearly all words are rare (as without spaces), half of these are kept: there is nothing else to learn from.
  void forget(Counts& shard, int64_t rare) const {
    const auto is_rare = [&](const auto& entry) { return entry.second <= rare; };
    const auto count = static_cast<size_t>(std::count_if(shard.begin(), shard.end(), is_rare));
    const bool all = shard.size() - count >= max_shard_words_ / 2;
    const auto bit = 57 - (rare - 1) % 57;  // a different bit each time; the higher bits chose the shard
    std::erase_if(shard,
                  [&](const auto& entry) { return is_rare(entry) && (all || (Hash{}(entry.first) >> bit & 1)); });
  }

  static_assert(kShards == size_t{1} << (64 - 58));
  const PreTokenizer& pre_tokenizer_;
  size_t max_shard_words_;
  std::vector<std::vector<Counts>> local_;  // [workers][kShards], of the batch
  std::vector<Counts> shards_;
};

}  // namespace

std::vector<WordCount> count_words(const std::function<bool(std::string&)>& next, const PreTokenizer& pre_tokenizer,
                                   size_t max_words) {
  Counter counter(pre_tokenizer, max_words);
  std::vector<std::string> batch;
  size_t bytes = 0;
  for (std::string text; next(text); text.clear()) {
    bytes += text.size();
    batch.push_back(std::move(text));
    if (bytes < kBatchBytes) continue;
    counter.count(batch);
    batch.clear();
    bytes = 0;
  }
  if (!batch.empty()) counter.count(batch);
  return counter.take();
}

}  // namespace hadal
