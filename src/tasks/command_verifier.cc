#include "tasks/command_verifier.h"

#include <chrono>
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace hadal::tasks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kLinesOfALife = 1000;   // then a fresh process takes over: what leaks or was left running ends
constexpr size_t kMaxAnswer = 64 << 10;   // bytes of a line
constexpr size_t kKeptErrors = 2000;      // bytes
constexpr size_t kErrorsInMessage = 400;  // bytes
constexpr int kToldFailures = 3;          // by the log; people find the rest in the metrics
constexpr double kMaxReward = 1e6;
constexpr int64_t kEndMs = 1000;  // for a process that closed its output to end

std::string words_of(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  return brief(text);
}

// bwrap passes a signal on as a code, as shells do.
std::string end_text(const ProcessEnd& end) {
  return end.code > 128 ? ProcessEnd{0, end.code - 128}.text() : end.text();
}

// Nothing, and `problem`: this is no verdict.
std::optional<CommandVerdict> verdict_of(const std::string& answer, std::string& problem) {
  problem = fmt::format("it wrote {} where a line {{\"reward\": a number}} was expected", brief(answer));
  Json json;
  try {
    json = parse_json(answer, "answer");
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("reward") || !json["reward"].is_number()) return std::nullopt;
  CommandVerdict verdict{.reward = json["reward"].get<double>()};
  if (!(std::abs(verdict.reward) <= kMaxReward)) {
    problem = fmt::format("its reward is {}, expected a number of at most {} in size", brief_json(json["reward"]),
                          kMaxReward);
    return std::nullopt;
  }
  verdict.right = verdict.reward >= 1;
  if (json.contains("right")) {
    if (!json["right"].is_boolean()) return std::nullopt;
    verdict.right = json["right"].get<bool>();
  }
  if (json.contains("why")) {
    if (!json["why"].is_string()) return std::nullopt;
    verdict.why = brief(json["why"].get_ref<const std::string&>(), 200);
  }
  return verdict;
}

}  // namespace

CommandVerifier::CommandVerifier(CommandSpec spec) : spec_(std::move(spec)) {
  // Never reached by one that keeps to the time of its lines on one core.
  spec_.sandbox.cpu_seconds =
      static_cast<int64_t>(std::ceil(spec_.start_seconds + spec_.line_seconds * static_cast<double>(kLinesOfALife)));
  check_sandbox(spec_.sandbox);
}

CommandVerifier::~CommandVerifier() = default;

std::optional<CommandVerdict> CommandVerifier::judge(const OrderedJson& item, std::string_view reply) {
  const OrderedJson line = {{"item", item}, {"reply", reply}};
  problem_.clear();
  const std::string answer = exchange(dump_json(line) + "\n");
  std::optional<CommandVerdict> verdict;
  if (problem_.empty()) verdict = verdict_of(answer, problem_);
  if (verdict) {
    problem_.clear();
    in_a_row_ = 0;
    return verdict;
  }
  process_.reset();
  const std::string said =
      errors_.empty()
          ? ""
          : fmt::format(
                "; its standard error ends with {}",
                brief(std::string_view(errors_).substr(errors_.size() - std::min(errors_.size(), kErrorsInMessage)),
                      kErrorsInMessage));
  if (++in_a_row_ >= kFailuresInARow) {
    fail("{}: {} gave no verdict {} times in a row; the last time {}{}; mend the program ({} tries it)",
         spec_.sandbox.who, words_of(spec_.sandbox.command), in_a_row_, problem_, said,
         command({"verify", "--command"}));
  }
  if (told_++ < kToldFailures)
    log_warning("{}: {} gave no verdict: {}{}", spec_.sandbox.who, words_of(spec_.sandbox.command), problem_, said);
  return std::nullopt;
}

// One that ends between two lines (it may read only so many) is started anew and asked again; whether its end is seen
// before or after the line is sent must not matter.
std::string CommandVerifier::exchange(const std::string& line) {
  if (lines_ >= kLinesOfALife) process_.reset();
  const bool fresh = process_ == nullptr;
  std::string answer;
  if (exchange_once(line, answer) || fresh || !died_) return answer;
  process_.reset();
  problem_.clear();
  answer.clear();
  exchange_once(line, answer);
  return answer;
}

void CommandVerifier::start() {
  process_ = std::make_unique<Process>(sandboxed(spec_.sandbox));
  lines_ = 0;
  errors_.clear();
}

void CommandVerifier::keep_errors() {
  errors_ += process_->read_error();
  if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
}

// False, and problem_: there is no answer.
bool CommandVerifier::exchange_once(const std::string& line, std::string& answer) {
  const bool fresh = process_ == nullptr;
  if (fresh) start();
  died_ = false;
  ++lines_;
  const double seconds = spec_.line_seconds + (fresh ? spec_.start_seconds : 0);
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::string_view unsent = line;
  // What it wrote before it was asked would be taken for the verdict.
  if (process_->wait_ready(false, 0).output && !read_output(unsent, answer)) return problem_.empty();
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      problem_ = fmt::format("it gave no answer within {} s", seconds);
      return false;
    }
    const Process::Ready ready = process_->wait_ready(!unsent.empty(), left);
    if (ready.error) keep_errors();
    if (ready.input) {
      try {
        unsent.remove_prefix(process_->write_some(unsent));
      } catch (const Error&) {
        unsent = {};  // it does not read any more: what it writes, or its end, says the rest
      }
    }
    if (ready.output && !read_output(unsent, answer)) return problem_.empty();
  }
}

// True: the answer is not whole yet. Else it is, or problem_ says what is wrong.
bool CommandVerifier::read_output(std::string_view unsent, std::string& answer) {
  const std::string piece = process_->read();
  if (piece.empty()) {
    const std::optional<ProcessEnd> end = process_->wait_for(kEndMs);
    while (end && process_->wait_ready(false, 0).error) keep_errors();
    died_ = answer.empty();
    problem_ = end ? fmt::format("it ended with {}", end_text(*end)) : "it closed its output";
    return false;
  }
  answer += piece;
  const size_t end = answer.find('\n');
  if (end == std::string::npos && answer.size() <= kMaxAnswer) return true;
  if (end == std::string::npos || end > kMaxAnswer)
    problem_ = fmt::format("it wrote a line of more than {} bytes", kMaxAnswer);
  else if (end + 1 < answer.size())
    problem_ = fmt::format("it wrote more than one line for a reply: {}", brief(answer));
  else if (!unsent.empty())
    problem_ = fmt::format("it wrote before it had read the whole reply: {}", brief(answer));
  answer.resize(std::min(end, answer.size()));
  return false;
}

}  // namespace hadal::tasks
