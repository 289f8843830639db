#include "market/forecast/network_training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/json.h"
#include "market/stopped.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace hadal::market::forecast {
namespace {

// The loss of a batch, over `weight` groups or values; on the tape its mean's gradient.
struct BatchLoss {
  double sum = 0, weight = 0;
};

// The outputs that have a target, and these: [known, 1] each; nothing where there are none.
std::optional<std::pair<Tensor, Tensor>> known_of(const Context& ctx, const Tensor& out, const NetworkBatch& batch) {
  std::vector<int64_t> known;
  std::vector<float> targets;
  for (size_t i = 0; i < batch.targets.size(); ++i) {
    if (std::isnan(batch.targets[i])) continue;
    known.push_back(static_cast<int64_t>(i));
    targets.push_back(batch.targets[i]);
  }
  if (known.empty()) return std::nullopt;
  const auto count = static_cast<int64_t>(known.size());
  return std::pair{gather_rows(ctx, out.reshaped({out.size(), 1}), known), Tensor::from({count, 1}, targets)};
}

BatchLoss squared_error(const Context& ctx, const Tensor& out, const NetworkBatch& batch) {
  const auto known = known_of(ctx, out, batch);
  if (!known) return {};
  const auto& [x, target] = *known;
  const auto count = static_cast<double>(x.size());
  return {mean_squared_error(ctx, x, target, 1) * count, count};
}

// |x - target| = x - 2 min(x, target) + target.
BatchLoss absolute_error(const Context& ctx, const Tensor& out, const NetworkBatch& batch) {
  const auto known = known_of(ctx, out, batch);
  if (!known) return {};
  const auto& [x, target] = *known;
  const auto n = static_cast<size_t>(x.size());
  const auto count = static_cast<double>(n);
  const auto one = static_cast<float>(1 / count);
  double sum = 0;
  for (const float value : target.values()) sum += value;
  const double smaller = weighted_sum(ctx, minimum(ctx, x, target), std::vector<float>(n, -2 * one), 1);
  return {(weighted_sum(ctx, x, std::vector<float>(n, one), 1) + smaller) * count + sum, count};
}

BatchLoss loss_of(const Context& ctx, const std::string& kind, const Tensor& out, const NetworkBatch& batch) {
  HADAL_CHECK(static_cast<size_t>(out.size()) == batch.targets.size(), "{} targets for {}", batch.targets.size(),
              shape_text(out.shape()));
  if (kind == "mse") return squared_error(ctx, out, batch);
  if (kind == "mae") return absolute_error(ctx, out, batch);
  const GroupLoss loss = kind == "rank" ? rank_loss(ctx, out, batch.targets, batch.target_groups, 1)
                                        : correlation_loss(ctx, out, batch.targets, batch.target_groups, 1);
  return {loss.mean * static_cast<double>(loss.groups), static_cast<double>(loss.groups)};
}

constexpr double kAverageEpochs = 2;

// Beside each weight of the network two buffers, so that checkpoints hold them: the running average of its values over
// about kAverageEpochs (Polyak & Juditsky 1992), which is what is validated and used, and that of the best epoch.
class NetworkTrainee : public Trainee {
 public:
  NetworkTrainee(Network& network, const BatchSource& batches, const NetworkSpec& spec, const FitRun& run)
      : network_(network), batches_(batches), spec_(spec), run_(run) {
    for (const auto& [copies, prefix] : {std::pair{&average_, "average."}, {&best_, "best."}}) {
      for (Param* param : network.params()) {
        Param& copy = *copies->emplace_back(std::make_unique<Param>());
        copy.name = prefix + param->name, copy.shape = param->shape, copy.group = ParamGroup::buffer;
        list_.push_back(&copy);
      }
    }
    initialise(list_, 0);
    for (Param* param : network.params()) list_.push_back(param);
  }

  ParamList params() override { return list_; }
  void begin_stage(int64_t) override {
    step_ = 0;
    look_at_stop();
  }
  int64_t begin_step(Collective&) override {
    const int64_t per_epoch = batches_.steps_per_epoch();
    batch_ = batches_.training(step_ / per_epoch, step_ % per_epoch);
    ++step_;
    return batch_.num_windows() > 0 ? 1 : 0;
  }
  void micro_batch(const Context& ctx, int64_t, StepStats& stats) override;
  void end_step(Collective&, bool, StepStats&) override {
    average_weights();
    look_at_stop();
  }
  std::vector<Evaluation> evaluate(const Context& ctx, Collective&) override;
  Json state() const override;
  void restore(const Json& state, const std::string& who) override;

  const std::atomic<bool>* halt() const { return &halt_; }
  bool is_done() const { return is_done_; }
  // The best weights become the network's.
  NetworkFit finish();

 private:
  using Copies = std::vector<std::unique_ptr<Param>>;
  int64_t epoch() const { return step_ / batches_.steps_per_epoch(); }
  void look_at_stop() {
    if (run_.stop != nullptr && *run_.stop) halt_ = true;
  }
  [[noreturn]] void diverged(const std::string& where) const;
  double validation_loss(const Context& ctx) const;
  void average_weights();
  void exchange(Copies& copies);  // with the network's weights

