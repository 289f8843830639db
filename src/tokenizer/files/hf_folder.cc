// Reads tokenizers of Hugging Face folders: tokenizer.json (the `tokenizers` library's format, version 1.0) and
// tokenizer_config.json.
#include "tokenizer/files/hf_folder.h"

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "tokenizer/files/json_fields.h"

namespace hadal {

void put_token(TokenizerParts& parts, int64_t id, const std::string& text, TokenType type, int64_t limit,
               std::string_view who) {
  if (id < 0 || id >= limit) fail("{}: token \"{}\": expected an id below {}, found {}", who, brief(text), limit, id);
  const auto at = static_cast<size_t>(id);
  if (parts.tokens.size() <= at) {
    parts.tokens.resize(at + 1);
    parts.types.resize(at + 1, TokenType::unused);
  }
  if (parts.types[at] != TokenType::unused && parts.tokens[at] != text) {
    fail("{}: token \"{}\": expected an id of its own, found {}, which is \"{}\"", who, brief(text), id,
         brief(parts.tokens[at]));
  }
  parts.tokens[at] = text;
  parts.types[at] = type;
}

void put_added_token(TokenizerParts& parts, const Json& token, int64_t id, int64_t limit, std::string_view who) {
  const std::string text = get_string(token, "content", who, "added_tokens");
  const bool special = get_bool(token, "special", false, who, "added_tokens");
  put_token(parts, id, text, special ? TokenType::control : TokenType::user_defined, limit, who);
  const std::pair<const char*, std::vector<TokenId>*> flags[] = {{"lstrip", &parts.strip_left},
                                                                 {"rstrip", &parts.strip_right},
                                                                 {"single_word", &parts.single_word},
                                                                 {"normalized", &parts.normalized}};
  for (const auto& [name, ids] : flags) {
    if (get_bool(token, name, false, who, "added_tokens")) ids->push_back(static_cast<TokenId>(id));
  }
}

Json read_json_object(const Path& path) {
  Json json = parse_json(read_file(path, kMaxTokenizerFileBytes), path.string());
  if (!json.is_object()) fail("{}: expected an object, found {}", path.string(), json.type_name());
  return json;
}

namespace {

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
    if (!id.is_number_integer())
      fail("{}: model: vocab: \"{}\": expected an id, found {}", who, brief(text), brief_json(id));
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
    put_added_token(parts, token, get_integer(token, "id", who, "added_tokens"), limit, who);
  }
}

TokenId id_of_text(const TokenizerParts& parts, std::string_view text, std::string_view what, std::string_view who) {
  const auto found = std::find(parts.tokens.begin(), parts.tokens.end(), text);
  if (found == parts.tokens.end())
    fail("{}: {}: expected a token of the vocabulary, found \"{}\"", who, what, brief(text));
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

// A list of named templates; without one named "default" the first is the default.
void read_chat_templates(const Json& field, TokenizerParts& parts, std::string_view who) {
  if (field.is_string()) {
    parts.chat_template = field.get<std::string>();
    return;
  }
  if (!field.is_array() || field.empty()) {
    fail("{}: chat_template: expected a string or an array of named templates, found {}", who, field.type_name());
  }
  parts.chat_template = get_string(field[0], "template", who, "chat_template");
  for (const Json& named : field) {
    std::string name = get_string(named, "name", who, "chat_template"),
                text = get_string(named, "template", who, "chat_template");
    if (name == "default")
      parts.chat_template = std::move(text);
    else
      parts.named_templates.emplace_back(std::move(name), std::move(text));
  }
}

// chat_template.jinja and additional_chat_templates/NAME.jinja, where newer programs write them.
void read_template_files(const Path& folder, TokenizerParts& parts) {
  if (const Path jinja = folder / "chat_template.jinja"; std::filesystem::exists(jinja))
    parts.chat_template = read_file(jinja, kMaxTokenizerFileBytes);
  const Path more = folder / "additional_chat_templates";
  if (!std::filesystem::is_directory(more)) return;
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(more))
    if (entry.path().extension() == ".jinja") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const Path& file : files) {
    std::erase_if(parts.named_templates, [&](const auto& named) { return named.first == file.stem().string(); });
    parts.named_templates.emplace_back(file.stem().string(), read_file(file, kMaxTokenizerFileBytes));
  }
}

}  // namespace

