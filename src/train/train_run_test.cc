// A recipe from end to end on a tiny language model: the model's folder loads and generates the same logits, and a run
// in parts ends with the bits of a run in one.
#include "train/train_run.h"

#include <algorithm>

#include "base/bf16.h"
#include "base/json.h"
#include "train/checkpoint.h"
#include "train/run/model_card.h"
#include "train/run_folder.h"
#include "train/testing/test_support.h"
#include "weights/load.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

const char* const kRecipe = R"(
name = "tiny"
output = "run"
[tokenizer]
vocab = 280
[model]
hidden = 32
layers = 2
heads = 2
context = 64
dense_inner = 48
kv_lora = 16
nope_dim = 8
rope_dim = 4
v_dim = 8
experts = 4
top_k = 2
shared_experts = 1
expert_inner = 16
first_dense = 1
mtp_depth = 1
[run]
validate_every_steps = 2
validation_tokens = 256
[[source]]
name = "text"
kind = "text"
path = "text.jsonl"
validation = 0.2
[[source]]
name = "sums"
kind = "arithmetic"
documents = 50
[[stage]]
name = "text"
sources = { text = 1 }
sequence_length = 32
batch_tokens = 128
micro_batch_tokens = 64
steps = 3
[[stage]]
name = "sums"
sources = { sums = 0.5, text = 0.5 }
sequence_length = 64
batch_tokens = 128
micro_batch_tokens = 64
steps = 3
)";

class TrainRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < 40; ++i)
      lines +=
          fmt::format("{{\"text\":\"the cat number {} sat on the mat, and the dog {} sat on the log.\"}}\n", i, 3 * i);
    folder_.file("text.jsonl", lines);
    folder_.file("tiny.toml", kRecipe);
  }
  Recipe recipe(const std::string& run) {
    Recipe r = read_recipe(folder_.path() / "tiny.toml");
    r.output = folder_.path() / run;
    return r;
  }
  std::string weights(const std::string& run) {
    return read_file(folder_.path() / run / "model" / "model.safetensors");
  }
  TemporaryFolder folder_;
};

TEST_F(TrainRunTest, ARunInPartsEndsWithTheBitsOfARunInOne) {
  const OrderedJson report = run_recipe(recipe("one"), {}).report;
  EXPECT_EQ(report.at("finished"), true);
  EXPECT_EQ(report.at("steps"), 6);
  EXPECT_TRUE(report.at("validation").at("text").contains("bits_per_byte"));
  TrainRunOptions part;
  for (const int64_t stop : {2, 3, 5, 0}) {
    part.max_steps = stop;
    part.resume = stop != 2;
    EXPECT_EQ(run_recipe(recipe("parts"), part).report.at("finished"), stop == 0);
  }
  EXPECT_TRUE(weights("one") == weights("parts"));
}

TEST_F(TrainRunTest, TheModelsFolderLoads) {
  run_recipe(recipe("one"), {});
  const weights::LoadedModel loaded = weights::load_model((folder_.path() / "one" / "model").string());
  EXPECT_EQ(loaded.model->config.vocab, loaded.tokenizer->vocab_size());
  EXPECT_NE(loaded.tokenizer->chat_template(), "");
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "one" / "report.json"));
}

