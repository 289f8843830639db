// Tokenizers as Hugging Face folders keep them: tokenizer.json (the `tokenizers` library's format, version 1.0) and
// tokenizer_config.json beside it.
#include <algorithm>

#include "base/error.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/tokenizer.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{256} << 20;

bool is_null_or_absent(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

void put_token(TokenizerParts& parts, int64_t id, const std::string& text, TokenType type, int64_t limit,
               std::string_view who) {
  if (id < 0 || id >= limit) fail("{}: token \"{}\": expected an id below {}, found {}", who, brief(text), limit, id);
  const auto at = static_cast<size_t>(id);
  if (parts.tokens.size() <= at) {
    parts.tokens.resize(at + 1);
    parts.types.resize(at + 1, TokenType::unused);
  }
  if (parts.types[at] != TokenType::unused && parts.tokens[at] != text) {
    fail("{}: token \"{}\": expected an id of its own, found {}, which is \"{}\"", who, brief(text), id, brief(parts.tokens[at]));
  }
  parts.tokens[at] = text;
  parts.types[at] = type;
}

void read_normalizer(const Json& description, TokenizerParts& parts, std::string_view who) {
  if (description.is_null()) return;
  const std::string type = get_string(description, "type", who, "normalizer");
  if (type == "NFC") {
    parts.normalize_nfc = true;
  } else if (type == "Sequence") {
    for (const Json& part : get_array(description, "normalizers", who, "normalizer")) read_normalizer(part, parts, who);
  } else {
    fail("{}: normalizer: expected none or NFC, found \"{}\", which is not supported", who, brief(type));
  }
}

void check_decoder(const Json& description, std::string_view who) {
  if (description.is_null()) return;
  const std::string type = get_string(description, "type", who, "decoder");
  if (type == "Sequence") {
    for (const Json& part : get_array(description, "decoders", who, "decoder")) check_decoder(part, who);
  } else if (type != "ByteLevel") {
    fail("{}: decoder: expected ByteLevel, found \"{}\", which is not supported", who, brief(type));
  }
}

void read_model(const Json& model, TokenizerParts& parts, int64_t limit, std::string_view who) {
  if (const std::string type = is_null_or_absent(model, "type") ? "BPE" : get_string(model, "type", who, "model");
      type != "BPE") {
    fail("{}: model: expected type BPE, found \"{}\", which is not supported", who, brief(type));
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!is_null_or_absent(model, affix) && !get_string(model, affix, who, "model").empty()) {
      fail("{}: model: {}: expected none, found one, which is not supported", who, affix);
    }
  }
  if (get_bool(model, "byte_fallback", false, who, "model")) {
    fail("{}: model: byte_fallback: expected false, found true, which is not supported", who);
  }
  if (!is_null_or_absent(model, "dropout") && model["dropout"] != 0)
    fail("{}: model: dropout: expected none, found one", who);
  parts.ignore_merges = get_bool(model, "ignore_merges", false, who, "model");
  for (const auto& [text, id] : get_object(model, "vocab", who, "model").items()) {
    if (!id.is_number_integer()) fail("{}: model: vocab: \"{}\": expected an id, found {}", who, brief(text), brief_json(id));
    const bool fits = !id.is_number_unsigned() || id.get<uint64_t>() < static_cast<uint64_t>(limit);
    put_token(parts, fits ? id.get<int64_t>() : limit, text, TokenType::normal, limit, who);
  }
  for (const Json& merge : get_array(model, "merges", who, "model")) {
    if (merge.is_string()) {
      parts.merges.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      parts.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    } else {
      fail("{}: model: merges: merge {}: expected a string or two strings, found {}", who, parts.merges.size(),
           merge.type_name());
    }
  }
}

void read_added_tokens(const Json& root, TokenizerParts& parts, int64_t limit, std::string_view who) {
  if (is_null_or_absent(root, "added_tokens")) return;
  for (const Json& token : get_array(root, "added_tokens", who, "tokenizer")) {
    const std::string text = get_string(token, "content", who, "added_tokens");
    const int64_t id = get_integer(token, "id", who, "added_tokens");
    if (get_bool(token, "single_word", false, who, "added_tokens")) {
      fail("{}: added_tokens: \"{}\": single_word: expected false, found true, which is not supported", who, brief(text));
    }
    const bool special = get_bool(token, "special", false, who, "added_tokens");
    put_token(parts, id, text, special ? TokenType::control : TokenType::user_defined, limit, who);
    if (get_bool(token, "lstrip", false, who, "added_tokens")) parts.strip_left.push_back(static_cast<TokenId>(id));
    if (get_bool(token, "rstrip", false, who, "added_tokens")) parts.strip_right.push_back(static_cast<TokenId>(id));
  }
}

TokenId id_of_text(const TokenizerParts& parts, std::string_view text, std::string_view what, std::string_view who) {
  const auto found = std::find(parts.tokens.begin(), parts.tokens.end(), text);
  if (found == parts.tokens.end()) fail("{}: {}: expected a token of the vocabulary, found \"{}\"", who, what, brief(text));
  return static_cast<TokenId>(found - parts.tokens.begin());
}

