#include "tokenizer/bpe/bpe.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace hadal {
namespace {

constexpr size_t kShortWord = 48;  // below, a plain scan for the best pair beats a heap

uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  return x ^ x >> 32;
}

// One cached pre-token in one cache line. Direct-mapped: a new word evicts the old one.
struct alignas(64) CacheEntry {
  static constexpr size_t kMaxBytes = 24, kMaxIds = 8;
  uint32_t owner = 0;
  uint8_t num_bytes = 0, num_ids = 0;
  char bytes[kMaxBytes] = {};
  TokenId ids[kMaxIds] = {};
};
static_assert(sizeof(CacheEntry) == 64);
constexpr size_t kCacheEntries = 1 << 14;

CacheEntry& cache_entry(uint32_t owner, const uint64_t (&words)[3], size_t num_bytes) {
  thread_local const auto cache = std::make_unique<CacheEntry[]>(kCacheEntries);
  uint64_t hash = words[0] * 0x9E3779B97F4A7C15ull ^ std::rotl(words[1] * 0xC2B2AE3D27D4EB4Full, 29) ^
                  std::rotl(words[2] * 0x165667B19E3779F9ull, 47) ^ (num_bytes << 56 | owner);
  return cache[mix(hash) & (kCacheEntries - 1)];
}

}  // namespace

Bpe::Bpe(const std::array<TokenId, 256>& byte_ids, const std::vector<Merge>& merges, bool ignore_merges,
         const std::unordered_map<std::string_view, TokenId>* token_of)
    : byte_ids_(byte_ids), ignore_merges_(ignore_merges), token_of_(token_of) {
  static std::atomic<uint32_t> owners{0};
  owner_ = ++owners;
  slots_.resize(std::bit_ceil(merges.size() * 2 + 2));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t key = static_cast<uint64_t>(merges[rank].left) << 32 | static_cast<uint32_t>(merges[rank].right);
    size_t at = mix(key) & (slots_.size() - 1);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, static_cast<uint32_t>(rank), merges[rank].merged};  // of equal pairs the last counts
  }
}

const Bpe::Slot* Bpe::find(TokenId left, TokenId right) const {
  const uint64_t key = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  for (size_t at = mix(key) & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key) return &slots_[at];
    if (slots_[at].key == kEmpty) return nullptr;
  }
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& out) const {
  if (word.size() == 1) return out.push_back(byte_ids_[static_cast<uint8_t>(word[0])]);
  if (word.size() > CacheEntry::kMaxBytes) return merge(word, out);
  uint64_t words[3] = {};
  std::memcpy(words, word.data(), word.size());
  CacheEntry& entry = cache_entry(owner_, words, word.size());
  if (entry.owner == owner_ && entry.num_bytes == word.size() && std::memcmp(entry.bytes, words, sizeof words) == 0) {
    out.insert(out.end(), entry.ids, entry.ids + entry.num_ids);
    return;
  }
  const size_t before = out.size();
  merge(word, out);
  const size_t num_ids = out.size() - before;
  if (num_ids > CacheEntry::kMaxIds) return;
  entry.owner = owner_;
  entry.num_bytes = static_cast<uint8_t>(word.size());
  entry.num_ids = static_cast<uint8_t>(num_ids);
  std::memcpy(entry.bytes, words, sizeof words);
  std::copy(out.begin() + static_cast<ptrdiff_t>(before), out.end(), entry.ids);
}

void Bpe::merge(std::string_view word, std::vector<TokenId>& out) const {
  if (ignore_merges_) {
    if (const auto whole = token_of_->find(word); whole != token_of_->end()) return out.push_back(whole->second);
  }
  if (word.size() <= kShortWord)
    merge_short(word, out);
  else
    merge_long(word, out);
}

void Bpe::merge_short(std::string_view word, std::vector<TokenId>& out) const {
  TokenId ids[kShortWord];
  const Slot* pairs[kShortWord];  // pairs[i]: the merge of ids[i] and ids[i + 1]
  int n = static_cast<int>(word.size());
  for (int i = 0; i < n; ++i) ids[i] = byte_ids_[static_cast<uint8_t>(word[static_cast<size_t>(i)])];
  for (int i = 0; i + 1 < n; ++i) pairs[i] = find(ids[i], ids[i + 1]);
  for (;;) {
    int best = -1;
    for (int i = 0; i + 1 < n; ++i) {
      if (pairs[i] != nullptr && (best < 0 || pairs[i]->rank < pairs[best]->rank)) best = i;
    }
    if (best < 0) break;
    ids[best] = pairs[best]->merged;
    for (int i = best + 1; i + 1 < n; ++i) {
      ids[i] = ids[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --n;
    if (best > 0) pairs[best - 1] = find(ids[best - 1], ids[best]);
    if (best + 1 < n) pairs[best] = find(ids[best], ids[best + 1]);
  }
  out.insert(out.end(), ids, ids + n);
}

void Bpe::merge_long(std::string_view word, std::vector<TokenId>& out) const {
  if (word.size() >= (size_t{1} << 31)) fail("encode: expected words below 2 GiB, found one of {} bytes", word.size());
  // Symbols are a linked list; those merged into their left neighbour have id -1. The heap holds candidates by rank,
  // then position, so the merge of lowest rank, leftmost first, is next, as in the definition. An entry is stale if the
  // pair at its position has changed; it is skipped when it comes up. Each merge adds at most two entries: O(n log n).
  struct Symbol {
    TokenId id;
    int32_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int32_t at;
    TokenId left, right;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  const auto n = static_cast<int32_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  std::vector<Candidate> heap;
  for (int32_t i = 0; i < n; ++i) {
    symbols[static_cast<size_t>(i)] = {byte_ids_[static_cast<uint8_t>(word[static_cast<size_t>(i)])], i - 1,
                                       i + 1 < n ? i + 1 : -1};
  }
  const auto candidate = [&](int32_t at, bool push) {
    const Symbol& left = symbols[static_cast<size_t>(at)];
    if (left.next < 0) return;
    const Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (const Slot* slot = find(left.id, right.id)) {
      heap.push_back({slot->rank, at, left.id, right.id});
      if (push) std::push_heap(heap.begin(), heap.end());
    }
  };
  for (int32_t i = 0; i + 1 < n; ++i) candidate(i, false);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate top = heap.back();
    heap.pop_back();
    Symbol& left = symbols[static_cast<size_t>(top.at)];
    if (left.id != top.left || left.next < 0) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (right.id != top.right) continue;
    left.id = find(top.left, top.right)->merged;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = top.at;
    if (left.previous >= 0) candidate(left.previous, true);
    candidate(top.at, true);
  }
  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next)
    out.push_back(symbols[static_cast<size_t>(i)].id);
}

}  // namespace hadal
