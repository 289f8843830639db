// hadal chat --server: the conversation goes to a server that holds the model already.
#include "base/error.h"
#include "base/json.h"
#include "cli/chat_model.h"
#include "net/http.h"
#include "net/web_url.h"

namespace hadal {
namespace {

constexpr size_t kMaxReplyBytes = 16 << 20;

net::HttpOptions http_options() {
  net::HttpOptions options;
  options.connect_timeout_ms = 5'000;
  options.stall_timeout_ms = 600'000;  // the server shows every few seconds that it is there
  options.max_failures = 1;
  options.direct = true;
  return options;
}

// What an error reply says, in the server's own words.
std::string explain(const std::string& url, int status, const std::string& body, std::string* code = nullptr) {
  try {
    const Json json = parse_json(body, url);
    const Json& error = json.at("error");
    if (code != nullptr && error.at("code").is_string()) *code = error.at("code").get<std::string>();
    return error.at("message").get<std::string>();
  } catch (const std::exception&) {
    return fmt::format("{}: expected the API of a Hadal server, found status {} and something else", url, status);
  }
}

// Finds the data lines of a stream of server-sent events, in pieces of any size.
class EventLines {
 public:
  template <typename F>
  void push(std::string_view piece, F&& on_data) {
    pending_ += piece;
    size_t begin = 0;
    for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      std::string_view line(pending_.data() + begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.starts_with("data: ")) on_data(line.substr(6));
    }
    pending_.erase(0, begin);
    if (pending_.size() > kMaxReplyBytes) fail("the server: expected events of at most {} bytes", kMaxReplyBytes);
  }

 private:
  std::string pending_;
};

class ServedModel : public ChatModel {
 public:
  ServedModel(std::string url, const std::string& api_key, OrderedJson options)
      : url_(std::move(url)), key_(api_key), options_(std::move(options)), http_(http_options(), {key_, url_}) {
    const std::string address = url_ + "/v1/models";
    const Json list = parse_json(
        http_.get_text(address, kMaxReplyBytes,
                       [&](const net::TransferReply& reply) {
                         return fmt::format("{}: expected a Hadal server, found status {}{}", url_, reply.status,
                                            reply.status == 401 ? "; it wants --api-key-file" : "");
                       }),
        address);
    try {
      name_ = list.at("data").at(0).at("id").get<std::string>();
      max_context_ = list.at("data").at(0).value("context_length", int64_t{0});
    } catch (const Json::exception&) {
      fail("{}: expected a list of models, found something else; is this a Hadal server?", address);
    }
  }

  std::string name() const override { return name_; }
  int64_t max_context() const override { return max_context_; }
  std::unique_ptr<research::Writer> writer() override {
    const auto address = net::parse_url(url_);
    if (!address) fail("--server: expected an address, found {}", brief(url_));
    const net::AllowList asked({fmt::format("{}:{}", address->host, address->effective_port())});
    return research::endpoint_writer(url_ + "/v1", key_, asked);
  }

  // By the tokens a byte that the last turn took: the server counts exactly, and refuses what is too long.
  bool fits(const chat::Conversation& conversation) override {
    return static_cast<double>(bytes_of(conversation)) * tokens_per_byte_ <= 0.75 * static_cast<double>(max_context_);
  }

  Answer answer(const chat::Conversation& conversation, const OnDelta& on_delta,
                const std::function<bool()>& stopped) override {
    return std::move(ask(conversation, 1, on_delta, stopped).front());
  }
  std::vector<Answer> answers(const chat::Conversation& conversation, int count,
                              const std::function<bool()>& stopped) override {
    return ask(
        conversation, count, [](const chat::ReplyDelta&) { return true; }, stopped);
  }

 private:
  // What has come of the answers.
  struct Received {
    std::vector<Answer> answers;
    int64_t tokens = 0;
    bool done = false;
  };

  std::vector<Answer> ask(const chat::Conversation& conversation, int count, const OnDelta& on_delta,
                          const std::function<bool()>& stopped) {
    Received received{std::vector<Answer>(static_cast<size_t>(count), Answer{{"assistant", ""}})};
    std::string failure;
    EventLines lines;
    net::TransferRequest request;
    request.url = url_ + "/v1/chat/completions";
    request.headers = {"Content-Type: application/json"};
    request.method = "POST";
    request.content = body_of(conversation, count);
    request.stopped = stopped;
    int status = 0;
    request.head = [&](const net::TransferReply& reply) {
      status = reply.status;
      return true;
    };
    request.body = [&](std::string_view piece) {
      if (status != 200) return (failure += piece).size() < kMaxReplyBytes;
      bool wanted = true;
      lines.push(piece, [&](std::string_view data) {
        if (data == "[DONE]")
          received.done = true;
        else
          wanted = take(data, received, on_delta) && wanted;
      });
      return wanted && !stopped();
    };
    http_.send(request);
    if (status != 200) refuse(request.url, status, failure);
    if (!received.done && !stopped())
      fail("{}: the connection ended in the middle of an answer; is the server still there?", url_);
    count_tokens(conversation, received);
    return std::move(received.answers);
  }

