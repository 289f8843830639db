#include "server/openai/log_probs.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/tokenizer.h"

namespace hadal {
namespace {

constexpr float kLeast = -9999;  // JSON knows no infinity; OpenAI's API reports this

OrderedJson number(float log_prob) { return std::max(log_prob, kLeast); }

std::string shown(const std::string& bytes) {
  if (Utf8Stream().push(bytes) == bytes) return bytes;
  std::string codes = "bytes:";
  for (const unsigned char byte : bytes) codes += fmt::format("\\x{:02x}", byte);
  return codes;
}

OrderedJson token_object(TokenId id, float log_prob, const TokenBytes& bytes_of) {
  const std::string text = bytes_of(id);
  OrderedJson bytes = OrderedJson::array();
  for (const unsigned char byte : text) bytes.push_back(byte);
  return {{"token", shown(text)}, {"logprob", number(log_prob)}, {"bytes", std::move(bytes)}};
}

// Of a character that tokens share, the one with its first byte has it.
int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

OrderedJson chat_log_probs(std::span<const TokenLogProb> tokens, const TokenBytes& bytes_of) {
  OrderedJson content = OrderedJson::array();
  for (const TokenLogProb& token : tokens) {
    OrderedJson one = token_object(token.id, token.log_prob, bytes_of);
    OrderedJson& top = one["top_logprobs"] = OrderedJson::array();
    for (const TokenChoice& choice : token.top) top.push_back(token_object(choice.id, choice.log_prob, bytes_of));
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

OrderedJson text_log_probs(std::span<const TokenLogProb> tokens, int top, const TokenBytes& bytes_of, int64_t& offset) {
  OrderedJson texts = OrderedJson::array(), numbers = OrderedJson::array(), tops = OrderedJson::array(),
              offsets = OrderedJson::array();
  for (const TokenLogProb& token : tokens) {
    const std::string text = bytes_of(token.id);
    OrderedJson likeliest = OrderedJson::object();
    for (const TokenChoice& choice : token.top) likeliest.emplace(shown(bytes_of(choice.id)), number(choice.log_prob));
    likeliest.emplace(shown(text), number(token.log_prob));
    texts.push_back(shown(text)), numbers.push_back(number(token.log_prob));
    tops.push_back(std::move(likeliest)), offsets.push_back(offset);
    offset += count_characters(text);
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(numbers)},
          {"top_logprobs", top > 0 ? std::move(tops) : OrderedJson(nullptr)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace hadal
