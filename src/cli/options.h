// What the verbs have in common: options, and how they are parsed and answered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "cli/command_line.h"
#include "engine/engine.h"
#include "weights/load.h"

namespace hadal {

inline constexpr const char* kDefaultModel = "pilot";

// --threads N, and --json where `json` is given.
void add_common_options(CommandLine& app, bool* json = nullptr);
void add_model_option(CommandLine& app, std::string& model);

struct SamplingFlags {
  SamplingOptions options;
  std::optional<uint64_t> seed;  // none: drawn anew
  int64_t max_tokens = 0;
  std::vector<std::string> stop;
  void add_to(CommandLine& app);
  void take_defaults(const CommandLine& app,
                     const weights::GenerationDefaults& defaults);  // where the command line says nothing
  GenerateRequest request() const;                                  // prompt is left empty
};

// --think N|off: whether, and for how many tokens, a model thinks before it answers.
struct ThinkFlag {
  bool off = false;
  std::optional<int64_t> tokens;  // the budget; none: that of limit_thoughts()
  void add_to(CommandLine& app);
};

// --expert-cache, in GB; 0: decided by the memory that is there.
Option add_expert_cache_option(CommandLine& app, double& gigabytes);
uint64_t bytes_of(double gigabytes);
// How often experts that are read on demand were in memory; nothing where all are.
void log_expert_cache(const weights::LoadedModel& loaded);

// --kv-cache; left as it is where the user says nothing.
void add_kv_cache_option(CommandLine& app, std::optional<KvType>& type);

// How the engine is set up: --context, --precision, --kv-cache, --expert-cache.
struct EngineFlags {
  int64_t context = 0;
  std::string precision = "auto";
  std::optional<KvType> kv_type;
  double expert_cache = 0;
  int64_t streams = 0;        // answers at once; 0: as the engine has it
  int64_t stream_tokens = 0;  // the cache holds at least so many for each of them, or a context
  void add_to(CommandLine& app);
  weights::RunPlan plan(int64_t sequences) const;
  // `sequences`: how many full contexts the memory is planned for.
  EngineOptions options(const weights::LoadedModel& loaded, int64_t sequences) const;
};

std::vector<TokenId> parse_ids(const std::string& text, int64_t vocab);  // "1,2,3"; Error naming what is wrong

uint64_t random_seed();
void print_json(const Json& json);
void print_json(const OrderedJson& json);
void print_text(std::string_view text);  // flushed; Error when standard output is gone
// What a model said: in a terminal its control characters, which could do anything there, are shown as U+FFFD.
void print_answer(std::string_view text);
std::string without_controls(std::string_view text);

}  // namespace hadal
