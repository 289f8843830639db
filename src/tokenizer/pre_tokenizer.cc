#include "tokenizer/pre_tokenizer.h"

#include "base/error.h"
#include "tokenizer/files/json_fields.h"
#include "tokenizer/split/split_patterns.h"

namespace hadal {

namespace {

SplitBehavior read_behavior(const Json& description, std::string_view who) {
  const std::string name = get_string(description, "behavior", who, "pre_tokenizer");
  constexpr std::pair<const char*, SplitBehavior> kNames[] = {
      {"Isolated", SplitBehavior::isolated},
      {"Removed", SplitBehavior::removed},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous},
  };
  for (const auto& [known, behavior] : kNames)
    if (name == known) return behavior;
  fail(
      "{}: pre_tokenizer: behavior: expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous, "
      "found \"{}\"",
      who, brief(name));
}

// ByteLevel's add_prefix_space: each text begins with a space.
class PrefixSpaceStage final : public SplitStage {
 public:
  void split(std::string_view text, PieceSink sink) const override {
    if (text.starts_with(' ')) return sink(text);
    std::string with_space(1, ' ');
    with_space += text;
    sink(with_space);
  }
};

}  // namespace

PreTokenizer::PreTokenizer(const Json& description, std::string_view who) {
  add(description, who);
  if (!byte_level_) {
    fail("{}: pre_tokenizer: expected a ByteLevel component, found none; only byte-level BPE is supported", who);
  }
}

void PreTokenizer::add(const Json& description, std::string_view who) {
  const std::string type = get_string(description, "type", who, "pre_tokenizer");
  if (byte_level_)
    fail("{}: pre_tokenizer: expected ByteLevel to be the last component, found {} behind it", who, type);
  if (type == "Sequence") {
    for (const Json& part : get_array(description, "pretokenizers", who, "pre_tokenizer")) add(part, who);
  } else if (type == "Split") {
    add_split(description, who);
  } else if (type == "Digits") {
    stages_.push_back(digits_split(get_bool(description, "individual_digits", false, who, "pre_tokenizer Digits")));
  } else if (type == "Punctuation") {
    const bool named = description.contains("behavior");
    stages_.push_back(
        with_behavior(punctuation_split(), named ? read_behavior(description, who) : SplitBehavior::isolated, false));
  } else if (type == "ByteLevel") {
    if (get_bool(description, "add_prefix_space", true, who, "pre_tokenizer ByteLevel"))
      stages_.push_back(std::make_unique<PrefixSpaceStage>());
    if (get_bool(description, "use_regex", true, who, "pre_tokenizer ByteLevel")) {
      stages_.push_back(known_split(patterns::kGpt2));
    }
    byte_level_ = true;
  } else {
    fail(
        "{}: pre_tokenizer: expected Sequence, Split, Digits, Punctuation or ByteLevel, found \"{}\", which is not "
        "supported",
        who, brief(type));
  }
}

void PreTokenizer::add_split(const Json& description, std::string_view who) {
  const SplitBehavior behavior = read_behavior(description, who);
  const bool invert = get_bool(description, "invert", false, who, "pre_tokenizer Split");
  const Json& pattern = get_object(description, "pattern", who, "pre_tokenizer Split");
  std::unique_ptr<SplitStage> stage;
  bool known = true;
  if (pattern.contains("Regex")) {
    const std::string regex = get_string(pattern, "Regex", who, "pre_tokenizer Split pattern");
    stage = known_split(regex);
    known = stage != nullptr;
    if (!known) stage = regex_split(regex, who);
  } else {
    std::string literal = get_string(pattern, "String", who, "pre_tokenizer Split pattern");
    if (literal.empty()) fail("{}: pre_tokenizer Split: expected a pattern, found an empty string", who);
    stage = literal_split(std::move(literal));
  }
  const bool as_it_is = known && behavior == SplitBehavior::isolated;
  stages_.push_back(as_it_is ? std::move(stage) : with_behavior(std::move(stage), behavior, invert));
}

void PreTokenizer::run(size_t stage, std::string_view text, PieceSink sink) const {
  if (text.empty()) return;
  if (stage == stages_.size()) return sink(text);
  if (stage + 1 == stages_.size()) return stages_[stage]->split(text, sink);
  stages_[stage]->split(text, [&](std::string_view piece) { run(stage + 1, piece, sink); });
}

}  // namespace hadal
