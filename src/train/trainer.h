// The training loop: draws, accumulates, clips, updates, validates, logs and saves, for any Trainee. Everything that
// the next step depends on is in a checkpoint, so a run that was killed and resumed ends with the same bits as one that
// was not (stages measured in minutes excepted: their schedule reads the clock).
//
// On several ranks (collective.h) each has a Trainer of its own and the same options. Their gradients are summed in the
// order of ranks before clipping, so that every rank makes the same update, bit for bit, in every run of so many ranks.
// Against another number of ranks the sums associate otherwise: the same up to the rounding of f32. Rank 0 reads and
// writes checkpoints and logs; a checkpoint knows nothing of ranks, and any number of them may resume from it.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "train/collective.h"
#include "train/trainee.h"
#include "train/trainer_spec.h"

namespace hadal {

struct TrainSummary {
  bool finished = false;  // all stages done
  bool stopped = false;   // before that, by TrainerOptions::stop, or
  bool spent = false;     // as max_tokens were reached; none of them: max_steps were
  int64_t steps = 0, tokens = 0, skipped_steps = 0;
  double seconds = 0;                // of training, all resumes together
  double tokens_per_s = 0, mfu = 0;  // of this process, without its first two steps, validation and saving
  double tokens_per_cpu_s = 0;       // the same by processor time: what other programs take away does not count
  double last_loss = 0;
  std::vector<Evaluation> evaluations;  // the newest
};
OrderedJson summary_json(const TrainSummary& summary);

struct TrainerOptions {
  Path run;  // the run's folder; empty: nothing is written
  std::vector<StagePlan> stages;
  TrainerSpec spec;
  int64_t max_steps = 0;  // stop (unfinished) when so many steps were done in all; 0: no limit
  // Stop (unfinished) when so many tokens were trained on in all, with a validation there that the logs alone see: what
  // goes on from there has the bits of a run that never stopped. 0: no limit.
  int64_t max_tokens = 0;
  bool resume = false;      // from the newest whole checkpoint of `run`; from the start when there is none
  bool quiet = false;       // no progress line, no word on where it resumed or on jumps of the loss
  bool save_start = false;  // validate and save checkpoint-0 before the first step
  // Where this becomes true (a signal handler may set it), a checkpoint is saved and run() ends after the current step.
  // Outlives the trainer; null: nothing stops it. On one rank it stops all, after the same step.
  const std::atomic<bool>* stop = nullptr;
  // Asked before a line of the logs, a checkpoint or a model is written; throws Error where this process may write
  // nothing more, since another one has taken the run over. Empty: it always may.
  std::function<void()> may_publish = {};
  Collective* ranks = nullptr;                                     // outlives the trainer; null: this process alone
  std::function<void(const TrainSummary&)> after_validation = {};  // the trainee has the weights that were validated
};

class Trainer {
 public:
  Trainer(Trainee& trainee, TrainerOptions options, ThreadPool& pool = ThreadPool::shared());
  ~Trainer();

  // Throws Error when the loss is not finite max_bad_steps times in a row, when a checkpoint cannot be written or read.
  TrainSummary run();

 private:
  struct Logs;
  bool begin();
  Json restore();  // the state it went back to; null: there is none
  Json restore_from(const Path& checkpoint);
  void stand_at(const Json& state, const std::string& who);
  void share_beginning(const std::string& error, Json& state);
  bool is_first() const { return ranks_.rank() == 0; }
  double total(double value);  // over the ranks
  void add_up(StepStats& stats);
  void judge(bool finite, double loss);
  [[noreturn]] void give_up();
  bool run_stage();  // false: ended early
  void train_step();
  bool update(StepStats& stats, double factor);  // false: the step was skipped
  void count(const StepStats& stats, double step_s, double cpu_s);
  void validate();
  void evaluate();  // into summary_ and the logs
  void save();
  void log(const std::string& prefix, const std::vector<std::pair<std::string, double>>& numbers);
  void report(const StepStats& stats, double factor, double norm, double step_s);
  double progress() const;  // of the stage, from 0 to 1
  bool is_spent() const;    // max_tokens are
  double eta_s() const;
  const StagePlan& plan() const { return options_.stages[static_cast<size_t>(stage_)]; }

  Trainee& trainee_;
  TrainerOptions options_;
  Collective& ranks_;
  ThreadPool& pool_;
  ParamList params_;
  Optimizer optimizer_;
  std::unique_ptr<Logs> logs_;
  TrainSummary summary_;

  int64_t stage_ = 0, stage_step_ = 0, stage_tokens_ = 0;
  double stage_seconds_ = 0;
  int64_t bad_steps_ = 0, saved_step_ = -1, validated_step_ = -1;
  // A checkpoint is known to be good when the step after it is: good_step_ is the newest such, and is kept until
  // another one is known. Those whose next step was not are in diverged_steps_.
  int64_t good_step_ = -1;
  std::vector<int64_t> diverged_steps_;
  std::optional<double> first_loss_;  // of the stage
  int64_t process_steps_ = 0, timed_tokens_ = 0;
  double timed_seconds_ = 0, timed_cpu_s_ = 0, timed_flops_ = 0, recent_step_s_ = 0, recent_tokens_per_s_ = 0,
         peak_flops_ = 0;
  double last_norm_ = 0, since_save_s_ = 0;
  double mean_loss_ = 0, loss_variance_ = 0;  // running, for spikes
};

}  // namespace hadal
