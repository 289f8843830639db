#include "rl/distill.h"

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "rl/loop/development.h"
#include "rl/loop/trained_first.h"
#include "rl/teach/replies.h"
#include "train/checkpoint.h"
#include "train/run_folder.h"
#include "train/train_run.h"

namespace hadal::rl {
namespace {

constexpr size_t kHopelessItems = 128;      // without a single right reply: the teacher cannot do these
constexpr uint64_t kReportSeed = 0xd15711;  // of development items
constexpr uint64_t kChoiceSeed = 0xc401ce;  // of which right replies are kept

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void check_output(const DistillRecipe& recipe, const DistillOptions& options) {
  if (options.resume || ReplyFolder(recipe.output / "replies").empty()) return;
  fail("{}: expected an empty folder for a new run, found replies; resume it with --resume, or remove the folder",
       recipe.output.string());
}

// A command with the files that it names.
uint64_t hash_of(const tasks::SandboxSpec& spec, uint64_t hash) {
  for (const std::string& word : spec.command) {
    hash = fnv1a(word + '\n', hash);
    std::error_code ignored;
    const Path file = spec.folder / word;
    if (std::filesystem::is_regular_file(file, ignored)) hash = fnv1a(read_file(file), hash);
  }
  return hash;
}

// What replies and their verdicts depend on.
Json plan_of(const DistillRecipe& r) {
  Json plan = {{"[distill] teacher", r.teacher.name},
               {"[distill] teacher_model", r.teacher.model},
               {"[distill] items", r.items},
               {"[distill] samples", r.rollout.samples},
               {"[distill] items_at_once", r.rollout.items},
               {"[distill] temperature", r.rollout.temperature},
               {"[distill] max_thinking_tokens", r.rollout.max_thinking_tokens},
               {"[distill] max_answer_tokens", r.rollout.max_answer_tokens},
               {"seed", r.seed}};
  for (const auto& [name, share] : r.tasks) plan["[distill] tasks"][name] = share;
  for (const ItemsFile& file : r.files) {
    uint64_t hash = fnv1a(read_file(file.path));
    if (file.verifier) hash = hash_of(file.verifier->sandbox, hash);
    plan["[[items]]"][file.name] = fmt::format("{:016x}", hash);
  }
  return plan;
}

// Null: training it was stopped.
std::unique_ptr<Teacher> make_teacher(const DistillRecipe& recipe, const DistillOptions& options) {
  const TeacherSpec& t = recipe.teacher;
  if (t.kind == TeacherSpec::Kind::endpoint) return endpoint_teacher(t, recipe.rollout, options.http, options.stop);
  const auto model = t.kind == TeacherSpec::Kind::recipe
                         ? trained_first(t.name, recipe.output / "teacher", recipe.name, options.stop)
                         : std::optional(t.name);
  if (!model) return nullptr;
  return model_teacher(t, *model, recipe.rollout, recipe.student.trainer.precision);
}

struct ReplyCounts {
  int64_t items = 0, solved = 0, refused = 0, asked = 0, right = 0, unfinished = 0, kept = 0, tokens = 0;
  std::string last_why = "there is none";  // of a reply that is not right

  void add(const AskedItem& item) {
    ++items;
    solved += item.num_right() > 0 ? 1 : 0;
    refused += item.replies.empty() ? 1 : 0;
    for (const JudgedReply& r : item.replies) {
      ++asked;
      right += r.right ? 1 : 0;
      unfinished += r.reply.finished ? 0 : 1;
      tokens += r.reply.tokens;
      if (!r.right) last_why = r.why;
    }
  }
};

// Asks what an earlier run has not asked yet.
class Asking {
 public:
  Asking(const DistillRecipe& recipe, const DistillOptions& options, const Items& items)
      : recipe_(recipe), options_(options), folder_(recipe.output / "replies") {
    for (Question& q : questions_of(items, recipe.items, recipe.seed)) items_.push_back({std::move(q), {}});
    if (std::cmp_less(items_.size(), recipe.items))
      log_warning("{}: [distill] items: there are no more than {} different ones", recipe.where("[distill] items"),
                  items_.size());
    folder_.bind(plan_of(recipe), recipe.file.string());
  }

