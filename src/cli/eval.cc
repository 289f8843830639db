// How good a model is: bits per byte of texts, choices between a good and a bad text, sums in words; eval_reason.cc has
// verifiable tasks.
#include <algorithm>
#include <charconv>
#include <csignal>

#include "assistant/answer_many.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/eval_task.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "tasks/answer.h"
#include "tasks/items_file.h"
#include "tasks/measures.h"

namespace hadal {
namespace {

using Items = std::vector<tasks::Fields>;

// A second signal ends the program.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { eval_stopped = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write
}

tasks::TextScorer scorer_of(const EvalOptions& o, const weights::LoadedModel& loaded) {
  return {*loaded.model, *loaded.tokenizer, {o.context, o.precision, o.kv_type, &eval_stopped}};
}

OrderedJson eval_perplexity(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded,
                            SamplesFile&) {
  std::vector<std::string> texts;
  for (const auto& item : items) texts.push_back(item.at("text"));
  tasks::TextScorer scorer = scorer_of(o, loaded);
  const tasks::Perplexity p = tasks::measure_perplexity(scorer, texts);
  OrderedJson result = result_of(o, p.measured, items.size());
  if (p.bytes == 0) fail("{}: expected texts to measure, found only empty ones", o.file);
  result["bytes"] = p.bytes;
  result["tokens"] = p.tokens;
  result["bits_per_byte"] = p.bits_per_byte();
  result["perplexity"] = p.per_token();
  return result;
}

OrderedJson eval_choice(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded, SamplesFile&) {
  std::vector<tasks::TextPair> pairs;
  for (const auto& item : items) pairs.push_back({item.at("good"), item.at("bad")});
  tasks::TextScorer scorer = scorer_of(o, loaded);
  const tasks::Choices choices = tasks::measure_choices(scorer, pairs);
  OrderedJson result = result_of(o, choices.measured, items.size());
  result["accuracy"] = choices.accuracy();
  return result;
}

// Asks the questions, several at once, and counts the right replies.
OrderedJson eval_math(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded,
                      SamplesFile& samples) {
  Engine engine(loaded.model, loaded.tokenizer, engine_options(o, loaded));
  const Assistant assistant(engine);
  std::vector<chat::Conversation> questions;
  for (const auto& item : items) questions.push_back({{{"user", item.at("question")}}});
  AnswerManyOptions options;
  options.request.sampling.temperature = 0;
  options.request.max_tokens = o.max_tokens;
  options.parallel = o.parallel;
  options.stop = &eval_stopped;
  size_t measured = 0, right = 0, refused = 0;
  samples.begin();
  answer_many(assistant, questions, options, [&](size_t i, const Answered& answered) {
    if (!answered) {
      ++refused;
      log_warning("{}: item {}: {}; it counts as wrong", o.file, i + 1, answered.error());
    }
    const std::string &question = items[i].at("question"), &answer = items[i].at("answer");
    const std::string reply = answered ? answered->front().result.text : "";
    const bool ok = tasks::states_answer(reply, answer);
    ++measured;
    right += ok ? 1 : 0;
    samples.add(
        i, dump_json(OrderedJson{{"question", question}, {"answer", answer}, {"reply", reply}, {"right", ok}}) + "\n");
  });
  samples.finish();
  OrderedJson result = result_of(o, measured, items.size());
  result["refused"] = refused;
  result["accuracy"] = static_cast<double>(right) / static_cast<double>(measured);
  return result;
}

template <OrderedJson (*measure)(const EvalOptions&, const Items&, const weights::LoadedModel&, SamplesFile&)>
Measure prepare(const EvalOptions& o, std::vector<std::string> fields) {
  return [&o, items = tasks::read_items(o.file, fields, o.limit)](
             const weights::LoadedModel& loaded, SamplesFile& samples) { return measure(o, items, loaded, samples); };
}

struct EvalTask {
  const char* name;
  const char* fields;  // of each line's object
  Measure (*prepare)(const EvalOptions&);
  bool asks;  // through the engine, and has replies
  const char* help;
};

constexpr EvalTask kEvalTasks[] = {
    {"perplexity", "\"text\"", [](const EvalOptions& o) { return prepare<eval_perplexity>(o, {"text"}); }, false,
     "bits per byte"},
    {"choice", "\"good\", \"bad\"",
     [](const EvalOptions& o) {
       return prepare<eval_choice>(o, {"good", "bad"});
     },
     false, "how often the good text is the likelier one"},
    {"math", "\"question\", \"answer\"",
     [](const EvalOptions& o) {
       return prepare<eval_math>(o, {"question", "answer"});
     },
     true,
     "how often the last number of the reply is the answer's\n"
     "              (an answer without digits must be the end of the reply)"},
    {"reason", "an item", prepare_reason, true, "how often replies to items of verifiable tasks are right"}};

std::string help() {
  std::string text = "Measures how good a model is on a file of JSON lines (.zst too).";
  for (const EvalTask& task : kEvalTasks) text += fmt::format("\n  {:<12}{}: {}", task.name, task.fields, task.help);
  return text;
}

constexpr int64_t kMaxAnswers = 1024;

struct EvalFlags {
  std::string precision = "auto", wordings = "training";
  std::string samples;  // of math a file for its replies, of reason a number
  std::string replies, replies_option = "--replies";
  std::vector<std::string> made;
};

void add_reason_options(CommandLine& app, EvalOptions& o, EvalFlags& flags) {
  app.add_option("--temperature", o.temperature, "of reason (default: greedy, or 1 where there are several replies)")
      .range(0.0, 2.0);
  app.add_option("--make", flags.made,
                 "reason: in place of --file, KIND=N held-out items (countdown4=1000); repeatable");
  app.add_option("--think", o.think, "reason: at most so many tokens of thinking; 0: none")
      .range(0, 1 << 30)
      .show_default();
  app.add_option("--votes", o.votes, "reason: so many replies to an item vote on its answer (0: none)")
      .range(int64_t{0}, kMaxAnswers);
  app.add_option("--wordings", flags.wordings, "reason: training, or held-out, which training never shows")
      .one_of({"training", "held-out"})
      .show_default();
  app.add_option("--seed", o.seed, "reason: of wordings and replies").show_default();
}

void add_options(CommandLine& app, EvalOptions& o, EvalFlags& flags) {
  std::vector<std::string> names;
  for (const EvalTask& known : kEvalTasks) names.emplace_back(known.name);
  add_model_option(app, o.model);
  app.add_option("--task", o.task, "perplexity, choice, math or reason").required().one_of(names);
  app.add_option("-f,--file", o.file, "JSON lines");
  app.add_option("--limit", o.limit, "take only so many lines (0: all)").range(0, 1 << 30);
  app.add_option("--context", o.context,
                 "longest window of tokens for perplexity and choice (default: the model's, at most 4096)")
      .range(2, 1 << 30);
  app.add_option("--max-tokens", o.max_tokens, "longest reply of math; of reason, beside the thinking")
      .range(1, 1 << 30)
      .show_default();
  app.add_option("--parallel", o.parallel, "questions asked at once").range(1, 256).show_default();
  app.add_option("--samples", flags.samples, "math: the same as --replies; reason: so many replies to each item (1)");
  app.add_option("--replies", flags.replies, "write the replies to this file, as JSON lines");
  add_reason_options(app, o, flags);
  app.add_option("--precision", flags.precision, "auto (bf16 products), or f32").one_of({"auto", "f32"});
  add_kv_cache_option(app, o.kv_type);
  add_common_options(app, &o.json);
}

bool whole_number(std::string_view text, int64_t most, int64_t& value) {  // from 1
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end && value >= 1 && value <= most;
}

// Fills in what depends on other options. Returns what is wrong with them together; "": nothing.
std::string settle(EvalOptions& o, const EvalTask& task, const CommandLine& app, EvalFlags& flags) {
  o.precision = flags.precision == "f32" ? Precision::f32 : Precision::bf16;
  o.held_out_wordings = flags.wordings == "held-out";
  for (const char* option : {"--samples", "--replies"})
    if (!task.asks && app.given(option))
      return fmt::format("{}: expected --task math or reason, whose replies it is about; {} has none", option, o.task);
  if (app.given("--file") == (app.given("--make") && o.task == "reason"))
    return o.task == "reason" ? "--file: expected it or --make for reason, and not both" : "--file is required";
  if (o.task != "reason") {
    if (flags.replies.empty() && !flags.samples.empty())
      flags.replies = flags.samples, flags.replies_option = "--samples";
    return "";
  }
  if (app.given("--samples")) {
    if (!whole_number(flags.samples, kMaxAnswers, o.answers)) {
      return fmt::format("--samples: expected 1 to {} replies to each item (--replies names a file), found {}",
                         kMaxAnswers, brief(flags.samples));
    }
  }
  for (const std::string& text : flags.made) {
    int64_t count = 0;
    const size_t sign = std::min(text.find('='), text.size());
    if (!whole_number(std::string_view(text).substr(std::min(sign + 1, text.size())), 1'000'000, count))
      return fmt::format("--make: expected KIND=N with N from 1 to 1,000,000, found {}", brief(text));
    o.made.emplace_back(text.substr(0, sign), count);
  }
  o.answers = std::max(o.answers, o.votes);
  if (!app.given("--temperature")) o.temperature = o.answers > 1 ? 1 : 0;
  if (o.answers > 1 && o.temperature == 0)
    return "--temperature: expected one above 0 for several replies to an item, which were all the same";
  return "";
}

void print_plain(const OrderedJson& result) {
  for (const auto& [name, value] : result.items()) {
    if (name != "by_task") {
      print_text(fmt::format("{:<16}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump()));
      continue;
    }
    for (const auto& [kind, of_kind] : value.items()) {
      print_text(kind + "\n");
      for (const auto& [figure, found] : of_kind.items()) print_text(fmt::format("  {:<14}{}\n", figure, found.dump()));
    }
  }
}

}  // namespace

std::atomic<bool> eval_stopped = false;

OrderedJson result_of(const EvalOptions& o, size_t measured, size_t items) {
  OrderedJson result{{"task", o.task}, {"items", measured}};
  if (measured == items) return result;
  if (measured == 0) fail("stopped before one of {} items was measured", items);
  result["stopped_of"] = items;
  return result;
}

EngineOptions engine_options(const EvalOptions& o, const weights::LoadedModel& loaded) {
  EngineOptions options;
  options.max_context = std::min<int64_t>(loaded.model->config.max_context, 4096);
  options.max_running = static_cast<int>(o.parallel);
  options.cache_tokens = options.max_context * o.parallel;
  options.ends = loaded.defaults.ends;
  options.precision = o.precision;
  options.kv_type = o.kv_type;
  return options;
}

int eval_command(int argc, char** argv) {
  CommandLine app(help());
  EvalOptions o;
  EvalFlags flags;
  add_options(app, o, flags);
  if (const auto code = app.parse(argc, argv)) return *code;
  const EvalTask& task = *std::ranges::find(kEvalTasks, o.task, &EvalTask::name);
  if (const std::string mistake = settle(o, task, app, flags); !mistake.empty()) {
    fmt::print(stderr, "{}: {}\n", argv[0], mistake);
    return 2;
  }
  const Measure measure = task.prepare(o);
  std::error_code ignored;
  if (!flags.replies.empty() && std::filesystem::equivalent(o.file, flags.replies, ignored))
    fail("{} {}: expected another file than --file", flags.replies_option, flags.replies);
  SamplesFile replies(flags.replies, flags.replies_option);
  const int64_t sequences = task.asks ? o.parallel : o.kv_type ? 2 : 0;
  const weights::RunPlan plan{.context = std::max<int64_t>(4096, o.context),
                              .sequences = sequences,
                              .step_tokens = 4096,
                              .precision = o.precision,
                              .kv_type = o.kv_type};
  const weights::LoadedModel loaded = weights::load_model(o.model, weights::LoadAs::frozen, plan);
  stop_on_signals();
  const OrderedJson result = measure(loaded, replies);
  if (o.json)
    print_json(result);
  else
    print_plain(result);
  if (result.contains("stopped_of"))
    fail("stopped; the figures are about the {} items that were measured", result.at("items").get<size_t>());
  if (replies.failed()) fail("{} {}: it lacks replies; the figures are whole", flags.replies_option, flags.replies);
  return 0;
}

}  // namespace hadal
