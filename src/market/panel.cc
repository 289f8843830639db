#include "market/panel.h"

#include "base/brief.h"
#include "base/error.h"

namespace hadal::market {
namespace {
constexpr std::string_view kNames[] = {"raw", "split", "forward", "back"};
}

std::string_view text_of(Prices prices) { return kNames[static_cast<size_t>(prices)]; }

Prices prices_of(std::string_view text, const std::string& who) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == text) return static_cast<Prices>(i);
  fail("{}: expected raw, split, forward or back, found {}", who, brief(text));
}

}  // namespace hadal::market
