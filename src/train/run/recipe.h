// A recipe: a whole training run as one TOML file. Paths in it are relative to the recipe's folder. docs/training.md
// and the files in recipes/ say what each key means; every key has its default here.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"
#include "train/recipe_file.h"
#include "train/trainer_spec.h"

namespace hadal {

enum class SourceKind { text, chat, arithmetic, math, reason };

// Where documents come from: JSON lines or one JSON list (also .zst) with `text`; with a dialogue (dialogue_formats.h);
// with `question`, `solution`, `answer`; a .txt file; arithmetic and reason are made up by seed.
struct SourceSpec {
  std::string name;
  SourceKind kind = SourceKind::text;
  Path path;
  std::string where;  // in the recipe ("pilot.toml:12"), for errors
  std::string where_prefix() const { return where.empty() ? "" : where + ": "; }
  bool skip_bad_lines = false;                // on_bad_line = "skip": malformed lines are left out and counted
  std::vector<std::string> include, exclude;  // of the field `source`; include empty: all
  std::vector<std::string> exclude_ids;
  double max_megabytes = 0;        // whole documents in order of their hash (.txt: its beginning), up to this; 0: all
  int64_t max_document_bytes = 0;  // longer documents are left out (.txt: cut into several); 0: none
  int64_t max_turns = 0;           // chat: dialogues are cut to so many messages; 0: not
  double validation = 0.005;       // share of documents (by hash; .txt: of its bytes) that training never sees
  double validation_tail = 0;      // or: the last part of each document
  int64_t documents = 20000;       // arithmetic, reason: how many are made up
  uint64_t seed = 1;               // arithmetic, reason
  std::vector<std::pair<std::string, double>> tasks;  // reason: kinds of tasks/task.h, with their shares of documents
  int64_t max_thinking_bytes = 700;                   // reason
  double without_thinking = 0;                        // reason: share of documents that answer at once

  bool made_up() const { return kind == SourceKind::arithmetic || kind == SourceKind::reason; }
};

struct StageSpec {
  StagePlan plan;                                       // name, length, rates
  std::vector<std::pair<std::string, double>> sources;  // share of tokens
  int64_t sequence_length = 512;
  int64_t batch_tokens = 16384, micro_batch_tokens = 4096;
  bool assistant_only = false;  // mask = "assistant"
  double join = 0;              // share of dialogues that continue the one before them as one conversation
  double balance_weight = 1e-4, mtp_weight = 0.3, router_bias_speed = 1e-3;
};

struct TokenizerSpec {
  Path from;  // a Hugging Face folder; or train one:
  int64_t vocab = 8192;
  std::string pre_tokenizer = "deepseek-v3";
  bool bytes_only = false;                              // the 256 bytes and the specials, nothing merged, no bos
  bool merge_words_only = false;                        // merges = "words": only letters are merged
  bool thinking = false;                                // the chat template lets the model think before it answers
  std::vector<std::pair<std::string, double>> sources;  // megabytes of each to learn from
};

struct Recipe : RecipeFile {
  std::string name;
  uint64_t seed = 1;
  Path start;         // a model to continue from, with its shape and its tokenizer; empty: from random weights, with
  ModelConfig model;  // vocab 0: the tokenizer's
  TokenizerSpec tokenizer;
  std::vector<SourceSpec> sources;
  std::vector<StageSpec> stages;
  TrainerSpec trainer;
  int64_t validation_tokens = 65536;     // at most, of each source
  std::string best_source, best_figure;  // keep_best: model/ is the best by this figure of this source; empty: the last
};

Recipe read_recipe(const Path& file);
Recipe parse_recipe(const std::string& text, const Path& file);  // `file` names it and anchors its paths
// Of a recipe that holds more: its other keys have been read. `made` are sources that the caller makes; stages and the
// tokenizer may name them beside the recipe's own.
Recipe parse_recipe(TomlTable table, const Path& file, std::vector<SourceSpec> made);

}  // namespace hadal
