// What the stories are told from.
#pragma once

#include <span>
#include <string_view>

namespace hadal::tasks {

// `text` is a pattern (wording.h). {N}, {M} and {P} are three people, {o} and {q} two kinds of small things (plural),
// {box} and {boxes} something that holds them; {a} to {d} are the numbers, {$a} to {$d} amounts of money.
// `numbers` gives each number its range: "a:3-9 b:12-40"; every number is at least 2, so that all nouns are plural.
// `steps` are the equations, whose results are named in order of the alphabet from s on: "a*b s+c" has the answer t.
struct StoryTemplate {
  std::string_view text, numbers, steps;
};

// The last quarter is held out from training.
std::span<const StoryTemplate> story_templates();

struct Noun {
  std::string_view singular, plural;
};
std::span<const std::string_view> story_things();  // plural
std::span<const Noun> story_boxes();

}  // namespace hadal::tasks
