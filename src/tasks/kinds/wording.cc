#include "tasks/kinds/wording.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::tasks {

size_t draw_place(size_t count, Wordings wordings, Rng& rng) {
  const size_t held_out = (count + 3) / 4, training = count - held_out;
  return wordings == Wordings::training ? rng.below(training) : training + rng.below(held_out);
}

std::string_view draw_pattern(std::span<const std::string_view> patterns, Wordings wordings, Rng& rng) {
  return patterns[draw_place(patterns.size(), wordings, rng)];
}

std::string fill_pattern(std::string_view pattern,
                         std::initializer_list<std::pair<std::string_view, std::string_view>> slots, Rng& rng) {
  std::string chosen;
  while (!pattern.empty()) {
    const size_t open = std::min(pattern.find('['), pattern.size());
    chosen += pattern.substr(0, open);
    pattern.remove_prefix(open);
    if (pattern.empty()) break;
    const size_t end = pattern.find(']');
    HADAL_CHECK(end != std::string_view::npos, "a pattern of a question lacks its ]: {}", pattern);
    std::string_view inside = pattern.substr(1, end - 1);
    for (size_t skip = rng.below(1 + static_cast<size_t>(std::count(inside.begin(), inside.end(), '|'))); skip > 0;
         --skip)
      inside.remove_prefix(inside.find('|') + 1);
    chosen += inside.substr(0, inside.find('|'));
    pattern.remove_prefix(end + 1);
  }
  std::string text;
  for (std::string_view rest = chosen; !rest.empty();) {
    const size_t open = std::min(rest.find('{'), rest.size()), end = rest.find('}', open);
    text += rest.substr(0, open);
    if (open == rest.size()) break;
    HADAL_CHECK(end != std::string_view::npos, "a pattern of a question lacks its }}: {}", rest);
    const std::string_view name = rest.substr(open + 1, end - open - 1);
    const auto* slot = std::find_if(slots.begin(), slots.end(), [&](const auto& s) { return s.first == name; });
    HADAL_CHECK(slot != slots.end(), "a pattern of a question names the slot {}, which is not given", name);
    text += slot->second;
    rest.remove_prefix(end + 1);
  }
  return text;
}

namespace {

std::string made_up_word(size_t letters, bool capital, Rng& rng) {
  constexpr std::string_view kVowels = "aeiouy", kConsonants = "bcdfghjklmnpqrstvwxz";
  std::string word;
  for (bool vowel = rng.below(2) == 0; word.size() < letters; vowel = (rng.below(6) == 0) == vowel)
    word += vowel ? kVowels[rng.below(kVowels.size())] : kConsonants[rng.below(kConsonants.size())];
  if (capital) word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

}  // namespace

std::string made_up_words(size_t count, Rng& rng) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const size_t letters = 2 + rng.below(8);
    const bool capital = rng.below(5) == 0;
    text += (i > 0 ? " " : "") + made_up_word(letters, capital, rng);
  }
  return text;
}

std::string made_up_name(Rng& rng) { return made_up_word(4 + rng.below(6), true, rng); }

}  // namespace hadal::tasks
