#include "rl/distill_recipe.h"

#include <algorithm>

#include "base/error.h"
#include "net/url.h"

namespace hadal::rl {
namespace {

// Refused before anything is looked up; endpoint_teacher() guards what is connected to.
void check_on_this_machine(const std::string& url, const std::string& where) {
  const std::string host = net::url_host(url);
  if (host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]") return;
  fail("{}: teacher: expected an address of this machine (localhost, 127.0.0.1, [::1]), found {}: {}", where,
       brief(host), kWhyLoopback);
}

TeacherSpec read_teacher(TomlTable& table, const RecipeFile& recipe, const Path& folder) {
  TeacherSpec t;
  t.where = table.where("teacher");
  const std::string name = table.text("teacher", "");
  if (name.empty())
    fail("{}: teacher: expected a MODEL, a training recipe or an address of http, found an empty text", t.where);
  if (name.starts_with("http://") || name.starts_with("https://")) {
    t.kind = TeacherSpec::Kind::endpoint;
    t.name = name.substr(0, name.find_last_not_of('/') + 1);
    check_on_this_machine(t.name, t.where);
    t.model = table.text("teacher_model", "");
    t.parallel = table.integer("parallel", t.parallel, 1, 256);
    t.timeout_seconds = table.integer("timeout_seconds", t.timeout_seconds, 1, 1 << 20);
    return t;
  }
  for (const char* key : {"teacher_model", "parallel", "timeout_seconds"}) {
    if (table.has(key))
      fail("{}: {}: means something where `teacher` is an address alone; leave it out", table.where(key), key);
  }
  t.kind = name.ends_with(".toml") ? TeacherSpec::Kind::recipe : TeacherSpec::Kind::model;
  const Path path = anchored(folder, name);
  t.name = t.kind == TeacherSpec::Kind::recipe ? path.string() : model_named(recipe, path);
  return t;
}

// Returns the source as the student's recipe has it; its path is that of the output.
SourceSpec read_distill(TomlTable& table, const Path& folder, DistillRecipe& r) {
  for (const char* key : {"teacher", "tasks"}) table.require(key);
  r.teacher = read_teacher(table, r, folder);
  r.tasks = read_tasks(table, r.files);
  r.items = table.integer("items", r.items, 1, 1 << 24);
  RolloutSpec& o = r.rollout;
  const bool endpoint = r.teacher.kind == TeacherSpec::Kind::endpoint;
  o.samples = table.integer("samples", 8, 1, 1 << 12);
  o.items = table.integer("items_at_once", endpoint ? 4 : o.items, 1, 1 << 16);
  o.temperature = table.number("temperature", o.temperature, 0.01, 10);
  o.max_thinking_tokens = table.integer("max_thinking_tokens", o.max_thinking_tokens, 1, 1 << 20);
  o.max_answer_tokens = table.integer("max_answer_tokens", o.max_answer_tokens, 1, 1 << 20);
  r.keep = table.integer("keep", r.keep, 0, int64_t{1} << 40);
  r.keep_per_item = table.integer("keep_per_item", std::min(r.keep_per_item, o.samples), 1, o.samples);
  r.development_items = table.integer("development_items", r.development_items, 1, 1 << 20);
  SourceSpec source;
  source.name = kDistilled;
  source.kind = SourceKind::chat;
  source.where = table.where();
  source.validation = table.number("validation", 0.02, 0, 0.9);
  table.finish();
  return source;
}

void check_drawn(const DistillRecipe& r) {
  const auto draws = [](const StageSpec& stage) {
    return std::ranges::any_of(stage.sources, [](const auto& source) { return source.first == kDistilled; });
  };
  if (std::ranges::any_of(r.student.stages, draws)) return;
  fail("{}: expected a [[stage]] whose sources name \"{}\", the teacher's right replies, found none", r.file.string(),
       kDistilled);
}

DistillRecipe read(TomlTable table, const Path& file) {
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  DistillRecipe r;
  r.file = file;
  table.require("distill");
  r.files = read_items_files(table, folder);
  TomlTable distill = *table.table("distill");
  const SourceSpec source = read_distill(distill, folder, r);
  r.student = parse_recipe(std::move(table), file, {source});
  r.name = r.student.name;
  r.seed = r.student.seed;
  r.values = r.student.values;
  r.set_output(r.student.output);
  check_drawn(r);
  return r;
}

}  // namespace

void DistillRecipe::set_output(const Path& folder) {
  output = folder;
  student.output = folder / "student";
  for (SourceSpec& source : student.sources)
    if (source.name == kDistilled) source.path = distilled();
}

DistillRecipe read_distill_recipe(const Path& file) { return read(TomlTable::parse_file(file), file); }
DistillRecipe parse_distill_recipe(const std::string& text, const Path& file) {
  return read(TomlTable::parse(text, file.string()), file);
}

}  // namespace hadal::rl
