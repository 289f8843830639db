// hadal market memo RUN [--model M], hadal market memo --verify F.md --run RUN
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>

#include "base/command.h"
#include "base/error.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/research_model.h"
#include "cli/training_process.h"
#include "market/report.h"
#include "market/stopped.h"

namespace hadal {
namespace {

constexpr uint64_t kMostBytes = uint64_t{4} << 20;  // of a text to verify
constexpr int64_t kThinkTokens = 512, kLeastTokens = 64;

constexpr const char* kTask =
    "Rewrite one paragraph of a report in plain, friendly English. Keep every number, percent sign, date and name "
    "exactly as it is written and in the same order, keep the backticks around names, and add no numbers, claims or "
    "markup. "
    "Answer with the paragraph alone.";

// Asks a model to word paragraphs; a signal ends it.
class Wording {
 public:
  explicit Wording(const std::string& model) : writer_(local_writer(model, {})) {}

  std::string name() const { return writer_->name(); }

  std::string operator()(const std::string& paragraph) {
    const auto stopped = [this] { return stop_.load(); };
    chat::Conversation conversation;
    conversation.messages = {{.role = "system", .content = kTask}, {.role = "user", .content = paragraph}};
    const int64_t prompt = writer_->count_tokens(conversation), room = writer_->max_context() - prompt;
    const int64_t tokens = std::min(prompt + kLeastTokens, room);  // the prompt holds the paragraph and the task
    research::ModelReply reply;
    if (tokens >= kLeastTokens)
      reply = writer_->answer(conversation, Json(), "memo", tokens, std::min(kThinkTokens, room - tokens), 1, stopped);
    if (stop_) throw market::Stopped("stopped before the memo was worded; no file was written");
    return reply.cut ? "" : reply.text;
  }

 private:
  const std::atomic<bool>& stop_ = stop_on_signals();
  std::unique_ptr<research::Writer> writer_;
};

void say_paragraphs(const market::Memo& memo, const std::string& model) {
  const auto count = std::count_if(memo.paragraphs.begin(), memo.paragraphs.end(), [](auto& p) { return p.rephrased; });
  std::string text = fmt::format("\n{} worded {} of {} paragraphs\n", model, count, memo.paragraphs.size());
  for (const market::Paragraph& p : memo.paragraphs)
    if (!p.rephrased) text += "  as built: " + p.why + "\n";
  say(without_controls(text));
}

int write_memo(const std::string& name, const std::string& model, bool json) {
  const Path run = market::find_run(name);
  const OrderedJson figures = market::read_figures(run);
  market::Memo memo;
  std::string worded_by;
  if (model.empty()) {
    memo = market::memo_of(figures);
  } else {
    Wording wording(model);
    worded_by = wording.name();
    memo = market::rephrased_memo(figures, std::ref(wording));
  }
  write_file_whole(run / "memo.md", memo.text);
  if (json) {
    OrderedJson out = memo.json();
    if (!model.empty()) out["model"] = worded_by;
    print_json(out);
    return 0;
  }
  print_text(memo.text);
  if (!model.empty()) say_paragraphs(memo, worded_by);
  const std::string file = (run / "memo.md").string();
  say(without_controls(
      fmt::format("\n{}\nnext: {}\n", file, command({"market", "memo", "--verify", file, "--run", name}))));
  return 0;
}

int verify(const std::string& file, const std::string& name, bool json) {
  const auto unbound =
      market::unbound_numbers(read_file(file, kMostBytes), market::read_figures(market::find_run(name)));
  if (json) {
    OrderedJson list = OrderedJson::array();
    for (const market::Unbound& u : unbound) list.push_back({{"text", u.text}, {"begin", u.begin}, {"end", u.end}});
    print_json(OrderedJson{{"verified", unbound.empty()}, {"unbound", std::move(list)}});
  } else if (unbound.empty()) {
    print_words(fmt::format("{}: every number is a figure of {}\n", file, name));
  } else {
    std::string text = fmt::format("{}: numbers that no figure of {} says, by their place in the text:\n", file, name);
    for (const market::Unbound& u : unbound) text += fmt::format("  {:>8}  {}\n", u.begin, u.text);
    print_words(text);
  }
  return unbound.empty() ? 0 : 1;
}

}  // namespace

int market_memo_command(int argc, char** argv) {
  CommandLine app(
      "Writes a page in plain words about a run, by fixed sentences; every number in it is bound to a figure. With "
      "--model a language model words it anew, and each paragraph that does not say the same numbers stays as it was. "
      "--verify looks through any text for numbers that no figure says, or that are called a gain and were a loss, and "
      "ends with 1 where there are some. Ctrl-C or SIGTERM ends with exit code 3 and writes no file.");
  std::string run, file, of_run, model;
  bool json = false;
  app.add_option("RUN", run, "the folder of a run, or its name under runs/");
  const Option of_file = app.add_option("--verify", file, "a text to look through").filled();
  app.add_option("--run", of_run, "the run that the text is about").filled().needs(of_file);
  app.add_option("--model", model, "a language model that words it: a name or a path").filled().excludes(of_file);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const std::string& about = of_run.empty() ? run : of_run;
  if (about.empty())
    throw UsageError(fmt::format("expected {}, found none; runs stand under runs/",
                                 file.empty() ? "a run" : "--run RUN beside --verify"));
  try {
    return file.empty() ? write_memo(about, model, json) : verify(file, about, json);
  } catch (const market::Stopped& stopped) {
    say(fmt::format("hadal market memo: {}\n", stopped.what()));
    return kExitStopped;
  }
}

}  // namespace hadal
