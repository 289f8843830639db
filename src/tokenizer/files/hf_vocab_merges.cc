// Tokenizers as GPT-2 published them: vocab.json (token to id) and merges.txt (a pair a line), which folders without a
// tokenizer.json still have. None of these files has the pre-tokenizer: it is part of the tokenizer's class.
#include <algorithm>
#include <sstream>

#include "base/log.h"
#include "tokenizer/files/hf_folder.h"
#include "tokenizer/files/json_fields.h"
#include "tokenizer/pre_tokenizer.h"

namespace hadal {
namespace {

constexpr const char* kNamedTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};

Json object_or_empty(const Path& path) {
  return std::filesystem::exists(path) ? read_json_object(path) : Json::object();
}

void read_merges(const Path& path, TokenizerParts& parts) {
  std::istringstream lines(read_file(path, kMaxTokenizerFileBytes));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    parts.merges.push_back(std::move(line));
  }
}

// Qwen2's pre-tokenizer and NFC, or GPT-2's.
void set_rule(const Path& folder, const Json& config, TokenizerParts& parts) {
  const std::string who = (folder / "tokenizer_config.json").string();
  std::string name =
      is_null_or_absent(config, "tokenizer_class") ? "" : get_string(config, "tokenizer_class", who, "config");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const Json model = object_or_empty(folder / "config.json");
  const auto type = model.find("model_type");
  const bool qwen2_model = type != model.end() && *type == "qwen2";
  if (name == "Qwen2Tokenizer" || (name != "GPT2Tokenizer" && qwen2_model)) {
    parts.normalize_nfc = true;
    parts.pre_tokenizer_json = dump_json(pre_tokenizer_description("qwen2", who));
    return;
  }
  if (!name.empty() && name != "GPT2Tokenizer")
    log_warning(
        "{}: tokenizer_class: expected GPT2Tokenizer or Qwen2Tokenizer beside vocab.json and merges.txt, found \"{}\"; "
        "using GPT-2's pre-tokenizer",
        who, brief(name));
  parts.pre_tokenizer_json =
      dump_json(Json{{"type", "ByteLevel"},
                     {"add_prefix_space", get_bool(config, "add_prefix_space", false, who, "config")},
                     {"trim_offsets", true},
                     {"use_regex", true}});
}

TokenId find_token(const TokenizerParts& parts, std::string_view text) {
  const auto found = std::find(parts.tokens.begin(), parts.tokens.end(), text);
  return found == parts.tokens.end() ? -1 : static_cast<TokenId>(found - parts.tokens.begin());
}

// The tokens that `config` names become special; those that no file gave an id get the next ones.
void add_special_tokens(const Json& config, TokenizerParts& parts, std::string_view who) {
  std::vector<std::string> texts;
  for (const char* key : kNamedTokens) texts.push_back(read_token_text(config, key, who));
  if (!is_null_or_absent(config, "additional_special_tokens")) {
    for (const Json& token : get_array(config, "additional_special_tokens", who, "config"))
      texts.push_back(token.is_object() ? get_string(token, "content", who, "additional_special_tokens")
                                        : read_token_text(Json{{"token", token}}, "token", who));
  }
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    TokenId id = find_token(parts, text);
    if (id < 0) {
      id = static_cast<TokenId>(parts.tokens.size());
      parts.tokens.push_back(text);
      parts.types.push_back(TokenType::control);
    }
    parts.types[static_cast<size_t>(id)] = TokenType::control;
  }
}

// added_tokens_decoder: {"151643": {"content": "<|endoftext|>", "special": true, ...}}
void read_decoder(const Json& config, TokenizerParts& parts, int64_t limit, std::string_view who) {
  if (is_null_or_absent(config, "added_tokens_decoder")) return;
  for (const auto& [number, token] : get_object(config, "added_tokens_decoder", who, "config").items()) {
    const bool digits = !number.empty() && number.size() < 10 &&
                        std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) fail("{}: added_tokens_decoder: expected ids, found \"{}\"", who, brief(number));
    put_added_token(parts, token, std::stoll(number), limit, who);
  }
}

}  // namespace

TokenizerParts read_vocab_and_merges(const Path& folder) {
  const Path vocab_path = folder / "vocab.json", added_path = folder / "added_tokens.json";
  const Path config_path = folder / "tokenizer_config.json", map_path = folder / "special_tokens_map.json";
  const Json vocab = read_json_object(vocab_path), added = object_or_empty(added_path),
             config = object_or_empty(config_path);
  const auto num_decoded = config.contains("added_tokens_decoder") ? config["added_tokens_decoder"].size() : 0;
  const auto limit = static_cast<int64_t>(2 * (vocab.size() + added.size() + num_decoded) + 4096);
  TokenizerParts parts;
  for (const auto& [path, json, type] :
       {std::tuple(vocab_path, vocab, TokenType::normal), std::tuple(added_path, added, TokenType::user_defined)}) {
    for (const auto& [text, id] : json.items()) {
      if (!id.is_number_unsigned() || id.template get<uint64_t>() >= static_cast<uint64_t>(limit))
        fail("{}: token \"{}\": expected an id below {}, found something else", path.string(), brief(text), limit);
      put_token(parts, id.template get<int64_t>(), text, type, limit, path.string());
    }
  }
  read_merges(folder / "merges.txt", parts);
  set_rule(folder, config, parts);
  read_decoder(config, parts, limit, config_path.string());
  add_special_tokens(object_or_empty(map_path), parts, map_path.string());
  add_special_tokens(config, parts, config_path.string());
  if (const TokenId end = find_token(parts, "<|endoftext|>"); end >= 0) {  // the default of both classes
    parts.types[static_cast<size_t>(end)] = TokenType::control;
    parts.eos = end;
  }
  read_tokenizer_config(folder, parts);
  return parts;
}

}  // namespace hadal
