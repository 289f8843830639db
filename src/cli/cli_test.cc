// The command line as a stranger meets it: runs the program and looks at its exit code and its two streams.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "net/testing/test_server.h"
#include "weights/gguf_save.h"
#include "weights/testing/test_folder.h"

namespace hadal {
namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
};

Path scratch() {
  static const struct Folder {
    Path path = std::filesystem::temp_directory_path() / ("hadal_cli_" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
  } folder;
  return folder.path;
}

Outcome run(const std::string& arguments, const std::string& input = "") {
  const Path out = scratch() / "out", err = scratch() / "err", in = scratch() / "in";
  write_file_whole(in, input);
  for (const Path& path : {out, err}) std::filesystem::remove(path);  // they are appended to
  using Kind = ProcessStream::Kind;
  Process shell({.command = {"sh", "-c", fmt::format("exec '{}/hadal' {}", HADAL_BINARY_DIR, arguments)},
                 .input = {Kind::file, in},
                 .output = {Kind::file, out},
                 .error = {Kind::file, err}});
  const ProcessEnd end = shell.wait();
  return {end.signal == 0 ? end.code : -1, read_file(out), read_file(err)};
}

TEST(Cli, MarketUsageErrorsEndWithTwoAndAreSaidOnce) {
  const Outcome o = run("market memo");
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "hadal market: expected a run, found none; runs stand under runs/\n");
  EXPECT_EQ(run("market show nowhere --as-of soon").code, 2);
  EXPECT_EQ(run("market show nowhere").code, 1);
  const Outcome odd = run("market show '/\x1b[31m/x'");
  EXPECT_EQ(odd.err.find('\x1b'), std::string::npos) << odd.err;
}

TEST(Cli, HelpAndVersion) {
  for (const char* arguments : {"", "--help", "help"}) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 0);
    EXPECT_NE(o.out.find("usage: hadal VERB"), std::string::npos);
    EXPECT_EQ(o.err, "");
  }
  EXPECT_EQ(run("--version").out.substr(0, 6), "hadal ");
  for (const char* verb : {"chat", "serve", "generate", "eval", "bench", "inspect", "pull", "models", "tokenize",
                           "detokenize", "logits", "logprobs", "export", "verify"}) {
    const Outcome o = run(std::string(verb) + " --help");
    EXPECT_EQ(o.code, 0) << verb;
    EXPECT_NE(o.out.find(std::string("hadal ") + verb), std::string::npos) << o.out;
  }
}

TEST(Cli, MistakesOfUsageAreExitCode2) {
  for (const char* arguments :
       {"swim", "generate --no-such-option", "logits", "generate --prompt x --max-tokens -3", "tokenize",
        "eval --task dance --file x", "inspect", "pull", "logprobs --as both --file x", "models swim",
        "models rename x", "export --to zip out"}) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 2) << arguments << "\n" << o.err;
    EXPECT_EQ(o.out, "") << arguments;
    EXPECT_NE(o.err, "") << arguments;
  }
}

// ---- With a model ----

class CliModel : public ::testing::Test {
 protected:
  static const std::string& model() {
    static const test::ModelFolder folder;
    static const std::string text = "'" + folder.text() + "'";
    return text;
  }
  // Runs with --json; standard output must be one JSON document.
  static Json json_of(const std::string& arguments, const std::string& input = "") {
    const Outcome o = run(arguments + " --json", input);
    EXPECT_EQ(o.code, 0) << arguments << "\n" << o.err;
    return parse_json(o.out, arguments);
  }
  static Path file(const char* name, std::string_view content) {
    write_file_whole(scratch() / name, content);
    return scratch() / name;
  }
};

TEST_F(CliModel, Inspects) {
  const Json json = json_of("inspect " + model());
  EXPECT_EQ(json["config"]["model_type"], "deepseek_v3");
  EXPECT_EQ(json["tokens"], 259);
  EXPECT_EQ(json["config"]["num_nextn_predict_layers"], 1);
  EXPECT_GT(json["kv_q8_bytes_per_token"].get<int64_t>(), 0);
  EXPECT_GT(json["parameters"].get<int64_t>(), json["active_parameters"].get<int64_t>());
  EXPECT_NE(run("inspect " + model()).out.find("deepseek_v3"), std::string::npos);
}

