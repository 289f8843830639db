#include "tokenizer/chat_template.h"

#include "tokenizer/jinja/evaluator.h"
#include "tokenizer/jinja/syntax.h"

namespace hadal {

struct ChatTemplate::Impl {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source) : impl_(new Impl{jinja::parse_template(source)}) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

RenderedText ChatTemplate::render(const OrderedJson& content, const OrderedJson& own) const {
  return jinja::render(impl_->body, content, own);
}

}  // namespace hadal
