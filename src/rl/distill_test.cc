// Distillation from end to end: a tiny teacher that was taught to answer 7 more often than 8, a smaller student, a run
// that is stopped and resumed, and an endpoint as teacher.
#include "rl/distill.h"

#include <gtest/gtest.h>

#include "net/testing/test_server.h"
#include "tasks/task.h"
#include "train/testing/test_support.h"
#include "train/train_run.h"
#include "weights/load.h"

namespace hadal::rl {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

constexpr const char* kModel = R"(
hidden = {0}
layers = 2
heads = 2
context = 128
dense_inner = {0}
kv_lora = 16
nope_dim = 8
rope_dim = 8
v_dim = 16
)";
constexpr const char* kStage = R"(mask = "assistant"
sequence_length = 64
batch_tokens = 512
micro_batch_tokens = 512
matrix_lr = 0.02
other_lr = 0.01
warmup_steps = 0)";

// Trained once; read by all tests.
const Path& teacher_folder() {
  static const TemporaryFolder folder;
  static const Path model = [] {
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      lines += fmt::format(R"({{"messages": [{{"role": "user", "content": "{}?"}}, )"
                           R"({{"role": "assistant", "reasoning_content": "I see", "content": "{}"}}]}})"
                           "\n",
                           i, i % 4 == 0 ? 8 : 7);
    }
    folder.file("taught.jsonl", lines);
    run_recipe(parse_recipe(fmt::format(R"(name = "teacher"
output = "run"
[tokenizer]
vocab = 300
pre_tokenizer = "qwen2"
thinking = true
[model]
{}
[run]
validate_every_steps = 0
[[source]]
name = "taught"
kind = "chat"
path = "taught.jsonl"
validation = 0
[[stage]]
name = "teach"
sources = {{ taught = 1 }}
steps = 60
{}
)",
                                        fmt::format(kModel, 48), kStage),
                            folder.path() / "teacher.toml"),
               {});
    return folder.path() / "run" / "model";
  }();
  return model;
}

// Sixty questions, most of which the teacher answers rightly more often than the others.
void write_items(const TemporaryFolder& folder) {
  std::string lines;
  for (int i = 0; i < 60; ++i)
    lines += fmt::format("{{\"question\": \"{}?\", \"answer\": \"{}\"}}\n", 100 + i, i % 3 == 0 ? 8 : 7);
  folder.file("items.jsonl", lines);
}

std::string recipe_text(const std::string& teacher, const std::string& distill, const std::string& output) {
  return fmt::format(R"(name = "toy"
output = "{}"
[distill]
teacher = "{}"
tasks = {{ sevens = 1 }}
items = 40
samples = 6
items_at_once = 8
max_thinking_tokens = 12
max_answer_tokens = 8
{}
[[items]]
name = "sevens"
path = "items.jsonl"
[tokenizer]
vocab = 290
thinking = true
sources = {{ distilled = 1 }}
[model]
{}
[run]
validate_every_steps = 0
checkpoint_every_minutes = 0
[[stage]]
name = "learn"
sources = {{ distilled = 1 }}
steps = 50
{}
)",
                     output, teacher, distill, fmt::format(kModel, 32), kStage);
}

DistillRecipe recipe_in(const TemporaryFolder& folder, const std::string& output = "run",
                        const std::string& distill = "") {
  write_items(folder);
  return parse_distill_recipe(recipe_text(teacher_folder().string(), distill, output), folder.path() / "toy.toml");
}

std::vector<OrderedJson> lines_of(const Path& file) {
  std::vector<OrderedJson> lines;
  for_each_line(file, [&](std::string_view line, int64_t) {
    lines.push_back(parse_ordered_json(line, file.string()));
    return true;
  });
  return lines;
}