TEST_F(CliModel, Tokenizes) {
  EXPECT_EQ(json_of("tokenize --model " + model() + " 'Hi<end>'"),
            (Json{{"ids", {'H', 'i', '<', 'e', 'n', 'd', '>'}}}));
  EXPECT_EQ(json_of("tokenize --special --model " + model() + " 'Hi<end>'"), (Json{{"ids", {256, 'H', 'i', 257}}}));
  const Path path = file("text", std::string_view("a\0b\n", 4));
  EXPECT_EQ(json_of("tokenize --model " + model() + " --file " + path.string()), (Json{{"ids", {'a', 0, 'b', '\n'}}}));
  EXPECT_EQ(json_of("detokenize --model " + model() + " --ids 72,105"), (Json{{"text", "Hi"}}));
  EXPECT_EQ(run("tokenize --model " + model() + " Hi").out, "72,105\n");
}

TEST_F(CliModel, RendersConversations) {
  const std::string with_model = "render --model " + model();
  const Path path = file(
      "conversation.json",
      R"({"model": "x", "messages": [{"role": "system", "content": "a<end>"}, {"role": "user", "content": "b"}]})");
  EXPECT_EQ(json_of(with_model + " --file " + path.string()),
            (Json{{"text", "<begin>a<end>b<assistant>"}, {"ids", {256, 'a', '<', 'e', 'n', 'd', '>', 'b', 258}}}));
  EXPECT_EQ(run(with_model + " --file " + path.string()).out, "<begin>a<end>b<assistant>");
  const Path source =
      file("t.jinja", "{{ messages[0].name }}{{ tools|length }}{{ mood }}{% if add_generation_prompt %}!{% endif %}");
  const Path more = file("more.json",
                         R"({"messages": [{"role": "user", "name": "Bo"}], "tools": [{}],
          "chat_template_kwargs": {"mood": "ok", "add_generation_prompt": false}})");
  EXPECT_EQ(run(with_model + " --template " + source.string() + " --file " + more.string()).out, "Bo1ok");
  const auto refused = [&](const std::string& content, const char* named) {
    const Outcome o = run(with_model + " --file " + file("bad.json", content).string());
    EXPECT_EQ(o.code, 1) << content.substr(0, 60);
    EXPECT_NE(o.err.find(named), std::string::npos) << o.err;
    EXPECT_LT(o.err.size(), 1000u);
  };
  refused("[]", "messages");
  refused("{}", "messages");
  refused(R"({"messages": []})", "at least one message");
  refused(R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"messages": 1}})",
          "chat_template_kwargs");
  refused(R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": 5})", "chat_template_kwargs");
  for (const size_t depth : {size_t{1'000}, size_t{1'000'000}}) {
    refused("{\"messages\": [{\"role\": \"user\", \"content\": " + std::string(depth, '[') + std::string(depth, ']') +
                "}]}",
            "inside each other");
  }
  EXPECT_EQ(run(with_model).code, 2);
}

TEST_F(CliModel, AWrongProcessorIsSaidOnce) {
  ::setenv("HADAL_CPU", "z80", 1);
  const Outcome o = run("generate --prompt x --model " + model());
  ::unsetenv("HADAL_CPU");
  EXPECT_EQ(o.code, 1);
  EXPECT_EQ(std::ranges::count(o.err, '\n'), 1) << o.err;
  EXPECT_NE(o.err.find("HADAL_CPU"), std::string::npos) << o.err;
}

TEST_F(CliModel, PrintsLogits) {
  const Json all = json_of("logits --all --precision f32 --ids 256,72,105 --model " + model())["logits"];
  ASSERT_EQ(all.size(), 3u);
  ASSERT_EQ(all[0].size(), 264u);
  const Json last = json_of("logits --precision f32 --ids 256,72,105 --model " + model())["logits"];
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0], all[2]);
}

// The engine's are the trainer's, in every digit; other fields of a line are ignored.
TEST_F(CliModel, LogProbabilitiesOfGivenTokens) {
  std::string lines;
  for (int i = 0; i < 9; ++i)
    lines += fmt::format("{{\"prompt_ids\": [256, {}], \"ids\": [72, 105, 256, {}], \"reward\": 1}}\n", 60 + i, i);
  const std::string command = "--file " + file("given.jsonl", lines + "{\"prompt_ids\": [1], \"ids\": []}\n").string() +
                              " --model " + model() + " --as ";
  const Outcome rollout = run("logprobs --json --parallel 4 " + command + "rollout");
  EXPECT_EQ(rollout.out, run("logprobs --json " + command + "train").out);
  const Json found = Json::parse(rollout.out)["log_probs"];
  ASSERT_EQ(found.size(), 10u);
  EXPECT_EQ(found[8].size(), 4u);
  EXPECT_EQ(found[9], Json::array());
  for (const Json& log_prob : found[0]) EXPECT_LT(log_prob, 0);
  EXPECT_NE(run("logprobs --json --temperature 0.7 " + command + "train").out, rollout.out);
}

