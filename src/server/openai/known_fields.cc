#include "server/openai/known_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/json.h"
#include "server/api_error.h"

namespace hadal {
namespace {

using enum FieldPlace;
using enum FieldUse;

constexpr std::string_view kMaker = "OpenAI", kLlama = "llama.cpp", kVllm = "vLLM", kRouter = "OpenRouter",
                           kOllama = "Ollama";
constexpr std::string_view kEngines = "llama.cpp, vLLM";

constexpr KnownField kFields[] = {
    // What the answer is made of.
    {chat, "messages", honoured, kMaker, "the conversation; the last message is the user's", ""},
    {text, "prompt", honoured, kMaker, "a text, or a list of one text", ""},
    {body, "model", honoured, kMaker, "the name that is served, or nothing", ""},
    {body, "stream", honoured, kMaker, "the answer as server-sent events", ""},
    {body, "stream_options", honoured, kMaker, "see below", ""},
    {body, "usage", honoured, kRouter, "`{\"include\": true}`: token counts in the last chunk", ""},
    {body, "stop", honoured, kMaker, "a text or up to 16; the answer ends before the first of them", ""},
    {body, "max_tokens", honoured, kMaker, "1 or more; -1: no limit but the context", ""},
    {body, "max_completion_tokens", honoured, kMaker, "as `max_tokens`, and before it", ""},
    {body, "n_predict", honoured, kLlama, "as `max_tokens`, and behind it", ""},
    {body, "ignore_eos", honoured, kEngines, "the end token does not end the answer", ""},
    {chat, "chat_template_kwargs", honoured, kEngines, "variables of the model's chat template", ""},
    // How tokens are drawn.
    {body, "temperature", honoured, kMaker, "0 to 2; 0 takes the likeliest token", ""},
    {body, "top_p", honoured, kMaker, "0 to 1", ""},
    {body, "top_k", honoured, kEngines, "0 or -1: off", ""},
    {body, "min_p", honoured, kEngines, "0 to below 1", ""},
    {body, "seed", honoured, kMaker, "the same seed gives the same answer; -1: drawn at random", ""},
    {body, "frequency_penalty", honoured, kMaker, "-2 to 2, for each time that a token is in the answer", ""},
    {body, "presence_penalty", honoured, kMaker, "-2 to 2, for a token that is in the answer", ""},
    {body, "repetition_penalty", honoured, kVllm, "0.01 to 100, for a token of prompt or answer; 1: off", ""},
    {body, "repeat_penalty", honoured, kLlama, "as `repetition_penalty`", ""},
    {body, "repeat_last_n", honoured, kLlama, "how many of the last tokens that penalty looks at; -1: all, 0: none",
     ""},
    {body, "logit_bias", honoured, kMaker,
     "`{\"token id\": -100 to 100}`, or llama.cpp's list of `[id, bias]` with `false` for never", ""},
    // Answers of text alone, and what is reported of them.
    {body, "n", honoured, kMaker, "1 to 128 answers to one prompt, each with its `index`; the first is that of `n` = 1",
     ""},
    {body, "best_of", neutral, kMaker, "all answers are returned", "1"},
    {chat, "logprobs", honoured, kMaker, "`true`: the log-probability of each token of the answer, as told above", ""},
    {chat, "top_logprobs", honoured, kMaker, "0 to 20 of the likeliest tokens beside each; needs `logprobs`", ""},
    {text, "logprobs", honoured, kMaker, "0 to 20: the log-probability of each token, and so many of the likeliest",
     ""},
    {text, "top_logprobs", neutral, kMaker, "use `logprobs`", "0"},
    {body, "n_probs", neutral, kLlama, "", "0"},
    {body, "flat_logprobs", neutral, kVllm, "", "false"},
    {body, "post_sampling_probs", neutral, kLlama, "", "false"},
    {body, "prompt_logprobs", neutral, kVllm, "", "false"},
    {body, "return_tokens_as_token_ids", neutral, kVllm, "", "false"},
    {body, "return_token_ids", neutral, kVllm, "", "false"},
    {body, "return_tokens", neutral, kLlama, "", "false"},
    {body, "return_progress", neutral, kLlama, "", "false"},
    {body, "timings_per_token", neutral, kLlama, "", "false"},
    {body, "response_fields", neutral, kLlama, "", "[]"},
    {body, "use_beam_search", neutral, kVllm, "", "false"},
    {body, "length_penalty", neutral, kVllm, "of beam search", "1"},
    {body, "early_stopping", neutral, kVllm, "of beam search", "false"},
    {text, "echo", neutral, kMaker, "", "false"},
    {chat, "echo", neutral, kVllm, "", "false"},
    {body, "suffix", neutral, kMaker, "", "\"\""},
    {chat, "modalities", neutral, kMaker, "", "[\"text\"]"},
    {chat, "audio", neutral, kMaker, "", "{}"},
    {body, "image_data", neutral, kLlama, "", "[]"},
    {body, "prompt_embeds", neutral, kVllm, "", ""},
    {chat, "image_config", neutral, kRouter, "", ""},
    {body, "mm_processor_kwargs", neutral, kVllm, "", "{}"},
    {chat, "prediction", neutral, kMaker, "", "{}"},
    {chat, "web_search_options", neutral, kMaker, "", "{}"},
    {chat, "plugins", neutral, kRouter, "", "[]"},
    {chat, "documents", neutral, kVllm, "", "[]"},
    // Tools and forms of answers.
    {chat, "tools", neutral, kMaker, "", "[]"},
    {chat, "tool_choice", neutral, kMaker, "", "\"none\" or \"auto\""},
    {chat, "functions", neutral, kMaker, "", "[]"},
    {chat, "function_call", neutral, kMaker, "", "\"none\" or \"auto\""},
    {chat, "parallel_tool_calls", ignored, kMaker, "no tools, no calls", ""},
    {chat, "parse_tool_calls", ignored, kLlama, "no tools, no calls", ""},
    {body, "response_format", neutral, kMaker, "", "{\"type\":\"text\"} or {}"},
    {body, "structured_outputs", neutral, "vLLM, OpenRouter", "", "false or {}"},
    {body, "json_schema", neutral, kLlama, "", "{}"},
    {body, "format", neutral, kOllama, "", "\"\""},
    {body, "grammar", neutral, kLlama, "", "\"\""},
    {body, "grammar_lazy", neutral, kLlama, "", "false"},
    {body, "grammar_triggers", neutral, kLlama, "", "[]"},
    {body, "preserved_tokens", neutral, kLlama, "", "[]"},
    {body, "guided_json", neutral, kVllm, "", ""},
    {body, "guided_regex", neutral, kVllm, "", "\"\""},
    {body, "guided_choice", neutral, kVllm, "", "[]"},
    {body, "guided_grammar", neutral, kVllm, "", "\"\""},
    {body, "structural_tag", neutral, kVllm, "", ""},
    {body, "guided_decoding_backend", ignored, kVllm, "of guided answers, which are refused", ""},
    {body, "guided_whitespace_pattern", ignored, kVllm, "of guided answers, which are refused", ""},
    // Samplers that are not here, switched off, and their further settings.
    {body, "typical_p", neutral, kLlama, "", "1"},
    {body, "top_n_sigma", neutral, kLlama, "", "-1 or 0"},
    {body, "top_a", neutral, kRouter, "", "0"},
    {body, "dynatemp_range", neutral, kLlama, "", "0"},
    {body, "dynatemp_exponent", ignored, kLlama, "of `dynatemp_range`", ""},
    {body, "mirostat", neutral, kLlama, "", "0"},
    {body, "mirostat_tau", ignored, kLlama, "of `mirostat`", ""},
    {body, "mirostat_eta", ignored, kLlama, "of `mirostat`", ""},
    {body, "dry_multiplier", neutral, kLlama, "", "0"},
    {body, "dry_base", ignored, kLlama, "of `dry_multiplier`", ""},
    {body, "dry_allowed_length", ignored, kLlama, "of `dry_multiplier`", ""},
    {body, "dry_penalty_last_n", ignored, kLlama, "of `dry_multiplier`", ""},
    {body, "dry_sequence_breakers", ignored, kLlama, "of `dry_multiplier`", ""},
    {body, "xtc_probability", neutral, kLlama, "", "0"},
    {body, "xtc_threshold", ignored, kLlama, "of `xtc_probability`", ""},
    {body, "adaptive_target", neutral, kLlama, "", "-1"},
    {body, "adaptive_decay", ignored, kLlama, "of `adaptive_target`", ""},
    {body, "min_keep", neutral, kLlama, "one token is always kept", "0 or 1"},
    {body, "penalize_nl", neutral, kLlama, "a line break is a token as others are", "true"},
    {body, "penalty_prompt", neutral, kLlama, "", "\"\" or []"},
    {body, "tfs_z", neutral, kLlama, "", "1"},
    {body, "samplers", neutral, kLlama, "those that are here, in this server's order",
     R"([] or ["penalties","dry","top_n_sigma","top_k","typ_p","top_p","min_p","xtc","temperature"])"},
    {body, "backend_sampling", neutral, kLlama, "", "false"},
    {body, "repetition_detection", neutral, kVllm, "", ""},
    {body, "logits_processors", neutral, kVllm, "", "[]"},
    {body, "allowed_token_ids", neutral, kVllm, "", "[]"},
    {body, "bad_words", neutral, kVllm, "", "[]"},
    // How text begins and ends.
    {body, "min_tokens", neutral, kVllm, "", "0"},
    {body, "stop_token_ids", neutral, kVllm, "use `stop`", "[]"},
    {body, "include_stop_str_in_output", neutral, kVllm, "", "false"},
    {body, "skip_special_tokens", neutral, kVllm, "special tokens are never part of an answer", "true"},
    {body, "detokenize", neutral, kVllm, "answers are text", "true"},
    {body, "spaces_between_special_tokens", ignored, kVllm, "special tokens are never part of an answer", ""},
    {body, "n_indent", neutral, kLlama, "", "0"},
    {body, "t_max_predict_ms", neutral, kLlama, "", "0 or -1"},
    {body, "t_max_prompt_ms", neutral, kLlama, "", "0 or -1"},
    {body, "truncate_prompt_tokens", neutral, kVllm, "a prompt that is too long is refused", "false"},
    {chat, "add_generation_prompt", neutral, kEngines, "", "true"},
    {chat, "continue_final_message", neutral, kVllm, "", "false"},
    {chat, "add_special_tokens", neutral, kVllm, "the chat template has them", "false"},
    {text, "add_special_tokens", neutral, kVllm, "", "true"},
    {chat, "chat_template", neutral, kVllm, "the model's own is used", "\"\""},
    {chat, "chat_template_content_format", ignored, kVllm, "contents are text", ""},
    {body, "template", neutral, kOllama, "the model's own is used", "\"\""},
    {body, "system", neutral, kOllama, "use a message of the role system", "\"\""},
    {body, "raw", neutral, kOllama, "", "false"},
    {body, "transforms", neutral, kRouter, "", "[]"},
    // Thoughts.
    {chat, "thinking", honoured, "DeepSeek", "whether the model thinks before it answers, see above", ""},
    {text, "thinking", neutral, "DeepSeek", "a text has no thoughts apart", ""},
    {chat, "reasoning_effort", honoured, kMaker,
     "`\"none\"`, `\"low\"`, `\"medium\"`, `\"high\"`: 0, 1/4, 1/2, all of the thoughts' budget; `\"minimal\"` is low, "
     "`\"xhigh\"` and `\"max\"` are high",
     ""},
    {text, "reasoning_effort", ignored, kMaker, "a text has no thoughts apart", ""},
    {chat, "max_thinking_tokens", honoured, "others", "0 or more: the thoughts' budget in tokens, see above", ""},
    {body, "reasoning", neutral, kRouter,
     "an effort as `reasoning_effort`; `\"enabled\"` as `thinking`, if the model can",
     R"({} or {"exclude":false} or {"enabled":true} or {"enabled":false} or {"effort":"none"} or {"effort":"minimal"})"
     R"( or {"effort":"low"} or {"effort":"medium"} or {"effort":"high"} or {"effort":"xhigh"})"},
    {body, "include_reasoning", neutral, "vLLM, OpenRouter", "", "true"},
    {chat, "reasoning_format", honoured, kLlama,
     "`\"auto\"` or `\"deepseek\"`: thoughts are `reasoning_content` beside `content`; `\"none\"`: they are part of it",
     ""},
    {text, "reasoning_format", ignored, kLlama, "a text has no thoughts apart", ""},
    {body, "reasoning_control", neutral, kLlama, "", "false"},
    {body, "reasoning_budget_tokens", neutral, kLlama, "use `max_thinking_tokens`", "-1"},
    {body, "thinking_token_budget", neutral, kVllm, "use `max_thinking_tokens`", ""},
    {body, "reasoning_budget", neutral, kLlama, "use `max_thinking_tokens`", "-1"},
    {body, "thinking_forced_open", neutral, kLlama, "", "false"},
    {body, "think", neutral, kOllama, "as `thinking` disabled; else use `thinking`", "false"},
    {body, "enable_thinking", neutral, "others", "use `thinking`", ""},
    {body, "verbosity", ignored, kMaker, "", ""},
    // Who asks, and where the work is done.
    {body, "user", ignored, kMaker, "", ""},
    {body, "metadata", ignored, kMaker, "", ""},
    {body, "store", ignored, kMaker, "nothing is stored", ""},
    {body, "service_tier", ignored, kMaker, "", ""},
    {body, "prompt_cache_key", ignored, kMaker, "", ""},
    {body, "prompt_cache_retention", ignored, kMaker, "", ""},
    {body, "safety_identifier", ignored, kMaker, "", ""},
    {body, "cache_prompt", ignored, kLlama, "changes the time, not the answer", ""},
    {body, "n_cache_reuse", ignored, kLlama, "changes the time, not the answer", ""},
    {body, "n_keep", ignored, kLlama, "a context that is full ends the answer", ""},
    {body, "n_discard", ignored, kLlama, "a context that is full ends the answer", ""},
    {body, "id_slot", ignored, kLlama, "", ""},
    {body, "slot_id", ignored, kLlama, "as `id_slot`", ""},
    {body, "sse_ping_interval", ignored, kLlama, "the server sends comments by itself", ""},
    {body, "speculative.type", neutral, kLlama, "", "\"none\""},
    {body, "speculative.n_max", ignored, kLlama, "changes the time, not the answer", ""},
    {body, "speculative.n_min", ignored, kLlama, "changes the time, not the answer", ""},
    {body, "speculative.p_min", ignored, kLlama, "changes the time, not the answer", ""},
    {body, "lora", neutral, kLlama, "", "[]"},
    {body, "priority", ignored, kVllm, "requests are served in the order in which they come", ""},
    {body, "request_id", ignored, kVllm, "", ""},
    {body, "cache_salt", ignored, kVllm, "", ""},
    {body, "kv_transfer_params", neutral, kVllm, "", "{}"},
    {body, "vllm_xargs", neutral, kVllm, "", "{}"},
    {body, "models", neutral, kRouter, "one model is served", "[]"},
    {body, "route", ignored, kRouter, "one model is served", ""},
    {body, "provider", ignored, kRouter, "one model is served", ""},
    {body, "session_id", ignored, kRouter, "", ""},
    {body, "debug", neutral, kRouter, "", "{}"},
    {body, "preset", neutral, kRouter, "", ""},
    {body, "cache_control", ignored, kRouter, "changes the time, not the answer", ""},
    {body, "trace", ignored, kRouter, "", ""},
    {body, "options", neutral, kOllama, "put its fields beside `model`", "{}"},
    {body, "keep_alive", ignored, kOllama, "the model stays loaded", ""},
    {body, "images", neutral, kOllama, "", "[]"},
    {body, "context", neutral, kOllama, "", "[]"},

    {message, "role", honoured, kMaker, "system, developer (as system), user, assistant", ""},
    {message, "content", honoured, kMaker, "a text, or a list of parts of type text", ""},
    {message, "name", honoured, kMaker, "for the template, if it shows names", ""},
    {message, "reasoning_content", honoured, kEngines, "an assistant's thoughts, for the template, if it shows them",
     ""},
    {message, "reasoning", honoured, "vLLM, OpenRouter", "as `reasoning_content`", ""},
    {message, "reasoning_details", ignored, kRouter, "the same thoughts as `reasoning`", ""},
    {message, "thinking", honoured, kOllama, "as `reasoning_content`", ""},
    {message, "tool_calls", neutral, kMaker, "", "[]"},
    {message, "function_call", neutral, kMaker, "", ""},
    {message, "tool_call_id", neutral, kMaker, "", "\"\""},
    {message, "refusal", neutral, kMaker, "", "\"\""},
    {message, "audio", neutral, kMaker, "", ""},
    {message, "annotations", neutral, kMaker, "", "[]"},
    {message, "images", neutral, "Ollama, OpenRouter", "", "[]"},
    {message, "prefix", neutral, "vLLM", "", "false"},
    {message, "cache_control", ignored, kRouter, "changes the time, not the answer", ""},

    {part, "type", honoured, kMaker, "text", ""},
    {part, "text", honoured, kMaker, "", ""},
    {part, "cache_control", ignored, kRouter, "changes the time, not the answer", ""},
    {part, "annotations", neutral, kMaker, "", "[]"},

    {stream_options, "include_usage", honoured, kMaker, "token counts in the last chunk", ""},
    {stream_options, "include_obfuscation", neutral, kMaker, "chunks are not padded", "false"},
    {stream_options, "continuous_usage_stats", neutral, kVllm, "", "false"},

    {thinking, "type", honoured, "DeepSeek", "`\"enabled\"` or `\"disabled\"`", ""},
};

bool is_neutral(const KnownField& known, const Json& value) {
  if (value.is_null()) return true;
  std::string_view rest = known.values;
  while (!rest.empty()) {
    const size_t end = rest.find(" or ");
    if (parse_json(rest.substr(0, end), known.name) == value) return true;
    rest = end == std::string_view::npos ? "" : rest.substr(end + 4);
  }
  return false;
}

bool covers(FieldPlace of_field, FieldPlace asked) {
  return of_field == asked || (of_field == body && (asked == chat || asked == text));
}

std::string row(const KnownField& known) {
  std::string here = known.use == honoured ? "" : known.use == ignored ? "accepted, changes nothing" : "only ";
  if (known.use == neutral) {
    std::string values(known.values.empty() ? "null" : known.values);
    for (size_t at = 0; (at = values.find(" or ", at)) != std::string::npos; at += 6) values.replace(at, 4, "`, `");
    here += '`' + values + '`';
  }
  if (!known.note.empty()) here += (here.empty() ? "" : ": ") + std::string(known.note);
  const char* which = known.place == chat ? " (chat)" : known.place == text ? " (text)" : "";
  return fmt::format("| `{}`{} | {} | {} |\n", known.name, which, known.from, here);
}

}  // namespace

std::span<const KnownField> known_fields() { return kFields; }

const KnownField* find_field(FieldPlace place, std::string_view name) {
  for (const KnownField& known : kFields) {
    if (known.name == name && covers(known.place, place)) return &known;
  }
  return nullptr;
}

void check_fields(const Json& object, FieldPlace place, const std::string& param) {
  for (const auto& [name, value] : object.items()) {
    const std::string shown = (param.empty() ? "" : param + ".") + brief(name);
    const KnownField* known = find_field(place, name);
    if (known == nullptr) throw ApiError(400, fmt::format("unknown field: {}", shown), shown, "unknown_parameter");
    if (known->use != neutral || is_neutral(*known, value)) continue;
    const std::string expected = known->values.empty() ? "nothing" : fmt::format("nothing or {}", known->values);
    throw ApiError(400,
                   fmt::format("{} is not supported by this server: expected {}, found {}{}{}; leave it out", shown,
                               expected, brief_json(value), known->note.empty() ? "" : " (" + std::string(known->note),
                               known->note.empty() ? "" : ")"),
                   shown, "unsupported_parameter");
  }
}

std::string field_tables() {
  struct Table {
    const char* title;
    std::vector<FieldPlace> places;
  };
  std::string out;
  for (const Table& table :
       {Table{"Fields of a request", {body, chat, text}}, Table{"Fields of a message", {message}},
        Table{"Fields of a part of a content", {part}}, Table{"Fields of `stream_options`", {stream_options}},
        Table{"Fields of `thinking`", {FieldPlace::thinking}}}) {
    out += fmt::format("### {}\n\n| field | of | here |\n|---|---|---|\n", table.title);
    for (const KnownField& known : kFields) {
      if (std::find(table.places.begin(), table.places.end(), known.place) != table.places.end()) out += row(known);
    }
    out += "\n";
  }
  return out;
}

}  // namespace hadal
