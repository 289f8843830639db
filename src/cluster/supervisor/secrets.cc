#include "cluster/supervisor/secrets.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace hadal::cluster {
namespace {

struct SecretWord {
  std::string_view upper, lower;
};
constexpr SecretWord kSecretWords[] = {
    {"TOKEN", "token"}, {"KEY", "key"}, {"PASSWORD", "password"}, {"SECRET", "secret"}};

}  // namespace

bool is_secret_variable(std::string_view name) {
  const std::string lower = lower_case(std::string(name));
  return std::ranges::any_of(kSecretWords, [&](const SecretWord& word) { return lower.contains(word.lower); });
}

bool is_secret_key(std::string_view key) {
  const std::string last = lower_case(std::string(key.substr(key.find_last_of("_-./: ") + 1)));
  return std::ranges::any_of(kSecretWords,
                             [&](const SecretWord& word) { return key.contains(word.upper) || last == word.lower; });
}

}  // namespace hadal::cluster