TEST_F(CliModel, Generates) {
  const std::string command = "generate --prompt Hello --max-tokens 20 --seed 5 --model " + model();
  const Json first = json_of(command), second = json_of(command);
  EXPECT_EQ(first["ids"], second["ids"]);
  EXPECT_EQ(first["prompt_tokens"], 6);
  EXPECT_EQ(first["answer_tokens"], first["ids"].size());
  EXPECT_EQ(run(command).out, first["text"].get<std::string>() + "\n");
  EXPECT_EQ(json_of(command + " --kv-cache bf16")["ids"], first["ids"]);  // the default
  EXPECT_EQ(json_of(command + " --kv-cache q8")["answer_tokens"], first["answer_tokens"]);
  EXPECT_EQ(run(command + " --kv-cache q4").code, 2);
}

TEST_F(CliModel, ChatsThroughAPipe) {
  const Json json =
      json_of("chat --max-tokens 8 --seed 3 --system 'Be brief.' --model " + model(), "Hello\n\nAnd you?\n");
  ASSERT_EQ(json["messages"].size(), 5u);
  EXPECT_EQ(json["messages"][0]["role"], "system");
  EXPECT_EQ(json["messages"][3]["content"], "And you?");
  EXPECT_EQ(json["messages"][4]["role"], "assistant");
  EXPECT_EQ(json_of("chat --max-tokens 8 --seed 3 --model " + model(), "Hello\n/new\nAnew\n/quit\nNever\n")["messages"]
                .size(),
            2u);
  EXPECT_EQ(run("chat --max-tokens 8 --seed 3 --model " + model(), "Hello\n").code, 0);
}

// A model whose template opens thoughts unless it is told not to.
Path thinking_model() {
  TokenizerParts parts = test::byte_tokenizer().parts();
  for (const char* tag : {"<think>", "</think>"}) {
    parts.tokens.emplace_back(tag);
    parts.types.push_back(TokenType::control);
  }
  parts.chat_template += "{% if thinking | default(true) %}<think>{% else %}</think>{% endif %}";
  const Path folder = scratch() / "thinking";
  weights::save_model(folder, *test::make_model(test::byte_config()), Tokenizer::from_parts(std::move(parts), "test"),
                      DType::f32);
  return folder;
}

TEST_F(CliModel, ThinksBeforeItAnswers) {
  const std::string command = "chat --max-tokens 40 --seed 3 --model " + thinking_model().string();
  const Json reply = json_of(command, "Hello\n")["messages"][1];  // 30 tokens of thoughts, and 10 behind them
  const std::string thoughts = reply.value("reasoning_content", ""), answer = reply["content"];
  EXPECT_FALSE(thoughts.empty());
  EXPECT_TRUE(run(command, "Hello\n").out.starts_with("<think>\n" + thoughts));
  EXPECT_TRUE(answer.empty() || run(command, "Hello\n").out.find("\n</think>\n\n" + answer) != std::string::npos);
  const std::string few = json_of(command + " --think 2", "Hello\n")["messages"][1].value("reasoning_content", "");
  EXPECT_LT(few.size(), thoughts.size());
  for (const char* none : {" --think off", " --think 0"})
    EXPECT_FALSE(json_of(command + none, "Hello\n")["messages"][1].contains("reasoning_content")) << none;
  for (const char* bad : {" --think -1", " --think some", " --think ''", " --votes 0"})
    EXPECT_EQ(run(command + bad, "Hello\n").code, 2) << bad;
}

TEST_F(CliModel, VotesAmongItsAnswers) {
  const std::string command = "chat --max-tokens 20 --seed 3 --votes 5 --model " + model();
  const Json json = json_of(command, "Hello\nAgain\n");
  ASSERT_EQ(json["votes"].size(), 2u);
  EXPECT_EQ(json["votes"][0]["of"], 5);
  EXPECT_EQ(json["votes"][0]["agree"], 0);  // all are cut off
  ASSERT_EQ(json["messages"].size(), 4u);
  const std::string out = run(command, "Hello\n").out;
  EXPECT_EQ(out, json["messages"][1]["content"].get<std::string>() + " [...]\n0 of 5\n");
  const Outcome greedy = run(command + " --temperature 0", "Hello\n");
  EXPECT_EQ(greedy.code, 1);
  EXPECT_NE(greedy.err.find("--temperature"), std::string::npos);
}

