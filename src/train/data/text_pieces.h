// Where a long text is cut: at blank lines, else at line ends, else between words, else between characters.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace hadal {

struct TextPiece {
  size_t begin = 0, end = 0;
  bool validation = false;
};

// About `share` of the bytes are held out, in pieces spread evenly over the text. All pieces together are the text, in
// order; where they begin depends on the text and the share alone.
std::vector<TextPiece> hold_out_share(std::string_view text, double share);

// The text, of which the last `share` is held out.
std::vector<TextPiece> hold_out_tail(std::string_view text, double share);

// The same pieces, those above `max_bytes` cut into smaller ones; 0: as they are.
std::vector<TextPiece> cut_to_size(std::string_view text, const std::vector<TextPiece>& pieces, size_t max_bytes);

// The place of the last good cut in (from, to], which is `to` where the text ends there.
size_t last_cut(std::string_view text, size_t from, size_t to);

}  // namespace hadal
