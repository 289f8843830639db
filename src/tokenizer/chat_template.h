// Renders a model's own chat template: the part of Jinja that published templates use (statements if/for/set/macro-free
// namespace(), filters, tests, string methods, whitespace control), byte for byte as Hugging Face's engine does
// (trim_blocks and lstrip_blocks on).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace hadal {

class ChatTemplate {
 public:
  explicit ChatTemplate(std::string_view source);  // throws Error with line and what was found
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `context` holds messages, add_generation_prompt, bos_token, eos_token, tools, ... Throws Error when the template
  // calls raise_exception or does what cannot be done. Bounded in steps, output size and depth.
  std::string render(const OrderedJson& context) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
