#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/bpe/bpe.h"
#include "tokenizer/files/added_tokens.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {

struct Tokenizer::Impl {
  TokenizerParts parts;
  std::vector<std::string> bytes;                          // by id
  std::unordered_map<std::string_view, TokenId> token_of;  // normal tokens by their bytes; keys lie in `bytes`
  std::unordered_map<std::string_view, TokenId> added_of;  // added tokens by their text; keys lie in `bytes`
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const Bpe> bpe;
  AddedTokens always, with_special;
  std::array<bool, 256> has_no_token{};  // bytes
  bool lacks_bytes = false;

  Impl(TokenizerParts taken, std::string_view who);
  Impl(const Impl&) = delete;
  void read_tokens(std::string_view who);
  void read_merges(std::string_view who);
  void read_added_tokens(std::string_view who);
  void check_id(TokenId id, std::string_view what, std::string_view who) const;
  std::string replace_lacking_bytes(std::string_view text) const;
  std::string_view normal_form(std::string_view text, std::string& storage) const;
  void encode_plain(std::string_view text, std::vector<TokenId>& out) const;
  void encode_plain(std::string_view text, std::span<const size_t> positions, EncodedText& out) const;
};

Tokenizer::Impl::Impl(TokenizerParts taken, std::string_view who) : parts(std::move(taken)) {
  constexpr size_t kMaxVocab = size_t{1} << 24;
  if (parts.tokens.empty() || parts.tokens.size() > kMaxVocab) {
    fail("{}: vocabulary: expected 1 to {} tokens, found {}", who, kMaxVocab, parts.tokens.size());
  }
  if (parts.types.size() != parts.tokens.size()) {
    fail("{}: token types: expected {}, one for each token, found {}", who, parts.tokens.size(), parts.types.size());
  }
  if (parts.pre_tokenizer_json.empty())
    parts.pre_tokenizer_json = dump_json(pre_tokenizer_description(parts.pre_tokenizer, who));
  pre_tokenizer = std::make_unique<PreTokenizer>(parse_json(parts.pre_tokenizer_json, who), who);
  read_tokens(who);
  read_merges(who);
  read_added_tokens(who);
  check_id(parts.bos, "bos token", who);
  check_id(parts.eos, "eos token", who);
  check_id(parts.unk, "unknown token", who);
  check_id(parts.pad, "padding token", who);
  if (parts.add_bos && parts.bos < 0)
    fail("{}: expected a bos token, since it is to be added to texts, found none", who);
  if (parts.add_eos && parts.eos < 0)
    fail("{}: expected an eos token, since it is to be added to texts, found none", who);
}

void Tokenizer::Impl::check_id(TokenId id, std::string_view what, std::string_view who) const {
  if (id < -1 || id >= static_cast<int64_t>(parts.tokens.size())) {
    fail("{}: {}: expected an id below {}, found {}", who, what, parts.tokens.size(), id);
  }
}

void Tokenizer::Impl::read_tokens(std::string_view who) {
  bytes.resize(parts.tokens.size());
  for (size_t id = 0; id < bytes.size(); ++id) {
    const std::string& text = parts.tokens[id];
    switch (parts.types[id]) {
      case TokenType::normal:
        if (!from_byte_alphabet(text, bytes[id])) bytes[id] = text;  // outside the alphabet: no merge produces it
        break;
      case TokenType::unknown:
      case TokenType::control:
      case TokenType::user_defined:
        bytes[id] = text;
        break;
      case TokenType::unused:
        break;
      default:
        fail("{}: token {}: expected a type of byte-level BPE (normal, control, user-defined, unused), found {}", who,
             id, static_cast<int>(parts.types[id]));
    }
  }
  token_of.reserve(bytes.size());
  for (size_t id = 0; id < bytes.size(); ++id) {
    if (parts.types[id] == TokenType::normal && !bytes[id].empty())
      token_of.try_emplace(bytes[id], static_cast<TokenId>(id));
  }
}

