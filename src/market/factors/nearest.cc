#include "market/factors/nearest.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace hadal::market::factors {
namespace {

// Optimal string alignment; another case costs 1, anything else 4.
int distance(std::string_view a, std::string_view b) {
  const std::string small_a = lower_case(std::string(a)), small_b = lower_case(std::string(b));
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = 4 * static_cast<int>(i + j);
        continue;
      }
      const int replaced = a[i - 1] == b[j - 1] ? 0 : small_a[i - 1] == small_b[j - 1] ? 1 : 4;
      cost[i][j] = std::min({cost[i - 1][j] + 4, cost[i][j - 1] + 4, cost[i - 1][j - 1] + replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 4);
    }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> names) {
  name = name.substr(0, 64);
  std::string best;
  int least = 0;
  for (const std::string& candidate : names) {
    const int d = distance(name, std::string_view(candidate).substr(0, 64));
    if (best.empty() || d < least) best = candidate, least = d;
  }
  return best;
}

}  // namespace hadal::market::factors
