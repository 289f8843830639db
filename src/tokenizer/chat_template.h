// Renders a model's own chat template: the part of Jinja that published templates use (if, for, set, macro, call,
// filter, namespace(), filters, tests, methods of strings and dicts, white space control), byte for byte as Hugging
// Face's engine does (trim_blocks and lstrip_blocks on; tojson without HTML escapes). Filters give lists, never
// generators, and tuples are lists. What is not there (include, import, recursive loops) is an Error or
// undefined. A ChatTemplate is immutable; render() may be called from several threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

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

}  // namespace hadal
