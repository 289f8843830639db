// How good a model is: bits per byte of texts, choices between a good and a bad text, sums in words.
#include <atomic>
#include <cctype>
#include <cmath>
#include <csignal>
#include <deque>
#include <map>
#include <numbers>
#include <thread>

#include "assistant/assistant.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/last_number.h"
#include "cli/options.h"
#include "cli/samples_file.h"
#include "cli/verb.h"

namespace hadal {
namespace {

struct EvalOptions {
  std::string model, task, file;
  int64_t limit = 0, context = 0, max_tokens = 512, parallel = 16;
  bool exact = false, json = false;
  std::optional<KvType> kv_type;
  std::string samples;
};

using Items = std::vector<std::map<std::string, std::string>>;

// Ctrl-C and SIGTERM end the measuring; what was measured so far is printed. A second one ends the program.
std::atomic<bool> stopped = false;

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write
}

// The string fields that the task wants of each line's object. The whole file, so that a bad line is found before a
// model is loaded.
Items read_items(const EvalOptions& o) {
  const std::vector<std::string> names = o.task == "perplexity" ? std::vector<std::string>{"text"}
                                         : o.task == "choice"   ? std::vector<std::string>{"good", "bad"}
                                                                : std::vector<std::string>{"question", "answer"};
  Items items;
  for_each_line(o.file, [&](std::string_view line, int64_t number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const std::string who = fmt::format("{}: line {}", o.file, number);
    const Json json = parse_json(line, who);
    auto& item = items.emplace_back();
    for (const auto& name : names) {
      if (!json.is_object() || !json.contains(name) || !(json[name].is_string() || json[name].is_number())) {
        fail("{}: expected an object with a text \"{}\"", who, name);
      }
      item[name] = json[name].is_string() ? json[name].get<std::string>() : json[name].dump();
    }
    return o.limit == 0 || static_cast<int64_t>(items.size()) < o.limit;
  });
  if (items.empty()) fail("{}: expected at least one line of JSON, found none", o.file);
  return items;
}

int64_t whole_blocks(int64_t tokens) {
  return (tokens + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens * KvCache::kBlockTokens;
}

// A stretch of tokens to run, of which those from `first_scored` on are asked for, and whose they are.
struct Window {
  std::vector<TokenId> ids;
  size_t first_scored = 1;
  size_t owner = 0;
};

// Windows of at most `context` tokens; each token is scored once, with at least half a window before it (or all there
// is). A text stands after the begin token where the model has one; else its first token has nothing before it and is
// not scored.
void add_windows(const std::vector<TokenId>& ids, size_t context, size_t owner, std::vector<Window>& windows) {
  size_t scored = 1;
  for (size_t begin = 0; scored < ids.size(); begin += context / 2) {
    const size_t end = std::min(ids.size(), begin + context);
    windows.push_back(
        {{ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)}, scored - begin, owner});
    scored = end;
  }
}

// Through a cache where its type is given: then tokens see what is stored of those before, as an answer does.
class Scorer {
 public:
  Scorer(Model& model, const Tokenizer& tokenizer, const EvalOptions& o)
      : model_(model), tokenizer_(tokenizer), kv_type_(o.kv_type) {
    ctx_.precision = o.exact ? Precision::f32 : Precision::bf16;
    context_ = static_cast<size_t>(o.context > 0 ? o.context : std::min<int64_t>(model.config.max_context, 4096));
    if (static_cast<int64_t>(context_) > model.config.max_context || context_ < 2) {
      fail("context: expected a number from 2 to {} (the model's own), found {}", model.config.max_context, context_);
    }
  }

