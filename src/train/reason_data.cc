#include "train/reason_data.h"

#include "base/error.h"
#include "train/data/reason_source.h"

namespace hadal {

void for_each_reason_line(const Recipe& recipe, const ReasonDataOptions& options,
                          const std::function<bool(const std::string&)>& take) {
  bool found = false;
  for (SourceSpec source : recipe.sources) {
    if (source.kind != SourceKind::reason) continue;
    found = true;
    if (options.seed) source.seed = *options.seed;
    const int64_t count = options.items > 0 ? options.items : source.documents;
    const bool all =
        for_each_reason_dialogue(source, tasks::Split::training, count, [&](const ReasonDialogue& dialogue) {
          OrderedJson line = {{"item", dialogue.item}, {"messages", OrderedJson::array()}};
          for (const chat::Message& message : dialogue.conversation.messages)
            line["messages"].push_back(chat::to_json(message));
          return take(dump_json(line));
        });
    if (!all) return;
  }
  if (!found) fail("{}: expected a [[source]] with kind = \"reason\", found none", recipe.file.string());
}

}  // namespace hadal
