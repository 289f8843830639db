#include <fmt/ranges.h>

#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {
int tokenize_command(int argc, char** argv) {
  CommandLine app("Text to token ids.");
  std::string model, text, file;
  bool json = false, special = false;
  add_model_option(app, model);
  const Option text_option = app.add_option("TEXT", text, "the text");
  const Option file_option = app.add_option("-f,--file", file, "take the text from this file, byte by byte");
  text_option.excludes(file_option);
  app.add_flag("--special", special, "recognise special tokens in the text, and begin as the model's files ask for");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (text_option.count() + file_option.count() == 0) {
    fmt::print(stderr, "{}: expected TEXT or --file\n", argv[0]);
    return 2;
  }
  if (file_option.count() > 0) text = read_file(file);
  const auto ids = weights::load_tokenizer(model).encode(text, special);
  if (json)
    print_json(Json{{"ids", ids}});
  else
    print_text(fmt::format("{}\n", fmt::join(ids, ",")));
  return 0;
}

int detokenize_command(int argc, char** argv) {
  CommandLine app("Token ids to text.");
  std::string model, ids;
  bool json = false;
  add_model_option(app, model);
  app.add_option("--ids", ids, "token ids, comma-separated").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const Tokenizer tokenizer = weights::load_tokenizer(model);
  const std::string text = tokenizer.decode(parse_ids(ids, tokenizer.vocab_size()));
  if (json)
    print_json(Json{{"text", text}});
  else
    print_text(text + "\n");
  return 0;
}

}  // namespace hadal