  // The sum of the natural logarithms of each text's token probabilities, and the bytes of the tokens that were scored.
  struct Score {
    double log_prob = 0;
    int64_t bytes = 0, tokens = 0;
    bool whole = false;  // false: stopped before all of the text was scored
  };
  std::vector<Score> score(const std::vector<std::string>& texts) {
    std::vector<Window> windows;
    std::vector<Score> scores(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      std::vector<TokenId> ids = tokenizer_.encode(texts[i]);
      scores[i].bytes = static_cast<int64_t>(texts[i].size());
      const TokenId before = tokenizer_.bos() >= 0 ? tokenizer_.bos() : tokenizer_.eos();
      if (before >= 0)
        ids.insert(ids.begin(), before);
      else if (!ids.empty())
        scores[i].bytes -= static_cast<int64_t>(tokenizer_.decode({ids.data(), 1}).size());
      scores[i].tokens = std::max<int64_t>(0, static_cast<int64_t>(ids.size()) - 1);
      add_windows(ids, context_, i, windows);
    }
    size_t begin = 0, tokens = 0;
    for (size_t i = 0; i < windows.size() && !stopped; ++i) {
      const size_t length = windows[i].ids.size();
      tokens += kv_type_ ? static_cast<size_t>(whole_blocks(static_cast<int64_t>(length))) : length;
      if (tokens < kStepTokens && i + 1 < windows.size()) continue;
      run({windows.data() + begin, i + 1 - begin}, scores);
      begin = i + 1;
      tokens = 0;
    }
    for (Score& score : scores) score.whole = true;
    for (size_t i = begin; i < windows.size(); ++i) scores[windows[i].owner].whole = false;
    return scores;
  }

 private:
  static constexpr size_t kStepTokens = 2048;
  static constexpr int64_t kLogitRows = 256;  // at a time, so that a large vocabulary fits

  void run(std::span<const Window> windows, std::vector<Score>& scores) {
    Batch batch;
    batch.offsets.push_back(0);
    std::vector<int64_t> rows;  // of the token before
    std::vector<TokenId> targets;
    std::vector<size_t> owners;
    for (const Window& window : windows) {
      for (size_t i = 0; i < window.ids.size(); ++i) {
        if (i >= window.first_scored) {
          rows.push_back(static_cast<int64_t>(batch.ids.size()) - 1);
          targets.push_back(window.ids[i]);
          owners.push_back(window.owner);
        }
        batch.ids.push_back(window.ids[i]);
        batch.positions.push_back(static_cast<int32_t>(i));
      }
      batch.offsets.push_back(static_cast<int32_t>(batch.ids.size()));
    }
    const Tensor hidden = run_forward(batch);
    const auto count = static_cast<int64_t>(rows.size());
    std::vector<double> log_probs(rows.size());
    for (int64_t first = 0; first < count; first += kLogitRows) {
      const int64_t part = std::min(kLogitRows, count - first);
      const Tensor scored =
          logits(ctx_, model_, hidden, std::span(rows).subspan(static_cast<size_t>(first), static_cast<size_t>(part)));
      parallel_rows(ctx_, part, 8, [&](int64_t from, int64_t to) {
        for (int64_t r = from; r < to; ++r)
          log_probs[static_cast<size_t>(first + r)] = log_prob(scored, r, targets[static_cast<size_t>(first + r)]);
      });
    }
    for (size_t i = 0; i < rows.size(); ++i) scores[owners[i]].log_prob += log_probs[i];
  }

  Tensor run_forward(Batch& batch) {
    if (!kv_type_) return forward(ctx_, model_, batch).hidden;
    int64_t room = 0;
    for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) room += whole_blocks(batch.offsets[s + 1] - batch.offsets[s]);
    KvCache cache(model_.config, room, *kv_type_);
    std::deque<KvSequence> states;
    for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
      HADAL_CHECK(states.emplace_back(cache).extend(batch.offsets[s + 1] - batch.offsets[s]));
      batch.states.push_back(&states.back());
    }
    return forward(ctx_, model_, batch).hidden;
  }

  static double log_prob(const Tensor& scores, int64_t r, TokenId target) {
    const float* row = scores.row(r);
    const double best = *std::max_element(row, row + scores.cols());
    double sum = 0;
    for (int64_t i = 0; i < scores.cols(); ++i) sum += std::exp(static_cast<double>(row[i]) - best);
    return static_cast<double>(row[target]) - best - std::log(sum);
  }

  Model& model_;
  const Tokenizer& tokenizer_;
  Context ctx_;
  std::optional<KvType> kv_type_;
  size_t context_;
};

