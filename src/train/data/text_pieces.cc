#include "train/data/text_pieces.h"

#include <algorithm>

namespace hadal {
namespace {

size_t next_character(std::string_view text, size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

}  // namespace

size_t last_cut(std::string_view text, size_t from, size_t to) {
  if (to >= text.size()) return text.size();
  const size_t first = from - std::min<size_t>(from, 1);  // where a border of two characters may begin
  const std::string_view window = text.substr(first, to - first);
  for (const std::string_view border : {std::string_view("\n\n"), std::string_view("\n"), std::string_view(" ")}) {
    const size_t found = window.rfind(border);
    if (found != window.npos && first + found + border.size() > from) return first + found + border.size();
  }
  size_t back = to;
  while (back > from && (static_cast<unsigned char>(text[back]) & 0xC0) == 0x80) --back;
  return back > from ? back : next_character(text, to);
}

std::vector<TextPiece> hold_out_share(std::string_view text, double share) {
  // Pieces of 2 to 64 kB where the share allows it: long enough to measure with some context.
  const double total = static_cast<double>(text.size()) * share;
  const double size = std::min({total, std::max(2048.0, total / 16), 65536.0});
  if (size < 1) return {{0, text.size(), false}};
  const auto count = static_cast<size_t>(total / size + 0.5);
  std::vector<TextPiece> pieces;
  size_t done = 0;
  for (size_t i = 0; i < count; ++i) {
    const double middle =
        static_cast<double>(text.size()) * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    const auto slack = static_cast<size_t>(size / 4);
    const auto ideal = static_cast<size_t>(std::max(0.0, middle - size / 2));
    const size_t begin = last_cut(text, std::max(done, ideal - std::min(ideal, slack)), std::max(done + 1, ideal));
    const size_t last = begin + static_cast<size_t>(size);
    const size_t end = last_cut(text, last - slack, last);
    if (begin > done) pieces.push_back({done, begin, false});
    if (end > begin) pieces.push_back({begin, end, true});
    done = end;
  }
  if (done < text.size()) pieces.push_back({done, text.size(), false});
  return pieces;
}

std::vector<TextPiece> hold_out_tail(std::string_view text, double share) {
  const size_t cut = next_character(text, static_cast<size_t>(static_cast<double>(text.size()) * (1 - share)));
  return {{0, cut, false}, {cut, text.size(), true}};
}

std::vector<TextPiece> cut_to_size(std::string_view text, const std::vector<TextPiece>& pieces, size_t max_bytes) {
  if (max_bytes == 0) return pieces;
  std::vector<TextPiece> out;
  for (TextPiece piece : pieces) {
    while (piece.end - piece.begin > max_bytes) {
      const size_t cut = last_cut(text, piece.begin + max_bytes / 2, piece.begin + max_bytes);
      out.push_back({piece.begin, cut, piece.validation});
      piece.begin = cut;
    }
    out.push_back(piece);
  }
  return out;
}

}  // namespace hadal
