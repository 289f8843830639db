// Runs a parsed template. Bounded in steps, output and depth.
#pragma once

#include <string>

#include "base/json_fwd.h"
#include "chat/jinja/syntax.h"
#include "tokenizer/tokenizer.h"

namespace hadal::jinja {

// Throws Error with the template's line.
RenderedText render(const Body& body, const OrderedJson& content, const OrderedJson& own);

}  // namespace hadal::jinja