TEST(Distill, MakesAStudentOfRightReplies) {
  const TemporaryFolder folder;
  const DistillRecipe recipe = recipe_in(folder, "run", "keep = 12");
  std::filesystem::create_directories(recipe.output);  // of a run that was killed before its student began
  folder.file("run/before.json", R"({"sevens": {"pass@1": 0.9}})");
  const DistillRun run = run_distill(recipe, {});
  EXPECT_TRUE(run.finished);
  const OrderedJson& report = run.report;
  EXPECT_EQ(report["teacher"], teacher_folder().string());
  EXPECT_EQ(report["items"], 40);
  EXPECT_EQ(report["replies"]["asked"], 240);
  EXPECT_EQ(report["replies"]["kept"], 12);
  EXPECT_GT(report["replies"]["right"], 60);
  EXPECT_LT(report["replies"]["right"], 240);
  EXPECT_GT(report["tokens"], 240);
  EXPECT_LT(report["before"]["sevens"]["pass@1"], 0.2);
  EXPECT_GT(report["after"]["sevens"]["pass@1"], report["before"]["sevens"]["pass@1"]);
  EXPECT_EQ(parse_ordered_json(read_file(recipe.output / "report.json"), "report"), report);

  const auto lines = lines_of(recipe.distilled());
  ASSERT_EQ(lines.size(), 12u);
  for (const OrderedJson& line : lines) {
    EXPECT_EQ(line["messages"][0]["content"], line["item"]["question"]);
    EXPECT_EQ(line["messages"][1]["content"], line["item"]["answer"]);
    EXPECT_EQ(line["messages"][1]["reasoning_content"], "I see");
    EXPECT_FALSE(tasks::is_held_out(tasks::find_task("math"), line["item"]));
  }
  EXPECT_LT(weights::load_model(report["student"].get<std::string>()).model->config.vocab, 300);

  expect_contains(error_of([&] { run_distill(recipe, {}); }), {"--resume"});
}

// Stopped after each batch in turn and before the student; killed while a file was written: the same in the end.
TEST(Distill, ResumesToTheSameBits) {
  const TemporaryFolder folder;
  const DistillRecipe whole = recipe_in(folder, "whole"), parts = recipe_in(folder, "parts");
  run_distill(whole, {});
  const std::atomic<bool> stop = true;
  EXPECT_TRUE(run_distill(parts, {.stop = &stop}).stopped);
  std::filesystem::copy(whole.output / "replies" / "00000.jsonl", parts.output / "replies" / "00000.jsonl");
  std::filesystem::copy(whole.output / "replies" / "00003.jsonl", parts.output / "replies" / "00003.jsonl");
  const std::string third = read_file(whole.output / "replies" / "00002.jsonl");
  write_file_whole(parts.output / "replies" / "00002.jsonl", third.substr(0, third.size() / 2));
  EXPECT_FALSE(run_distill(parts, {.resume = true, .stop = &stop}).finished);
  EXPECT_TRUE(run_distill(parts, {.resume = true}).finished);
  EXPECT_TRUE(read_file(whole.distilled()) == read_file(parts.distilled()));
  const auto weights_of = [](const DistillRecipe& r) {
    return read_file(r.output / "student" / "model" / "model.safetensors");
  };
  EXPECT_TRUE(weights_of(whole) == weights_of(parts));

  const DistillRecipe hotter = recipe_in(folder, "parts", "temperature = 0.5");
  expect_contains(error_of([&] { run_distill(hotter, {.resume = true}); }),
                  {"[distill] temperature", "another output"});
  const DistillRecipe fewer = recipe_in(folder, "parts", "keep = 5");
  expect_contains(error_of([&] { run_distill(fewer, {.resume = true}); }), {"keep", "another output"});
}

