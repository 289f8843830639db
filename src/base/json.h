// JSON by nlohmann's library. Include this header, not theirs: these readers reject nesting deeper than kMaxJsonDepth
// as soon as they see it, so that values can be copied, compared and written recursively. All JSON from outside goes
// through them: requests, configurations, tokenizers, headers of files, lines of data.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/brief.h"
#include "base/json_fwd.h"

// Their members are compiled once, in json_members.cc.
extern template class nlohmann::basic_json<>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace hadal {

constexpr size_t kMaxJsonDepth = 128;  // arrays and objects inside each other

struct JsonRules {
  bool unique_names = false;     // a name that occurs twice in an object is an Error; else the last one counts
  bool mend_surrogates = false;  // half a surrogate pair ("\ud83d" alone) becomes U+FFFD; else it is an Error
};

// Parses `text`; throws Error naming `who` (a file, "the request body"), the position of the mistake and the text
// there.
Json parse_json(std::string_view text, std::string_view who, JsonRules rules = {});
OrderedJson parse_ordered_json(std::string_view text, std::string_view who, JsonRules rules = {});

// One line of text; invalid UTF-8 is replaced by U+FFFD instead of throwing.
std::string dump_json(const Json& json, int indent = -1);
std::string dump_json(const OrderedJson& json, int indent = -1);

OrderedJson number_or_null(double value);  // null where it is not finite

// The message of a failed access ("key 'x' not found"), without the library's prefix.
std::string plain_words(const nlohmann::json::exception& error);

// A value for an error message: its JSON text, shortened as by brief(). Takes no longer for a large value.
std::string brief_json(const Json& json, size_t limit = kBriefChars);
std::string brief_json(const OrderedJson& json, size_t limit = kBriefChars);

}  // namespace hadal
