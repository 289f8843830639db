#include "research/index/near_duplicates.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace hadal::research {
namespace {

std::vector<uint64_t> shingles(const std::vector<Term>& terms) {
  constexpr size_t kWide = 3;
  std::vector<uint64_t> out;
  for (size_t i = 0; i + kWide <= terms.size(); ++i) {
    uint64_t hash = fnv1a(terms[i].text);
    for (size_t k = 1; k < kWide; ++k) hash = fnv1a(terms[i + k].text, fnv1a(" ", hash));
    out.push_back(mix(hash));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string> numbers(const std::vector<Term>& terms) {
  std::vector<std::string> out;
  for (const Term& term : terms) {
    if (term.text.find_first_of("0123456789") != std::string::npos) out.push_back(term.text);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

uint64_t sim_hash(const std::vector<Term>& terms) {
  std::array<int64_t, 64> sums{};
  for (const uint64_t hash : shingles(terms)) {
    for (size_t bit = 0; bit < 64; ++bit) sums[bit] += (hash >> bit & 1) != 0 ? 1 : -1;
  }
  uint64_t out = 0;
  for (size_t bit = 0; bit < 64; ++bit) out |= uint64_t{sums[bit] > 0} << bit;
  return out;
}

bool near_duplicates(const std::vector<Term>& a, const std::vector<Term>& b) {
  const std::vector<uint64_t> left = shingles(a), right = shingles(b);
  std::vector<uint64_t> both;
  std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  const size_t either = left.size() + right.size() - both.size();
  return either > 0 && both.size() * 10 >= either * 9 && numbers(a) == numbers(b);
}

}  // namespace hadal::research
