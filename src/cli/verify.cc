// Judges replies to verifiable items, as reinforcement learning and evaluation do.
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "tasks/command_verifier.h"
#include "tasks/items_file.h"
#include "tasks/task.h"

namespace hadal {
namespace {

// The item of a line {"item", "reply"}; of {"gold", "reply"} one of math, whose answer is the gold.
OrderedJson take_item(OrderedJson& line, const std::string& task, const std::string& who) {
  const bool has_item = line.contains("item"), has_gold = line.contains("gold");
  if (has_item == has_gold)
    fail("{}: expected an \"item\", or for math a \"gold\", found {}", who, has_item ? "both" : "neither");
  OrderedJson item;
  if (has_gold)
    item = {{"task", "math"}, {"question", "?"}, {"answer", std::move(line["gold"])}};
  else
    item = std::move(line["item"]);
  if (task.empty() || !item.is_object()) return item;
  if (!item.contains("task")) item["task"] = task;
  if (item["task"] != task) fail("{}: expected the task {} of --task, found {}", who, task, brief_json(item["task"]));
  return item;
}

struct Judged {
  bool judged = true;  // else the program of --command failed
  bool right = false;
  double reward = 0;
  std::string answer, why;
};

std::unique_ptr<tasks::CommandVerifier> command_verifier(const std::string& command, double seconds) {
  tasks::CommandSpec spec;
  spec.sandbox.who = "--command";
  spec.line_seconds = seconds;
  std::istringstream words(command);
  for (std::string word; words >> word;) spec.sandbox.command.push_back(word);
  if (spec.sandbox.command.empty()) fail("--command: expected a program and its arguments, found none");
  return std::make_unique<tasks::CommandVerifier>(std::move(spec));
}

Judged judge_line(OrderedJson line, const std::string& task, tasks::CommandVerifier* command, const std::string& who) {
  if (!line.is_object()) fail("{}: expected an object, found {}", who, brief_json(line));
  if (!line.contains("reply") || !line["reply"].is_string())
    fail("{}: \"reply\": expected a text, found {}", who, line.contains("reply") ? brief_json(line["reply"]) : "none");
  const OrderedJson item = take_item(line, task, who);
  const std::string& reply = line["reply"].get_ref<const std::string&>();
  if (command != nullptr) {
    if (!item.is_object()) fail("{}: \"item\": expected an object, found {}", who, brief_json(item));
    const auto verdict = command->judge(item, reply);
    if (!verdict) return {.judged = false, .why = command->problem()};
    return {.right = verdict->right, .reward = verdict->reward, .why = verdict->why};
  }
  const tasks::Verdict verdict = tasks::judge_reply(tasks::task_of(item, who), item, reply);
  return {.right = verdict.right, .reward = verdict.right ? 1.0 : 0.0, .answer = verdict.answer, .why = verdict.why};
}

std::string json_of(const Judged& verdict) {
  OrderedJson result{{"right", nullptr}, {"reward", nullptr}, {"answer", nullptr}, {"why", verdict.why}};
  if (verdict.judged) {
    result["right"] = verdict.right;
    const auto whole = static_cast<int64_t>(verdict.reward);
    if (static_cast<double>(whole) == verdict.reward)
      result["reward"] = whole;
    else
      result["reward"] = verdict.reward;
  }
  if (!verdict.answer.empty()) result["answer"] = verdict.answer;
  return dump_json(result);
}

std::string text_of(const Judged& verdict) {
  if (!verdict.judged) return "no verdict: " + verdict.why;
  const char* found = verdict.right ? "right" : "wrong";
  return verdict.why.empty() || verdict.why == found ? found : fmt::format("{}: {}", found, verdict.why);
}

}  // namespace

int verify_command(int argc, char** argv) {
  CommandLine app(
      "Judges replies by the verifiers of reinforcement learning. The file holds JSON lines (.zst too): \"item\", an "
      "object with its \"task\", and \"reply\"; or for math \"gold\" and \"reply\".");
  std::string file, task, command;
  double seconds = tasks::CommandSpec{}.line_seconds;
  bool json = false;
  app.add_option("-f,--file", file, "JSON lines").required();
  app.add_option("--task", task, "the task of all items");
  app.add_option("--command", command,
                 "a program and its arguments, parted by spaces, that judges in the place of the task, as a recipe's "
                 "verifier: in a sandbox, a line of JSON for each reply");
  app.add_option("--command-seconds", seconds, "what --command may take for a reply").above_zero();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (!task.empty()) tasks::find_task(task);

  // Printed at the end, so that a bad line leaves no half of a document behind. Of a line only this stays.
  std::string results;
  size_t judged = 0, right = 0, failed = 0;
  const auto verifier = app.given("--command") ? command_verifier(command, seconds) : nullptr;
  tasks::for_each_item(file, 0, [&](OrderedJson&& line, const std::string& where, int64_t number) {
    const Judged verdict = judge_line(std::move(line), task, verifier.get(), where);
    if (json)
      results += (results.empty() ? "" : ",") + json_of(verdict);
    else
      results += fmt::format("line {}: {}\n", number, text_of(verdict));
    ++judged;
    right += verdict.right ? 1 : 0;
    failed += verdict.judged ? 0 : 1;
  });
  if (json)
    print_text(fmt::format("{{\"results\":[{}]}}\n", results));
  else
    print_text(fmt::format("{}{} of {} right{}\n", results, right, judged,
                           failed > 0 ? fmt::format(", {} without a verdict", failed) : ""));
  return 0;
}

}  // namespace hadal
