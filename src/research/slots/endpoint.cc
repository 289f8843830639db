// A model behind an OpenAI-style API, on this machine unless the operator says otherwise.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "net/http.h"
#include "net/web_url.h"
#include "research/slots.h"

namespace hadal::research {
namespace {

constexpr uint64_t kMaxReplyBytes = 4 << 20;
constexpr int64_t kMaxMs = 300'000;  // of one answer

net::HttpOptions http_options(const net::AllowList& allowed) {
  net::HttpOptions options;
  options.connect_timeout_ms = 5'000;
  options.stall_timeout_ms = kMaxMs;
  options.max_redirects = 0;
  options.max_failures = 1;
  options.direct = true;
  options.guard = [allowed](const net::Address& address, const std::string& host) -> std::string {
    if (net::address_refusal(address) == "loopback" || allowed.contains(host, address.port)) return "";
    return fmt::format("it is not on this machine; --allow {}:{} lets it", host, address.port);
  };
  return options;
}

// Thoughts that stand within the content, in tags.
void take_thoughts_out(ModelReply& reply) {
  for (size_t begin; (begin = reply.text.find("<think>")) != std::string::npos;) {
    const size_t end = reply.text.find("</think>", begin);
    reply.thoughts += reply.text.substr(begin + 7, end == std::string::npos ? end : end - begin - 7);
    reply.text.erase(begin, end == std::string::npos ? end : end + 8 - begin);
  }
  if (const size_t end = reply.text.find("</think>"); end != std::string::npos) {  // opened by the template
    reply.thoughts += reply.text.substr(0, end);
    reply.text.erase(0, end + 8);
  }
}

class Endpoint : public Writer {
 public:
  // What stands behind '#' is the model's name; else the first one of the list is taken.
  Endpoint(const std::string& url, const std::string& api_key, const net::AllowList& allowed)
      : base_(url.substr(0, url.find('#'))), http_(http_options(allowed), {api_key, base_}) {
    while (base_.ends_with('/')) base_.pop_back();
    if (const size_t mark = url.find('#'); mark != std::string::npos) name_ = url.substr(mark + 1);
    if (!net::parse_url(base_))
      fail("--model: expected an address such as http://127.0.0.1:8080/v1, found {}", brief(url));
    read_models();
  }

  std::string name() const override { return name_; }
  std::string fingerprint() const override { return base_ + "#" + name_; }
  int64_t max_context() const override { return max_context_; }
  // Its tokenizer is not here: a token has two bytes or more in nearly all texts.
  int64_t count_tokens(const chat::Conversation& conversation) const override {
    int64_t tokens = 16;
    for (const chat::Message& message : conversation.messages)
      tokens += static_cast<int64_t>(message.text().size()) / 2 + 16;
    return tokens;
  }

  ModelReply answer(const chat::Conversation& conversation, const Json& schema, std::string_view slot,
                    int64_t max_tokens, int64_t think_tokens, uint64_t seed,
                    const std::function<bool()>& stopped) override {
    OrderedJson body = {{"model", name_}, {"messages", OrderedJson::array()}};
    for (const chat::Message& message : conversation.messages) body["messages"].push_back(to_json(message));
    body["max_tokens"] = max_tokens + think_tokens;
    body["temperature"] = 0;
    body["seed"] = static_cast<int64_t>(seed & 0x7FFFFFFF);
    body["stream"] = false;
    if (takes_schema_)
      body["response_format"] = {
          {"type", "json_schema"},
          {"json_schema",
           {{"name", std::string(slot)}, {"schema", parse_ordered_json(dump_json(schema), "a schema")}}}};
    std::string text;
    int status = post(dump_json(body), text, stopped);
    if (status == 400 && takes_schema_) {  // servers that do not know the field refuse it
      takes_schema_ = false;
      body.erase("response_format");
      text.clear();
      status = post(dump_json(body), text, stopped);
    }
    if (status != 200) fail("{}: expected status 200, found {}: {}", base_, status, brief(text));
    return read_reply(text);
  }

 private:
  int post(const std::string& body, std::string& text, const std::function<bool()>& stopped) {
    net::TransferRequest request;
    request.url = base_ + "/chat/completions";
    request.headers = {"Content-Type: application/json"};
    request.method = "POST";
    request.content = body;
    request.max_bytes = kMaxReplyBytes;
    request.max_ms = kMaxMs;
    request.stopped = stopped;
    request.body = [&](std::string_view piece) {
      text += piece;
      return !(stopped && stopped());
    };
    return http_.send(request).status;
  }

  void read_models() {
    const std::string address = base_ + "/models";
    const Json list =
        parse_json(http_.get_text(address, kMaxReplyBytes,
                                  [&](const net::TransferReply& reply) {
                                    return fmt::format("{}: expected a list of models, found status {}{}", address,
                                                       reply.status, reply.status == 401 ? "; set HADAL_API_KEY" : "");
                                  }),
                   address);
    try {
      for (const Json& model : list.at("data")) {
        const std::string id = model.at("id").get<std::string>();
        if (name_.empty()) name_ = id;
        if (id != name_) continue;
        for (const char* field : {"context_length", "max_model_len", "context_window"})
          if (const Json value = model.value(field, Json()); value.is_number_integer())
            max_context_ = value.get<int64_t>();
        return;
      }
    } catch (const Json::exception& e) {
      fail("{}: expected a list of models ({})", address, plain_words(e));
    }
    if (name_.empty()) fail("{}: expected a model, found none; load one there first", address);
    fail("{}: expected the model {}, found others", address, brief(name_));
  }

  ModelReply read_reply(const std::string& text) const {
    const Json json = parse_json(text, base_, {.mend_surrogates = true});
    ModelReply reply;
    try {
      const Json& choice = json.at("choices").at(0);
      const Json& message = choice.at("message");
      if (const Json content = message.value("content", Json()); content.is_string())
        reply.text = content.get<std::string>();
      for (const char* field : {"reasoning_content", "reasoning"})
        if (const Json thoughts = message.value(field, Json()); thoughts.is_string() && reply.thoughts.empty())
          reply.thoughts = thoughts.get<std::string>();
      reply.cut = choice.value("finish_reason", Json()) == "length";
      if (const Json usage = json.value("usage", Json()); usage.is_object()) {
        reply.tokens_in = std::max<int64_t>(0, usage.value("prompt_tokens", int64_t{0}));
        reply.tokens_out = std::max<int64_t>(0, usage.value("completion_tokens", int64_t{0}));
      }
    } catch (const Json::exception& e) {
      fail("{}: expected a chat completion ({}), found {}", base_, plain_words(e), brief(text));
    }
    take_thoughts_out(reply);
    if (reply.tokens_out == 0)  // a server that does not count
      reply.tokens_out = static_cast<int64_t>(reply.text.size() + reply.thoughts.size()) / 3 + 1;
    return reply;
  }

  std::string base_, name_;
  net::HttpSession http_;
  int64_t max_context_ = 0;
  bool takes_schema_ = true;
};

}  // namespace

std::unique_ptr<Writer> endpoint_writer(const std::string& url, const std::string& api_key,
                                        const net::AllowList& allowed) {
  return std::make_unique<Endpoint>(url, api_key, allowed);
}

}  // namespace hadal::research