TEST_F(CliModel, Evaluates) {
  const Path texts = file("texts.jsonl", "{\"text\":\"Hello there.\"}\n{\"text\":\"Caf\xc3\xa9\"}\n");
  const std::string options = " --precision f32 --model " + model() + " --file " + texts.string();
  const Json whole = json_of("eval --task perplexity" + options);
  EXPECT_EQ(whole["bytes"], 17);
  EXPECT_EQ(whole["tokens"], 17);
  EXPECT_GT(whole["bits_per_byte"].get<double>(), 4);  // a random model: about eight bits for each of 264 tokens
  EXPECT_LT(whole["bits_per_byte"].get<double>(), 20);
  EXPECT_NEAR(json_of("eval --task perplexity --context 300" + options)["bits_per_byte"], whole["bits_per_byte"], 1e-9);
  EXPECT_NE(json_of("eval --task perplexity --context 4" + options)["bits_per_byte"], whole["bits_per_byte"]);
  EXPECT_EQ(json_of("eval --task perplexity --limit 1" + options)["bytes"], 12);
  // Through a cache: the same sums in another order, or with rounded rows.
  const double cached = json_of("eval --task perplexity --kv-cache f32" + options)["bits_per_byte"];
  const double rounded = json_of("eval --task perplexity --kv-cache q8" + options)["bits_per_byte"];
  EXPECT_NEAR(cached, whole["bits_per_byte"].get<double>(), 1e-4);
  EXPECT_NE(rounded, cached);
  EXPECT_NEAR(rounded, cached, 0.1);

  // The sum of the log-probabilities, token by token, by `hadal logits`.
  const Json rows = json_of("logits --all --precision f32 --model " + model() + " --ids 256,72,105")["logits"];
  double nats = 0;
  for (size_t i = 0; i < 2; ++i) {
    double sum = 0;
    for (const double logit : rows[i]) sum += std::exp(logit);
    nats -= rows[i][i == 0 ? 72 : 105].get<double>() - std::log(sum);
  }
  const Path hi = file("hi.jsonl", "{\"text\":\"Hi\"}");
  EXPECT_NEAR(
      json_of("eval --task perplexity --precision f32 --model " + model() + " --file " + hi.string())["bits_per_byte"],
      nats / std::log(2.0) / 2, 1e-5);

  const Path pairs =
      file("pairs.jsonl",
           "{\"good\":\"ab\",\"bad\":\"cd\"}\n{\"good\":\"cd\",\"bad\":\"ab\"}\n{\"good\":\"x\",\"bad\":\"x\"}\n");
  EXPECT_NEAR(json_of("eval --task choice --model " + model() + " --file " + pairs.string())["accuracy"], 1.0 / 3,
              1e-12);
  const Path sums = file("sums.jsonl", "{\"question\":\"1 + 1?\",\"answer\":2}\n");
  EXPECT_EQ(
      json_of("eval --task math --kv-cache q8 --max-tokens 5 --model " + model() + " --file " + sums.string())["items"],
      1);
}

// A bad line, a file that cannot be written, a full disk or Ctrl-C: nothing that was measured is lost.
TEST_F(CliModel, AnEvaluationIsNotLost) {
  std::string questions;
  for (int i = 0; i < 40; ++i) questions += fmt::format("{{\"question\":\"{} + 1?\",\"answer\":{}}}\n", i, i + 1);
  const Path sums = file("forty.jsonl", questions), samples = scratch() / "samples.jsonl";
  const std::string eval = "eval --task math --json --max-tokens 3 --model " + model() + " --file ";
  ASSERT_EQ(run(eval + sums.string() + " --samples " + samples.string()).code, 0);
  int64_t next = 0;
  for_each_line(samples, [&](std::string_view line, int64_t) {
    EXPECT_EQ(parse_json(line, "samples")["question"], fmt::format("{} + 1?", next++));
    return true;
  });
  EXPECT_EQ(next, 40);

  const Outcome nowhere = run(eval + sums.string() + " --samples /no/such/folder/x");
  EXPECT_EQ(nowhere.code, 1);
  EXPECT_EQ(nowhere.out, "");
  EXPECT_NE(nowhere.err.find("--samples /no/such/folder/x: cannot be written"), std::string::npos) << nowhere.err;
  const Outcome full = run(eval + sums.string() + " --samples /dev/full");
  EXPECT_EQ(full.code, 1);
  EXPECT_EQ(parse_json(full.out, "stdout")["items"], 40);
  EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
  EXPECT_EQ(run(eval + sums.string() + " --samples " + sums.string()).code, 1);
  EXPECT_EQ(read_file(sums), questions);
  EXPECT_EQ(run("eval --task perplexity --samples x --file x --model " + model()).code, 2);
  const Outcome bad =
      run(eval + file("bad_last.jsonl", questions + "{\"question\":1}\n").string() + " --samples " + samples.string());
  EXPECT_EQ(bad.code, 1);
  EXPECT_NE(bad.err.find("line 41"), std::string::npos) << bad.err;
  EXPECT_NE(read_file(samples), "");  // of the run before
}

