#include "cli/options.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <random>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/threads.h"

namespace hadal {

void add_common_options(CommandLine& app, bool* json) {
  app.add_function(
         "--threads", [](int n) { ThreadPool::set_shared_size(n); }, "threads to compute with (default: all cores)")
      .range(1, 1024);
  if (json != nullptr) app.add_flag("--json", *json, "print one JSON document");
}

void add_model_option(CommandLine& app, std::string& model) {
  model = kDefaultModel;
  app.add_option("-m,--model", model,
                 "a Hugging Face folder, a GGUF file, a name under models/, or a name on the hub (owner/repo) that is "
                 "on this disk")
      .show_default();
}

namespace {

std::optional<uint64_t> parse_seed(const std::string& text) {
  if (text == "-1") return std::nullopt;
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size())
    throw BadValue{"--seed", "expected a whole number from 0 up, or -1 to draw one"};
  return seed;
}

}  // namespace

void SamplingFlags::add_to(CommandLine& app) {
  app.add_option("-n,--max-tokens", max_tokens, "longest answer, in tokens (0: what the context holds)")
      .range(0, 1 << 30);
  app.add_option("--temperature", options.temperature,
                 "0: always the likeliest token (default: that of the model's files, or this)")
      .show_default();
  app.add_option("--top-p", options.top_p, "keep the likeliest tokens that hold this much probability").show_default();
  app.add_option("--top-k", options.top_k, "keep this many tokens (0: all)").show_default();
  app.add_option("--min-p", options.min_p, "drop tokens below this share of the likeliest one's probability")
      .show_default();
  app.add_option("--repetition-penalty", options.repetition_penalty, "above 1: avoid tokens already there")
      .show_default();
  app.add_function(
      "--seed", [this](const std::string& text) { seed = parse_seed(text); },
      "the same seed gives the same answer (default, and -1: drawn anew)");
  app.add_option("--stop", stop, "end the answer before this text (may be given several times)");
}

void SamplingFlags::take_defaults(const CommandLine& app, const weights::GenerationDefaults& defaults) {
  const auto take = [&](const char* flag, const auto& preset, auto& value) {
    if (preset && !app.given(flag)) value = static_cast<std::remove_cvref_t<decltype(value)>>(*preset);
  };
  take("--temperature", defaults.temperature, options.temperature);
  take("--top-p", defaults.top_p, options.top_p);
  take("--top-k", defaults.top_k, options.top_k);
  take("--min-p", defaults.min_p, options.min_p);
  take("--repetition-penalty", defaults.repetition_penalty, options.repetition_penalty);
}

GenerateRequest SamplingFlags::request() const {
  GenerateRequest request;
  request.sampling = options;
  request.sampling.seed = seed ? *seed : random_seed();
  request.max_tokens = max_tokens;
  request.stop = stop;
  return request;
}

void ThinkFlag::add_to(CommandLine& app) {
  const auto take = [this](const std::string& text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    off = text == "off";
    if (!off && (error != std::errc() || end != text.data() + text.size() || number < 0 || number > INT32_MAX))
      throw BadValue{"--think", "expected a number of tokens from 0 up, or off"};
    tokens = off ? std::nullopt : std::optional(number);
  };
  app.add_function("--think", take,
                   "tokens that the model may think before it answers, or off (default: three quarters of what the "
                   "context, or --max-tokens, leaves)");
}

Option add_expert_cache_option(CommandLine& app, double& gigabytes) {
  return app
      .add_option("--expert-cache", gigabytes,
                  "read experts from the GGUF file on demand and keep this many GB of them in memory (default: when "
                  "they do not fit)")
      .range(1e-6, 1e6);
}

uint64_t bytes_of(double gigabytes) { return static_cast<uint64_t>(gigabytes * 1e9); }

void log_expert_cache(const weights::LoadedModel& loaded) {
  if (!loaded.experts) return;
  const weights::ExpertStore::Stats stats = loaded.experts->stats();
  log_info("experts: {:.1f}% of {} were in memory (a cache of {:.1f} GB); {:.1f} GB read, {:.1f} s waited",
           100 * stats.hit_rate(), stats.hits + stats.misses,
           static_cast<double>(loaded.experts->capacity_bytes()) / 1e9, static_cast<double>(stats.bytes_read) / 1e9,
           stats.seconds_waited);
}

void add_kv_cache_option(CommandLine& app, std::optional<KvType>& type) {
  app.add_function(
         "--kv-cache", [&type](const std::string& name) { type = kv_type_named(name); },
         "how the context is kept: bf16, q8 (8 bits: about half the memory, a little less exact), or f32 (default: "
         "bf16; f32 with --precision f32)")
      .one_of({"f32", "bf16", "q8"});
}

void EngineFlags::add_to(CommandLine& app) {
  app.add_option("--context", context, "longest conversation, in tokens (default: the model's, at most 32768)")
      .range(1, 1 << 30);
  app.add_option("--precision", precision, "auto (bf16 products), or f32 (exact, slower)").one_of({"auto", "f32"});
  add_kv_cache_option(app, kv_type);
  add_expert_cache_option(app, expert_cache);
}

weights::RunPlan EngineFlags::plan(int64_t sequences) const {
  return {.context = context,
          .sequences = sequences,
          .streams = streams,
          .least_tokens = streams * stream_tokens,
          .step_tokens = EngineOptions().prefill_chunk,
          .precision = precision == "f32" ? Precision::f32 : Precision::bf16,
          .kv_type = kv_type,
          .expert_cache_bytes = bytes_of(expert_cache)};
}

EngineOptions EngineFlags::options(const weights::LoadedModel& loaded, int64_t sequences) const {
  EngineOptions options;
  options.max_context = weights::planned_context(loaded.model->config, context);
  options.cache_tokens = std::max(options.max_context * sequences, streams * stream_tokens);
  if (streams > 0) options.max_running = static_cast<int>(streams);
  options.precision = precision == "f32" ? Precision::f32 : Precision::bf16;
  options.ends = loaded.defaults.ends;
  options.kv_type = kv_type;
  return options;
}

std::vector<TokenId> parse_ids(const std::string& text, int64_t vocab) {
  std::vector<TokenId> ids;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    while (at < end && (*at == ' ' || *at == '[')) ++at;
    int64_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || next == at)
      fail("ids: expected whole numbers, comma-separated, found \"{}\"",
           std::string_view(at, static_cast<size_t>(end - at)).substr(0, 40));
    if (id < 0 || id >= vocab) fail("ids: expected numbers from 0 to {}, found {}", vocab - 1, id);
    ids.push_back(static_cast<TokenId>(id));
    at = next;
    while (at < end && (*at == ' ' || *at == ']')) ++at;
    if (at == end) break;
    if (*at != ',')
      fail("ids: expected a comma, found \"{}\"", std::string_view(at, static_cast<size_t>(end - at)).substr(0, 40));
    ++at;
  }
  return ids;
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

void print_text(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail("standard output: cannot write; is the disk full, or the reader gone?");
  }
}
std::string without_controls(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (c1 || byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t'))
      out += "\uFFFD";
    else
      out += text[i];
    i += c1 ? 1 : 0;
  }
  return out;
}

void print_answer(std::string_view text) {
  static const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  if (terminal)
    print_text(without_controls(text));
  else
    print_text(text);
}
void print_json(const Json& json) { print_text(dump_json(json) + "\n"); }
void print_json(const OrderedJson& json) { print_text(dump_json(json) + "\n"); }

}  // namespace hadal