// What was learnt so far can be used at any time: model/ is written when a run stops, a checkpoint is a model in f32,
// and the run's folder stands for the newer of them.
TEST_F(TrainRunTest, AStoppedRunIsAModel) {
  TrainRunOptions part;
  part.max_steps = 2;
  const OrderedJson report = run_recipe(recipe("one"), part).report;
  EXPECT_EQ(report.at("model"), (folder_.path() / "one" / "model").string());
  const Path run = folder_.path() / "one";
  const weights::LoadedModel model = weights::load_model((run / "model").string(), weights::LoadAs::trainable);
  const weights::LoadedModel checkpoint =
      weights::load_model((run / "checkpoint-2").string(), weights::LoadAs::trainable);
  EXPECT_EQ(checkpoint.tokenizer->chat_template(), model.tokenizer->chat_template());
  const ParamList rounded = model.model->params(), exact = checkpoint.model->params();
  ASSERT_EQ(rounded.size(), exact.size());
  for (size_t p = 0; p < exact.size(); ++p) {
    const auto a = exact[p]->weight.value().values(), b = rounded[p]->weight.value().values();
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(exact[p]->keep_f32 ? a[i] : static_cast<float>(Bf16(a[i])), b[i]) << exact[p]->name;
  }
  EXPECT_EQ(weights::find_model(run.string()).path.parent_path(), run);
  std::filesystem::remove_all(run / "model");  // killed before it was written
  EXPECT_EQ(weights::find_model(run.string()).path, run / "checkpoint-2");

  std::string text = kRecipe;
  const size_t tokenizer = text.find("[tokenizer]"), rest = text.find("[run]");
  text.replace(tokenizer, rest - tokenizer, "[model]\nfrom = \"one\"\n");
  folder_.file("more.toml", text);
  Recipe more = read_recipe(folder_.path() / "more.toml");
  more.output = folder_.path() / "more";
  EXPECT_EQ(run_recipe(more, part).report.at("steps"), 2);

  // Where nothing of this name lies beside the recipe, a model is found as everywhere.
  std::filesystem::rename(run / "checkpoint-2", folder_.path() / "named");
  std::filesystem::create_directories(folder_.path() / "models");
  std::filesystem::rename(folder_.path() / "named", folder_.path() / "models" / "tiny");
  ::setenv("HADAL_MODELS", (folder_.path() / "models").c_str(), 1);
  more.start = more.file.parent_path() / "someone/tiny";
  more.output = folder_.path() / "by_name";
  EXPECT_EQ(run_recipe(more, part).report.at("steps"), 2);
  ::unsetenv("HADAL_MODELS");
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kRecipe;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// What a checkpoint's weights mean cannot be changed under them; the rest is said, and the run goes on.
TEST_F(TrainRunTest, ResumeComparesTheWholeRecipe) {
  TrainRunOptions part;
  part.max_steps = 2;
  run_recipe(recipe("one"), part);
  part.resume = true;
  part.max_steps = 3;
  const auto resumed = [&](const std::string& text) {
    folder_.file("other.toml", text);
    Recipe r = read_recipe(folder_.path() / "other.toml");
    r.output = folder_.path() / "one";
    set_log_level(LogLevel::info);
    testing::internal::CaptureStderr();
    const std::string error = error_of([&] { run_recipe(r, part); });
    return testing::internal::GetCapturedStderr() + error;
  };
  expect_contains(resumed(with("mtp_depth = 1", "mtp_depth = 1\nrope_theta = 500000")),
                  {"other.toml:22: [model] rope_theta: expected 10000, with which", "checkpoint-2", "found 500000"});
  expect_contains(resumed(with("[tokenizer]", "seed = 4\n[tokenizer]")), {"other.toml:4: seed: expected 1", "found 4"});
  expect_contains(resumed(with("top_k = 2", "top_k = 1")), {"[model] top_k: expected 2", "found 1"});
  expect_contains(resumed(with("hidden = 32", "hidden = 32\nnorm_eps = 0.00001")), {"[model] norm_eps"});
  expect_contains(resumed(with("vocab = 280", "vocab = 300")), {"[tokenizer] vocab: expected 280", "found 300"});
  expect_contains(resumed(with("[run]", "[optimizer]\nmatrices = \"adamw\"\n[run]")),
                  {"[optimizer] matrices: expected muon", "found adamw"});
  expect_contains(resumed(with("validation = 0.2", "validation = 0.3")),
                  {"[[source]] \"text\": validation: expected 0.2", "found 0.3"});
  const std::string said =
      resumed(with("micro_batch_tokens = 64\nsteps = 3", "micro_batch_tokens = 64\nmatrix_lr = 0.001\nsteps = 4"));
  expect_contains(said, {"[[stage]] 1: matrix_lr is 0.001 now", "made with 0.002", "[[stage]] 1: steps is 4 now",
                         "resumed at step 2"});
  EXPECT_EQ(said.find("expected"), std::string::npos) << said;
}

// Checkpoints of format 1: experts in one stack, no copy of the recipe, steps of whole micro-batches.
TEST_F(TrainRunTest, ARunOfAnOlderHadalGoesOnAndItsFilesAreRead) {
  TrainRunOptions part;
  part.max_steps = 2;
  run_recipe(recipe("one"), part);
  const Path checkpoint = folder_.path() / "one" / "checkpoint-2";
  for (const char* name : {"recipe.json", "config.json", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::remove(checkpoint / name);
  part.resume = true, part.max_steps = 0;
  EXPECT_EQ(run_recipe(recipe("one"), part).report.at("finished"), true);
  run_recipe(recipe("whole"), {});
  EXPECT_TRUE(weights("one") == weights("whole"));
}

TEST_F(TrainRunTest, AStepHasItsTokensToWithinAPiece) {
  for (const auto& [batch, micro, steps] : {std::tuple{100, 64, 3}, {40, 256, 3}, {300, 100, 2}, {64, 64, 3}}) {
    Recipe r = recipe(fmt::format("batch{}", batch));
    r.stages.resize(1);
    r.stages[0].batch_tokens = batch, r.stages[0].micro_batch_tokens = micro, r.stages[0].plan.steps = steps;
    const auto tokens = run_recipe(r, {}).report.at("tokens").get<int64_t>();
    EXPECT_LE(tokens, steps * batch);
    EXPECT_GT(tokens, steps * (batch - r.stages[0].sequence_length)) << batch;
  }
}

TEST_F(TrainRunTest, AModelThatDoesNotFitIsRefusedBeforeDataAreRead) {
  folder_.file("large.toml", with("hidden = 32\nlayers = 2", "hidden = 65536\nlayers = 1000"));
  Recipe r = read_recipe(folder_.path() / "large.toml");
  r.output = folder_.path() / "large";
  r.sources[0].path = "nowhere.jsonl";
  expect_contains(error_of([&] { run_recipe(r, {}); }), {"large.toml", "GB of memory", "available"});
  EXPECT_FALSE(std::filesystem::exists(r.output / "tokenizer"));
}

// The figures of a card are of the weights beside it: measuring the folder again gives the same.
TEST_F(TrainRunTest, TheCardSaysWhatItsWeightsGive) {
  run_recipe(recipe("one"), {});
  const Path model = folder_.path() / "one" / "model";
  const Json card = read_card(model);
  EXPECT_EQ(card.at("step"), 6);
  EXPECT_EQ(card.at("finished"), true);
  EXPECT_EQ(card.at("validation").size(), 2u);  // of both stages' sources, the first one's too
  Recipe again = recipe("measured");
  EXPECT_EQ(Json::parse(measure_recipe(again, model.string()).at("validation").dump()), card.at("validation"));
  const std::string text = read_file(model / "README.md");
  expect_contains(text, {"tiny", "after step 6", "| text |", "| sums |", "recipe.toml", "random weights", "--measure"});
  EXPECT_EQ(read_file(model / "recipe.toml"), kRecipe);
  EXPECT_EQ(card.at("parameters").at("total"),
            count_parameters(weights::load_model(model.string(), weights::LoadAs::trainable).model->config).total);

  folder_.file("more.toml", "name = \"more\"\noutput = \"more\"\n[model]\nfrom = \"one\"\n" +
                                std::string(kRecipe).substr(std::string(kRecipe).find("[run]")));
  run_recipe(read_recipe(folder_.path() / "more.toml"), {});
  expect_contains(read_file(folder_.path() / "more" / "model" / "README.md"), {"\"tiny\" after step 6"});
}

// keep_best: model/ holds the weights that were the best when they were validated, in a resumed run too.
TEST_F(TrainRunTest, KeepsTheBestByValidation) {
  folder_.file("best.toml", with("[run]", "[run]\nkeep_best = \"text\""));
  const auto best = [&](const std::string& run, double later_lr) {
    Recipe r = read_recipe(folder_.path() / "best.toml");
    r.output = folder_.path() / run;
    r.stages[1].plan.matrix_lr = r.stages[1].plan.other_lr = later_lr;
    r.stages[1].plan.schedule.warmup_steps = 0;
    return r;
  };
  run_recipe(best("worse", 5), {});  // the second stage spoils it
  const Json card = read_card(folder_.path() / "worse" / "model");
  EXPECT_LE(card.at("step"), 4);
  EXPECT_EQ(card.at("best").at("by"), "text/loss");
  EXPECT_NEAR(card.at("validation").at("text").at("loss").get<double>(), card.at("best").at("value").get<double>(),
              0.01);
  EXPECT_EQ(weights::find_model((folder_.path() / "worse").string()).path,
            folder_.path() / "worse" / "model");  // not the newer checkpoint

  TrainRunOptions part;
  part.max_steps = 4;
  run_recipe(best("parts", 5), part);
  part.max_steps = 0, part.resume = true;
  run_recipe(best("parts", 5), part);
  EXPECT_TRUE(weights("parts") == weights("worse"));
  EXPECT_EQ(read_card(folder_.path() / "parts" / "model"), card);
}

TEST_F(TrainRunTest, ARunWhoseFolderIsTakenIsRefusedAtOnce) {
  const RunFolder taken(folder_.path() / "one");
  TrainRunOptions resume;
  resume.resume = true;
  for (const TrainRunOptions& options : {TrainRunOptions(), resume})
    expect_contains(error_of([&] { run_recipe(recipe("one"), options); }),
                    {"one", "another run is training", "process"});
  Recipe file = recipe("text.jsonl");
  expect_contains(error_of([&] { run_recipe(file, {}); }), {"text.jsonl", "expected a folder"});
}

// Fine-tuning keeps the ends and the sampling defaults of the first model, when stopped and at the end.
TEST_F(TrainRunTest, KeepsTheDefaultsOfTheModelItGoesOnFrom) {
  run_recipe(recipe("one"), {});
  folder_.file("one/model/generation_config.json", R"({"eos_token_id": [1, 2], "temperature": 0.6})");
  const std::string text = kRecipe;
  folder_.file("more.toml",
               "name = \"more\"\noutput = \"more\"\n[model]\nfrom = \"one/model\"\n" + text.substr(text.find("[run]")));
  TrainRunOptions part;
  part.max_steps = 2;
  run_recipe(read_recipe(folder_.path() / "more.toml"), part);
  for (const char* folder : {"model", "checkpoint-2"}) {
    const Json defaults = parse_json(read_file(folder_.path() / "more" / folder / "generation_config.json"), folder);
    const auto ends = defaults.at("eos_token_id").get<std::vector<int>>();  // and that of config.json
    for (const int end : {1, 2}) EXPECT_EQ(std::count(ends.begin(), ends.end(), end), 1) << folder << ": " << end;
    EXPECT_NEAR(defaults.at("temperature").get<double>(), 0.6, 1e-6) << folder;
  }
}

TEST_F(TrainRunTest, GoesOnFromAModel) {
  run_recipe(recipe("one"), {});
  std::string text = kRecipe;
  const size_t tokenizer = text.find("[tokenizer]"), run = text.find("[run]");
  text.replace(tokenizer, run - tokenizer, "[model]\nfrom = \"one/model\"\n");
  folder_.file("more.toml", text);
  const auto more = [&](const std::string& name) {
    Recipe r = read_recipe(folder_.path() / "more.toml");
    r.output = folder_.path() / name;
    return r;
  };
  // Nothing learnt yet: the same weights, and so the same file.
  Recipe still = more("still");
  for (StageSpec& stage : still.stages) stage.plan.matrix_lr = stage.plan.other_lr = stage.router_bias_speed = 0;
  run_recipe(still, {});
  EXPECT_TRUE(weights("still") == weights("one"));
  EXPECT_EQ(run_recipe(more("more"), {}).report.at("finished"), true);
  EXPECT_FALSE(weights("more") == weights("one"));

  Recipe longer = more("longer");
  longer.stages[0].sequence_length = 65;
  expect_contains(error_of([&] { run_recipe(longer, {}); }),
                  {"sequence_length", "at most 64", "one/model", "found 65"});
  Recipe gone = more("gone");
  gone.start = folder_.path() / "gone";
  expect_contains(error_of([&] { run_recipe(gone, {}); }), {"gone"});
}

// Ends of answers and sampling defaults go from the model that a run begins with into its model/ and its checkpoints.
TEST_F(TrainRunTest, KeepsWhatItsModelSaysAboutWriting) {
  run_recipe(recipe("one"), {});
  folder_.file("one/model/generation_config.json",
               R"({"eos_token_id": [3, 5], "do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 20})");
  const weights::GenerationDefaults before = weights::load_model((folder_.path() / "one/model").string()).defaults;
  std::string text = kRecipe;
  const size_t tokenizer = text.find("[tokenizer]"), run = text.find("[run]");
  text.replace(tokenizer, run - tokenizer, "[model]\nfrom = \"one/model\"\n");
  folder_.file("more.toml", text);
  Recipe more = read_recipe(folder_.path() / "more.toml");
  more.output = folder_.path() / "more";
  run_recipe(more, {});
  EXPECT_EQ(before.temperature, 0.6);
  EXPECT_TRUE(weights::load_model((more.output / "model").string()).defaults == before);
  const auto checkpoints = list_checkpoints(more.output);
  ASSERT_FALSE(checkpoints.empty());
  EXPECT_TRUE(weights::load_model(checkpoints.back().string()).defaults == before);
}

TEST_F(TrainRunTest, RefusesToTrainOverARunAndATokenizerThatDoesNotFit) {
  TrainRunOptions part;
  part.max_steps = 1;
  run_recipe(recipe("one"), part);
  expect_contains(error_of([&] { run_recipe(recipe("one"), part); }), {"checkpoint-1", "--resume"});
  Recipe small = recipe("other");
  small.model.vocab = 100;
  expect_contains(error_of([&] { run_recipe(small, {}); }), {"vocab", "280", "100"});
  Recipe other = recipe("one");
  other.model.hidden = 48;
  part.resume = true;
  expect_contains(error_of([&] { run_recipe(other, part); }), {"[model] hidden_size", "expected 32", "found 48"});
  Recipe missing = recipe("missing");
  missing.sources[0].path = folder_.path() / "gone.jsonl";
  expect_contains(error_of([&] { run_recipe(missing, {}); }), {"gone.jsonl", "no such file"});
}

TEST_F(TrainRunTest, ALearntTokenizerFollowsItsDataUntilWeightsDependOnIt) {
  TrainRunOptions part;
  part.max_steps = 1;
  const auto vocabulary = [&] { return read_file(folder_.path() / "one" / "tokenizer" / "tokenizer.json"); };
  const std::string text = read_file(folder_.path() / "text.jsonl");
  std::string other;
  for (int i = 0; i < 60; ++i) other += fmt::format("{{\"text\":\"zebras {} graze, unlike quokkas, in zoos\"}}\n", i);

  TrainRunOptions timing = part;
  timing.save = false;  // no checkpoint: nothing depends on it yet
  run_recipe(recipe("one"), timing);
  const std::string first = vocabulary();
  folder_.file("text.jsonl", other);
  run_recipe(recipe("one"), timing);
  EXPECT_NE(vocabulary(), first);
  folder_.file("text.jsonl", text);
  run_recipe(recipe("one"), part);
  EXPECT_EQ(vocabulary(), first);

  part.resume = true;
  part.max_steps = 2;
  folder_.file("text.jsonl", other);
  expect_contains(error_of([&] { run_recipe(recipe("one"), part); }),
                  {"[tokenizer]", "checkpoint-1", "another output"});
  EXPECT_EQ(vocabulary(), first);
  folder_.file("text.jsonl", text);  // as before, with another time: the same tokenizer
  EXPECT_EQ(run_recipe(recipe("one"), part).report.at("steps"), 2);
  write_file_whole(folder_.path() / "one" / "tokenizer" / "tokenizer.json", "{");
  part.max_steps = 3;
  EXPECT_EQ(run_recipe(recipe("one"), part).report.at("steps"), 3);
  EXPECT_EQ(vocabulary(), first);
}

// What is wrong with a source is said with the recipe's line, before a tokenizer is learnt.
TEST_F(TrainRunTest, SourcesAreCheckedFirst) {
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string text = kRecipe;
    text.replace(text.find(from), from.size(), to);
    folder_.file("bad.toml", text);
    return error_of([&] {
      Recipe r = read_recipe(folder_.path() / "bad.toml");
      r.output = folder_.path() / "bad";
      run_recipe(r, {});
    });
  };
  folder_.file(
      "chat.jsonl",
      "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}\n");
  folder_.file("empty.jsonl", "\n\n");
  folder_.file("latin.txt", "caf\xE9\n");
  std::filesystem::create_directories(folder_.path() / "folder.jsonl");
  expect_contains(error_with("text.jsonl", "none.jsonl"), {"bad.toml:28", "none.jsonl", "no such file"});
  expect_contains(error_with("text.jsonl", "folder.jsonl"), {"bad.toml:28", "found a folder"});
  expect_contains(error_with("text.jsonl", "chat.jsonl"),
                  {"bad.toml:28", "chat.jsonl:1", "\"text\"", "kind = \"chat\""});
  expect_contains(error_with("kind = \"text\"", "kind = \"chat\""), {"bad.toml:28", "text.jsonl:1", "kind = \"text\""});
  expect_contains(error_with("text.jsonl", "empty.jsonl"), {"bad.toml:28", "empty.jsonl", "found none"});
  expect_contains(error_with("text.jsonl", "latin.txt"), {"bad.toml:28", "latin.txt:1", "UTF-8"});
  expect_contains(error_with("[tokenizer]", "[tokenizer]\nsources = { sums = 0 }"), {"bad.toml:5", "above 0"});
  expect_contains(error_with("vocab = 280", "vocab = 280\npre_tokenizer = \"qwen3\""), {"bad.toml:6", "qwen3"});
  expect_contains(error_with("vocab = 280", "bytes_only = true"), {"sums", "bytes_only"});
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "bad" / "tokenizer"));
}

