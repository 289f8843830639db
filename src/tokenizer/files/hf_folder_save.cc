// Writes a tokenizer's files of a Hugging Face folder.
#include <algorithm>

#include "base/json.h"

#include "tokenizer/tokenizer.h"

namespace hadal {
namespace {

bool is_added(const TokenizerParts& parts, size_t id) {
  const TokenType type = parts.types[id];
  return type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
}

// Hugging Face's tokenizers assign ids to added tokens missing in the vocabulary, from its size on. So only added
// tokens with the last ids, without a gap before them, may be missing there; all others are written to the vocabulary
// too.
size_t first_outside_vocabulary(const TokenizerParts& parts) {
  size_t end = parts.tokens.size();
  while (end > 0 && parts.types[end - 1] == TokenType::unused) --end;
  size_t first = end;
  while (first > 0 && is_added(parts, first - 1)) --first;
  const auto unused = [](TokenType type) { return type == TokenType::unused; };
  return std::any_of(parts.types.begin(), parts.types.begin() + static_cast<std::ptrdiff_t>(first), unused) ? end
                                                                                                            : first;
}

OrderedJson chat_templates_json(const TokenizerParts& parts) {
  OrderedJson list = OrderedJson::array();
  const auto add = [&](const std::string& name, const std::string& text) {
    list.push_back({{"name", name}, {"template", text}});
  };
  // In a list without "default" the first is the default.
  if (!parts.chat_template.empty() && parts.chat_template != parts.named_templates[0].second)
    add("default", parts.chat_template);
  for (const auto& [name, text] : parts.named_templates) add(name, text);
  return list;
}

OrderedJson post_processor_json(const TokenizerParts& parts) {
  if (!parts.add_bos && !parts.add_eos) {
    return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  }
  OrderedJson single = OrderedJson::array(), pair = OrderedJson::array(), specials = OrderedJson::object();
  const auto special = [&](OrderedJson& list, TokenId id, int type) {
    const std::string& text = parts.tokens[static_cast<size_t>(id)];
    list.push_back({{"SpecialToken", {{"id", text}, {"type_id", type}}}});
    specials[text] = {{"id", text}, {"ids", OrderedJson::array({id})}, {"tokens", OrderedJson::array({text})}};
  };
  const auto sequence = [&](OrderedJson& list, const char* name, int type) {
    if (parts.add_bos) special(list, parts.bos, type);
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    if (parts.add_eos) special(list, parts.eos, type);
  };
  sequence(single, "A", 0);
  sequence(pair, "A", 0), sequence(pair, "B", 1);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", specials}};
}

OrderedJson added_tokens_json(const TokenizerParts& parts) {
  const auto among = [](const std::vector<TokenId>& ids, size_t id) {
    return std::find(ids.begin(), ids.end(), static_cast<TokenId>(id)) != ids.end();
  };
  OrderedJson list = OrderedJson::array();
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!is_added(parts, id)) continue;
    list.push_back({{"id", id},
                    {"content", parts.tokens[id]},
                    {"single_word", among(parts.single_word, id)},
                    {"lstrip", among(parts.strip_left, id)},
                    {"rstrip", among(parts.strip_right, id)},
                    {"normalized", among(parts.normalized, id)},
                    {"special", parts.types[id] != TokenType::user_defined}});
  }
  return list;
}

OrderedJson model_json(const TokenizerParts& parts) {
  OrderedJson vocab = OrderedJson::object();
  // Appends to the underlying vector: the ordered map's own insertion searches for the key, which is quadratic.
  auto& entries = vocab.get_ref<OrderedJson::object_t&>();
  const size_t first_outside = first_outside_vocabulary(parts);
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (parts.types[id] == TokenType::normal || (is_added(parts, id) && id < first_outside))
      entries.std::vector<OrderedJson::object_t::value_type>::emplace_back(parts.tokens[id], id);
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", parts.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", parts.merges}};
}

}  // namespace

void Tokenizer::save_hf_folder(const Path& folder) const {
  std::filesystem::create_directories(folder);
  const TokenizerParts& p = parts();
  const OrderedJson root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens_json(p)},
      {"normalizer", p.normalize_nfc ? OrderedJson{{"type", "NFC"}} : OrderedJson()},
      {"pre_tokenizer", parse_ordered_json(p.pre_tokenizer_json, "the pre-tokenizer")},
      {"post_processor", post_processor_json(p)},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model", model_json(p)}};
  write_file_whole(folder / "tokenizer.json", dump_json(root, 1) + "\n");
  const auto text = [&](TokenId id) { return id < 0 ? OrderedJson() : OrderedJson(p.tokens[static_cast<size_t>(id)]); };
  OrderedJson config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                        {"add_bos_token", p.add_bos},
                        {"add_eos_token", p.add_eos},
                        {"bos_token", text(p.bos)},
                        {"eos_token", text(p.eos)},
                        {"clean_up_tokenization_spaces", false}};
  if (p.unk >= 0) config["unk_token"] = text(p.unk);
  if (p.pad >= 0) config["pad_token"] = text(p.pad);
  if (!p.named_templates.empty())
    config["chat_template"] = chat_templates_json(p);
  else if (!p.chat_template.empty())
    config["chat_template"] = p.chat_template;
  write_file_whole(folder / "tokenizer_config.json", dump_json(config, 1) + "\n");
}

}  // namespace hadal
