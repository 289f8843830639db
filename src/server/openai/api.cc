#include "server/openai/api.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "base/json.h"
#include "server/api_error.h"
#include "server/http/content_encoding.h"
#include "server/openai/answer_stream.h"
#include "server/openai/json_fields.h"
#include "server/openai/known_fields.h"
#include "server/openai/openai_reply.h"

namespace hadal {
namespace {

// The field with which a refusal begins ("chat_template_kwargs: ..."); "" when it begins with something else.
std::string field_named_by(const Error& error) {
  const std::string_view message = error.what();
  const std::string name(message.substr(0, message.find(':')));
  return name.size() < message.size() && find_field(FieldPlace::chat, name) ? name : "";
}

// The engine's refusal of a field ("logit_bias: expected ...") is the client's mistake; whatever else it says is not.
std::vector<GenerateResult> generate(const GenerateRequest& request, ChatBackend& backend, const OnPiece& on_piece) {
  try {
    return backend.generate(request, on_piece);
  } catch (const Error& e) {
    const std::string name = field_named_by(e);
    if (!name.empty()) throw ApiError(400, e.what(), name);
    throw;
  }
}

void stream(const CompletionHead& head, CompletionCall& call, ChatBackend& backend, Exchange& exchange) {
  exchange.open_events();
  call.generate.on_place = [&exchange, told = int64_t{0}](int64_t place) mutable {
    if (place > 0 && place != told) exchange.send_comment(fmt::format("queued, place {}", place));
    told = place;
    return !exchange.client_gone();
  };
  AnswerStream answers(head, call, backend, exchange);
  const auto results = generate(call.generate, backend, [&](const AnswerPiece& piece) { return answers.take(piece); });
  answers.finish(results);
  if (call.include_usage) exchange.send_event({usage_chunk(head, results)});
  exchange.send_event({"[DONE]"});
}

// Before the prompt is made: tells the template. ApiError where the model cannot do what was asked for.
void tell_template(const ThinkingCall& thinking, bool can_think, chat::Conversation& conversation) {
  if (thinking.required && !can_think)
    wrong("thinking.type", R"("disabled", since this model's template knows no thoughts)", "enabled");
  if (can_think && thinking.enabled) set_thinking(conversation, *thinking.enabled);
}

// With the prompt: sets the budget.
void set_budget(const ThinkingCall& thinking, const chat::ReplyFormat& reply, int64_t max_context,
                GenerateRequest& request) {
  request.think_tokens = thinking.max_tokens;
  limit_thoughts(request, reply, max_context);
  const double share = thinking.enabled.value_or(true) ? thinking.share : 0;
  request.think_tokens = static_cast<int64_t>(static_cast<double>(*request.think_tokens) * share);
}

}  // namespace

std::vector<Route> openai_routes(ChatBackend& backend, ApiOptions options) {
  const uint64_t max_bytes = options.max_body_bytes;
  const auto api = std::make_shared<Api>(backend, std::move(options));
  const auto get = [&](const char* path, auto handler) {
    return Route{.method = "GET",
                 .path = path,
                 .probe = std::string_view(path) == "/health",
                 .handler = [api, handler](const HttpRequest& r, Exchange& e) { (*api.*handler)(r, e); }};
  };
  const auto post = [&](const char* path, bool chat) {
    return Route{.method = "POST",
                 .path = path,
                 .slow = true,
                 .max_body_bytes = max_bytes,
                 .handler = [api, chat](const HttpRequest& r, Exchange& e) { api->complete(r, chat, e); }};
  };
  return {get("/health", &Api::health), get("/v1/models", &Api::list_models),
          get("/v1/models/{name...}", &Api::show_model), post("/v1/chat/completions", true),
          post("/v1/completions", false)};
}

void Api::health(const HttpRequest&, Exchange& exchange) const {
  OrderedJson json = {{"status", "ok"}, {"model", options_.model_name}, {"running", running_.load()}};
  exchange.reply({200, "application/json", dump_json(json), {}});
}

ModelInfo Api::model() const {
  return {options_.model_name, options_.created, backend_.max_context(), backend_.can_think()};
}

void Api::list_models(const HttpRequest&, Exchange& exchange) const {
  exchange.reply({200, "application/json", model_list_json(model()), {}});
}

void Api::show_model(const HttpRequest& request, Exchange& exchange) const {
  check_model(request.parameter("name"));
  exchange.reply({200, "application/json", model_json(model()), {}});
}

void Api::check_model(const std::string& name) const {
  if (name.empty() || name == options_.model_name) return;
  throw ApiError(404, fmt::format("the model \"{}\" is not served here; \"{}\" is", brief(name), options_.model_name),
                 "model", "model_not_found");
}

void Api::fill_prompt(CompletionCall& call) const {
  const char* field = call.is_chat ? "messages" : "prompt";
  if (call.is_chat) tell_template(call.thinking, backend_.can_think(), call.conversation);
  try {
    if (call.is_chat) {
      chat::Prompt prompt = backend_.chat_prompt(call.conversation);
      call.generate.prompt = std::move(prompt.ids);
      call.reply = std::move(prompt.reply);
      set_budget(call.thinking, call.reply, backend_.max_context(), call.generate);
    } else {
      call.generate.prompt = backend_.text_prompt(call.text);
    }
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
  fill_prompt(call);
  struct Running {
    std::atomic<int>& count;
    explicit Running(std::atomic<int>& c) : count(c) { ++count; }
    ~Running() { --count; }
  } running(running_);
  // An exchange only takes note of text; making long lists of it as well would hold the engine up.
  call.generate.text_from_engine = call.generate.log_probs == LogProbs::none;
  CompletionHead head = make_completion_head(chat ? CompletionKind::chat : CompletionKind::text, options_.model_name);
  if (call.stream) return stream(head, call, backend_, exchange);
  call.generate.on_place = [&](int64_t) { return !exchange.client_gone(); };
  exchange.accepted();
  auto results = generate(call.generate, backend_, [&](const AnswerPiece&) { return !exchange.client_gone(); });
  exchange.reply({200, "application/json", whole_answers(head, call, std::move(results), backend_), {}});
}

}  // namespace hadal