// The head of a result: how many items it is about, and of how many where the evaluation was stopped.
OrderedJson result_of(const EvalOptions& o, size_t measured, size_t items) {
  OrderedJson result{{"task", o.task}, {"items", measured}};
  if (measured == items) return result;
  if (measured == 0) fail("stopped before one of {} items was measured", items);
  result["stopped_of"] = items;
  return result;
}

OrderedJson eval_perplexity(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded) {
  std::vector<std::string> texts;
  for (const auto& item : items) texts.push_back(item.at("text"));
  Scorer scorer(*loaded.model, *loaded.tokenizer, o);
  double nats = 0;
  int64_t bytes = 0, tokens = 0;
  size_t measured = 0;
  for (const auto& score : scorer.score(texts)) {
    if (!score.whole) continue;
    ++measured;
    nats -= score.log_prob;
    bytes += score.bytes;
    tokens += score.tokens;
  }
  OrderedJson result = result_of(o, measured, items.size());
  if (bytes == 0) fail("{}: expected texts to measure, found only empty ones", o.file);
  result["bytes"] = bytes;
  result["tokens"] = tokens;
  result["bits_per_byte"] = nats / std::numbers::ln2 / static_cast<double>(bytes);
  result["perplexity"] = std::exp(nats / static_cast<double>(tokens));
  return result;
}

OrderedJson eval_choice(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded) {
  std::vector<std::string> texts;
  for (const auto& item : items) {
    texts.push_back(item.at("good"));
    texts.push_back(item.at("bad"));
  }
  Scorer scorer(*loaded.model, *loaded.tokenizer, o);
  const auto scores = scorer.score(texts);
  size_t right = 0, measured = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!scores[2 * i].whole || !scores[2 * i + 1].whole) continue;
    ++measured;
    right += scores[2 * i].log_prob > scores[2 * i + 1].log_prob ? 1 : 0;
  }
  OrderedJson result = result_of(o, measured, items.size());
  result["accuracy"] = static_cast<double>(right) / static_cast<double>(measured);
  return result;
}

// For answers without digits ("eighty-one"): the reply ends with the answer, as a word of its own.
bool ends_with_answer(const std::string& reply, const std::string& answer) {
  auto plain = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    while (!text.empty() && !std::isalnum(static_cast<unsigned char>(text.back()))) text.pop_back();
    return text;
  };
  const std::string text = plain(reply), end = plain(answer);
  if (end.empty() || !text.ends_with(end)) return false;
  const std::string before = text.substr(0, text.size() - end.size());
  return before.empty() || (before.back() == ' ' && !before.ends_with("hundred ") && !before.ends_with("hundred and "));
}

bool is_right(const std::string& reply, const std::string& answer) {
  const auto expected = last_number(answer), found = last_number(reply);
  if (!expected) return ends_with_answer(reply, answer);
  return found && std::abs(*expected - *found) <= 1e-6 * std::max(1.0, std::abs(*expected));
}

// Asks the questions of an evaluation, several at once, and counts the right replies.
class Examination {
 public:
  Examination(const EvalOptions& o, const Items& items, const Assistant& assistant, SamplesFile& samples)
      : o_(o), items_(items), assistant_(assistant), samples_(samples) {
    request_.sampling.temperature = 0;
    request_.max_tokens = o.max_tokens;
  }

  OrderedJson run() {
    samples_.begin();
    {
      std::vector<std::jthread> askers;
      for (int64_t t = 0; t < o_.parallel; ++t) {
        askers.emplace_back([this] {
          for (size_t i; !stopped && (i = next_++) < items_.size();) ask(i);
        });
      }
    }
    samples_.finish();
    OrderedJson result = result_of(o_, measured_, items_.size());
    result["refused"] = refused_.load();
    result["accuracy"] = static_cast<double>(right_) / static_cast<double>(measured_);
    return result;
  }