  Network& network_;
  const BatchSource& batches_;
  const NetworkSpec& spec_;
  const FitRun& run_;
  Copies average_, best_;
  ParamList list_;
  NetworkBatch batch_;
  int64_t step_ = 0, best_epoch_ = -1;
  double best_loss_ = 0;
  bool is_done_ = false;  // no better for long enough
  std::atomic<bool> halt_ = false;
};

void NetworkTrainee::diverged(const std::string& where) const {
  fail("{}: the loss is not finite {}: expected a lower learning_rate, found {}; lower it, or look at the factors",
       run_.who, where, spec_.learning_rate);
}

void NetworkTrainee::micro_batch(const Context& ctx, int64_t, StepStats& stats) {
  const BatchLoss loss = loss_of(ctx, spec_.loss, network_.forward(ctx, batch_), batch_);
  if (!std::isfinite(loss.sum))
    diverged(fmt::format("in step {} (epoch {})", step_, (step_ - 1) / batches_.steps_per_epoch() + 1));
  ctx.tape->backward();
  stats.loss += loss.sum, stats.weight += loss.weight;
  stats.tokens += static_cast<int64_t>(batch_.targets.size());
}

// Missing where no validation batch has a target.
double NetworkTrainee::validation_loss(const Context& ctx) const {
  BatchLoss all;
  for (int64_t i = 0; i < batches_.num_validation(); ++i) {
    const NetworkBatch batch = batches_.validation(i);
    if (batch.num_windows() == 0) continue;
    const BatchLoss loss = loss_of(ctx, spec_.loss, network_.forward(ctx, batch), batch);
    all.sum += loss.sum, all.weight += loss.weight;
  }
  if (!(all.weight > 0)) return kMissing;
  if (!std::isfinite(all.sum)) diverged(fmt::format("on the validation part after epoch {}", epoch()));
  return all.sum / all.weight;
}

// May come twice for the same epoch, after a resume: the second time changes nothing.
std::vector<Evaluation> NetworkTrainee::evaluate(const Context& ctx, Collective&) {
  exchange(average_);
  const double loss = validation_loss(ctx);
  exchange(average_);
  if (std::isnan(loss) || best_epoch_ < 0 || loss < best_loss_) {
    best_loss_ = loss, best_epoch_ = epoch();
    for (size_t i = 0; i < best_.size(); ++i)
      std::ranges::copy(average_[i]->weight.value().values(), best_[i]->weight.value().values().begin());
  }
  if (epoch() - best_epoch_ >= spec_.patience) is_done_ = halt_ = true;
  return {{"validation", {{"loss", loss}}, batches_.num_validation()}};
}

// All values so far count the same, until there are more than kAverageEpochs of them.
void NetworkTrainee::average_weights() {
  const double most = kAverageEpochs * static_cast<double>(batches_.steps_per_epoch());
  const auto rate = static_cast<float>(1 / std::min(static_cast<double>(step_), std::max(most, 1.0)));
  const ParamList from = network_.params();
  for (size_t i = 0; i < from.size(); ++i) {
    const auto values = from[i]->weight.value().values(), average = average_[i]->weight.value().values();
    for (size_t k = 0; k < values.size(); ++k) average[k] += rate * (values[k] - average[k]);
  }
}

void NetworkTrainee::exchange(Copies& copies) {
  const ParamList own = network_.params();
  for (size_t i = 0; i < own.size(); ++i) {
    std::ranges::swap_ranges(own[i]->weight.value().values(), copies[i]->weight.value().values());
    own[i]->weight.changed();
  }
}

NetworkFit NetworkTrainee::finish() {
  exchange(best_);
  return {epoch(), best_epoch_, best_loss_};
}

Json NetworkTrainee::state() const {
  return {{"step", step_},
          {"best_epoch", best_epoch_},
          {"best_loss", std::isfinite(best_loss_) ? Json(best_loss_) : Json()},
          {"done", is_done_},
          {"of", batches_.identity()}};
}

void NetworkTrainee::restore(const Json& state, const std::string& who) {
  const std::string of = state.at("of");
  if (of != batches_.identity()) {
    fail("{}: expected a network of {}, found one of {}; train again, without --resume", who,
         brief(batches_.identity()), brief(of));
  }
  step_ = state.at("step"), best_epoch_ = state.at("best_epoch");
  best_loss_ = state.at("best_loss").is_null() ? kMissing : state.at("best_loss").get<double>();
  is_done_ = state.at("done");
  if (is_done_) halt_ = true;
}

TrainerOptions options_of(const BatchSource& batches, const NetworkSpec& spec, const FitRun& run) {
  TrainerOptions o;
  o.run = run.folder;
  o.resume = run.resume;
  o.quiet = true;
  const int64_t per_epoch = batches.steps_per_epoch();
  StagePlan plan;
  plan.name = "network";
  plan.steps = spec.epochs * per_epoch;
  plan.matrix_lr = plan.other_lr = spec.learning_rate;
  plan.schedule = {.warmup_steps = per_epoch / 2, .decay = 0.5, .final_lr = 0.1};
  o.stages = {plan};
  o.spec.precision = Precision::f32;
  o.spec.optimizer.muon = false;
  o.spec.optimizer.weight_decay = 0.1;
  o.spec.checkpoint_every_minutes = 0.5;
  o.spec.validate_every_steps = per_epoch;
  o.spec.max_bad_steps = 1;
  return o;
}

}  // namespace

NetworkFit train_network(Network& network, const BatchSource& batches, const NetworkSpec& spec, const FitRun& run) {
  if (!run.folder.empty()) {
    if (!run.resume) remove_folder(run.folder);
    make_folder(run.folder);
  }
  NetworkTrainee trainee(network, batches, spec, run);
  TrainerOptions options = options_of(batches, spec, run);
  options.stop = trainee.halt();
  TrainSummary summary;
  try {
    summary = Trainer(trainee, options).run();
  } catch (const Error& error) {  // of a gradient, a disk, a checkpoint: of which window and seed?
    const std::string what = error.what();
    if (what.starts_with(run.who)) throw;
    fail("{}: {}", run.who, what);
  }
  if (!summary.finished && !trainee.is_done()) throw Stopped(fmt::format("stopped in {}", run.who));
  return trainee.finish();
}

}  // namespace hadal::market::forecast
