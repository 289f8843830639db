#include <algorithm>

#include "base/error.h"
#include "rl/loop/rollout.h"
#include "rl/teach/teacher.h"

namespace hadal::rl {
namespace {

class ModelTeacher : public Teacher {
 public:
  ModelTeacher(weights::LoadedModel model, const RolloutSpec& spec, Precision precision)
      : model_(std::move(model)), roller_(model_, spec, precision, nullptr) {}

  std::optional<std::vector<std::vector<TeacherReply>>> replies(std::span<const std::string> questions,
                                                                std::span<const uint64_t> seeds) override {
    std::vector<std::vector<TokenId>> prompts;
    for (const std::string& question : questions) prompts.push_back(roller_.prompt(question));
    std::vector<std::vector<TeacherReply>> all;
    for (std::vector<Rollout>& rollouts : roller_.sample(prompts, seeds)) {
      all.emplace_back();
      for (Rollout& r : rollouts)
        all.back().push_back({std::move(r.text), r.finished, static_cast<int64_t>(r.ids.size())});
    }
    return all;
  }

 private:
  weights::LoadedModel model_;
  Roller roller_;
};

}  // namespace

std::unique_ptr<Teacher> model_teacher(const TeacherSpec& teacher, const std::string& model, const RolloutSpec& spec,
                                       Precision precision) {
  weights::LoadedModel loaded = weights::load_model(model);
  const int64_t budget = spec.max_thinking_tokens + spec.max_answer_tokens, context = loaded.model->config.max_context;
  if (budget >= context) {
    fail(
        "{}: max_thinking_tokens and max_answer_tokens: expected less than {} together, the context of {}, with room "
        "for the question, found {}",
        teacher.where, context, loaded.name, budget);
  }
  return std::make_unique<ModelTeacher>(std::move(loaded), spec, precision);
}

}  // namespace hadal::rl
