// Runs a parsed template. Bounded in steps, output and depth.
#pragma once

#include <string>

#include "base/json.h"
#include "tokenizer/jinja/syntax.h"

namespace hadal::jinja {

// Throws Error with the template's line.
std::string render(const Body& body, const OrderedJson& context);

}  // namespace hadal::jinja
