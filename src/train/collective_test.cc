// The contract of a Collective, which every implementation of it keeps: of the local one, and of the threads that stand
// for ranks in other tests.
#include "train/collective.h"

#include <array>
#include <atomic>
#include <string>

#include "train/testing/test_support.h"
#include "train/testing/thread_ranks.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::ThreadRanks;

// float sums depend on their order: (1e8 + 1) - 1e8 = 0, (1e8 - 1e8) + 1 = 1.
float term(int64_t rank) { return std::array{1e8f, 1.0f, -1e8f, 3.0f}[static_cast<size_t>(rank)]; }

void expect_contract(Collective& ranks) {
  float in_order = term(0);
  for (int64_t r = 1; r < ranks.size(); ++r) in_order += term(r);
  for (int round = 0; round < 20; ++round) {
    std::array<float, 3> f{term(ranks.rank()), 1, static_cast<float>(ranks.rank())};
    ranks.all_reduce(f);
    EXPECT_EQ(f[0], in_order);
    EXPECT_EQ(f[1], static_cast<float>(ranks.size()));
    EXPECT_EQ(f[2], static_cast<float>(ranks.size() * (ranks.size() - 1) / 2));
    std::array<double, 1> d{0.5};
    ranks.all_reduce(d);
    EXPECT_EQ(d[0], 0.5 * static_cast<double>(ranks.size()));
    const int64_t root = round % ranks.size();
    std::string text = std::string("rank ") + static_cast<char>('0' + ranks.rank());
    ranks.broadcast(std::as_writable_bytes(std::span(text)), root);
    EXPECT_EQ(text, std::string("rank ") + static_cast<char>('0' + root));
  }
  ranks.barrier();
}

TEST(Collective, SumsInTheOrderOfRanksAndGivesAllTheSame) {
  expect_contract(local_collective());
  for (const int64_t size : {1, 2, 4}) ThreadRanks(size).run(expect_contract);
}

TEST(Collective, ABarrierHoldsUntilAllCame) {
  std::atomic<int> came = 0;
  ThreadRanks(3).run([&](Collective& ranks) {
    ++came;
    ranks.barrier();
    EXPECT_EQ(came, 3);
  });
}

TEST(Collective, ARankThatFailsEndsTheOthers) {
  const std::string error = error_of([] {
    ThreadRanks(3).run([](Collective& ranks) {
      if (ranks.rank() == 1) fail("rank 1 has a full disk");
      expect_contains(error_of([&] { ranks.barrier(); }), {"another rank is gone"});
    });
  });
  EXPECT_EQ(error, "rank 1 has a full disk");
}

TEST(Collective, SharesAreInOrderAndWhole) {
  for (const int64_t count : {0, 1, 5, 8}) {
    std::atomic<int64_t> sum = 0;
    std::array<Share, 3> shares;
    ThreadRanks(3).run([&](Collective& ranks) {
      const Share share = shares[static_cast<size_t>(ranks.rank())] = share_of(count, ranks);
      sum += share.end - share.begin;
      EXPECT_LE(share.end - share.begin, (count + 2) / 3);
    });
    EXPECT_EQ(sum, count);
    EXPECT_EQ(shares[0].begin, 0);
    EXPECT_EQ(shares[1].begin, shares[0].end);
    EXPECT_EQ(shares[2].begin, shares[1].end);
    EXPECT_EQ(shares[2].end, count);
  }
}

}  // namespace
}  // namespace hadal
