// Renders a model's own chat template: Jinja, byte for byte as Hugging Face's engine does (trim_blocks and
// lstrip_blocks on, loop controls, tojson without HTML escapes), with all of its filters and tests and Python's methods
// of strings. Filters give lists, never generators; integers have 64 bits. What is not there (include, import, extends)
// is an Error. The result says of each byte whether it is the template's own or came from outside, through whatever the
// template did to it. A ChatTemplate is immutable; render() may be called from several threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace hadal::chat {

class ChatTemplate {
 public:
  explicit ChatTemplate(std::string_view source);  // throws Error with line and what was found
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `content` holds the variables that come from outside (messages, tools, ...), `own` those that are as good as the
  // template's own text (bos_token, eos_token, add_generation_prompt). Throws Error when the template calls
  // raise_exception or does what cannot be done. Bounded in steps, output size and depth.
  RenderedText render(const OrderedJson& content, const OrderedJson& own = OrderedJson::object()) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::chat
