#include "assistant/answer_many.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <list>
#include <optional>

#include "base/rng.h"

namespace hadal {
namespace {

constexpr std::chrono::milliseconds kLook{2};  // how long one answer is waited for before the others are looked at

struct Asked {
  size_t index = 0;
  PendingAnswer answer;
};

Answered answered(PendingAnswer& answer) {
  try {
    return Answered(answer.wait_all());
  } catch (const std::exception& error) {
    return Answered(std::string(error.what()));
  }
}

}  // namespace

void answer_many(const Assistant& assistant, const std::vector<chat::Conversation>& conversations,
                 const AnswerManyOptions& options,
                 const std::function<void(size_t index, const Answered& answers)>& on_answer) {
  const auto stopped = [&] { return options.stop && *options.stop; };
  std::list<Asked> in_flight;  // at the end of this function what is left in it is cancelled
  for (size_t next = 0; !stopped() && (next < conversations.size() || !in_flight.empty());) {
    while (next < conversations.size() && std::ssize(in_flight) < options.parallel && !stopped()) {
      const size_t i = next++;
      GenerateRequest request = options.request;
      request.sampling.seed = Rng(options.request.sampling.seed, i).next();
      std::optional<std::string> refused;
      try {
        in_flight.push_back({i, assistant.submit(conversations[i], std::move(request))});
      } catch (const std::exception& error) {  // memory that ran out too
        refused = error.what();
      }
      if (refused) on_answer(i, Answered(*refused));
    }
    if (!in_flight.empty()) in_flight.front().answer.generation.wait_for(kLook);
    for (auto item = in_flight.begin(); item != in_flight.end() && !stopped();) {
      if (!item->answer.generation.done()) {
        ++item;
        continue;
      }
      on_answer(item->index, answered(item->answer));
      item = in_flight.erase(item);
    }
  }
}

std::string tagged_reply(const chat::ReplyFormat& format, const Answer& answer) {
  std::string text = with_think_tags(format, answer.result.text, answer.result.marks);
  if (answer.message.reasoning && text.find(kThinkEnd) == std::string::npos && !text.starts_with(kThink))
    text.insert(0, kThink);
  return text;
}

}  // namespace hadal
