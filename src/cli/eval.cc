// How good a model is: bits per byte of texts, choices between a good and a bad text, sums in words.
#include <algorithm>
#include <atomic>
#include <csignal>

#include "assistant/answer_many.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/samples_file.h"
#include "cli/verb.h"
#include "tasks/answer.h"
#include "tasks/items_file.h"
#include "tasks/measures.h"

namespace hadal {
namespace {

struct EvalOptions {
  std::string model, task, file;
  int64_t limit = 0, context = 0, max_tokens = 512, parallel = 16;
  bool json = false;
  Precision precision = Precision::bf16;
  std::optional<KvType> kv_type;
  std::string samples;
};

using Items = std::vector<tasks::Fields>;

// Ctrl-C and SIGTERM end the measuring; what was measured so far is printed. A second one ends the program.
std::atomic<bool> stopped = false;

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write
}

// The head of a result: how many items it is about, and of how many where the evaluation was stopped.
OrderedJson result_of(const EvalOptions& o, size_t measured, size_t items) {
  OrderedJson result{{"task", o.task}, {"items", measured}};
  if (measured == items) return result;
  if (measured == 0) fail("stopped before one of {} items was measured", items);
  result["stopped_of"] = items;
  return result;
}

tasks::TextScorer scorer_of(const EvalOptions& o, const weights::LoadedModel& loaded) {
  return {*loaded.model, *loaded.tokenizer, {o.context, o.precision, o.kv_type, &stopped}};
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
  options.stop = &stopped;
  size_t measured = 0, right = 0, refused = 0;
  samples.begin();
  answer_many(assistant, questions, options, [&](size_t i, const Answered& answered) {
    if (!answered) {
      ++refused;
      log_warning("{}: item {}: {}; it counts as wrong", o.file, i + 1, answered.error());
    }
    const std::string &question = items[i].at("question"), &answer = items[i].at("answer");
    const std::string reply = answered ? answered->result.text : "";
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

struct EvalTask {
  const char* name;
  std::vector<std::string> fields;  // that it reads of each line's object
  OrderedJson (*measure)(const EvalOptions&, const Items&, const weights::LoadedModel&, SamplesFile&);
  bool asks;  // through the engine, and has replies
  const char* help;
};

const std::vector<EvalTask>& eval_tasks() {
  static const std::vector<EvalTask> tasks = {
      {"perplexity", {"text"}, eval_perplexity, false, "bits per byte"},
      {"choice", {"good", "bad"}, eval_choice, false, "how often the good text is the likelier one"},
      {"math",
       {"question", "answer"},
       eval_math,
       true,
       "how often the last number of the reply is the answer's\n"
       "              (an answer without digits must be the end of the reply)"}};
  return tasks;
}

std::string help() {
  std::string text = "Measures how good a model is on a file of JSON lines (.zst too).";
  for (const EvalTask& task : eval_tasks()) {
    std::string fields;
    for (const std::string& field : task.fields) fields += fmt::format("{}\"{}\"", fields.empty() ? "" : ", ", field);
    text += fmt::format("\n  {:<12}{}: {}", task.name, fields, task.help);
  }
  return text;
}

}  // namespace

int eval_command(int argc, char** argv) {
  CommandLine app(help());
  std::vector<std::string> names;
  for (const EvalTask& known : eval_tasks()) names.emplace_back(known.name);
  EvalOptions o;
  std::string precision = "auto";
  add_model_option(app, o.model);
  app.add_option("--task", o.task, "perplexity, choice or math").required().one_of(names);
  app.add_option("-f,--file", o.file, "JSON lines").required();
  app.add_option("--limit", o.limit, "take only so many lines (0: all)").range(0, 1 << 30);
  app.add_option("--context", o.context,
                 "longest window of tokens for perplexity and choice (default: the model's, at most 4096)")
      .range(2, 1 << 30);
  app.add_option("--max-tokens", o.max_tokens, "longest reply of math").range(1, 1 << 30).show_default();
  app.add_option("--parallel", o.parallel, "questions asked at once").range(1, 256).show_default();
  app.add_option("--samples", o.samples, "write the replies of math to this file, as JSON lines");
  app.add_option("--precision", precision, "auto (bf16 products), or f32").one_of({"auto", "f32"});
  add_kv_cache_option(app, o.kv_type);
  add_common_options(app, &o.json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const EvalTask& task = *std::find_if(eval_tasks().begin(), eval_tasks().end(),
                                       [&](const EvalTask& known) { return known.name == o.task; });
  if (!o.samples.empty() && !task.asks) {
    fmt::print(stderr, "{}: --samples: expected --task math, whose replies it writes; {} has none\n", argv[0], o.task);
    return 2;
  }
  // The whole file, so that a bad line is found before a model is loaded.
  const Items items = tasks::read_items(o.file, task.fields, o.limit);
  std::error_code ignored;
  if (!o.samples.empty() && std::filesystem::equivalent(o.file, o.samples, ignored))
    fail("--samples {}: expected another file than --file", o.samples);
  SamplesFile samples(o.samples);
  o.precision = precision == "f32" ? Precision::f32 : Precision::bf16;
  const int64_t sequences = task.asks ? o.parallel : o.kv_type ? 2 : 0;
  const weights::RunPlan plan{.context = std::max<int64_t>(4096, o.context),
                              .sequences = sequences,
                              .step_tokens = 4096,
                              .precision = o.precision,
                              .kv_type = o.kv_type};
  const weights::LoadedModel loaded = weights::load_model(o.model, weights::LoadAs::frozen, plan);
  stop_on_signals();
  const OrderedJson result = task.measure(o, items, loaded, samples);
  if (o.json) {
    print_json(result);
  } else {
    for (const auto& [name, value] : result.items())
      print_text(fmt::format("{:<16}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  if (result.contains("stopped_of"))
    fail("stopped; the figures are about the {} items that were measured", result.at("items").get<size_t>());
  if (samples.failed()) fail("--samples {}: it lacks replies; the figures are whole", o.samples);
  return 0;
}

}  // namespace hadal
