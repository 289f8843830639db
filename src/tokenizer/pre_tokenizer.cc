#include "tokenizer/pre_tokenizer.h"

#include "base/error.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/split_patterns.h"

namespace hadal {

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
    const std::string behavior = get_string(description, "behavior", who, "pre_tokenizer Split");
    if (behavior != "Isolated") {
      fail("{}: pre_tokenizer Split: behavior: expected \"Isolated\", found \"{}\", which is not supported", who,
           behavior);
    }
    const Json& pattern = get_object(description, "pattern", who, "pre_tokenizer Split");
    if (pattern.contains("Regex")) {
      const std::string regex = get_string(pattern, "Regex", who, "pre_tokenizer Split pattern");
      auto stage = known_split(regex);
      stages_.push_back(stage ? std::move(stage) : regex_split(regex, who));
    } else {
      std::string literal = get_string(pattern, "String", who, "pre_tokenizer Split pattern");
      if (literal.empty()) fail("{}: pre_tokenizer Split: expected a pattern, found an empty string", who);
      stages_.push_back(literal_split(std::move(literal)));
    }
  } else if (type == "Digits") {
    stages_.push_back(digits_split(get_bool(description, "individual_digits", false, who, "pre_tokenizer Digits")));
  } else if (type == "ByteLevel") {
    if (get_bool(description, "add_prefix_space", true, who, "pre_tokenizer ByteLevel")) {
      fail("{}: pre_tokenizer ByteLevel: add_prefix_space: expected false, found true, which is not supported", who);
    }
    if (get_bool(description, "use_regex", true, who, "pre_tokenizer ByteLevel")) {
      stages_.push_back(known_split(patterns::kGpt2));
    }
    byte_level_ = true;
  } else {
    fail("{}: pre_tokenizer: expected Sequence, Split, Digits or ByteLevel, found \"{}\", which is not supported", who,
         type);
  }
}

void PreTokenizer::run(size_t stage, std::string_view text, PieceSink sink) const {
  if (text.empty()) return;
  if (stage == stages_.size()) return sink(text);
  if (stage + 1 == stages_.size()) return stages_[stage]->split(text, sink);
  stages_[stage]->split(text, [&](std::string_view piece) { run(stage + 1, piece, sink); });
}

Json pre_tokenizer_description(std::string_view name, std::string_view who) {
  using namespace patterns;
  Json stages = Json::array();
  const auto split = [&](std::string_view regex) {
    stages.push_back({{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}});
  };
  const auto digits = [&] { stages.push_back({{"type", "Digits"}, {"individual_digits", true}}); };
  if (name == "deepseek-v3") {
    split(kDigits3), split(kCjkKana), split(kDeepseekV3);
  } else if (name == "qwen2" || name == "deepseek-r1-qwen") {
    split(kQwen2);
  } else if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    split(kLlama3);
  } else if (name == "deepseek-llm") {
    split(kNewlines), split(kCasedWord), split(kWidePunct), split(kTrailingSpace), split(kCjkHangul), digits();
  } else if (name == "deepseek-coder") {
    split(kNewlines), split(kWord), split(kPunctRun), split(kCjkHangul), digits();
  } else if (name == "gpt-2" || name == "gpt2") {
    split(kGpt2);
  } else {
    fail(
        "{}: pre-tokenizer: expected deepseek-llm, deepseek-coder, deepseek-v3, qwen2, deepseek-r1-qwen, llama-bpe or "
        "gpt-2, found \"{}\", which is not supported",
        who, name);
  }
  stages.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", stages}};
}

namespace {

// What of a description matters for where it cuts, one string a stage.
void list_cuts(const Json& description, std::vector<std::string>& cuts) {
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    for (const Json& part : description["pretokenizers"]) list_cuts(part, cuts);
  } else if (type == "Split") {
    const Json& pattern = description["pattern"];
    cuts.push_back(pattern.contains("Regex") ? pattern["Regex"].get<std::string>() : "literal " + pattern["String"].get<std::string>());
  } else if (type == "Digits") {
    cuts.push_back(description.value("individual_digits", false) ? "each digit" : "digits");
  } else if (description.value("use_regex", true)) {
    cuts.emplace_back(patterns::kGpt2);
  }
}

}  // namespace

std::string pre_tokenizer_name(const Json& description) {
  std::vector<std::string> wanted, cuts;
  list_cuts(description, wanted);
  for (const char* name : {"deepseek-v3", "qwen2", "llama-bpe", "deepseek-llm", "deepseek-coder", "gpt-2"}) {
    cuts.clear();
    list_cuts(pre_tokenizer_description(name, name), cuts);
    if (cuts == wanted) return name;
  }
  return "";
}

}  // namespace hadal
