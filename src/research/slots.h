// What a model may do in a run: fill one of four narrow slots, each a JSON schema whose identifiers are enums. What it
// says is parsed, asked for once more, and then done by rule: a run never depends on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "chat/conversation.h"
#include "net/address.h"

namespace hadal::research {

enum class Slot { plan, judge, gap, write };
std::string_view slot_name(Slot slot);

struct ModelReply {
  std::string text;      // without its thoughts
  std::string thoughts;  // shown; they enter no report and no later prompt
  int64_t tokens_in = 0, tokens_out = 0;
  bool cut = false;
};

// A model, here or behind an address. Page text is data: it is put into messages and never becomes control tokens.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual std::string name() const = 0;
  virtual std::string fingerprint() const = 0;  // of its weights, or address and name: probes are remembered by it
  virtual int64_t max_context() const = 0;      // tokens; 0: not known
  virtual int64_t count_tokens(const chat::Conversation& conversation) const = 0;  // exact, or an upper bound
  // Error where it cannot answer. `schema` is sent along where the other side knows response_format.
  virtual ModelReply answer(const chat::Conversation& conversation, const Json& schema, std::string_view slot,
                            int64_t max_tokens, int64_t think_tokens, uint64_t seed,
                            const std::function<bool()>& stopped) = 0;
};

// http://HOST:PORT/v1 of an OpenAI-style server. Elsewhere than on loopback only where `allowed` holds it.
std::unique_ptr<Writer> endpoint_writer(const std::string& url, const std::string& api_key,
                                        const net::AllowList& allowed);

// Which slots a model has shown that it can fill: probes of our own, eight a slot.
struct Probed {
  Slot slot;
  int passed = 0, asked = 0;
  bool earned() const;
};
std::vector<Probed> probe(Writer& writer, const Path& cache, const std::function<bool()>& stopped);

}  // namespace hadal::research
