#include "server/openai/api.h"

#include <fmt/format.h>

#include <string_view>

#include "base/log.h"
#include "server/api_error.h"
#include "server/http/content_encoding.h"
#include "server/http/page.h"
#include "server/openai/known_fields.h"
#include "server/openai/openai_reply.h"

namespace hadal {
namespace {

constexpr std::string_view kModelPrefix = "/v1/models/";

// The methods of a path, "" for a path that is not there.
const char* methods_of(const std::string& path) {
  if (path == "*") return "OPTIONS";
  if (path == "/v1/chat/completions" || path == "/v1/completions") return "POST, OPTIONS";
  if (path == "/" || path == "/index.html" || path == "/health" || path == "/v1/models" ||
      (path.starts_with(kModelPrefix) && path.size() > kModelPrefix.size())) {
    return "GET, HEAD, OPTIONS";
  }
  return "";
}

void check_method(const HttpRequest& request, const std::string& path) {
  std::string_view methods = methods_of(path);
  if (methods.empty()) {
    const bool there = *methods_of("/v1" + path) != '\0';  // the mistake of many a base URL
    throw ApiError(404, fmt::format("there is nothing at {} {}{}", brief(request.method), brief(path),
                                    there ? fmt::format("; did you mean /v1{}?", brief(path)) : ""));
  }
  if ((", " + std::string(methods) + ",").find(", " + request.method + ",") != std::string::npos) return;
  ApiError error(405,
                 fmt::format("{} does not know the method {}; use {}", brief(path), brief(request.method), methods));
  error.headers.emplace_back("Allow", methods);
  throw error;
}

HttpReply page() {
  HttpHeaders headers = {{"X-Frame-Options", "DENY"}, {"Referrer-Policy", "no-referrer"}};
  return {200, "text/html; charset=utf-8", std::string(page_html()), headers};
}

// The field with which a refusal begins ("chat_template_kwargs: ..."); "" when it begins with something else.
std::string field_named_by(const Error& error) {
  const std::string_view message = error.what();
  const std::string name(message.substr(0, message.find(':')));
  return name.size() < message.size() && find_field(FieldPlace::chat, name) ? name : "";
}

// The engine's refusal of a field ("logit_bias: expected ...") is the client's mistake; whatever else it says is not.
GenerateResult generate(const GenerateRequest& request, ChatBackend& backend, const OnText& on_text) {
  try {
    return backend.generate(request, on_text);
  } catch (const Error& e) {
    const std::string name = field_named_by(e);
    if (!name.empty()) throw ApiError(400, e.what(), name);
    throw;
  }
}

void stream(const CompletionHead& head, bool include_usage, GenerateRequest& request, ChatBackend& backend,
            Exchange& exchange) {
  exchange.open_stream();
  request.on_place = [&exchange, told = int64_t{0}](int64_t place) mutable {
    if (place > 0 && place != told) exchange.send_comment(fmt::format("queued, place {}", place));
    told = place;
    return !exchange.client_gone();
  };
  bool begun = head.kind == CompletionKind::text;
  auto send_text = [&](std::string_view text) {
    if (!begun && !exchange.send_event(first_chunk(head))) return false;
    begun = true;
    return text.empty() ? !exchange.client_gone() : exchange.send_event(text_chunk(head, text));
  };
  GenerateResult result = generate(request, backend, send_text);
  if (!begun) exchange.send_event(first_chunk(head));
  exchange.send_event(last_chunk(head, result));
  if (include_usage) exchange.send_event(usage_chunk(head, result));
  exchange.send_event("[DONE]");
}

}  // namespace

bool Api::is_slow(const HttpRequest& request) { return request.method == "POST"; }

void Api::handle(const HttpRequest& request, Exchange& exchange) {
  try {
    std::string path = request.path();
    check_method(request, path);
    if (request.method == "POST") {
      complete(request, path == "/v1/chat/completions", exchange);
    } else {
      exchange.reply(answer_quickly(request));
    }
  } catch (const ApiError& e) {
    exchange.reply(e.reply());
  } catch (const Error& e) {
    log_error("{} {}: {}", request.method, brief(request.target), e.what());
    exchange.reply(ApiError(500, fmt::format("the server failed on this request: {}", e.what())).reply());
  } catch (const std::bad_alloc&) {
    log_error("{} {}: out of memory", request.method, brief(request.target));
    exchange.reply(ApiError(503, "there is not enough memory for this request now; ask for less, or later").reply());
  } catch (const std::exception& e) {  // the words of some library, which tell a client nothing
    log_error("{} {}: {}", request.method, brief(request.target), e.what());
    exchange.reply(ApiError(500, "the server failed on this request; its log says why").reply());
  }
}

HttpReply Api::answer_quickly(const HttpRequest& request) const {
  std::string path = request.path();
  if (path == "*") return {204, "", "", {{"Allow", "GET, HEAD, POST, OPTIONS"}}};
  if (request.method == "OPTIONS") return {204, "", "", {{"Allow", methods_of(path)}}};
  if (path == "/health") return health();
  ModelInfo model{options_.model_name, options_.created, backend_.max_context()};
  if (path == "/v1/models") return {200, "application/json", model_list_json(model), {}};
  if (path.starts_with(kModelPrefix)) {
    check_model(path.substr(kModelPrefix.size()));
    return {200, "application/json", model_json(model), {}};
  }
  return page();
}

HttpReply Api::health() const {
  OrderedJson json = {{"status", "ok"}, {"model", options_.model_name}, {"running", running_.load()}};
  return {200, "application/json", dump_json(json), {}};
}

void Api::check_model(const std::string& name) const {
  if (name.empty() || name == options_.model_name) return;
  throw ApiError(404, fmt::format("the model \"{}\" is not served here; \"{}\" is", brief(name), options_.model_name),
                 "model", "model_not_found");
}

void Api::fill_prompt(CompletionCall& call, bool chat) const {
  const char* field = chat ? "messages" : "prompt";
  try {
    call.generate.prompt = chat ? backend_.chat_prompt(call.messages, call.context) : backend_.text_prompt(call.text);
  } catch (const Error& e) {
    const std::string named = field_named_by(e);
    throw ApiError(400, e.what(), named.empty() ? field : named);
  }
  int64_t num_tokens = call.generate.prompt.size(), limit = backend_.max_context();
  if (num_tokens < limit) return;  // one token at least must be left for the answer
  throw ApiError(400,
                 fmt::format("{}: expected fewer than {} tokens, the context of this model, found {}; shorten the "
                             "text or drop old messages",
                             field, limit, num_tokens),
                 field, "context_length_exceeded");
}

void Api::complete(const HttpRequest& request, bool chat, Exchange& exchange) {
  std::string decoded;
  const std::string_view text = decoded_body(request, options_.max_body_bytes, decoded);
  Json body;
  try {
    body = parse_json(text, "the request body", {.mend_surrogates = true});
  } catch (const Error& e) {
    throw ApiError(400, e.what(), "", "invalid_json");
  }
  CompletionCall call = chat ? parse_chat_call(body, options_.sampling) : parse_text_call(body, options_.sampling);
  check_model(call.model);
  fill_prompt(call, chat);
  struct Running {
    std::atomic<int>& count;
    explicit Running(std::atomic<int>& c) : count(c) { ++count; }
    ~Running() { --count; }
  } running(running_);
  call.generate.text_from_engine = true;  // an exchange only takes note of it
  CompletionHead head = make_completion_head(chat ? CompletionKind::chat : CompletionKind::text, options_.model_name);
  if (call.stream) return stream(head, call.include_usage, call.generate, backend_, exchange);
  call.generate.on_place = [&](int64_t) { return !exchange.client_gone(); };
  exchange.accepted();
  GenerateResult result = generate(call.generate, backend_, [&](std::string_view) { return !exchange.client_gone(); });
  exchange.reply({200, "application/json", whole_completion(head, result), {}});
}

}  // namespace hadal