  // False: it was stopped.
  bool run() {
    const auto at_once = static_cast<size_t>(recipe_.rollout.items);
    for (size_t begin = 0; begin < items_.size(); begin += at_once) {
      const size_t count = std::min(at_once, items_.size() - begin);
      std::vector<AskedItem> batch(items_.begin() + static_cast<ptrdiff_t>(begin),
                                   items_.begin() + static_cast<ptrdiff_t>(begin + count));
      const bool known = folder_.read(begin / at_once, batch);
      if (!known) {
        if (options_.stop && *options_.stop) return false;
        if (!ask(batch, begin)) return false;
        // Where nobody replied at all, it may be another endpoint that will be asked again.
        if (std::ranges::any_of(batch, [](const AskedItem& item) { return !item.replies.empty(); }))
          folder_.write(begin / at_once, batch);
      }
      for (size_t i = 0; i < count; ++i) counts_.add(batch[i]);
      std::ranges::move(batch, items_.begin() + static_cast<ptrdiff_t>(begin));
      if (!known) show_progress(begin + count, count);
      if (begin + count == items_.size() || begin + count >= kHopelessItems) check_hope(begin + count);
    }
    line_.clear();
    teacher_.reset();  // its memory is the student's
    return true;
  }

  const std::vector<AskedItem>& items() const { return items_; }

 private:
  bool ask(std::vector<AskedItem>& batch, size_t begin) {
    try {
      if (!teacher_) {
        teacher_ = make_teacher(recipe_, options_);
        watch_.restart();
      }
      if (!teacher_) return false;
      std::vector<std::string> questions;
      std::vector<uint64_t> seeds;
      for (size_t i = 0; i < batch.size(); ++i) {
        questions.push_back(batch[i].question.text);
        seeds.push_back(seed_of({recipe_.seed, begin + i, 1}));
      }
      auto replies = teacher_->replies(questions, seeds);
      if (!replies) return false;
      for (size_t i = 0; i < batch.size(); ++i)
        for (TeacherReply& reply : (*replies)[i])
          batch[i].replies.push_back(judge(batch[i].question, std::move(reply)));
      return true;
    } catch (const net::AddressRefused&) {
      throw;
    } catch (const Error& error) {
      const int64_t replied = counts_.items - counts_.refused;
      if (recipe_.teacher.kind != TeacherSpec::Kind::endpoint || replied == 0) throw;
      fail("{}; the replies to {} of {} items are kept: continue with --resume", error.what(), replied, items_.size());
    }
  }

  void check_hope(size_t asked) const {
    if (counts_.right > 0) return;
    fail(
        "{}: teacher: none of the {} replies to {} items is right ({} were cut off; the last one: {}); take another "
        "teacher, easier items or more max_thinking_tokens",
        recipe_.teacher.where, counts_.asked, asked, counts_.unfinished, counts_.last_why);
  }

  void show_progress(size_t asked, size_t of_batch) {
    asked_now_ += of_batch;
    const auto replies = static_cast<double>(std::max<int64_t>(counts_.asked, 1));
    const double left = static_cast<double>(items_.size() - asked) / static_cast<double>(asked_now_);
    line_.show(fmt::format("{}: {} of {} items asked, {:.1f}% of the replies right, {:.0f} tokens each, {} to go",
                           recipe_.name, asked, items_.size(), 100.0 * static_cast<double>(counts_.right) / replies,
                           static_cast<double>(counts_.tokens) / replies, duration_text(left * watch_.seconds())));
  }