TEST_F(CliModel, AStoppedEvaluationPrintsWhatItMeasured) {
  std::string questions;  // far more than can be answered before the signal comes
  for (int i = 0; i < 200000; ++i) questions += "{\"question\":\"?\",\"answer\":1}\n";
  const Path many = file("many.jsonl", questions), samples = scratch() / "many_samples.jsonl",
             out = scratch() / "many_out";
  const std::string command = fmt::format(
      "'{}/hadal' eval --task math --json --max-tokens 2 --model {} --file {} --samples {} >{} 2>/dev/null & pid=$!; "
      "until [ -s {} ] || ! kill -0 $pid; do sleep 0.02; done; kill -TERM $pid; wait $pid",
      HADAL_BINARY_DIR, model(), many.string(), samples.string(), out.string(), samples.string());
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  const Json result = parse_json(read_file(out), "stdout");
  EXPECT_EQ(result["stopped_of"], 200000);
  EXPECT_GT(result["items"], 0);
  EXPECT_TRUE(result.contains("accuracy"));
  int64_t written = 0;
  for_each_line(samples, [&](std::string_view, int64_t number) { return written = number, true; });
  EXPECT_EQ(result["items"], written);
}

// Items of every kind of task, asked and judged: a random model is wrong, but what is counted is whole.
TEST_F(CliModel, EvaluatesReasoning) {
  const Path reason = Path(HADAL_SOURCE_DIR) / "tests/reason", replies = scratch() / "replies.jsonl";
  std::string items;
  for (const char* name : {"countdown3.jsonl", "knights2.jsonl", "arithmetic.jsonl"}) {
    const std::string text = read_file(reason / name);
    items += text.substr(0, text.find('\n', text.find('\n') + 1) + 1);  // two of each
  }
  items += "{\"question\":\"1 + 1?\",\"answer\":\"2\"}\n";
  const Path mixed = file("items.jsonl", items);
  const std::string eval =
      "eval --task reason --think 6 --max-tokens 4 --model " + model() + " --file " + mixed.string();
  const Json greedy = json_of(eval + " --replies " + replies.string());
  EXPECT_EQ(greedy["items"], 7);
  EXPECT_EQ(greedy["pass@1"], 0);
  EXPECT_EQ(greedy["by_task"].size(), 4u);
  for (const char* kind : {"countdown3", "knights2", "arithmetic", "math"}) {
    const Json& by_kind = greedy["by_task"][kind];
    EXPECT_EQ(by_kind["items"], kind == std::string("math") ? 1 : 2) << kind;
    EXPECT_EQ(by_kind["pass@1"], 0) << kind;
    EXPECT_EQ(by_kind["interval_95"][0], 0) << kind;
    EXPECT_GT(by_kind["interval_95"][1], 0.5) << kind;
    EXPECT_EQ(by_kind["pass@k"], (Json{{"1", 0.0}})) << kind;
    EXPECT_LE(by_kind["unfinished"], by_kind["items"]) << kind;
    EXPECT_GE(by_kind["think_tokens"], 0) << kind;
  }
  std::vector<Json> lines;
  for_each_line(replies, [&](std::string_view line, int64_t) {
    lines.push_back(parse_json(line, "replies"));
    return true;
  });
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[2]["item"]["task"], "knights");
  EXPECT_TRUE(lines[2]["reply"].is_string());
  EXPECT_EQ(lines[2]["right"], false);
  EXPECT_NE(lines[2]["why"], "");
  EXPECT_EQ(json_of(eval + " --limit 3")["items"], 3);

  const Json sampled = json_of(eval + " --samples 5 --votes 3 --seed 2 --wordings held-out");
  EXPECT_EQ(sampled["by_task"]["math"]["pass@k"].size(), 3u);  // 1, 2, 4
  EXPECT_EQ(sampled["by_task"]["math"]["votes"]["of"], 3);
  EXPECT_EQ(json_of(eval + " --votes 4")["by_task"]["math"]["pass@k"].size(), 3u);
  const std::string make =
      "eval --task reason --think 2 --max-tokens 2 --make knights3=2 --make stories=1 --model " + model();
  const Json made = json_of(make + " --seed 3 --replies " + replies.string());
  EXPECT_EQ(made["by_task"]["knights3"]["items"], 2);
  EXPECT_EQ(made["items"], 3);
  const std::string first = read_file(replies);
  json_of(make + " --seed 3 --replies " + replies.string());
  EXPECT_EQ(read_file(replies), first);
  const Outcome table = run(eval);
  EXPECT_NE(table.out.find("knights2\n  items         2\n"), std::string::npos) << table.out;
}