// "bos_token": "<s>", or {"content": "<s>", ...}, or null.
std::string read_token_text(const Json& config, const char* key, std::string_view who) {
  if (is_null_or_absent(config, key)) return "";
  return config[key].is_object() ? get_string(config[key], "content", who, key)
                                 : get_string(config, key, who, "config");
}

void read_named_tokens(const Json& config, TokenizerParts& parts, std::string_view who, bool strict) {
  const std::tuple<const char*, TokenId*, bool> named[] = {{"bos_token", &parts.bos, strict},
                                                           {"eos_token", &parts.eos, strict},
                                                           {"unk_token", &parts.unk, false},
                                                           {"pad_token", &parts.pad, false}};
  for (const auto& [key, id, needed] : named) {
    const std::string text = read_token_text(config, key, who);
    if (text.empty()) continue;
    if (needed) {
      *id = id_of_text(parts, text, key, who);
      continue;
    }
    const auto found = std::find(parts.tokens.begin(), parts.tokens.end(), text);
    if (found == parts.tokens.end())
      log_warning("{}: {}: expected a token of the vocabulary, found \"{}\"; it is ignored", who, key, brief(text));
    else
      *id = static_cast<TokenId>(found - parts.tokens.begin());
  }
}

void read_tokenizer_config(const Path& folder, TokenizerParts& parts) {
  if (const Path map = folder / "special_tokens_map.json"; std::filesystem::exists(map))
    read_named_tokens(read_json_object(map), parts, map.string(), false);
  if (const Path path = folder / "tokenizer_config.json"; std::filesystem::exists(path)) {
    const std::string who = path.string();
    const Json config = read_json_object(path);
    read_named_tokens(config, parts, who, true);
    parts.add_bos = get_bool(config, "add_bos_token", parts.add_bos, who, "config") && parts.bos >= 0;
    parts.add_eos = get_bool(config, "add_eos_token", parts.add_eos, who, "config") && parts.eos >= 0;
    if (!is_null_or_absent(config, "chat_template")) read_chat_templates(config["chat_template"], parts, who);
  }
  read_template_files(folder, parts);
}

Tokenizer Tokenizer::from_hf_folder(const Path& folder) {
  const Path path = folder / "tokenizer.json";
  const std::string who = path.string();
  if (!std::filesystem::exists(path) && std::filesystem::exists(folder / "vocab.json"))
    return from_parts(read_vocab_and_merges(folder), (folder / "vocab.json").string());
  const Json root = parse_json(read_file(path, kMaxTokenizerFileBytes), who);
  const Json& model = get_object(root, "model", who, "tokenizer");
  const size_t num_added =
      is_null_or_absent(root, "added_tokens") ? 0 : get_array(root, "added_tokens", who, "tokenizer").size();
  // Gaps between ids are allowed, but not so large that a small file requests a huge table.
  const auto limit = static_cast<int64_t>(2 * (get_object(model, "vocab", who, "model").size() + num_added) + 4096);
  TokenizerParts parts;
  read_normalizer(root.value("normalizer", Json()), parts, who);
  check_decoder(root.value("decoder", Json()), who);
  read_model(model, parts, limit, who);
  read_added_tokens(root, parts, limit, who);
  read_post_processor(root.value("post_processor", Json()), parts, who);
  parts.pre_tokenizer_json = dump_json(get_object(root, "pre_tokenizer", who, "tokenizer"));
  read_tokenizer_config(folder, parts);
  return from_parts(std::move(parts), who);
}

}  // namespace hadal
