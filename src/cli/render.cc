#include "base/json.h"
#include "chat/chat_renderer.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {
namespace {

// A request's own fields; others (model, temperature, ...) change nothing here.
OrderedJson take(OrderedJson& file, const char* name) {
  const auto found = file.find(name);
  return found == file.end() ? OrderedJson() : std::move(*found);
}

}  // namespace

int render_command(int argc, char** argv) {
  CommandLine app("A conversation as the model sees it: the text that its chat template makes, and the token ids.");
  std::string model, conversation, template_file;
  bool json = false;
  add_model_option(app, model);
  app.add_option("-f,--file", conversation, "a request's JSON: {\"messages\", \"tools\", \"chat_template_kwargs\"}")
      .required();
  app.add_option("--template", template_file, "a Jinja template to use instead of the model's own");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  OrderedJson file = parse_ordered_json(read_file(conversation), conversation);
  if (!file.is_object())
    fail("{}: expected an object with \"messages\", found a value of type {}", conversation, file.type_name());
  const OrderedJson messages = take(file, "messages");
  if (!messages.is_array() || messages.empty())
    fail("{}: messages: expected a list of at least one message", conversation);
  chat::ChatContext context;
  context.tools = take(file, "tools");
  context.kwargs = take(file, "chat_template_kwargs");
  std::string source;
  if (!template_file.empty() && (source = read_file(template_file)).empty())
    fail("{}: expected a template, found an empty file", template_file);
  const chat::ChatRenderer renderer(weights::load_tokenizer(model), source);
  const RenderedText text = renderer.render(messages, context);
  if (json)
    print_json(OrderedJson{{"text", text.text}, {"ids", renderer.encode(text).ids}});
  else
    print_text(text.text);
  return 0;
}

}  // namespace hadal