TEST_F(CliModel, MistakesOfReasoningAreNamed) {
  const std::string m = " --model " + model(), eval = "eval --task reason" + m + " --file ";
  const std::string good = R"({"task": "countdown", "numbers": [19, 36, 55], "target": 38})";
  const Path items = file("good_items.jsonl", good + "\n");
  const std::pair<std::string, const char*> mistakes[] = {
      {good + "\n{\"task\": \"dance\"}", "line 2"},
      {good + "\n\n{\"task\": \"countdown\", \"numbers\": [1]}", "line 3"},
      {"[]", "line 1"},
      {"\n", "found none"}};
  for (const auto& [content, named] : mistakes) {
    const Outcome o = run(eval + file("bad_items.jsonl", content).string());
    EXPECT_EQ(o.code, 1) << content;
    EXPECT_EQ(o.out, "") << content;
    EXPECT_NE(o.err.find(named), std::string::npos) << o.err;
  }
  for (const char* options : {" --samples 0", " --samples x", " --samples 2 --temperature 0", " --votes -1",
                              " --temperature -1", " --wordings x", " --think -1", " --make knights3=3"}) {
    const Outcome o = run(eval + items.string() + options);
    EXPECT_EQ(o.code, 2) << options << o.err;
    EXPECT_EQ(o.out, "") << options;
  }
  EXPECT_EQ(run(eval + items.string() + " --replies " + items.string()).code, 1);
  EXPECT_EQ(read_file(items), good + "\n");
  EXPECT_EQ(run("eval --task perplexity --replies x --file x" + m).code, 2);
  for (const char* made : {"", " --make knights3", " --make knights3=0", " --make =3x"})
    EXPECT_EQ(run("eval --task reason" + std::string(made) + m).code, 2) << made;
  EXPECT_EQ(run("eval --task math --make knights3=3" + m).code, 2);
  EXPECT_NE(run("eval --task reason --make dance=3" + m).err.find("countdown4"), std::string::npos);
}

TEST_F(CliModel, Benches) {
  const Json json = json_of("bench --prompt 32 --generate 4 --batch 2 --threads 1 --model " + model());
  for (const char* name : {"prefill_tokens_per_s", "decode_tokens_per_s", "peak_rss_bytes", "load_seconds",
                           "prefill_floor_fraction", "decode_floor_fraction"})
    EXPECT_GT(json[name].get<double>(), 0) << name;
  EXPECT_EQ(json["kv_cache"], "bf16");
  EXPECT_EQ(json_of("bench --prompt 32 --generate 4 --kv-cache q8 --model " + model())["kv_cache"], "q8");
}

TEST_F(CliModel, Exports) {
  const Path out = scratch() / "exported";
  EXPECT_EQ(json_of("export --to hf " + out.string() + " --model " + model())["format"], "hf");
  EXPECT_EQ(json_of("inspect " + out.string())["tokens"], 259);
  EXPECT_EQ(run("export --to hf " + out.string() + " --model " + model()).code, 1);
}

TEST_F(CliModel, WritesAndReadsGguf) {
  const Path exported = scratch() / "exported.gguf", small = scratch() / "small.gguf";
  // GGUF has no way to say what this model's YaRN is.
  const Outcome refusal = run("export --to gguf " + exported.string() + " --model " + model());
  EXPECT_EQ(refusal.code, 1);
  EXPECT_NE(refusal.err.find("mscale"), std::string::npos) << refusal.err;
  const test::ModelFolder folder(/*deepseek=*/false);
  EXPECT_EQ(json_of("export --to gguf " + exported.string() + " --model " + folder.text())["format"], "gguf");
  EXPECT_EQ(run("export --to gguf " + exported.string() + " --model " + folder.text()).code, 1);
  EXPECT_EQ(json_of("inspect " + exported.string())["keys"]["general.architecture"], "\"qwen2\"");
  // Its numbers are finer than BF16, and come back whole.
  const Path back = scratch() / "back";
  EXPECT_EQ(json_of("export --to hf " + back.string() + " --model " + exported.string())["format"], "hf");
  EXPECT_TRUE(read_file(back / "model.safetensors") == read_file(folder.path() / "model.safetensors"));
  EXPECT_EQ(json_of("quantize --type Q8_0 " + small.string() + " --model " + exported.string())["type"], "Q8_0");
  EXPECT_GT(json_of("inspect " + small.string())["bytes_by_type"]["F16"].get<int64_t>(), 0);  // short rows
  EXPECT_EQ(json_of("tokenize abc --model " + small.string()), json_of("tokenize abc --model " + folder.text()));
  EXPECT_EQ(json_of("logits --ids 1,2 --model " + small.string())["logits"].size(), 1u);
  EXPECT_EQ(run("quantize --type Q9 x.gguf").code, 2);
}

