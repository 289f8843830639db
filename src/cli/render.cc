#include "base/json.h"
#include "chat/chat_renderer.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {

int render_command(int argc, char** argv) {
  CommandLine app("A conversation as the model sees it: the text that its chat template makes, and the token ids.");
  std::string model, file, template_file;
  bool json = false;
  add_model_option(app, model);
  app.add_option("-f,--file", file, "a request's JSON: {\"messages\", \"tools\", \"chat_template_kwargs\"}").required();
  app.add_option("--template", template_file, "a Jinja template to use instead of the model's own");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const chat::Conversation conversation = chat::read_conversation(parse_ordered_json(read_file(file), file), file);
  std::string source;
  if (!template_file.empty() && (source = read_file(template_file)).empty())
    fail("{}: expected a template, found an empty file", template_file);
  const chat::ChatRenderer renderer(weights::load_tokenizer(model), source);
  const RenderedText text = renderer.render(conversation);
  if (json)
    print_json(OrderedJson{{"text", text.text}, {"ids", renderer.encode(text).ids}});
  else
    print_text(text.text);
  return 0;
}

}  // namespace hadal
