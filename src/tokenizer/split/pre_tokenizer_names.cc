// The rules that GGUF files name (tokenizer.ggml.pre). The names are those of llama.cpp's table (src/llama-vocab.cpp);
// the expressions those of the families' own tokenizer.json files, where llama.cpp writes an approximation of them.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/split/split_patterns.h"

namespace hadal {
namespace {

using namespace patterns;

struct Rule {
  std::vector<std::string_view> names;   // the first is written
  std::vector<std::string_view> stages;  // expressions, each Isolated
  PreTokenizerTraits traits = {};
};

constexpr std::string_view kSentinel = "<sentinel:[0-9]+>", kImage = "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                           kTabsAndSpaces = "([\\t\\n]|    |  )", kEachPunct = R"([\p{P}!-/:-@\[-`{-~])";

// Names that are left out need what Hadal lacks: afmoe (digits grouped from the right by a rule of its own), gemma4,
// granite-embed-multi-311m and sarvam-moe (no byte alphabet), jina-v1-en, jina-v2-code and roberta-bpe (a separator
// behind each text), whitespace (words without bytes).
const std::vector<Rule>& rules() {
  constexpr PreTokenizerTraits kWholeWords = {.ignore_merges = true}, kLlama = {.ignore_merges = true, .add_bos = true},
                               kBegin = {.add_bos = true};
  static const std::vector<Rule> list = {
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, {kDigits3, kCjkKana, kDeepseekV3}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "kormo", "f2llmv2", "grok-2", "solar-open"},
       {kQwen2}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"},
       {kLlama3},
       kLlama},
      {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {kLlama3}},
      {{"deepseek-llm"}, {kNewlines, kCasedWord, kWidePunct, kTrailingSpace, kCjkHangul, kEachNumber}},
      {{"deepseek-coder"}, {kNewlines, kWord, kPunctRun, kCjkHangul, kEachNumber}},
      {{"gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0", "mellum",
        "modern-bert", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4"},
       {kGpt2}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
       {kEachNumber, kGpt2}},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {kGpt4o}},
      {{"granite-embed-multi-97m"}, {kGpt4o}, kWholeWords},
      {{"tekken"}, {kTekken}, kLlama},
      {{"kimi-k2"}, {kKimiK2}},
      {{"qwen35"}, {kQwen35}},
      {{"superbpe"}, {kNumbers, kSuperThousands}},
      {{"tiny_aya", "cohere2moe"}, {kThousands, kGpt4o}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {kBailing}},
      {{"seed-coder"}, {kSeedCoder}},
      {{"ufakzeka"}, {kUfakzeka}},
      {{"laguna"}, {kLines, kQwen2}},
      {{"exaone-moe"}, {kExaoneMoe}},
      {{"minicpm5"}, {kDigits3, kMiniCpm5}, kWholeWords},
      {{"youtu"}, {kYoutuScripts, kYoutuWords}, kWholeWords},
      {{"jais-2"}, {kJais2}},
      {{"spark2_5"}, {kDigits3, kCjkKana, kSparkWords, kEachNumber}},
      {{"poro-chat", "bloom", "gpt3-finnish"}, {kBloom}},
      {{"viking"}, {kBloom, kEachNumber}},
      {{"chameleon"}, {kSentinel, kImage, kTabsAndSpaces, kEachNumber, kEachPunct, kGpt2}, kBegin},
      {{"falcon"}, {kFalconPunct, kGpt2, kThreeDigits}},
      {{"default"}, {kDefaultPunct, kGpt2, kNumbers, kThreeDigits}},
  };
  return list;
}

const Rule* find_rule(std::string_view name) {
  for (const Rule& rule : rules())
    if (std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end()) return &rule;
  return nullptr;
}

std::string all_names() {
  std::set<std::string_view> names;
  for (const Rule& rule : rules()) names.insert(rule.names.begin(), rule.names.end());
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

// Expressions whose matches cover every text, so that the behaviour for the rest makes no difference.
bool leaves_nothing(std::string_view regex) {
  for (const std::string_view total :
       {kGpt2, kQwen2, kLlama3, kGpt4o, kTekken, kKimiK2, kBailing, kUfakzeka, kYoutuWords, kMiniCpm5})
    if (regex == total) return true;
  return false;
}

// The parts of a description that determine where it splits, a string for each stage.
void list_cuts(const Json& description, std::vector<std::string>& cuts) {
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    for (const Json& part : description["pretokenizers"]) list_cuts(part, cuts);
  } else if (type == "Split") {
    const Json& pattern = description["pattern"];
    const std::string behavior = description.value("behavior", "Isolated");
    const bool invert = description.value("invert", false);
    std::string cut = pattern.contains("Regex") ? with_escaped_newlines(pattern["Regex"].get<std::string>())
                                                : "literal " + pattern["String"].get<std::string>();
    if (behavior != "Isolated" && !(behavior == "Removed" && invert && leaves_nothing(cut)))
      cut += "\n" + behavior + (invert ? ", inverted" : "");
    cuts.push_back(std::move(cut));
  } else if (type == "Digits") {
    cuts.emplace_back(description.value("individual_digits", false) ? kEachNumber : kNumbers);
  } else if (type == "ByteLevel") {
    if (description.value("add_prefix_space", true)) cuts.emplace_back("a space before each text");
    if (description.value("use_regex", true)) cuts.emplace_back(kGpt2);
  } else {
    cuts.push_back(description.dump());
  }
}

}  // namespace

Json pre_tokenizer_description(std::string_view name, std::string_view who) {
  const Rule* rule = find_rule(name);
  if (rule == nullptr) {
    fail("{}: pre-tokenizer: expected a known one, found \"{}\", which is not supported; known: {}", who, brief(name),
         all_names());
  }
  Json stages = Json::array();
  for (const std::string_view regex : rule->stages) {
    if (regex == kEachNumber)
      stages.push_back({{"type", "Digits"}, {"individual_digits", true}});
    else
      stages.push_back(
          {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  stages.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", stages}};
}

PreTokenizerTraits pre_tokenizer_traits(std::string_view name) {
  const Rule* rule = find_rule(name);
  return rule != nullptr ? rule->traits : PreTokenizerTraits{};
}

std::string pre_tokenizer_name(const Json& description, bool ignore_merges) {
  std::vector<std::string> cuts;
  list_cuts(description, cuts);
  for (const Rule& rule : rules()) {
    if (rule.traits.ignore_merges == ignore_merges &&
        std::equal(cuts.begin(), cuts.end(), rule.stages.begin(), rule.stages.end()))
      return std::string(rule.names.front());
  }
  return "";
}

}  // namespace hadal