// Each mistake: exit code 1, nothing on standard output, one line that names it.
TEST_F(CliModel, BadInputIsOneClearError) {
  const test::ModelFolder mute(true, DType::f32, /*chat=*/false);
  const Path bad_json = file("bad.jsonl", "{\"text\":\"fine\"}\n{\"text\"\n"),
             other = file("other.jsonl", "{\"body\":\"x\"}\n"), empty = file("empty.jsonl", ""),
             unknown = file("unknown.jsonl", R"({"prompt_ids": [1], "ids": [2, 99999]})"),
             endless = file("endless.jsonl", dump_json(Json{{"prompt_ids", std::vector<int>(600, 1)}, {"ids", {2}}}));
  const std::string m = " --model " + model();
  const std::pair<std::string, const char*> mistakes[] = {
      {"generate --prompt ''" + m, "prompt"},
      {"generate --prompt '" + std::string(600, 'x') + "'" + m, "512"},
      {"generate --prompt x --temperature -1" + m, "temperature"},
      {"generate --prompt x --top-p 7" + m, "top_p"},
      {"generate --prompt x --context 100000" + m, "max_context"},
      {"generate --prompt x --model no_such_model", "no_such_model"},
      {"generate --prompt-file /no/such/file" + m, "/no/such/file"},
      {"chat --model " + mute.text(), "chat template"},
      {"serve --model " + mute.text(), "chat template"},
      {"serve --api-key-file " + empty.string() + m, "API key"},
      {"logits --ids 1,264" + m, "264"},
      {"logits --ids 1,x" + m, "x"},
      {"logits --ids ''" + m, "ids"},
      {"detokenize --ids 259" + m, "259"},
      {"eval --task perplexity --file " + bad_json.string() + m, "line 2"},
      {"eval --task perplexity --file " + other.string() + m, "text"},
      {"eval --task perplexity --file " + empty.string() + m, "found none"},
      {"eval --task perplexity --file /no/such/file" + m, "/no/such/file"},
      {"logprobs --as train --file " + other.string() + m, "prompt_ids"},
      {"logprobs --as train --file " + unknown.string() + m, "99999"},
      {"logprobs --as rollout --file " + unknown.string() + m, "line 1: ids"},
      {"logprobs --as rollout --file " + endless.string() + m, "512"},
      {"logprobs --as train --file " + endless.string() + m, "512"},
      {"logprobs --as train --file " + empty.string() + m, "found none"},
      {"bench --prompt 5000" + m, "512"},
      {"pull owner/repo", "hf:owner/repo"},
      {"models remove ../x --yes", "../x"},
  };
  for (const auto& [arguments, part] : mistakes) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 1) << arguments;
    EXPECT_EQ(o.out, "") << arguments;
    EXPECT_NE(o.err.find(part), std::string::npos) << arguments << "\n" << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  }
}

TEST_F(CliModel, ASeedOfMinusOneIsDrawn) {
  const std::string command = "generate --prompt Hello --max-tokens 2 --model " + model();
  EXPECT_NE(json_of(command + " --seed -1")["seed"], json_of(command + " --seed -1")["seed"]);
  EXPECT_EQ(json_of(command + " --seed 18446744073709551615")["seed"], UINT64_MAX);
  for (const char* seed : {"-2", "1.5", "x", "18446744073709551616"})
    EXPECT_EQ(run(command + " --seed " + seed).code, 2) << seed;
}