  const DistillRecipe& recipe_;
  const DistillOptions& options_;
  ReplyFolder folder_;
  std::vector<AskedItem> items_;
  ReplyCounts counts_;
  std::unique_ptr<Teacher> teacher_;  // not made where nothing is left to ask
  ProgressLine line_;
  Stopwatch watch_;
  size_t asked_now_ = 0;  // items, by this process
};

// The kept replies as the student reads them. Where it has begun to learn from others, an Error.
void write_distilled(const DistillRecipe& recipe, const std::vector<AskedItem>& items, const std::vector<Kept>& kept) {
  std::string text;
  for (const Kept& k : kept) text += chat_line(items[k.item], items[k.item].replies[k.reply]);
  const Path file = recipe.distilled();
  const bool there = is_there(file);
  if (there && read_file(file) == text) return;  // its time stays, by which caches know it
  if (there && !list_checkpoints(recipe.student.output).empty()) {
    fail(
        "{}: expected the replies that the student in {} learns from, found others to keep; set keep and "
        "keep_per_item back, or begin a new run with another output",
        recipe.where("[distill] keep"), recipe.student.output.string());
  }
  write_file_whole(file, text);
}

// {"asked", "right", "unfinished", "kept", "without_thinking"}, and with these by kind.
OrderedJson replies_json(const Items& items, const std::vector<AskedItem>& asked, const std::vector<Kept>& kept) {
  std::vector<ReplyCounts> counts(items.kinds().size() + 1);  // of each kind, and of all
  for (const AskedItem& item : asked) {
    counts[item.question.kind].add(item);
    counts.back().add(item);
  }
  int64_t without_thinking = 0;
  for (const Kept& k : kept) {
    ++counts[asked[k.item].question.kind].kept;
    ++counts.back().kept;
    without_thinking += part_reply(asked[k.item].replies[k.reply].reply.text).thinking.empty() ? 1 : 0;
  }
  const auto json_of = [](const ReplyCounts& c) {
    return OrderedJson{{"items", c.items}, {"solved", c.solved},         {"refused", c.refused}, {"asked", c.asked},
                       {"right", c.right}, {"unfinished", c.unfinished}, {"kept", c.kept},       {"tokens", c.tokens}};
  };
  OrderedJson json = json_of(counts.back());
  json["without_thinking"] = without_thinking;
  for (size_t i = 0; i < items.kinds().size(); ++i) json["by_task"][items.kinds()[i].name] = json_of(counts[i]);
  return json;
}

OrderedJson measure_student(const char* when, const weights::LoadedModel& student, const Items& items,
                            const DistillRecipe& recipe, const std::atomic<bool>* stop) {
  const Roller roller(student, recipe.rollout, recipe.student.trainer.precision, stop);
  const auto scores = measure_development(roller, items, recipe.development_items, kReportSeed);
  log_info("{}: the student {}: pass@1 {:.3f} on held-out items, the mean of {} kinds", recipe.name, when,
           mean_pass(scores), scores.size());
  return scores_json(scores);
}

// Of the student at its start, which may be random weights; measured once in a run: the file is of this start where
// there is a checkpoint.
OrderedJson measure_before(const DistillRecipe& recipe, const Items& items, const std::atomic<bool>* stop) {
  const Path file = recipe.output / "before.json";
  if (is_there(file) && !list_checkpoints(recipe.student.output).empty())
    return parse_ordered_json(read_file(file), file.string());
  const RunFolder folder(recipe.student.output);
  OrderedJson before = measure_student("before", starting_point(recipe.student), items, recipe, stop);
  write_file_whole(file, dump_json(before, 1) + "\n");
  return before;
}

// Of the teacher: what a reader finds it by.
std::string teacher_name(const DistillRecipe& r) {
  return r.teacher.kind == TeacherSpec::Kind::recipe ? (r.output / "teacher" / "model").string() : r.teacher.name;
}

DistillRun run_in_folder(const DistillRecipe& recipe, const DistillOptions& options) {
  const Items items(recipe);
  DistillRun run;
  OrderedJson& report = run.report;
  report["name"] = recipe.name;
  report["finished"] = false;
  report["teacher"] = teacher_name(recipe);
  Asking asking(recipe, options, items);
  if (!asking.run()) {
    run.stopped = true;
    return run;
  }
  const std::vector<Kept> kept =
      choose_replies(asking.items(), recipe.keep, recipe.keep_per_item, recipe.seed ^ kChoiceSeed);
  write_distilled(recipe, asking.items(), kept);
  const OrderedJson replies = replies_json(items, asking.items(), kept);
  report["items"] = replies["items"];
  report["tokens"] = replies["tokens"];
  report["replies"] = replies;
  report["data"] = recipe.distilled().string();
  if (replies["without_thinking"] == replies["kept"])
    log_warning("{}: the teacher does not think: the student learns to answer at once", recipe.teacher.where);

  report["before"] = measure_before(recipe, items, options.stop);
  const TrainRun student = run_recipe(recipe.student, {.resume = true, .stop = options.stop});
  report["steps"] = student.summary.steps;
  report["trained_tokens"] = student.summary.tokens;
  report["student_seconds"] = student.summary.seconds;
  run.stopped = student.summary.stopped;
  if (!student.summary.finished) return run;
  const Path model = recipe.student.output / "model";
  report["student"] = model.string();
  report["after"] = measure_student("after", weights::load_model(model.string()), items, recipe, options.stop);
  run.finished = true;
  report["finished"] = true;
  write_file_whole(recipe.output / "report.json", dump_json(report, 2) + "\n");
  return run;
}

}  // namespace

DistillRun run_distill(const DistillRecipe& recipe, const DistillOptions& options) {
  return in_run_folder(recipe.output, false, [&] {
    check_output(recipe, options);
    try {
      return run_in_folder(recipe, options);
    } catch (const Stopped&) {  // in a measurement, which is made again
      return DistillRun{.stopped = true, .report = {{"name", recipe.name}, {"finished", false}}};
    }
  });
}

}  // namespace hadal::rl
