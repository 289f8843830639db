#include "train/run/recipe.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/toml_table.h"
#include "chat/own_template.h"
#include "model/config_fields.h"
#include "tasks/task.h"
#include "tokenizer/pre_tokenizer.h"
#include "train/data/data_files.h"

namespace hadal {
namespace {

constexpr int64_t kBig = int64_t{1} << 40;

// What config.json calls the recipe's keys of [model].
constexpr std::pair<std::string_view, const char*> kModelKeys[] = {{"vocab_size", "vocab"},
                                                                   {"hidden_size", "hidden"},
                                                                   {"num_hidden_layers", "layers"},
                                                                   {"num_attention_heads", "heads"},
                                                                   {"num_key_value_heads", "kv_heads"},
                                                                   {"max_position_embeddings", "context"},
                                                                   {"intermediate_size", "dense_inner"},
                                                                   {"rms_norm_eps", "norm_eps"},
                                                                   {"initializer_range", "init_std"},
                                                                   {"q_lora_rank", "q_lora"},
                                                                   {"kv_lora_rank", "kv_lora"},
                                                                   {"qk_nope_head_dim", "nope_dim"},
                                                                   {"qk_rope_head_dim", "rope_dim"},
                                                                   {"v_head_dim", "v_dim"},
                                                                   {"n_routed_experts", "experts"},
                                                                   {"num_experts_per_tok", "top_k"},
                                                                   {"n_shared_experts", "shared_experts"},
                                                                   {"moe_intermediate_size", "expert_inner"},
                                                                   {"first_k_dense_replace", "first_dense"},
                                                                   {"n_group", "groups"},
                                                                   {"n_routed_experts / n_group", "groups"},
                                                                   {"topk_group", "top_groups"},
                                                                   {"routed_scaling_factor", "routed_scale"},
                                                                   {"num_nextn_predict_layers", "mtp_depth"}};

std::string model_key(std::string_view field) {
  for (const auto& [name, key] : kModelKeys)
    if (name == field) return key;
  return std::string(field);
}

// The shape, before anything is read or learnt for it. The vocabulary may not be known yet.
void check_shape(const TomlTable& table, const ModelConfig& model, int64_t least_vocab) {
  ModelConfig shape = model;
  if (shape.vocab == 0) shape.vocab = least_vocab;
  check(shape, FieldNames{model_key, [&](std::string_view field) {
                            const std::string key = model_key(field);
                            return fmt::format("{}: {}", table.where(key), key);
                          }});
  if (model.vocab > 0 && model.vocab < least_vocab) {
    fail("{}: vocab: expected at least the tokenizer's {} tokens, found {}; leave it out or raise it",
         table.where("vocab"), least_vocab, model.vocab);
  }
}

void read_model(TomlTable table, const Path& file, Recipe& r) {
  if (table.has("from")) {
    r.start = anchored(file.parent_path(), table.text("from", ""));
    if (r.start.empty()) fail("{}: expected the folder of a model, found an empty text", table.where("from"));
    table.finish();  // the shape is that of the model
    return;
  }
  ModelConfig& m = r.model;
  const std::string family = table.choice("family", "deepseek_v3", {"deepseek_v3", "deepseek_v2", "qwen2", "llama"});
  m.family = family == "deepseek_v3"   ? ModelConfig::Family::deepseek_v3
             : family == "deepseek_v2" ? ModelConfig::Family::deepseek_v2
             : family == "qwen2"       ? ModelConfig::Family::qwen2
                                       : ModelConfig::Family::llama;
  for (const char* key : {"hidden", "layers", "heads", "context"}) table.require(key);
  m.vocab = table.integer("vocab", 0, 0, 1 << 22);
  m.hidden = table.integer("hidden", 0, 1, 1 << 20);
  m.layers = table.integer("layers", 0, 1, 1024);
  m.heads = table.integer("heads", 0, 1, 4096);
  m.max_context = table.integer("context", 0, 1, 1 << 24);
  m.dense_inner = table.integer("dense_inner", 4 * m.hidden, 1, 1 << 22);
  m.norm_eps = static_cast<float>(table.number("norm_eps", 1e-6, 1e-12, 1));
  m.rope_theta = table.number("rope_theta", 10000, 1, 1e9);
  m.tied_head = table.flag("tied_head", false);
  m.init_std = table.number("init_std", 0.02, 1e-6, 10);
  if (m.is_mla()) {
    m.kv_heads = m.heads;
    m.q_lora = table.integer("q_lora", 0, 0, 1 << 20);
    m.kv_lora = table.integer("kv_lora", 0, 1, 1 << 20);
    m.nope_dim = table.integer("nope_dim", 0, 1, 4096);
    m.rope_dim = table.integer("rope_dim", 0, 2, 4096);
    m.v_dim = table.integer("v_dim", 0, 1, 4096);
    m.experts = table.integer("experts", 0, 0, 4096);
    m.top_k = table.integer("top_k", 0, 0, 4096);
    m.shared_experts = table.integer("shared_experts", 0, 0, 64);
    m.expert_inner = table.integer("expert_inner", 0, 0, 1 << 22);
    m.first_dense = table.integer("first_dense", 0, 0, 1024);
    m.groups = table.integer("groups", 1, 1, 4096);
    m.top_groups = table.integer("top_groups", 1, 1, 4096);
    m.routed_scale = static_cast<float>(table.number("routed_scale", 1, 0, 1000));
    m.mtp_depth = table.integer("mtp_depth", 0, 0, 1);
    if (m.family == ModelConfig::Family::deepseek_v2) m.sigmoid_router = false, m.group_by_top2 = false;
  } else {
    m.kv_heads = table.integer("kv_heads", m.heads, 1, 4096);
    m.head_dim = table.integer("head_dim", m.hidden / m.heads, 1, 4096);
    m.qkv_bias = m.family == ModelConfig::Family::qwen2;
  }
  table.finish();
}

// A .txt file has no fields to filter by, and holds no dialogues.
void check_text_file(const SourceSpec& s, const TomlTable& table) {
  if (s.made_up() || !is_plain_text(s.path)) return;
  if (s.kind != SourceKind::text)
    fail("{}: kind: expected \"text\" for a .txt file; dialogues are JSON lines", table.where("kind"));
  for (const char* key : {"include", "exclude", "exclude_ids"}) {
    if (table.has(key))
      fail("{}: {}: a .txt file has no fields that it could mean; leave it out", table.where(key), key);
  }
}

void read_reason_tasks(TomlTable& table, SourceSpec& s) {
  table.require("tasks");
  s.tasks = table.shares("tasks");
  for (const auto& [kind, share] : s.tasks) {
    try {
      tasks::task_of_kind(kind);
    } catch (const Error& error) {
      fail("{}: tasks: {}", table.where("tasks"), error.what());
    }
  }
  std::erase_if(s.tasks, [](const auto& item) { return item.second == 0; });
  if (s.tasks.empty()) fail("{}: tasks: expected at least one kind with a share above 0", table.where("tasks"));
  s.max_thinking_bytes = table.integer("max_thinking_bytes", s.max_thinking_bytes, 16, 1 << 20);
  s.without_thinking = table.number("without_thinking", 0, 0, 1);
}

SourceSpec read_source(TomlTable table, const Path& folder) {
  SourceSpec s;
  table.require("name");
  table.require("kind");
  s.name = table.text("name", "");
  s.where = table.where("name");
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; };
  if (s.name.empty() || s.name.size() > 100 || !std::all_of(s.name.begin(), s.name.end(), is_plain))
    fail("{}: name: expected letters, digits, - and _ (it names a file of the cache), found \"{}\"", s.where,
         s.name.substr(0, 100));
  const std::string kind = table.choice("kind", "text", {"text", "chat", "arithmetic", "math", "reason"});
  s.kind = kind == "text"     ? SourceKind::text
           : kind == "chat"   ? SourceKind::chat
           : kind == "math"   ? SourceKind::math
           : kind == "reason" ? SourceKind::reason
                              : SourceKind::arithmetic;
  if (s.kind == SourceKind::reason) read_reason_tasks(table, s);
  if (s.made_up()) {
    s.documents = table.integer("documents", s.documents, 1, 10000000);
    s.seed = static_cast<uint64_t>(table.integer("seed", 1, 0, kBig));
  } else {
    table.require("path");
    s.where = table.where("path");
    s.path = anchored(folder, table.text("path", ""));
    if (s.path.empty()) fail("{}: path: expected the file of the data, found an empty text", s.where);
    s.skip_bad_lines = table.choice("on_bad_line", "stop", {"stop", "skip"}) == "skip";
    s.include = table.texts("include");
    s.exclude = table.texts("exclude");
    s.exclude_ids = table.texts("exclude_ids");
    s.max_megabytes = table.number("max_megabytes", 0, 0, 1e9);
    s.max_document_bytes = table.integer("max_document_bytes", 0, 0, kBig);
    s.validation = table.number("validation", s.validation, 0, 0.9);
  }
  if (s.kind == SourceKind::text) s.validation_tail = table.number("validation_tail", 0, 0, 0.9);
  if (s.kind == SourceKind::chat) s.max_turns = table.integer("max_turns", 0, 0, 10000);
  table.finish();
  check_text_file(s, table);
  if (s.validation_tail > 0) s.validation = 0;
  return s;
}

StageSpec read_stage(TomlTable table, const std::set<std::string>& known_sources) {
  StageSpec s;
  table.require("name");
  table.require("sources");
  s.plan = read_stage_plan(table);
  s.plan.name = table.text("name", "");
  s.sources = table.shares("sources");
  for (const auto& [name, share] : s.sources) {
    if (!known_sources.count(name)) {
      fail("{}: sources: \"{}\" is no source of this recipe; the nearest is \"{}\"", table.where("sources"), name,
           nearest_word(name, {known_sources.begin(), known_sources.end()}));
    }
  }
  std::erase_if(s.sources, [](const auto& item) { return item.second == 0; });
  if (s.sources.empty()) fail("{}: sources: expected at least one source with a share above 0", table.where("sources"));
  s.sequence_length = table.integer("sequence_length", s.sequence_length, 2, 1 << 20);
  s.batch_tokens = table.integer("batch_tokens", s.batch_tokens, 2, kBig);
  s.micro_batch_tokens = table.integer("micro_batch_tokens", std::min<int64_t>(4096, s.batch_tokens), 2, kBig);
  s.assistant_only = table.choice("mask", "all", {"all", "assistant"}) == "assistant";
  s.join = table.number("join", s.join, 0, 1);
  s.balance_weight = table.number("balance_weight", s.balance_weight, 0, 10);
  s.mtp_weight = table.number("mtp_weight", s.mtp_weight, 0, 10);
  s.router_bias_speed = table.number("router_bias_speed", s.router_bias_speed, 0, 1);
  table.finish();
  if (s.micro_batch_tokens < s.sequence_length) {
    fail("{}: micro_batch_tokens: expected at least sequence_length = {}, found {}", table.where("micro_batch_tokens"),
         s.sequence_length, s.micro_batch_tokens);
  }
  check_stage_plan(s.plan, table);
  return s;
}

TokenizerSpec read_tokenizer(TomlTable table, const Path& folder) {
  TokenizerSpec t;
  t.from = anchored(folder, table.text("from", ""));
  if (t.from.empty()) {
    t.vocab = table.integer("vocab", t.vocab, 256 + std::ssize(chat::chat_specials()), 1 << 22);
    t.pre_tokenizer = table.text("pre_tokenizer", t.pre_tokenizer);
    pre_tokenizer_description(t.pre_tokenizer, table.where("pre_tokenizer"));  // Error for a name that is none
    t.bytes_only = table.flag("bytes_only", false);
    t.merge_words_only = table.choice("merges", "all", {"all", "words"}) == "words";
    t.thinking = table.flag("thinking", false);
    if (t.bytes_only && t.thinking)
      fail("{}: thinking: with bytes_only = true there is no chat template that could think; leave one of them out",
           table.where("thinking"));
    t.sources = table.shares("sources");
    const size_t named = t.sources.size();
    std::erase_if(t.sources, [](const auto& item) { return item.second == 0; });
    if (named > 0 && t.sources.empty())
      fail("{}: sources: expected at least one with megabytes above 0", table.where("sources"));
  }
  table.finish();
  return t;
}

// "novels", "novels/bits_per_byte": of the sources, and of what is measured.
void read_best(TomlTable& table, Recipe& r) {
  const std::string text = table.text("keep_best", "");
  if (text.empty()) return;
  const size_t slash = text.rfind('/');
  const std::string figure = slash == std::string::npos ? "" : text.substr(slash + 1);
  const bool known = figure == "loss" || figure == "bits_per_byte" || figure == "accuracy";
  r.best_figure = known ? figure : "loss";
  r.best_source = known ? text.substr(0, slash) : text;
  if (r.best_source.starts_with("validation/")) r.best_source = r.best_source.substr(11);
}

void check_best(const Recipe& r, const std::string& where) {
  if (r.best_source.empty()) return;
  std::vector<std::string> names;
  for (const SourceSpec& source : r.sources) {
    names.push_back(source.name);
    if (source.name != r.best_source) continue;
    const bool held_out = source.made_up() || source.validation > 0 || source.validation_tail > 0;
    const bool used = std::any_of(r.stages.begin(), r.stages.end(), [&](const StageSpec& stage) {
      return std::any_of(stage.sources.begin(), stage.sources.end(),
                         [&](const auto& s) { return s.first == source.name; });
    });
    if (!used)
      fail("{}: keep_best: no stage draws from the source \"{}\", so it is never measured", where, source.name);
    if (!held_out || r.validation_tokens == 0)
      fail("{}: keep_best: the source \"{}\" holds nothing out; give it validation above 0", where, source.name);
    return;
  }
  fail(
      "{}: keep_best: \"{}\" is no source of this recipe; expected \"SOURCE/loss\", \"SOURCE/bits_per_byte\" or "
      "\"SOURCE/accuracy\"; the nearest is \"{}\"",
      where, r.best_source, nearest_word(r.best_source, names));
}

void read_run_table(TomlTable table, Recipe& r) {
  read_best(table, r);
  read_run(table, r.trainer);
  r.validation_tokens = table.integer("validation_tokens", r.validation_tokens, 0, kBig);
  table.finish();
}

// A recipe of another verb would be said to lack keys that it must not have.
void refuse_other_verbs(const TomlTable& table) {
  if (table.has("rl")) {
    fail(
        "{}: expected a training recipe, found one of hadal rl, as it has [rl]; take that verb, or the training recipe "
        "that its `start` names",
        table.where("rl"));
  }
  if (table.has("distill"))
    fail("{}: expected a training recipe, found one of hadal distill, as it has [distill]; take that verb",
         table.where("distill"));
}

Recipe read(TomlTable table, const Path& file, std::vector<SourceSpec> made) {
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  if (made.empty()) refuse_other_verbs(table);
  Recipe r;
  r.file = file;
  for (const char* key : {"name", "output", "model", "stage"}) table.require(key);
  if (made.empty()) table.require("source");
  r.name = table.text("name", "");
  r.output = anchored(folder, table.text("output", ""));
  if (r.output.empty()) fail("{}: output: expected the folder of the run, found an empty text", table.where("output"));
  r.seed = static_cast<uint64_t>(table.integer("seed", 1, 0, kBig));
  r.trainer.precision = read_precision(table);
  const TomlTable model = *table.table("model");
  read_model(model, file, r);
  if (const auto t = table.table("tokenizer"); t && !r.start.empty())
    fail("{}: [tokenizer]: a model that is trained further keeps its own; leave this part out", t->where());
  if (r.start.empty()) r.tokenizer = read_tokenizer(table.table_or_empty("tokenizer"), folder);
  if (r.start.empty()) {
    const TokenizerSpec& t = r.tokenizer;
    check_shape(model, r.model, !t.from.empty() ? 1 : t.bytes_only ? 256 + 1 : t.vocab);
  }
  TomlTable optimizer = table.table_or_empty("optimizer");
  r.trainer.optimizer = read_optimizer(optimizer);
  optimizer.finish();
  read_run_table(table.table_or_empty("run"), r);

  std::set<std::string> names;
  r.sources = std::move(made);
  for (const SourceSpec& source : r.sources) names.insert(source.name);
  for (TomlTable& source : table.tables("source")) {
    r.sources.push_back(read_source(source, folder));
    if (!names.insert(r.sources.back().name).second) {
      fail("{}: two sources are named \"{}\"; give each its own name", source.where("name"), r.sources.back().name);
    }
  }
  for (const auto& [name, megabytes] : r.tokenizer.sources) {
    if (!names.count(name)) {
      fail("{}: [tokenizer]: sources: \"{}\" is no source of this recipe; the nearest is \"{}\"", file.string(), name,
           nearest_word(name, {names.begin(), names.end()}));
    }
  }
  for (TomlTable& stage : table.tables("stage")) {
    r.stages.push_back(read_stage(stage, names));
    if (r.start.empty() && r.stages.back().sequence_length > r.model.max_context) {
      fail("{}: sequence_length: expected at most the model's context of {}, found {}", stage.where("sequence_length"),
           r.model.max_context, r.stages.back().sequence_length);
    }
  }
  if (r.stages.empty()) fail("{}: expected at least one [[stage]], found none", file.string());
  table.finish();
  r.values = table.asked();
  check_best(r, r.where("[run] keep_best"));
  return r;
}

}  // namespace

Recipe read_recipe(const Path& file) { return read(TomlTable::parse_file(file), file, {}); }
Recipe parse_recipe(const std::string& text, const Path& file) {
  return read(TomlTable::parse(text, file.string()), file, {});
}
Recipe parse_recipe(TomlTable table, const Path& file, std::vector<SourceSpec> made) {
  return read(std::move(table), file, std::move(made));
}

}  // namespace hadal
