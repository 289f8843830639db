// Log-probabilities of an answer's tokens, as OpenAI's API reports them. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/json.h"
#include "engine/generation.h"

namespace hadal {

using TokenBytes = std::function<std::string(TokenId)>;  // the bytes that a token stands for; a special token: its name

// Of chats: {"content": [{"token", "logprob", "bytes", "top_logprobs"}, ...], "refusal": null}. A token that is
// no text by itself, being part of a character, is shown as its bytes: "bytes:\\xe2\\x80".
OrderedJson chat_log_probs(std::span<const TokenLogProb> tokens, const TokenBytes& bytes_of);

// Of completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}, lists of the same length. The object of
// the likeliest tokens holds the chosen one too; with `top` = 0 there is none. `offset`: the characters of the answer
// that come before; they are counted on.
OrderedJson text_log_probs(std::span<const TokenLogProb> tokens, int top, const TokenBytes& bytes_of, int64_t& offset);

}  // namespace hadal
