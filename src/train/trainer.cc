#include "train/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <exception>
#include <map>
#include <mutex>
#include <span>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "kernels/cpu.h"
#include "train/checkpoint.h"
#include "train/run/run_logs.h"

namespace hadal {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Measured once in a process: a walk-forward makes many trainers.
double peak_flops(Precision precision, int num_threads) {
  static std::mutex mutex;
  static std::map<std::tuple<Precision, int, CpuLevel>, double> known;
  std::lock_guard lock(mutex);
  double& peak = known[{precision, num_threads, cpu_level()}];
  if (peak == 0) peak = measure_peak_flops(precision, num_threads);
  return peak;
}

// The value of rank 0.
double from_first(Collective& ranks, double value) {
  ranks.broadcast(std::as_writable_bytes(std::span(&value, 1)), 0);
  return value;
}
std::string from_first(Collective& ranks, std::string text) {
  text.resize(static_cast<size_t>(from_first(ranks, static_cast<double>(text.size()))));
  ranks.broadcast(std::as_writable_bytes(std::span(text)), 0);
  return text;
}

}  // namespace

struct Trainer::Logs {
  std::unique_ptr<RunLogs> files;
  ProgressLine line;
};

OrderedJson summary_json(const TrainSummary& s) {
  OrderedJson json;
  json["finished"] = s.finished;
  json["steps"] = s.steps;
  json["tokens"] = s.tokens;
  json["skipped_steps"] = s.skipped_steps;
  json["seconds"] = s.seconds;
  json["tokens_per_s"] = s.tokens_per_s;
  json["tokens_per_cpu_s"] = s.tokens_per_cpu_s;
  json["mfu"] = s.mfu;
  json["loss"] = number_or_null(s.last_loss);
  if (!s.evaluations.empty()) json["validation"] = evaluations_json(s.evaluations);
  return json;
}

Trainer::Trainer(Trainee& trainee, TrainerOptions options, ThreadPool& pool)
    : trainee_(trainee),
      options_(std::move(options)),
      ranks_(options_.ranks ? *options_.ranks : local_collective()),
      pool_(pool),
      params_(trainee.params()),
      optimizer_(params_, options_.spec.optimizer, pool),
      logs_(std::make_unique<Logs>()) {
  HADAL_CHECK(!options_.stages.empty());
  if (is_first()) return;
  options_.run.clear();
  options_.quiet = true;
  options_.after_validation = {};
  options_.may_publish = {};
}

Trainer::~Trainer() = default;

TrainSummary Trainer::run() {
  peak_flops_ = total(peak_flops(options_.spec.precision, pool_.size()));
  const bool anew = begin();
  if (options_.may_publish) options_.may_publish();
  if (!options_.run.empty())
    logs_->files = std::make_unique<RunLogs>(options_.run, summary_.steps, anew || progress() >= 1 || is_spent());
  optimizer_.zero_gradients();
  if (anew && options_.save_start) {
    validate();
    save();
  }
  const int64_t num_stages = static_cast<int64_t>(options_.stages.size());
  while (stage_ < num_stages) {
    if (!run_stage()) break;
    validate();
    if (summary_.steps != saved_step_) save();
    ++stage_;
    stage_step_ = stage_tokens_ = 0;
    stage_seconds_ = 0;
    first_loss_.reset();
    if (stage_ < num_stages) trainee_.begin_stage(stage_);
  }
  summary_.finished = stage_ == num_stages;
  if (!summary_.finished && summary_.steps != saved_step_) save();
  logs_->line.clear();
  timed_cpu_s_ = total(timed_cpu_s_);
  ranks_.barrier();  // where any rank returns, the last checkpoint is written
  summary_.tokens_per_s = timed_seconds_ > 0 ? static_cast<double>(timed_tokens_) / timed_seconds_ : 0;
  summary_.tokens_per_cpu_s = timed_cpu_s_ > 0 ? static_cast<double>(timed_tokens_) / timed_cpu_s_ : 0;
  summary_.mfu = timed_seconds_ > 0 ? timed_flops_ / timed_seconds_ / peak_flops_ : 0;
  return summary_;
}