// A hub with the repositories org/NAME of this folder.
class HubOfFolders {
 public:
  explicit HubOfFolders(Path root) : root_(std::move(root)) {}
  std::string url() const { return server_.url(); }
  bool asked_for(const std::string& part) const {
    const auto all = server_.requests();
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return r.target.find(part) != std::string::npos; });
  }

 private:
  void answer(test::Connection& c, const test::Request& r) const {
    constexpr std::string_view kApi = "/api/models/org/";
    if (r.target.starts_with(kApi) && r.target.ends_with("/revision/main")) return c.reply(200, "", R"({"sha":"abc"})");
    if (r.target.starts_with(kApi)) {
      const std::string rest = r.target.substr(kApi.size());
      Json list = Json::array();
      for (const auto& entry : std::filesystem::directory_iterator(root_ / rest.substr(0, rest.find('/'))))
        list.push_back(
            {{"type", "file"}, {"path", entry.path().filename().string()}, {"size", entry.file_size()}, {"oid", ""}});
      return c.reply(200, "", list.dump());
    }
    const size_t resolve = r.target.find("/resolve/abc/");
    if (!r.target.starts_with("/org/") || resolve == std::string::npos) return c.reply(404);
    c.serve(r, read_file(root_ / r.target.substr(5, resolve - 5) / r.target.substr(resolve + 13)));
  }
  Path root_;
  test::Server server_{[this](test::Connection& c, const test::Request& r) { answer(c, r); }};
};

// What cannot run here is refused before its weights are fetched; what can is found under the hub's name afterwards.
TEST_F(CliModel, PullsWhatCanRun) {
  namespace fs = std::filesystem;
  const Path root = scratch() / "hub";
  const test::ModelFolder good(/*deepseek=*/false);
  for (const char* name : {"tiny", "family", "words", "quantised", "pickled"}) {
    fs::create_directories(root / name);
    fs::copy(good.path(), root / name);
  }
  const auto edit = [&](const Path& path, const char* patch) {
    Json json = parse_json(read_file(root / path), "test");
    json.merge_patch(Json::parse(patch));
    write_file_whole(root / path, json.dump());
  };
  edit("family/config.json", R"({"model_type": "mamba"})");
  edit("words/tokenizer.json", R"({"model": {"type": "Unigram"}})");
  edit("quantised/config.json", R"({"quantization_config": {"quant_method": "gptq"}})");
  fs::rename(root / "pickled/model.safetensors", root / "pickled/pytorch_model.bin");
  fs::create_directories(root / "tiny-GGUF");
  const weights::LoadedModel loaded = weights::load_model(good.text());
  weights::save_gguf(root / "tiny-GGUF/tiny-F32.gguf", *loaded.model, *loaded.tokenizer,
                     {.name = "tiny", .mix = "", .progress = {}});
  std::string bytes = read_file(root / "tiny-GGUF/tiny-F32.gguf");
  const size_t name = bytes.find("qwen2");
  for (size_t at = name; at != std::string::npos; at = bytes.find("qwen2", at)) bytes.replace(at, 5, "qwenX");
  write_file_whole(root / "tiny-GGUF/other-Q8_0.gguf", bytes);

  const HubOfFolders hub(root);
  ::setenv("HF_ENDPOINT", hub.url().c_str(), 1);
  ::setenv("HADAL_MODELS", (scratch() / "pulled").c_str(), 1);
  const std::pair<const char*, const char*> refused[] = {
      {"hf:org/family", "model_type"},
      {"hf:org/words", "Unigram"},
      {"hf:org/quantised", "quant_method"},
      {"hf:org/pickled", "pickled"},
      {"hf:org/tiny-GGUF:Q8_0", "general.architecture: expected deepseek2, qwen2 or llama, found qwenX"}};
  for (const auto& [source, part] : refused) {
    const Outcome o = run(std::string("pull ") + source);
    EXPECT_EQ(o.code, 1) << source;
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
  }
  EXPECT_FALSE(hub.asked_for("model.safetensors"));
  EXPECT_FALSE(fs::exists(scratch() / "pulled") && !fs::is_empty(scratch() / "pulled"));
  const Outcome before = run("logits --ids 1 --model org/tiny");
  EXPECT_EQ(before.code, 1);
  EXPECT_NE(before.err.find("`hadal pull hf:org/tiny`"), std::string::npos) << before.err;
  EXPECT_EQ(json_of("pull hf:org/tiny")["name"], "tiny");
  EXPECT_EQ(json_of("pull hf:org/tiny-GGUF:F32")["name"], "tiny-F32");
  for (const char* model : {"org/tiny", "hf:org/tiny", "org/tiny-GGUF:F32", "hf:org/tiny-GGUF:F32"}) {
    for (const char* verb : {"logits --ids 1 --model ", "tokenize x --model ", "inspect "})
      json_of(std::string(verb) + model);
  }
  EXPECT_EQ(run("pull --anyway hf:org/family").code, 0);
  for (const char* variable : {"HF_ENDPOINT", "HADAL_MODELS"}) ::unsetenv(variable);
}

}  // namespace
}  // namespace hadal
