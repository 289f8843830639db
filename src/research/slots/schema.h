// The shapes that slots are filled in, and finding one in what a model said.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"
#include "research/slots.h"

namespace hadal::research {

inline constexpr size_t kMaxPlanned = 6, kMaxQueries = 3, kMaxMissing = 3, kMaxShown = 8, kMaxSentences = 6;

Json plan_schema();
Json judge_schema(size_t sentences);  // of the passage; 0 stands for none of them
Json gap_schema();
Json write_schema(size_t quotes);  // that may be cited, from 1

// Whether a value has the types, items, lengths and enums that the schema asks for; further fields do no harm.
bool fits(const Json& value, const Json& schema);

// The first JSON object in a text (there may be prose, fences or thoughts around it) that fits; with nothing beside
// what the schema names.
std::optional<Json> first_fitting(std::string_view text, const Json& schema);

}  // namespace hadal::research
