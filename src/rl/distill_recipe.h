// A recipe of distillation: a training recipe, whose student learns from a source named `distilled`, and a [distill]
// that says how this source is made: which items are asked, of whom, and which right replies are kept. Paths are
// relative to the recipe's folder.
#pragma once

#include <cstdint>
#include <string>

#include "rl/items_spec.h"
#include "rl/rl_recipe.h"
#include "train/train_run.h"

namespace hadal::rl {

inline constexpr const char* kDistilled = "distilled";  // the source

// Why an endpoint elsewhere is not asked.
inline constexpr const char* kWhyLoopback =
    "thousands of requests and a model's replies would pass unprotected; run the server here, or forward a port of "
    "this "
    "machine to it";

struct TeacherSpec {
  enum class Kind { model, recipe, endpoint };  // a training recipe is run first
  Kind kind = Kind::model;
  std::string name;      // a MODEL, the path of the recipe, or the endpoint's address: http://127.0.0.1:8080/v1
  std::string where;     // in the recipe, for errors
  std::string model;     // of an endpoint; empty: the first that it lists
  int64_t parallel = 8;  // requests to it at once
  int64_t timeout_seconds = 600;  // without a byte from it
};

struct DistillRecipe : RecipeFile, ItemsSpec {
  std::string name;
  uint64_t seed = 1;
  TeacherSpec teacher;
  int64_t items = 1000;  // different ones that are asked
  RolloutSpec rollout;   // its `items` are asked at once, and what was replied is on disk before the next ones are
  int64_t keep = 0;      // right replies, of hard items first; 0: any number
  int64_t keep_per_item = 2;
  int64_t development_items = 200;  // of each kind, asked of the student before and after
  Recipe student;                   // its output is OUTPUT/student

  void set_output(const Path& folder);  // of the run; moves the student's and the source with it
  Path distilled() const { return output / "distilled.jsonl"; }
};

DistillRecipe read_distill_recipe(const Path& file);
DistillRecipe parse_distill_recipe(const std::string& text, const Path& file);  // `file` names it, anchors its paths

}  // namespace hadal::rl
