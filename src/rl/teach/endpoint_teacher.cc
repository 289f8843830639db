#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "net/retry.h"
#include "net/url.h"
#include "rl/teach/teacher.h"

namespace hadal::rl {
namespace {

constexpr uint64_t kMaxReplyBytes = 64 << 20;
constexpr int kToldRefusals = 3;  // by the log

// The endpoint takes others, but not this question.
class Refused : public Error {
 public:
  using Error::Error;
};

bool is_loopback(const net::Address& address) {
  const auto& b = address.bytes;
  if (!address.v6) return b[0] == 127;
  const auto zeros = [&](size_t count) {
    return std::all_of(b.begin(), b.begin() + count, [](uint8_t x) { return x == 0; });
  };
  return (zeros(15) && b[15] == 1) || (zeros(10) && b[10] == 0xff && b[11] == 0xff && b[12] == 127);
}

std::string refuse_others(const net::Address& address, const std::string&) {
  if (is_loopback(address)) return "";
  return fmt::format("a teacher is asked on this machine alone (127.0.0.0/8 or ::1): {}", kWhyLoopback);
}

net::HttpOptions guarded(net::HttpOptions http, const TeacherSpec& teacher) {
  http.guard = refuse_others;
  http.stall_timeout_ms = 1000 * teacher.timeout_seconds;
  return http;
}

// What the server says of an error: {"error": {"message"}}, or the beginning of its text.
std::string said(const std::string& body) {
  try {
    const Json json = parse_json(body, "the server");
    if (json.contains("error")) {
      const Json& error = json["error"];
      return error.is_object() && error.contains("message") ? brief_json(error["message"], 300)
                                                            : brief_json(error, 300);
    }
  } catch (const Error&) {  // not JSON
  }
  return brief(body, 300);
}

const Json* text_of(const Json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() && !found->get_ref<const std::string&>().empty() ? &*found
                                                                                                       : nullptr;
}

// OpenAI's reply; thoughts in `reasoning_content` (DeepSeek, vLLM, Hadal) or `reasoning` (OpenRouter, newer vLLM), or
// in their tags within `content`.
TeacherReply read_completion(const std::string& body, const std::string& url) {
  const Json json = parse_json(body, url);
  try {
    const Json& choice = json.at("choices").at(0);
    const Json& message = choice.at("message");
    TeacherReply reply;
    const Json* thoughts = text_of(message, "reasoning_content");
    if (!thoughts) thoughts = text_of(message, "reasoning");
    if (thoughts) reply.text = "<think>" + thoughts->get<std::string>() + "</think>";
    if (const Json* content = text_of(message, "content")) reply.text += content->get<std::string>();
    reply.finished = choice.at("finish_reason") == "stop";
    if (json.contains("usage") && json["usage"].is_object() && json["usage"].contains("completion_tokens") &&
        json["usage"]["completion_tokens"].is_number_integer())
      reply.tokens = json["usage"]["completion_tokens"];
    return reply;
  } catch (const Json::exception&) {
    fail("{}: expected a chat completion (choices, message, finish_reason), found {}", url, brief_json(json, 300));
  }
}

class EndpointTeacher : public Teacher {
 public:
  EndpointTeacher(const TeacherSpec& teacher, const RolloutSpec& spec, net::HttpOptions http,
                  const std::atomic<bool>* stop)
      : teacher_(teacher), spec_(spec), http_(guarded(std::move(http), teacher)), stop_(stop) {
    if (teacher_.model.empty()) teacher_.model = first_model();
  }