TEST(Distill, RefusesToMixTheVerdictsOfTwoVerifiers) {
  const TemporaryFolder folder;
  DistillRecipe recipe = recipe_in(folder);
  tasks::CommandSpec spec;
  spec.sandbox = {.who = "verifier", .command = {"sh", "check.sh"}, .folder = folder.path()};
  recipe.files[0].verifier = spec;
  const std::string check = "while read -r line; do echo '{\"reward\": 1}'; done\n";
  folder.file("check.sh", check);
  if (const std::string problem = error_of([&] { tasks::check_sandbox(spec.sandbox); }); !problem.empty())
    GTEST_SKIP() << "needs a sandbox: " << problem;
  EXPECT_TRUE(run_distill(recipe, {}).finished);
  const auto resumed = [&] { return error_of([&] { run_distill(recipe, {.resume = true}); }); };
  EXPECT_EQ(resumed(), "");
  folder.file("check.sh", "# stricter\n" + check);
  expect_contains(resumed(), {"[[items]]", "another output"});
  folder.file("check.sh", check);
  recipe.files[0].verifier->sandbox.command = {"cat"};
  expect_contains(resumed(), {"[[items]]", "another output"});
}

TEST(Distill, EndsWhereTheTeacherIsNeverRight) {
  const TemporaryFolder folder;
  const DistillRecipe recipe = recipe_in(folder);
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += fmt::format("{{\"question\": \"{}?\", \"answer\": \"12345\"}}\n", 100 + i);
  folder.file("items.jsonl", lines);
  expect_contains(error_of([&] { run_distill(recipe, {}); }),
                  {"none of the 240 replies to 40 items is right", "toy.toml:4"});
}

TEST(Distill, AsksAnEndpointThatMayBeDownForAWhile) {
  const TemporaryFolder folder;
  write_items(folder);
  std::atomic<bool> up = true;
  std::atomic<int> asked = 0;
  test::Server server([&](test::Connection& c, const test::Request&) {
    if (!up) return c.reply(503);
    if (++asked == 30) up = false;
    c.reply(200, "", R"({"choices": [{"message": {"content": "7"}, "finish_reason": "stop"}]})");
  });
  const DistillRecipe recipe = parse_distill_recipe(
      recipe_text(server.url("/v1/"), "teacher_model = \"m\"\nparallel = 2", "run"), folder.path() / "toy.toml");
  DistillOptions options;
  options.http.max_failures = 2;
  options.http.first_wait_ms = 1;
  // Eight items of six replies are a batch; the 30th reply is in the first one.
  expect_contains(error_of([&] { run_distill(recipe, options); }), {"503", "given up"});
  up = true, asked = -40;
  options.resume = true;
  expect_contains(error_of([&] { run_distill(recipe, options); }),
                  {"503", "the replies to 8 of 40 items are kept", "--resume"});
  up = true, asked = 100;
  const DistillRun run = run_distill(recipe, options);
  EXPECT_TRUE(run.finished);
  EXPECT_EQ(asked.load(), 100 + 32 * 6);
  EXPECT_EQ(run.report["teacher"], server.url("/v1"));
  EXPECT_EQ(run.report["replies"]["without_thinking"], run.report["replies"]["kept"]);
  for (const OrderedJson& line : lines_of(recipe.distilled()))
    EXPECT_FALSE(line["messages"][1].contains("reasoning_content"));
}

TEST(Distill, LeavesOutWhatAnEndpointRefuses) {
  const TemporaryFolder folder;
  write_items(folder);
  std::atomic<bool> knows_model = false;
  std::atomic<int> replied = 0;
  test::Server server([&](test::Connection& c, const test::Request& r) {
    if (!knows_model) return c.reply(404, "", R"({"error": {"message": "no such model"}})");
    if (r.body.find("5?") != std::string::npos) return c.reply(400, "", R"({"error": {"message": "too long"}})");
    ++replied;
    c.reply(200, "", R"({"choices": [{"message": {"content": "7"}, "finish_reason": "stop"}]})");
  });
  DistillRecipe recipe =
      parse_distill_recipe(recipe_text(server.url("/v1"), "teacher_model = \"m\"", "run"), folder.path() / "toy.toml");
  recipe.rollout.items = 4;
  const std::string error = error_of([&] { run_distill(recipe, {}); });
  expect_contains(error, {"404", "no such model", "8 questions in a row"});
  EXPECT_EQ(error.find("kept"), std::string::npos) << error;
  knows_model = true;
  const DistillRun run = run_distill(recipe, {});  // nothing of the run above is kept
  EXPECT_TRUE(run.finished);
  const int refused = run.report["replies"]["refused"];
  EXPECT_GT(refused, 0);
  EXPECT_EQ(run.report["replies"]["items"], 40);
  EXPECT_EQ(run.report["replies"]["asked"], 6 * (40 - refused));
  EXPECT_EQ(replied.load(), 6 * (40 - refused));
}