// A tokenizer and a model are learnt from what the tasks make up; the model's template lets it think.
TEST_F(TrainRunTest, LearnsFromReasoning) {
  std::string text = kRecipe;
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("vocab = 280", "vocab = 300\nthinking = true\nmerges = \"words\"\nsources = { sums = 0.02 }");
  replace("kind = \"arithmetic\"\ndocuments = 50",
          "kind = \"reason\"\ntasks = { countdown3 = 1 }\nmax_thinking_bytes = 150\ndocuments = 300");
  folder_.file("reason.toml", text);
  Recipe r = read_recipe(folder_.path() / "reason.toml");
  r.output = folder_.path() / "reason";
  EXPECT_TRUE(run_recipe(r, {}).report.at("validation").contains("sums"));
  const Tokenizer t = weights::load_tokenizer((r.output / "model").string());
  EXPECT_NE(t.chat_template().find("<think>"), std::string::npos);
  EXPECT_EQ(t.encode(" 9-3=6)*(").size(), 9u);
}

TEST_F(TrainRunTest, ForTimingNothingIsSaved) {
  TrainRunOptions timing;
  timing.save = false;
  timing.max_steps = 2;
  const OrderedJson report = run_recipe(recipe("timed"), timing).report;
  EXPECT_GT(report.at("tokens_per_s").get<double>(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "timed" / "metrics.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "timed" / "model"));
}

}  // namespace
}  // namespace hadal
