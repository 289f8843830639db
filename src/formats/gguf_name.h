// What the names of GGUF files say. Endings are recognised in either case.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

bool has_gguf_ending(std::string_view name);

// "dir/x-00002-of-00003.gguf": one part of a model that is split over several files.
struct GgufPart {
  std::string stem, ending;               // "dir/x", ".gguf" as it is spelled
  int64_t number = 0, count = 0;          // 2 of 3
  std::string name(int64_t other) const;  // of another part
};
std::optional<GgufPart> gguf_part(std::string_view name);

// "x-00001-of-00003.gguf" and "x.GGUF" -> "x"; what ends otherwise stays.
std::string gguf_stem(std::string_view name);

}  // namespace hadal