void Tokenizer::Impl::read_merges(std::string_view who) {
  std::array<TokenId, 256> byte_ids;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto found = token_of.find(std::string_view(&c, 1));
    if (found != token_of.end()) {
      byte_ids[static_cast<size_t>(byte)] = found->second;
      continue;
    }
    // DeepSeek's vocabularies have no tokens for bytes that valid UTF-8 never has.
    const bool in_utf8 = byte < 0xC0 || (byte > 0xC1 && byte < 0xF5);
    if (in_utf8)
      fail("{}: vocabulary: expected a token for each byte of UTF-8 text, found none for {:#04x}", who, byte);
    byte_ids[static_cast<size_t>(byte)] = -1;
    has_no_token[static_cast<size_t>(byte)] = lacks_bytes = true;
  }
  std::unordered_map<std::string_view, TokenId> by_text;
  by_text.reserve(parts.tokens.size());
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (parts.types[id] != TokenType::unused) by_text.try_emplace(parts.tokens[id], static_cast<TokenId>(id));
  }
  std::vector<Bpe::Merge> merges(parts.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view text = parts.merges[rank];
    const size_t space = text.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == text.size() ||
        text.find(' ', space + 1) != std::string_view::npos) {
      fail("{}: merge {}: expected two tokens and a space between them, found \"{}\"", who, rank, brief(text));
    }
    joined.assign(text.substr(0, space)).append(text.substr(space + 1));
    const auto id_of = [&](std::string_view token) {
      const auto found = by_text.find(token);
      if (found == by_text.end())
        fail("{}: merge {} (\"{}\"): expected tokens of the vocabulary, found \"{}\"", who, rank, brief(text),
             brief(token));
      return found->second;
    };
    merges[rank] = {id_of(text.substr(0, space)), id_of(text.substr(space + 1)), id_of(joined)};
  }
  bpe = std::make_unique<Bpe>(byte_ids, merges, parts.ignore_merges, &token_of);
}

void Tokenizer::Impl::read_added_tokens(std::string_view who) {
  std::vector<AddedTokens::Token> user, all;
  const auto flags_of = [&](const std::vector<TokenId>& ids) {
    std::vector<bool> flags(bytes.size());
    for (const TokenId id : ids) {
      if (id < 0) fail("{}: added token: expected an id, found {}", who, id);
      check_id(id, "added token", who);
      flags[static_cast<size_t>(id)] = true;
    }
    return flags;
  };
  const std::vector<bool> left = flags_of(parts.strip_left), right = flags_of(parts.strip_right),
                          alone = flags_of(parts.single_word);
  flags_of(parts.normalized);
  for (size_t id = 0; id < bytes.size(); ++id) {
    const TokenType type = parts.types[id];
    if (type != TokenType::control && type != TokenType::user_defined) continue;
    if (bytes[id].empty()) fail("{}: added token {}: expected a text, found an empty one", who, id);
    if (!added_of.try_emplace(bytes[id], static_cast<TokenId>(id)).second) {
      fail("{}: added token {}: expected different texts, found \"{}\" twice", who, id, brief(bytes[id]));
    }
    const bool in_answers = bytes[id] == "<think>" || bytes[id] == "</think>";
    AddedTokens::Token token{bytes[id], static_cast<TokenId>(id), left[id], right[id], in_answers, alone[id]};
    if (type == TokenType::user_defined) user.push_back(token);
    all.push_back(std::move(token));
  }
  always = AddedTokens(std::move(user));
  with_special = AddedTokens(std::move(all));
}

std::string Tokenizer::Impl::replace_lacking_bytes(std::string_view text) const {
  std::string out;
  for (const char c : text) {
    if (has_no_token[static_cast<uint8_t>(c)])
      out += "\xEF\xBF\xBD";
    else
      out += c;
  }
  return out;
}

// The text as the pre-tokenizer gets it; `storage` owns it if it is not the text itself.
std::string_view Tokenizer::Impl::normal_form(std::string_view text, std::string& storage) const {
  const auto lacks = [this](char c) { return has_no_token[static_cast<uint8_t>(c)]; };
  if (lacks_bytes && std::any_of(text.begin(), text.end(), lacks)) text = storage = replace_lacking_bytes(text);
  if (parts.normalize_nfc && may_change_under_nfc(text)) {
    std::string normal = normalize_nfc(text);
    text = storage = std::move(normal);
  }
  return text;
}