bool Trainer::run_stage() {
  while (progress() < 1) {
    if (options_.max_steps > 0 && summary_.steps >= options_.max_steps) return false;
    summary_.stopped = total(options_.stop && *options_.stop ? 1 : 0) > 0;
    if (summary_.stopped) return false;
    summary_.spent = is_spent();
    if (summary_.spent) {
      if (validated_step_ != summary_.steps) evaluate();
      return false;
    }
    train_step();
    const bool by_steps =
        options_.spec.checkpoint_every_steps > 0 && summary_.steps % options_.spec.checkpoint_every_steps == 0;
    const bool by_time =
        options_.spec.checkpoint_every_minutes > 0 && since_save_s_ > options_.spec.checkpoint_every_minutes * 60;
    if (options_.spec.validate_every_steps > 0 && summary_.steps % options_.spec.validate_every_steps == 0 &&
        progress() < 1)
      validate();
    if ((by_steps || by_time) && bad_steps_ == 0) save();  // nothing has changed since the last good step
  }
  return true;
}

bool Trainer::is_spent() const { return options_.max_tokens > 0 && summary_.tokens >= options_.max_tokens; }

double Trainer::progress() const {
  const StagePlan& p = plan();
  if (p.steps > 0) return static_cast<double>(stage_step_) / static_cast<double>(p.steps);
  if (p.tokens > 0) return static_cast<double>(stage_tokens_) / static_cast<double>(p.tokens);
  return stage_seconds_ / (p.minutes * 60);
}