 private:
  void ask(size_t i) {
    const std::string &question = items_[i].at("question"), &answer = items_[i].at("answer");
    std::string reply;
    bool whole = true;
    try {
      reply =
          assistant_.answer({{"user", question}}, request_, [&](std::string_view) { return whole = !stopped; }).text;
    } catch (const std::exception& e) {  // memory that ran out too: one item's failure is not the others'
      ++refused_;
      log_warning("{}: item {}: {}; it counts as wrong", o_.file, i + 1, e.what());
    }
    if (!whole) return;
    const bool ok = is_right(reply, answer);
    ++measured_;
    right_ += ok ? 1 : 0;
    samples_.add(
        i, dump_json(OrderedJson{{"question", question}, {"answer", answer}, {"reply", reply}, {"right", ok}}) + "\n");
  }

  const EvalOptions& o_;
  const Items& items_;
  const Assistant& assistant_;
  SamplesFile& samples_;
  GenerateRequest request_;
  std::atomic<size_t> next_ = 0, refused_ = 0, measured_ = 0, right_ = 0;
};

OrderedJson eval_math(const EvalOptions& o, const Items& items, const weights::LoadedModel& loaded,
                      SamplesFile& samples) {
  EngineOptions engine_options;
  engine_options.max_context = std::min<int64_t>(loaded.model->config.max_context, 4096);
  engine_options.max_running = static_cast<int>(o.parallel);
  engine_options.cache_tokens = engine_options.max_context * o.parallel;
  engine_options.ends = loaded.defaults.ends;
  engine_options.precision = o.exact ? Precision::f32 : Precision::bf16;
  engine_options.kv_type = o.kv_type;
  Engine engine(loaded.model, loaded.tokenizer, engine_options);
  const Assistant assistant(engine);
  return Examination(o, items, assistant, samples).run();
}

}  // namespace

int eval_command(int argc, char** argv) {
  CommandLine app(
      "Measures how good a model is on a file of JSON lines (.zst too).\n"
      "  perplexity  \"text\": bits per byte\n"
      "  choice      \"good\", \"bad\": how often the good text is the likelier one\n"
      "  math        \"question\", \"answer\": how often the last number of the reply is the answer's\n"
      "              (an answer without digits must be the end of the reply)");
  EvalOptions o;
  std::string precision = "auto";
  add_model_option(app, o.model);
  app.add_option("--task", o.task, "perplexity, choice or math").required().one_of({"perplexity", "choice", "math"});
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
  if (!o.samples.empty() && o.task != "math") {
    fmt::print(stderr, "{}: --samples: expected --task math, whose replies it writes; {} has none\n", argv[0], o.task);
    return 2;
  }
  const Items items = read_items(o);
  std::error_code ignored;
  if (!o.samples.empty() && std::filesystem::equivalent(o.file, o.samples, ignored))
    fail("--samples {}: expected another file than --file", o.samples);
  SamplesFile samples(o.samples);
  o.exact = precision == "f32";
  const int64_t sequences = o.task == "math" ? o.parallel : o.kv_type ? 2 : 0;
  const weights::RunPlan plan{.context = std::max<int64_t>(4096, o.context),
                              .sequences = sequences,
                              .step_tokens = 4096,
                              .precision = o.exact ? Precision::f32 : Precision::bf16,
                              .kv_type = o.kv_type};
  const weights::LoadedModel loaded = weights::load_model(o.model, weights::LoadAs::frozen, plan);
  stop_on_signals();
  const OrderedJson result = o.task == "perplexity" ? eval_perplexity(o, items, loaded)
                             : o.task == "choice"   ? eval_choice(o, items, loaded)
                                                    : eval_math(o, items, loaded, samples);
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
