#include "cluster/slurm/commands.h"

#include "base/error.h"
#include "base/process.h"

namespace hadal::cluster {
namespace {

constexpr double kLimitSeconds = 10, kQuietSeconds = 5;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool says_away(const std::string& text) {
  for (const char* words : {"Unable to contact", "timed out", "Zero Bytes were transmitted", "Connection refused",
                            "in standby mode", "Protocol authentication error"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

}  // namespace

void SlurmCommands::away(const std::string& words) {
  away_ = words;
  since_away_.restart();
  throw_error(words);
}

SlurmCommands::Answer SlurmCommands::ask(const std::vector<std::string>& command) {
  if (!away_.empty() && since_away_.seconds() < kQuietSeconds) throw_error(away_);
  away_.clear();
  ProcessOptions options{.command = command};
  options.output = options.error = {ProcessStream::Kind::pipe};
  Process process(options);
  Answer answer;
  const Stopwatch clock;
  for (bool output = true, error = true; output || error;) {
    const double left = kLimitSeconds - clock.seconds();
    if (left <= 0)
      away(fmt::format("{} did not answer within {} s; is Slurm's controller well?", command[0], kLimitSeconds));
    const Process::Ready ready = process.wait_ready(false, static_cast<int64_t>(left * 1000) + 1);
    if (ready.output) {
      const std::string bytes = process.read();
      output = !bytes.empty();
      answer.output += bytes;
    }
    if (ready.error) {
      const std::string bytes = process.read_error();
      error = !bytes.empty();
      answer.error += bytes;
    }
  }
  const ProcessEnd end = process.wait();
  answer.code = end.signal == 0 ? end.code : 128 + end.signal;
  if (answer.code != 0 && says_away(answer.error))
    away(fmt::format("{}: {}", command[0], brief(first_line(answer.error))));
  return answer;
}

std::string SlurmCommands::text(const std::vector<std::string>& command) {
  Answer answer = ask(command);
  if (answer.code != 0)
    fail("{} failed with exit code {}: {}", command[0], answer.code, brief(first_line(answer.error)));
  return std::move(answer.output);
}

}  // namespace hadal::cluster