// The special tokens that TemplateProcessing puts before and behind a text: at most bos and eos.
void read_post_processor(const Json& description, TokenizerParts& parts, std::string_view who) {
  if (description.is_null()) return;
  const std::string type = get_string(description, "type", who, "post_processor");
  if (type == "ByteLevel") return;  // it only trims offsets
  if (type == "Sequence") {
    for (const Json& part : get_array(description, "processors", who, "post_processor"))
      read_post_processor(part, parts, who);
    return;
  }
  if (type != "TemplateProcessing") {
    fail("{}: post_processor: expected ByteLevel or TemplateProcessing, found \"{}\", which is not supported", who,
         brief(type));
  }
  bool behind = false;
  for (const Json& item : get_array(description, "single", who, "post_processor")) {
    if (item.is_object() && item.contains("Sequence")) {
      behind = true;
      continue;
    }
    const Json& special = get_object(item, "SpecialToken", who, "post_processor");
    const TokenId id = id_of_text(parts, get_string(special, "id", who, "post_processor"), "post_processor", who);
    bool& added = behind ? parts.add_eos : parts.add_bos;
    if (added)
      fail("{}: post_processor: expected at most one token {} the text, found more", who, behind ? "behind" : "before");
    added = true;
    (behind ? parts.eos : parts.bos) = id;
  }
}

// "bos_token": "<s>", or {"content": "<s>", ...}, or null.
void read_named_token(const Json& config, const char* key, TokenId& id, const TokenizerParts& parts,
                      std::string_view who) {
  if (is_null_or_absent(config, key)) return;
  const Json& field = config[key];
  id = id_of_text(parts,
                  field.is_object() ? get_string(field, "content", who, key) : get_string(config, key, who, "config"),
                  key, who);
}

std::string read_chat_template(const Json& field, std::string_view who) {
  if (field.is_string()) return field.get<std::string>();
  if (!field.is_array() || field.empty()) {
    fail("{}: chat_template: expected a string or an array of named templates, found {}", who, field.type_name());
  }
  const Json* chosen = &field[0];
  for (const Json& named : field) {
    if (get_string(named, "name", who, "chat_template") == "default") chosen = &named;
  }
  return get_string(*chosen, "template", who, "chat_template");
}

void read_config(const Path& path, TokenizerParts& parts) {
  const std::string who = path.string();
  const Json config = parse_json(read_file(path, kMaxFileBytes), who);
  if (!config.is_object()) fail("{}: expected an object, found {}", who, config.type_name());
  read_named_token(config, "bos_token", parts.bos, parts, who);
  read_named_token(config, "eos_token", parts.eos, parts, who);
  parts.add_bos = get_bool(config, "add_bos_token", parts.add_bos, who, "config") && parts.bos >= 0;
  parts.add_eos = get_bool(config, "add_eos_token", parts.add_eos, who, "config") && parts.eos >= 0;
  if (!is_null_or_absent(config, "chat_template"))
    parts.chat_template = read_chat_template(config["chat_template"], who);
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
    if (parts.types[id] != TokenType::control && parts.types[id] != TokenType::user_defined) continue;
    list.push_back({{"id", id},
                    {"content", parts.tokens[id]},
                    {"single_word", false},
                    {"lstrip", among(parts.strip_left, id)},
                    {"rstrip", among(parts.strip_right, id)},
                    {"normalized", false},
                    {"special", parts.types[id] == TokenType::control}});
  }
  return list;
}

OrderedJson model_json(const TokenizerParts& parts) {
  OrderedJson vocab = OrderedJson::object();
  // Straight into the underlying list: the ordered map's own insertion looks for the key first, which is quadratic.
  auto& entries = vocab.get_ref<OrderedJson::object_t&>();
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (parts.types[id] == TokenType::normal)
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

Tokenizer Tokenizer::from_hf_folder(const Path& folder) {
  const Path path = folder / "tokenizer.json";
  const std::string who = path.string();
  const Json root = parse_json(read_file(path, kMaxFileBytes), who);
  const Json& model = get_object(root, "model", who, "tokenizer");
  const size_t num_added =
      is_null_or_absent(root, "added_tokens") ? 0 : get_array(root, "added_tokens", who, "tokenizer").size();
  // Holes in the numbering are allowed, but not so many that a small file plans a huge table.
  const auto limit = static_cast<int64_t>(2 * (get_object(model, "vocab", who, "model").size() + num_added) + 4096);
  TokenizerParts parts;
  read_normalizer(root.value("normalizer", Json()), parts, who);
  check_decoder(root.value("decoder", Json()), who);
  read_model(model, parts, limit, who);
  read_added_tokens(root, parts, limit, who);
  read_post_processor(root.value("post_processor", Json()), parts, who);
  parts.pre_tokenizer_json = get_object(root, "pre_tokenizer", who, "tokenizer");
  if (const Path config = folder / "tokenizer_config.json"; std::filesystem::exists(config)) read_config(config, parts);
  if (const Path jinja = folder / "chat_template.jinja"; std::filesystem::exists(jinja)) {
    parts.chat_template = read_file(jinja, kMaxFileBytes);
  }
  return from_parts(std::move(parts), who);
}

void Tokenizer::save_hf_folder(const Path& folder) const {
  std::filesystem::create_directories(folder);
  const TokenizerParts& p = parts();
  const OrderedJson root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens_json(p)},
      {"normalizer", p.normalize_nfc ? OrderedJson{{"type", "NFC"}} : OrderedJson()},
      {"pre_tokenizer", parse_ordered_json(dump_json(p.pre_tokenizer_json), "the pre-tokenizer")},
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
  if (!p.chat_template.empty()) config["chat_template"] = p.chat_template;
  write_file_whole(folder / "tokenizer_config.json", dump_json(config, 1) + "\n");
}

}  // namespace hadal