  std::optional<std::vector<std::vector<TeacherReply>>> replies(std::span<const std::string> questions,
                                                                std::span<const uint64_t> seeds) override {
    const auto samples = static_cast<size_t>(spec_.samples);
    std::vector<std::vector<TeacherReply>> all(questions.size(), std::vector<TeacherReply>(samples));
    std::vector<std::string> refused(questions.size());  // why
    std::atomic<size_t> next = 0;
    std::atomic<bool> failed = false;
    std::exception_ptr failure;
    std::mutex mutex;
    const auto work = [&] {
      try {
        net::HttpSession session(http_);
        for (size_t i; !failed && !stopped() && (i = next++) < questions.size() * samples;) {
          const size_t q = i / samples, sample = i % samples;
          try {
            all[q][sample] = ask(session, questions[q], seeds[q] + sample, failed);
          } catch (const Refused& error) {
            const std::lock_guard lock(mutex);
            refused[q] = error.what();
          }
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> threads;
      const size_t count = std::min(static_cast<size_t>(teacher_.parallel), questions.size() * samples);
      for (size_t i = 0; i < count; ++i) threads.emplace_back(work);
    }
    if (stopped()) return std::nullopt;
    if (failure) std::rethrow_exception(failure);
    for (size_t q = 0; q < questions.size(); ++q) {
      if (!refused[q].empty()) all[q].clear();
      count(refused[q]);
    }
    return all;
  }

 private:
  bool stopped() const { return stop_ && *stop_; }

  // The next question in order, and why it was refused; "": it was not.
  void count(const std::string& refused) {
    refused_in_a_row_ = refused.empty() ? 0 : refused_in_a_row_ + 1;
    if (refused_in_a_row_ >= tasks::kFailuresInARow) fail("{} ({} questions in a row)", refused, refused_in_a_row_);
    if (!refused.empty() && told_++ < kToldRefusals) log_warning("{}; the question is left out", refused);
  }

  std::string first_model() const {
    const std::string url = teacher_.name + "/models";
    net::HttpSession session(http_);
    const std::string body = session.get_text(url, kMaxReplyBytes, [&](const net::TransferReply& reply) {
      return fmt::format(
          "{}: teacher: {}: expected a list of models, found status {}; give the address as OpenAI's "
          "clients take it (http://127.0.0.1:8080/v1), or say teacher_model",
          teacher_.where, net::url_shown(url), reply.status);
    });
    const Json json = parse_json(body, url);
    try {
      return json.at("data").at(0).at("id").get<std::string>();
    } catch (const Json::exception&) {
      fail("{}: teacher: {}: expected a list of models, found {}; say teacher_model", teacher_.where, url,
           brief_json(json, 300));
    }
  }

  std::string request_of(const std::string& question, uint64_t seed) const {
    OrderedJson json;
    json["model"] = teacher_.model;
    json["messages"] = OrderedJson::array();
    json["messages"].push_back({{"role", "user"}, {"content", question}});
    json["temperature"] = spec_.temperature;
    json["top_p"] = 1;
    json["seed"] = seed & 0x7fffffff;
    json["max_tokens"] = spec_.max_thinking_tokens + spec_.max_answer_tokens;
    json["stream"] = false;
    return dump_json(json);
  }

  TeacherReply ask(net::HttpSession& session, const std::string& question, uint64_t seed,
                   const std::atomic<bool>& failed) const {
    const auto given_up = [&] { return failed || stopped(); };
    const std::string url = teacher_.name + "/chat/completions";
    net::Patience patience(http_);
    while (!given_up()) {
      std::string body;
      net::TransferRequest request{.url = url, .headers = {"Content-Type: application/json"}, .method = "POST"};
      request.content = request_of(question, seed);
      request.max_bytes = kMaxReplyBytes;
      request.stopped = given_up;
      request.body = [&](std::string_view piece) {
        body += piece;
        return true;
      };
      try {
        const net::TransferReply reply = session.send(request);
        if (given_up()) break;
        net::throw_if_busy(reply);
        if (reply.status == 200) return read_completion(body, net::url_shown(url));
        const std::string problem = fmt::format("{}: teacher: {}: expected a reply, found status {}: {}",
                                                teacher_.where, net::url_shown(url), reply.status, said(body));
        if (reply.status >= 400) throw Refused(problem);
        throw Error(problem);
      } catch (const net::TransferError& error) {
        if (given_up()) break;
        patience.wait(error);
      }
    }
    return {};
  }

  TeacherSpec teacher_;
  RolloutSpec spec_;
  net::HttpOptions http_;
  const std::atomic<bool>* stop_;
  int refused_in_a_row_ = 0, told_ = 0;
};

}  // namespace

std::unique_ptr<Teacher> endpoint_teacher(const TeacherSpec& teacher, const RolloutSpec& spec, net::HttpOptions http,
                                          const std::atomic<bool>* stop) {
  return std::make_unique<EndpointTeacher>(teacher, spec, std::move(http), stop);
}

}  // namespace hadal::rl
