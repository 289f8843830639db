#include "chat/chat_template.h"

#include "chat/jinja/evaluator.h"
#include "chat/jinja/syntax.h"

namespace hadal::chat {

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

}  // namespace hadal::chat
