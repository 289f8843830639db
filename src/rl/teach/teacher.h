// Who replies to the items of a distillation: a model in this process, or an endpoint of OpenAI's kind on this machine.
// What passes between teacher and student is text, so their vocabularies may differ.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/http.h"
#include "rl/distill_recipe.h"

namespace hadal::rl {

struct TeacherReply {
  std::string text;       // what the verifier reads: thoughts in their tags, then the answer
  bool finished = false;  // it ended by itself
  int64_t tokens = 0;     // as the teacher counts them; 0: an endpoint that does not say
};

// Used from one thread.
class Teacher {
 public:
  virtual ~Teacher() = default;
  // `samples` replies to each question, in order. A model's are a function of question and seed; an endpoint is told
  // the seeds, and gives no reply to a question that it refuses. Nothing: `stop` came before the end. Throws Error.
  virtual std::optional<std::vector<std::vector<TeacherReply>>> replies(std::span<const std::string> questions,
                                                                        std::span<const uint64_t> seeds) = 0;
};

// `model`: a name or folder.
std::unique_ptr<Teacher> model_teacher(const TeacherSpec& teacher, const std::string& model, const RolloutSpec& spec,
                                       Precision precision);

// POST NAME/chat/completions, one request a reply, `parallel` at once; what fails and may succeed later is tried again
// with waits that grow, as `http` says. A status of 4xx else refuses the question (its prompt is too long): Error after
// tasks::kFailuresInARow such questions in a row, and else they are logged. AddressRefused for an address that is not
// on loopback.
std::unique_ptr<Teacher> endpoint_teacher(const TeacherSpec& teacher, const RolloutSpec& spec, net::HttpOptions http,
                                          const std::atomic<bool>* stop);

}  // namespace hadal::rl
