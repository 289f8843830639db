#include "tokenizer/bpe/bpe.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

namespace hadal {
namespace {

// Tokens of bytes have the bytes' values as ids, merges the ids from 256 on.
class Fixture {
 public:
  void add(TokenId left, TokenId right) {
    const auto id = static_cast<TokenId>(texts_.size());
    texts_.push_back(texts_[static_cast<size_t>(left)] + texts_[static_cast<size_t>(right)]);
    merges.push_back({left, right, id});
  }
  Fixture() {
    for (int b = 0; b < 256; ++b) texts_.emplace_back(1, static_cast<char>(b));
    for (size_t b = 0; b < 256; ++b) bytes[b] = static_cast<TokenId>(b);
  }
  Bpe make(bool ignore_merges = false) {
    token_of.clear();
    for (size_t i = 0; i < texts_.size(); ++i) token_of.emplace(texts_[i], static_cast<TokenId>(i));
    return Bpe(bytes, merges, ignore_merges, &token_of);
  }
  // The definition: while there is one, merge the leftmost pair of the lowest rank.
  std::vector<TokenId> naive(std::string_view word) const {
    std::map<std::pair<TokenId, TokenId>, size_t> rank;
    for (size_t i = 0; i < merges.size(); ++i) rank[{merges[i].left, merges[i].right}] = i;
    std::vector<TokenId> ids;
    for (const char c : word) ids.push_back(static_cast<unsigned char>(c));
    for (;;) {
      size_t best = merges.size(), at = 0;
      for (size_t i = 0; i + 1 < ids.size(); ++i)
        if (const auto found = rank.find({ids[i], ids[i + 1]}); found != rank.end() && found->second < best)
          best = found->second, at = i;
      if (best == merges.size()) return ids;
      ids[at] = merges[best].merged;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
  }
  const std::string& text(TokenId id) const { return texts_[static_cast<size_t>(id)]; }
  size_t tokens() const { return texts_.size(); }

  std::array<TokenId, 256> bytes{};
  std::vector<Bpe::Merge> merges;
  std::unordered_map<std::string_view, TokenId> token_of;

 private:
  std::vector<std::string> texts_;
};

std::vector<TokenId> encode(const Bpe& bpe, std::string_view word) {
  std::vector<TokenId> ids{-7};  // appended to
  bpe.encode(word, ids);
  EXPECT_EQ(ids.front(), -7);
  ids.erase(ids.begin());
  return ids;
}

TEST(Bpe, MergesByRankThenFromTheLeft) {
  Fixture f;
  f.add('a', 'b');  // 256
  f.add('b', 'c');  // 257
  f.add(256, 'c');  // 258: abc
  f.add('a', 'a');  // 259
  const Bpe bpe = f.make();
  struct {
    const char* word;
    std::vector<TokenId> ids;
  } const cases[] = {{"", {}},
                     {"a", {'a'}},
                     {"abc", {258}},
                     {"bc", {257}},
                     {"aaa", {259, 'a'}},
                     {"aaaa", {259, 259}},
                     {"aab", {'a', 256}},
                     {"bcab", {257, 256}},
                     {"xyz", {'x', 'y', 'z'}}};
  for (const auto& c : cases) EXPECT_EQ(encode(bpe, c.word), c.ids) << c.word;
}

TEST(Bpe, AgreesWithTheDefinitionOnRandomMerges) {
  Rng rng(1);
  for (int round = 0; round < 20; ++round) {
    Fixture f;
    std::map<std::pair<TokenId, TokenId>, bool> known;
    for (int i = 0; i < 40; ++i) {  // of few letters, so that merges chain
      const auto pick = [&] {
        const auto n = rng.below(3 + f.tokens() - 256);
        return n < 3 ? static_cast<TokenId>('a' + n) : static_cast<TokenId>(253 + n);
      };
      const TokenId left = pick(), right = pick();
      if (!known[{left, right}] && f.text(left).size() + f.text(right).size() < 20) f.add(left, right);
      known[{left, right}] = true;
    }
    const Bpe bpe = f.make();
    for (const size_t size : {2, 5, 20, 47, 48, 49, 300}) {  // both ways of merging, see kShortWord
      std::string word;
      while (word.size() < size) word += static_cast<char>('a' + rng.below(3));
      const auto ids = encode(bpe, word);
      EXPECT_EQ(ids, f.naive(word)) << word;
      EXPECT_EQ(encode(bpe, word), ids) << "from the cache: " << word;
    }
  }
}

TEST(Bpe, IgnoringMergesTakesWholeTokens) {
  Fixture f;
  f.add('b', 'c');
  f.add('a', 'b');
  f.add(257, 'c');  // abc, which merges never reach: bc comes first
  const Bpe by_merges = f.make();
  EXPECT_EQ(encode(by_merges, "abc"), (std::vector<TokenId>{'a', 256}));
  const Bpe whole = f.make(true);  // the caches of the two do not mix
  EXPECT_EQ(encode(whole, "abc"), (std::vector<TokenId>{258}));
  EXPECT_EQ(encode(whole, "abcd"), (std::vector<TokenId>{'a', 256, 'd'}));
  EXPECT_EQ(encode(by_merges, "abc"), (std::vector<TokenId>{'a', 256}));
}

}  // namespace
}  // namespace hadal
