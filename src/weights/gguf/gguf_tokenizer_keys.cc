// Writing a GGUF file's keys about tokens: the tokenizer, the ends of answers, the sampling defaults.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/pre_tokenizer.h"
#include "weights/gguf/gguf_keys.h"

namespace hadal::weights {
namespace {

std::string rule_name(const TokenizerParts& p, std::string_view who) {
  const Json rule = parse_json(p.pre_tokenizer_json, who);
  std::string pre = pre_tokenizer_name(rule, p.ignore_merges);
  if (!pre.empty()) return pre;
  const bool other = !pre_tokenizer_name(rule, !p.ignore_merges).empty();
  fail(
      "{}: the tokenizer: GGUF files name the rule that cuts text into words, and none of the names means this one{}: "
      "{}",
      who, other ? fmt::format(" with ignore_merges {}", p.ignore_merges) : "", brief_json(rule, 300));
}

// Names for rows of the embedding without a token; they differ from all tokens.
void add_tokens(const TokenizerParts& p, int64_t vocab, GgufWriter::Keys& keys) {
  std::vector<std::string> tokens = p.tokens;
  std::vector<int32_t> types;
  for (const TokenType type : p.types) types.push_back(static_cast<int32_t>(type));
  tokens.resize(static_cast<size_t>(vocab)), types.resize(tokens.size(), static_cast<int32_t>(TokenType::unused));
  std::set<std::string_view> taken;
  for (const std::string& token : p.tokens)
    if (token.starts_with("[PAD")) taken.insert(token);
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) continue;
    tokens[id] = fmt::format("[PAD{}]", id);
    while (taken.contains(tokens[id])) tokens[id] += '_';
  }
  keys.emplace_back("tokenizer.ggml.tokens", std::move(tokens));
  keys.emplace_back("tokenizer.ggml.token_type", std::move(types));
}

}  // namespace

void add_tokenizer_keys(const ModelConfig& c, const Tokenizer& tokenizer, std::string_view who,
                        GgufWriter::Keys& keys) {
  const TokenizerParts& p = tokenizer.parts();
  keys.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  keys.emplace_back("tokenizer.ggml.pre", rule_name(p, who));
  add_tokens(p, c.vocab, keys);
  keys.emplace_back("tokenizer.ggml.merges", p.merges);
  const std::pair<const char*, TokenId> named[] = {
      {"bos", p.bos}, {"eos", p.eos}, {"unknown", p.unk}, {"padding", p.pad}};
  for (const auto& [name, id] : named)
    if (id >= 0) keys.emplace_back(fmt::format("tokenizer.ggml.{}_token_id", name), static_cast<uint32_t>(id));
  keys.emplace_back("tokenizer.ggml.add_bos_token", p.add_bos);
  keys.emplace_back("tokenizer.ggml.add_eos_token", p.add_eos);
  if (p.normalize_nfc) keys.emplace_back(kNormalizerKey, std::string("NFC"));
  for (const FlagKey& flag : kFlagKeys)
    if (!(p.*flag.ids).empty()) keys.emplace_back(flag.key, p.*flag.ids);
  if (!p.chat_template.empty()) keys.emplace_back("tokenizer.chat_template", p.chat_template);
  std::vector<std::string> names;
  for (const auto& [name, text] : p.named_templates) {
    names.push_back(name);
    keys.emplace_back(kTemplatePrefix + name, text);
  }
  if (!names.empty()) keys.emplace_back("tokenizer.chat_templates", names);
}

void add_defaults_keys(const Tokenizer& tokenizer, const GenerationDefaults& defaults, GgufWriter::Keys& keys) {
  std::vector<TokenId> rest;
  for (const TokenId id : defaults.ends)
    if (id != tokenizer.eos() && id < tokenizer.vocab_size()) rest.push_back(id);
  const auto put = [&](const char* key, TokenId id) {
    keys.emplace_back(key, static_cast<uint32_t>(id));
    std::erase(rest, id);
  };
  const auto has = [&](std::string_view text) { return std::ranges::count(rest, tokenizer.find(text)) > 0; };
  if (tokenizer.eos() < 0 && !rest.empty()) put("tokenizer.ggml.eos_token_id", rest.front());
  // Readers use these two as the end of a turn and of a message; if the texts do not tell which is which, any two
  // serve.
  const TokenId message = has("<|eom_id|>") ? tokenizer.find("<|eom_id|>") : -1;
  if (message >= 0) put("tokenizer.ggml.eom_token_id", message);
  TokenId turn = rest.empty() ? -1 : rest.front();
  for (const char* text : {"<|end|>", "<|eot_id|>", "<|im_end|>"})
    if (has(text)) turn = tokenizer.find(text);
  if (turn >= 0) put("tokenizer.ggml.eot_token_id", turn);
  if (message < 0 && !rest.empty()) put("tokenizer.ggml.eom_token_id", rest.front());
  if (!rest.empty()) keys.emplace_back(kEndsKey, defaults.ends);

  const auto number = [&](const char* name, const std::optional<double>& value) {
    if (value) keys.emplace_back(std::string("general.sampling.") + name, static_cast<float>(*value));
  };
  number("temp", defaults.temperature);
  number("top_p", defaults.top_p);
  number("min_p", defaults.min_p);
  number("penalty_repeat", defaults.repetition_penalty);
  if (defaults.top_k) keys.emplace_back("general.sampling.top_k", static_cast<uint32_t>(*defaults.top_k));
}

}  // namespace hadal::weights
