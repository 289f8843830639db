#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {

int generate_command(int argc, char** argv) {
  CommandLine app("Continues a text. (To ask a question, use hadal chat.)");
  std::string model, prompt, prompt_file;
  bool json = false;
  SamplingFlags sampling;
  EngineFlags engine_flags;
  add_model_option(app, model);
  const Option prompt_option = app.add_option("-p,--prompt", prompt, "the text to continue");
  const Option file_option =
      app.add_option("-f,--prompt-file", prompt_file, "take the text from this file").excludes(prompt_option);
  sampling.add_to(app);
  engine_flags.add_to(app);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (prompt_option.count() + file_option.count() == 0) {
    fmt::print(stderr, "{}: expected --prompt or --prompt-file\n", argv[0]);
    return 2;
  }
  check(sampling.options);
  if (file_option.count() > 0) prompt = read_file(prompt_file);
  if (prompt.empty()) fail("prompt: expected a text, found an empty one");

  const weights::LoadedModel loaded = weights::load_model(model, weights::LoadAs::frozen, engine_flags.plan(1));
  sampling.take_defaults(app, loaded.defaults);
  Engine engine(loaded.model, loaded.tokenizer, engine_flags.options(loaded, 1));
  GenerateRequest request = sampling.request();
  request.prompt = loaded.tokenizer->encode(prompt, /*special=*/true);
  const GenerateResult result = engine.generate(request, [&](std::string_view piece) {
    if (!json) print_answer(piece);
    return true;
  });
  if (json) {
    print_json(OrderedJson{{"text", result.text},
                           {"ids", result.ids},
                           {"finish_reason", finish_reason_name(result.finish)},
                           {"prompt_tokens", result.prompt_tokens},
                           {"answer_tokens", result.answer_tokens},
                           {"first_token_seconds", result.first_token_seconds},
                           {"total_seconds", result.total_seconds},
                           {"seed", request.sampling.seed}});
  } else {
    print_text("\n");
  }
  log_expert_cache(loaded);
  return 0;
}

}  // namespace hadal
