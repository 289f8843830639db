// Who answers in `hadal chat`: a model in this process, or one that a server already holds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "assistant/assistant.h"
#include "cli/options.h"
#include "research/slots.h"

namespace hadal {

// The conversation is longer than the model's context.
struct ContextFull : Error {
  using Error::Error;
};

class ChatModel {
 public:
  virtual ~ChatModel() = default;
  virtual std::string name() const = 0;
  virtual int64_t max_context() const = 0;  // tokens; 0: not known
  // Whether these messages leave room for an answer: a quarter of the context.
  virtual bool fits(const chat::Conversation& conversation) = 0;
  // Streams the answer to the last message. Error, or ContextFull. `stopped` is asked while nothing comes, too.
  struct Answer {
    chat::Message message;
    bool cut = false;  // by --max-tokens or the end of the context
  };
  virtual Answer answer(const chat::Conversation& conversation, const OnDelta& on_delta,
                        const std::function<bool()>& stopped) = 0;
  // So many answers to it, each with a seed of its own.
  virtual std::vector<Answer> answers(const chat::Conversation& conversation, int count,
                                      const std::function<bool()>& stopped) = 0;
  // The same model as a research run asks it; must not outlive this.
  virtual std::unique_ptr<research::Writer> writer() = 0;
};

// A model behind the API of a running `hadal serve` at `url` ("http://127.0.0.1:8080"). What `app` was not given of the
// sampling options is left to the server. `api_key`: "" for none. Error when nothing like it answers there.
std::unique_ptr<ChatModel> connect_to_server(const std::string& url, const std::string& api_key, const CommandLine& app,
                                             const SamplingFlags& sampling, const ThinkFlag& think);

}  // namespace hadal