  std::string body_of(const chat::Conversation& conversation, int count) const {
    OrderedJson body = options_;
    for (const auto& message : conversation.messages) body["messages"].push_back(to_json(message));
    if (count > 1) body["n"] = count;
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
    return dump_json(body);
  }

  [[noreturn]] static void refuse(const std::string& url, int status, const std::string& failure) {
    std::string code;
    const std::string what = explain(url, status, failure, &code);
    if (code == "context_length_exceeded") throw ContextFull(what);
    throw Error(what);
  }

  void count_tokens(const chat::Conversation& conversation, const Received& received) {
    if (received.tokens == 0) return;
    auto bytes = static_cast<double>(bytes_of(conversation));
    for (const Answer& answer : received.answers) bytes += static_cast<double>(bytes_of(answer.message));
    tokens_per_byte_ = static_cast<double>(received.tokens) / bytes;
  }

  static size_t bytes_of(const chat::Message& message) {
    return message.text().size() + message.reasoning.value_or("").size();
  }
  static size_t bytes_of(const chat::Conversation& conversation) {
    size_t bytes = 1;
    for (const auto& message : conversation.messages) bytes += bytes_of(message);
    return bytes;
  }

  // One event; false when the user wants no more.
  static bool take(std::string_view data, Received& received, const OnDelta& on_delta) {
    const Json event = parse_json(data, "an event of the server");
    std::vector<chat::ReplyDelta> deltas;
    size_t index = 0;
    try {
      if (const auto error = event.find("error"); error != event.end() && !error->is_null())
        throw Error(words_of(*error));
      if (const auto usage = event.find("usage"); usage != event.end() && usage->is_object())
        received.tokens = usage->value("total_tokens", int64_t{0});
      const auto choices = event.find("choices");
      if (choices == event.end() || !choices->is_array() || choices->empty()) return true;
      const Json& choice = choices->at(0);
      index = choice.value("index", size_t{0});
      if (index >= received.answers.size())
        fail("the server: expected {} answers, found more", received.answers.size());
      Answer& answer = received.answers[index];
      answer.cut = answer.cut || choice.value("finish_reason", Json()) == "length";
      const Json delta = choice.value("delta", Json::object());
      for (const auto& [name, kind] : {std::pair("reasoning_content", chat::ReplyDelta::Kind::reasoning),
                                       {"content", chat::ReplyDelta::Kind::content}}) {
        const Json text = delta.value(name, Json());
        if (text.is_string() && text != "") deltas.push_back({.kind = kind, .text = text.get<std::string>()});
      }
    } catch (const Json::exception& e) {
      fail("the server: expected events of the chat API, found {} ({})", brief_json(event), plain_words(e));
    }
    bool wanted = true;
    for (const chat::ReplyDelta& delta : deltas) {
      append(received.answers[index].message, delta);
      wanted = wanted && on_delta(delta);
    }
    return wanted;
  }

  // What an error of the API says, whatever its shape.
  static std::string words_of(const Json& error) {
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return error["message"].get<std::string>();
    return "the server stopped the answer: " + (error.is_string() ? error.get<std::string>() : brief_json(error));
  }

  std::string url_, key_;
  OrderedJson options_;
  net::HttpSession http_;
  std::string name_;
  int64_t max_context_ = 0;
  double tokens_per_byte_ = 0;
};

}  // namespace

std::unique_ptr<ChatModel> connect_to_server(const std::string& url, const std::string& api_key, const CommandLine& app,
                                             const SamplingFlags& sampling, const ThinkFlag& think) {
  std::string base = url;
  while (base.ends_with('/')) base.pop_back();
  OrderedJson options = {{"messages", OrderedJson::array()}};
  const auto pass = [&](const char* flag, const char* field, const auto& value) {
    if (app.given(flag)) options[field] = value;
  };
  pass("--temperature", "temperature", sampling.options.temperature);
  pass("--top-p", "top_p", sampling.options.top_p);
  pass("--top-k", "top_k", sampling.options.top_k);
  pass("--min-p", "min_p", sampling.options.min_p);
  pass("--repetition-penalty", "repetition_penalty", sampling.options.repetition_penalty);
  if (sampling.seed) options["seed"] = static_cast<int64_t>(*sampling.seed);
  if (sampling.max_tokens > 0) options["max_tokens"] = sampling.max_tokens;
  if (!sampling.stop.empty()) options["stop"] = sampling.stop;
  if (think.off) options["thinking"] = {{"type", "disabled"}};
  if (think.tokens) {
    options["max_thinking_tokens"] = *think.tokens;
    options["reasoning_effort"] = "high";  // all of it; a model that cannot think does not mind
  }
  return std::make_unique<ServedModel>(base, api_key, std::move(options));
}

}  // namespace hadal
