// Judges replies to verifiable items, as reinforcement learning and evaluation do.
#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"
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

tasks::Verdict judge_line(std::string_view text, const std::string& task, const std::string& who) {
  OrderedJson line = parse_ordered_json(text, who);
  if (!line.is_object()) fail("{}: expected an object, found {}", who, brief_json(line));
  if (!line.contains("reply") || !line["reply"].is_string())
    fail("{}: \"reply\": expected a text, found {}", who, line.contains("reply") ? brief_json(line["reply"]) : "none");
  const OrderedJson item = take_item(line, task, who);
  return tasks::judge_reply(tasks::task_of(item, who), item, line["reply"].get_ref<const std::string&>());
}

std::string json_of(const tasks::Verdict& verdict) {
  OrderedJson result{{"right", verdict.right}, {"reward", verdict.right ? 1 : 0}, {"answer", nullptr}};
  if (!verdict.answer.empty()) result["answer"] = verdict.answer;
  result["why"] = verdict.why;
  return dump_json(result);
}

}  // namespace

int verify_command(int argc, char** argv) {
  CommandLine app(
      "Judges replies by the verifiers of reinforcement learning. The file holds JSON lines (.zst too): \"item\", an "
      "object with its \"task\", and \"reply\"; or for math \"gold\" and \"reply\".");
  std::string file, task;
  bool json = false;
  app.add_option("-f,--file", file, "JSON lines").required();
  app.add_option("--task", task, "the task of all items");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (!task.empty()) tasks::find_task(task);

  // Printed at the end, so that a bad line leaves no half of a document behind. Of a line only this stays.
  std::string results;
  size_t judged = 0, right = 0;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const tasks::Verdict verdict = judge_line(line, task, fmt::format("{}: line {}", file, number));
    if (json)
      results += (results.empty() ? "" : ",") + json_of(verdict);
    else
      results += fmt::format("line {}: {}: {}\n", number, verdict.right ? "right" : "wrong", verdict.why);
    ++judged;
    right += verdict.right ? 1 : 0;
    return true;
  });
  if (judged == 0) fail("{}: expected at least one line of JSON, found none", file);
  if (json)
    print_text(fmt::format("{{\"results\":[{}]}}\n", results));
  else
    print_text(fmt::format("{}{} of {} right\n", results, right, judged));
  return 0;
}

}  // namespace hadal
