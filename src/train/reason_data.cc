#include "train/reason_data.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "train/data/reason_source.h"

namespace hadal {

void for_each_reason_line(const Recipe& recipe, const ReasonDataOptions& options,
                          const std::function<bool(const std::string&)>& take) {
  int64_t documents = 0, before = 0;
  for (const SourceSpec& source : recipe.sources)
    if (source.kind == SourceKind::reason) documents += source.documents;
  if (documents == 0) fail("{}: expected a [[source]] with kind = \"reason\", found none", recipe.file.string());
  const double scale = options.items > 0 ? static_cast<double>(options.items) / static_cast<double>(documents) : 1;
  const auto lines_of = [&](int64_t n) { return std::llround(std::min(static_cast<double>(n) * scale, 1e15)); };
  for (SourceSpec source : recipe.sources) {
    if (source.kind != SourceKind::reason) continue;
    if (options.seed) source.seed = *options.seed;
    const int64_t count = lines_of(before + source.documents) - lines_of(before);
    before += source.documents;
    const bool all =
        for_each_reason_dialogue(source, tasks::Split::training, count, [&](const ReasonDialogue& dialogue) {
          OrderedJson line = {{"item", dialogue.item}, {"messages", OrderedJson::array()}};
          for (const chat::Message& message : dialogue.conversation.messages)
            line["messages"].push_back(chat::to_json(message));
          return take(dump_json(line));
        });
    if (!all) return;
  }
}

}  // namespace hadal
