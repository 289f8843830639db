#include "cli/research_line.h"

#include "base/error.h"

namespace hadal {

research::RunHooks ResearchLine::hooks(std::function<bool()> stopped) {
  research::RunHooks hooks;
  hooks.on_event = [this](const research::RunEvent& event) {
    if (event.kind == "refused") last_refused_ = brief(event.text, 60);
    if (event.kind == "thought") line_.note("thinking: " + brief(event.text, 160));
  };
  hooks.on_progress = [this, stopped](const research::RunProgress& progress) { show(progress, stopped()); };
  hooks.stopped = std::move(stopped);
  return hooks;
}

void ResearchLine::show(const research::RunProgress& p, bool stopping) {
  std::string text = fmt::format("round {}, {} pages read, {} refused", p.round, p.pages, p.refused);
  if (!last_refused_.empty()) text += " (" + last_refused_ + ")";
  if (p.tokens > 0) text += fmt::format(", {} tokens", p.tokens);
  text += fmt::format(", {}, {} left", duration_text(p.seconds), duration_text(p.left_s));
  if (stopping) text += ", stopping";
  line_.show(text);
}

}  // namespace hadal