void Trainer::train_step() {
  const Stopwatch watch;
  const std::clock_t cpu_start = std::clock();
  StepStats stats;
  const int64_t batches = trainee_.begin_step(ranks_);
  for (int64_t i = 0; i < batches; ++i) {
    Tape tape;
    Context ctx;
    ctx.tape = &tape;
    ctx.precision = options_.spec.precision;
    ctx.pool = &pool_;
    trainee_.micro_batch(ctx, i, stats);
  }
  add_up(stats);
  const double factor = plan().schedule.factor(stage_step_, progress());
  const bool any = total(static_cast<double>(batches)) > 0;
  if (!any) summary_.last_loss = last_norm_ = 0;
  const bool updated = any && update(stats, factor);
  trainee_.end_step(ranks_, updated, stats);
  const double step_s = from_first(ranks_, watch.seconds());
  count(stats, step_s, static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
  report(stats, factor, last_norm_, step_s);
  if (bad_steps_ >= options_.spec.max_bad_steps) give_up();
}

void Trainer::count(const StepStats& stats, double step_s, double cpu_s) {
  ++summary_.steps;
  ++stage_step_;
  summary_.tokens += stats.tokens;
  stage_tokens_ += stats.tokens;
  summary_.seconds += step_s;
  stage_seconds_ += step_s;
  since_save_s_ += step_s;
  if (++process_steps_ == 3) {  // the first two make buffers and caches
    timed_seconds_ = timed_cpu_s_ = timed_flops_ = 0;
    timed_tokens_ = 0;
  }
  timed_seconds_ += step_s;
  timed_cpu_s_ += cpu_s;
  timed_tokens_ += stats.tokens;
  timed_flops_ += stats.flops;
}

double Trainer::total(double value) {
  ranks_.all_reduce(std::span(&value, 1));
  return value;
}

void Trainer::add_up(StepStats& stats) {
  if (ranks_.size() == 1) return;
  std::array<double, 4> sums = {stats.loss, stats.weight, static_cast<double>(stats.tokens), stats.flops};
  ranks_.all_reduce(sums);
  stats.loss = sums[0], stats.weight = sums[1], stats.tokens = static_cast<int64_t>(sums[2]), stats.flops = sums[3];
  optimizer_.for_each_gradient([&](std::span<float> gradient) { ranks_.all_reduce(gradient); });
}

// What the loss says of the weights that it was computed with. Above twice the stage's first loss (and one more) they
// are worse than those that the stage began with.
void Trainer::judge(bool finite, double loss) {
  if (finite && !first_loss_) first_loss_ = loss;
  const bool good = finite && loss <= *first_loss_ + std::abs(*first_loss_) + 1;
  if (saved_step_ != summary_.steps) return;
  if (good)
    good_step_ = saved_step_;
  else if (diverged_steps_.empty() || diverged_steps_.back() != saved_step_)
    diverged_steps_.push_back(saved_step_);
}

void Trainer::give_up() {
  std::string ahead;
  if (!options_.run.empty()) {
    int64_t last = -1;
    for (const Path& checkpoint : list_checkpoints(options_.run)) {
      const int64_t step = checkpoint_step(checkpoint);
      if (step > good_step_ && std::count(diverged_steps_.begin(), diverged_steps_.end(), step) > 0) {
        set_aside(checkpoint, kDiverged);
        ahead += fmt::format("; {} diverged, it is {}-{} now", checkpoint.filename().string(), kDiverged, step);
      } else {
        last = step;
      }
    }
    ahead += last >= 0 ? fmt::format("; --resume goes on from checkpoint-{}", last)
                       : "; --resume begins anew, no checkpoint is from before";
  }
  fail(
      "the loss or its gradient was not finite in {} steps in a row (up to step {}): lower the learning rate or look "
      "at the data{}",
      bad_steps_, summary_.steps, ahead);
}

// Clips by the global norm and updates. A loss or gradient that is not finite leaves everything as it was.
bool Trainer::update(StepStats& stats, double factor) {
  const double mean = stats.weight > 0 ? stats.loss / stats.weight : 0;
  last_norm_ = optimizer_.gradient_norm();
  const bool good = std::isfinite(mean) && std::isfinite(last_norm_);
  judge(good, mean);
  if (good) {
    const double clip = options_.spec.optimizer.clip_norm;
    const double scale = clip > 0 && last_norm_ > clip ? clip / last_norm_ : 1.0;
    optimizer_.step(plan().matrix_lr * factor, plan().other_lr * factor, scale);
    bad_steps_ = 0;
  } else {
    ++bad_steps_;
    ++summary_.skipped_steps;
    logs_->line.clear();
    if (is_first())
      log_warning("step {}: the loss is {} and the gradient's norm {}: the step is skipped ({} in a row)",
                  summary_.steps + 1, mean, last_norm_, bad_steps_);
  }
  optimizer_.zero_gradients();
  summary_.last_loss = mean;
  if (!good) return false;
  const double deviation = std::sqrt(loss_variance_);
  if (is_first() && !options_.quiet && stage_step_ > 20 && mean > mean_loss_ + 6 * deviation &&
      mean > 1.1 * mean_loss_) {
    logs_->line.clear();
    log_warning("step {}: the loss jumped to {:.4f} from about {:.4f}", summary_.steps + 1, mean, mean_loss_);
  }
  const double rate = stage_step_ == 0 ? 1.0 : 0.05, delta = mean - mean_loss_;
  mean_loss_ += rate * delta;
  loss_variance_ = stage_step_ == 0 ? 0 : (1 - rate) * (loss_variance_ + rate * delta * delta);
  return true;
}

void Trainer::report(const StepStats& stats, double factor, double norm, double step_s) {
  const double tokens_per_s = static_cast<double>(stats.tokens) / step_s, mfu = stats.flops / step_s / peak_flops_;
  recent_step_s_ = recent_step_s_ == 0 ? step_s : 0.9 * recent_step_s_ + 0.1 * step_s;
  recent_tokens_per_s_ = recent_tokens_per_s_ == 0 ? tokens_per_s : 0.9 * recent_tokens_per_s_ + 0.1 * tokens_per_s;
  std::vector<std::pair<std::string, double>> numbers = {{"loss", summary_.last_loss},
                                                         {"lr", plan().matrix_lr * factor},
                                                         {"grad_norm", norm},
                                                         {"tokens", static_cast<double>(summary_.tokens)},
                                                         {"tokens_per_s", tokens_per_s},
                                                         {"mfu", mfu},
                                                         {"seconds", summary_.seconds},
                                                         {"stage", static_cast<double>(stage_)}};
  for (const auto& item : stats.extra) numbers.push_back(item);
  log("train/", numbers);
  if (options_.quiet) return;
  std::string line =
      fmt::format("{} step {} ({:.0f}%)  ", plan().name, summary_.steps, 100 * std::min(1.0, progress()));
  if (!stats.line.empty()) {
    logs_->line.show(line + "eta " + duration_text(eta_s()) + "  " + stats.line);
    return;
  }
  line += fmt::format("loss {:.4f}", summary_.last_loss);
  if (!summary_.evaluations.empty() && !summary_.evaluations[0].metrics.empty())
    line += fmt::format("  val {:.4f}", summary_.evaluations[0].metrics[0].value);
  line += fmt::format("  {:.0f} tok/s  mfu {:.0f}%", recent_tokens_per_s_, 100 * mfu);
  for (const auto& [name, value] : stats.extra) line += fmt::format("  {} {:.2f}", name, value);
  logs_->line.show(line + "  eta " + duration_text(eta_s()));
}

double Trainer::eta_s() const {
  double left = 0;
  for (int64_t s = stage_; s < static_cast<int64_t>(options_.stages.size()); ++s) {
    const StagePlan& p = options_.stages[static_cast<size_t>(s)];
    const double share = s == stage_ ? std::max(0.0, 1 - progress()) : 1.0;
    left += share * (p.minutes > 0 ? p.minutes * 60
                     : p.steps > 0 ? static_cast<double>(p.steps) * recent_step_s_
                                   : static_cast<double>(p.tokens) / std::max(1.0, recent_tokens_per_s_));
  }
  return left;
}

void Trainer::log(const std::string& prefix, const std::vector<std::pair<std::string, double>>& numbers) {
  if (!logs_->files) return;
  if (options_.may_publish) options_.may_publish();
  logs_->files->write(summary_.steps, summary_.tokens, prefix, numbers);
}

void Trainer::validate() {
  evaluate();
  if (summary_.evaluations.empty() || !options_.after_validation) return;
  if (options_.may_publish) options_.may_publish();
  options_.after_validation(summary_);
}

void Trainer::evaluate() {
  validated_step_ = summary_.steps;
  Context ctx;
  ctx.precision = options_.spec.precision;
  ctx.pool = &pool_;
  summary_.evaluations = trainee_.evaluate(ctx, ranks_);
  if (summary_.evaluations.empty()) return;
  for (const Evaluation& e : summary_.evaluations) {
    std::vector<std::pair<std::string, double>> numbers;
    for (const Metric& m : e.metrics) numbers.emplace_back(m.name, m.value);
    log("validation/" + e.name + "/", numbers);
  }
  if (!options_.quiet)
    logs_->line.note(fmt::format("step {}: validation: {}", summary_.steps, evaluations_text(summary_.evaluations)));
}

void Trainer::save() {
  since_save_s_ = 0;
  if (options_.run.empty()) return;
  if (options_.may_publish) options_.may_publish();
  Json state = {
      {"steps", summary_.steps},     {"tokens", summary_.tokens},       {"skipped_steps", summary_.skipped_steps},
      {"seconds", summary_.seconds}, {"loss", summary_.last_loss},      {"stage", stage_},
      {"stage_step", stage_step_},   {"stage_tokens", stage_tokens_},   {"stage_seconds", stage_seconds_},
      {"mean_loss", mean_loss_},     {"loss_variance", loss_variance_}, {"data", trainee_.state()}};
  if (first_loss_) state["first_loss"] = *first_loss_;
  save_checkpoint(options_.run, summary_.steps, params_, optimizer_, state, [this](const Path& folder) {
    trainee_.describe(folder);
    if (options_.may_publish) options_.may_publish();  // writing may have taken long
  });
  saved_step_ = summary_.steps;
  prune_checkpoints(options_.run, options_.spec.keep_checkpoints, good_step_);
}

// Where the run stands: as in its newest checkpoint, or at the beginning (true).
bool Trainer::begin() {
  Json state;
  std::string error;
  std::exception_ptr failure;
  if (options_.resume && is_first()) {
    try {
      state = restore();
    } catch (const std::exception& e) {
      failure = std::current_exception();
      error = e.what();
    }
  }
  if (ranks_.size() > 1) share_beginning(error, state);
  if (failure) std::rethrow_exception(failure);
  if (state.is_null()) trainee_.begin_stage(stage_);
  return state.is_null();
}

// Rank 0 read the checkpoint; all get its weights, its moments and its place, or its error.
void Trainer::share_beginning(const std::string& error, Json& state) {
  const std::string reason = from_first(ranks_, error);
  if (!reason.empty()) {
    if (is_first()) return;
    fail("rank 0: {}", reason);
  }
  const std::string text = from_first(ranks_, dump_json(state));
  const auto share = [&](std::span<float> values) { ranks_.broadcast(std::as_writable_bytes(values), 0); };
  for (Param* p : params_) {
    if (p->weight.frozen && p->group != ParamGroup::buffer) continue;
    share(p->weight.value().values());
    p->weight.changed();
  }
  optimizer_.for_each_state([&](const std::string&, std::span<float> values) { share(values); });
  if (is_first()) return;
  state = parse_json(text, "rank 0");
  if (state.is_null()) return;
  stand_at(state, "the checkpoint of rank 0");
  optimizer_.updates = state.at("updates");
}

Json Trainer::restore() {
  auto all = list_checkpoints(options_.run);
  std::vector<Path> damaged;
  std::string reasons;
  Json state;
  for (; !all.empty(); all.pop_back()) {
    try {
      state = restore_from(all.back());
      break;
    } catch (const DamagedCheckpoint& error) {
      log_warning("{}{}", error.what(), all.size() > 1 ? "; trying the one before it" : "");
      damaged.push_back(all.back());
      reasons += fmt::format("{}; ", error.what());
    }
  }
  if (all.empty()) {
    if (damaged.empty()) return nullptr;
    fail("{}no other checkpoint is left: remove the folder {} and --resume begins anew", reasons,
         damaged.front().string() + (damaged.size() > 1 ? " and those before it" : ""));
  }
  for (const Path& checkpoint : damaged) set_aside(checkpoint, kDamaged);
  if (all.size() > 1) good_step_ = checkpoint_step(all[all.size() - 2]);
  saved_step_ = summary_.steps;
  if (!options_.quiet) log_info("resumed at step {} from {}", summary_.steps, all.back().string());
  return state;
}

Json Trainer::restore_from(const Path& checkpoint) {
  Json state = load_checkpoint(checkpoint, params_, optimizer_);
  stand_at(state, (checkpoint / "state.json").string());
  return state;
}

void Trainer::stand_at(const Json& state, const std::string& who) {
  try {
    summary_.steps = state.at("steps");
    summary_.tokens = state.at("tokens");
    summary_.skipped_steps = state.at("skipped_steps");
    summary_.seconds = state.at("seconds");
    const Json loss = state.value("loss", Json());  // null: not finite, or an older checkpoint
    summary_.last_loss = loss.is_number() ? loss.get<double>() : std::nan("");
    stage_ = state.at("stage");
    stage_step_ = state.at("stage_step");
    stage_tokens_ = state.at("stage_tokens");
    stage_seconds_ = state.at("stage_seconds");
    mean_loss_ = state.at("mean_loss");
    loss_variance_ = state.at("loss_variance");
    first_loss_.reset();
    if (state.contains("first_loss")) first_loss_ = state["first_loss"].get<double>();
    if (stage_ < 0 || stage_ >= static_cast<int64_t>(options_.stages.size())) {
      fail("{}: expected a stage of the recipe (it has {}), found number {}; the recipe has changed, start a new run",
           who, options_.stages.size(), stage_ + 1);
    }
    trainee_.begin_stage(stage_);
    trainee_.restore(state.at("data"), who);
  } catch (const Json::exception& error) {
    throw DamagedCheckpoint(fmt::format("{}: the checkpoint is damaged: {}", who, plain_words(error)));
  }
}

}  // namespace hadal