void Tokenizer::Impl::encode_plain(std::string_view text, std::vector<TokenId>& out) const {
  std::string storage;
  pre_tokenizer->split(normal_form(text, storage), [&](std::string_view piece) { bpe->encode(piece, out); });
}

// Turns `positions` of the text, ascending, into marks of `out`. Normalising may change lengths: a position becomes the
// length of the normalised text before it.
void Tokenizer::Impl::encode_plain(std::string_view text, std::span<const size_t> positions, EncodedText& out) const {
  size_t token = out.ids.size(), reached = 0;
  encode_plain(text, out.ids);
  std::string storage;
  for (const size_t position : positions) {
    const size_t wanted = normal_form(text.substr(0, position), storage).size();
    while (token < out.ids.size() && reached < wanted) reached += bytes[static_cast<size_t>(out.ids[token++])].size();
    out.marks.push_back(token);
  }
}

Tokenizer Tokenizer::from_parts(TokenizerParts parts, std::string_view who) {
  return Tokenizer(std::make_shared<Impl>(std::move(parts), who));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool special) const {
  const Impl& t = *impl_;
  std::vector<TokenId> out;
  out.reserve(text.size() / 4 + 2);
  if (special && t.parts.add_bos) out.push_back(t.parts.bos);
  const AddedTokens& added = special ? t.with_special : t.always;
  for (size_t at = 0; at < text.size();) {
    const AddedTokens::Found found = added.find(text, at);
    t.encode_plain(text.substr(at, found.begin - at), out);
    if (found.token != nullptr) out.push_back(found.token->id);
    at = found.end;
  }
  if (special && t.parts.add_eos) out.push_back(t.parts.eos);
  return out;
}

EncodedText Tokenizer::encode_rendered(const RenderedText& rendered, std::span<const size_t> marks) const {
  const Impl& t = *impl_;
  const std::string_view text = rendered.text;
  EncodedText out;
  out.ids.reserve(text.size() / 4 + 2);
  if (t.parts.add_bos) out.ids.push_back(t.parts.bos);
  std::vector<size_t> positions;
  const auto marks_below = [&](size_t end, size_t begin) {  // of a piece that begins there
    positions.clear();
    for (; !marks.empty() && marks[0] < end; marks = marks.subspan(1)) positions.push_back(marks[0] - begin);
  };
  for (size_t at = 0; at < text.size();) {
    const AddedTokens::Found found = t.with_special.find(text, at, rendered.content);
    marks_below(found.begin, at);
    t.encode_plain(text.substr(at, found.begin - at), positions, out);
    for (; !marks.empty() && marks[0] == found.begin; marks = marks.subspan(1)) out.marks.push_back(out.ids.size());
    if (found.token != nullptr) out.ids.push_back(found.token->id);
    marks_below(found.end, 0);
    out.marks.insert(out.marks.end(), positions.size(), out.ids.size());
    at = found.end;
  }
  out.marks.insert(out.marks.end(), marks.size(), out.ids.size());
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  std::string text;
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocab_size()) fail("decode: expected token ids below {}, found {}", vocab_size(), id);
    if (keep_special || !is_special(id)) text += impl_->bytes[static_cast<size_t>(id)];
  }
  return text;
}

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(impl_->bytes.size()); }
TokenId Tokenizer::bos() const { return impl_->parts.bos; }
TokenId Tokenizer::eos() const { return impl_->parts.eos; }
const TokenizerParts& Tokenizer::parts() const { return impl_->parts; }
std::string_view Tokenizer::chat_template() const { return impl_->parts.chat_template; }

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && id < vocab_size() && impl_->parts.types[static_cast<size_t>(id)] == TokenType::control;
}

TokenId Tokenizer::find(std::string_view token) const {
  if (const auto found = impl_->added_of.find(token); found != impl_->added_of.end()) return found->second;
  const auto found = impl_->token_of.find(token);
  return found == impl_->token_of.end() ? -1 : found->second;
}

}  // namespace hadal