// Of the teacher when it is asked, and of the student when it is measured.
TEST(Distill, LeavesOutWhatTheContextCannotHold) {
  const TemporaryFolder folder;
  DistillRecipe recipe = recipe_in(folder);
  std::string lines = read_file(folder.path() / "items.jsonl");
  for (int i = 0; i < 30; ++i)
    lines += fmt::format("{{\"question\": \"{} {}?\", \"answer\": \"7\"}}\n", i, std::string(200, 'x'));
  folder.file("items.jsonl", lines);
  const DistillRun run = run_distill(recipe, {});
  EXPECT_TRUE(run.finished);
  EXPECT_GT(run.report["replies"]["refused"].get<int64_t>(), 0);
  EXPECT_GT(run.report["replies"]["kept"].get<int64_t>(), 0);
  EXPECT_GT(run.report["after"]["sevens"]["unfinished"].get<int64_t>(), 0);
}

TEST(Distill, SaysWhatCannotBeWritten) {
  const TemporaryFolder folder;
  const DistillRecipe recipe = recipe_in(folder);
  std::filesystem::create_directories(recipe.output / "replies" / "00001.jsonl");  // a folder where a file belongs
  expect_contains(error_of([&] { run_distill(recipe, {.resume = true}); }), {"00001.jsonl"});
}

TEST(DistillRecipe, TheRecipeOfTheProjectIsValid) {
  EXPECT_EQ(test::error_of([] { read_distill_recipe(Path(HADAL_SOURCE_DIR) / "recipes/distill_smoke.toml"); }), "");
}

TEST(DistillRecipe, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = recipe_text("teacher", "", "run");
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return error_of([&] { parse_distill_recipe(text.replace(at, from.size(), to), folder.path() / "toy.toml"); });
  };
  EXPECT_EQ(error("samples = 6", "samples = 1"), "");
  expect_contains(error("samples = 6", "sample = 6"), {"toy.toml:7", "sample", "samples"});
  expect_contains(error("sevens = 1", "eights = 1"), {"toy.toml:5", "eights", "sevens"});
  expect_contains(error("teacher = \"teacher\"\n", ""), {"teacher"});
  expect_contains(error("teacher = \"teacher\"", "teacher = \"teacher\"\nparallel = 2"), {"parallel", "address"});
  expect_contains(error("sources = { distilled = 1 }\nsteps", "sources = { other = 1 }\nsteps"),
                  {"other", "distilled"});
  expect_contains(error("[[stage]]\n", "[[source]]\nname = \"distilled\"\nkind = \"chat\"\npath = \"x\"\n[[stage]]\n"),
                  {"two sources"});
  for (const char* url : {"https://api.example.com/v1", "http://192.168.1.4:8080/v1", "http://[2001:db8::1]/v1"})
    expect_contains(error("= \"teacher\"", fmt::format("= \"{}\"", url)),
                    {"toy.toml:4", "this machine", "unprotected"});
  for (const char* url : {"http://localhost:80/v1", "http://127.0.1.1/v1", "http://[::1]:8080/v1"})
    EXPECT_EQ(error("= \"teacher\"", fmt::format("= \"{}\"", url)), "");
  std::string text = recipe_text("teacher", "", "run");
  text.replace(text.rfind("distilled"), 9, "sums");
  text += "[[source]]\nname = \"sums\"\nkind = \"arithmetic\"\n";
  expect_contains(error_of([&] { parse_distill_recipe(text, folder.path() / "toy.toml"); }),
                  {"[[stage]]", "\"distilled\""});
}

}  // namespace
}  // namespace hadal::rl
