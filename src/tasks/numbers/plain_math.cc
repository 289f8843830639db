#include "tasks/numbers/plain_math.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>

namespace hadal::tasks {
namespace {

struct Replacement {
  std::string_view from, to;
};

// After the backslash. F stands for kFraction, ? for kForeign.
constexpr Replacement kNamedCommands[] = {
    {"displaystyle", ""}, {"textstyle", ""}, {"mathrm", " "}, {"mathbf", " "}, {"textbf", " "}, {"boxed", ""},
    {"right", ""},        {"times", "*"},    {"dfrac", "F"},  {"tfrac", "F"},  {"cfrac", "F"},  {"quad", " "},
    {"left", ""},         {"overline", "?"}, {"infty", "?"},  {"sqrt", "?"},   {"pi", "?"},     {"pm", "?"},
    {"mp", "?"},          {"frac", "F"},     {"cdot", "*"},   {"text", " "},   {"mbox", " "},   {"div", "/"}};
constexpr Replacement kSigns[] = {{"!", ""}, {",", " "}, {";", " "}, {":", " "}, {" ", " "}, {"(", ""}, {")", ""},
                                  {"[", ""}, {"]", ""},  {"$", ""},  {"%", "%"}, {"{", "("}, {"}", ")"}};

constexpr Replacement kTypography[] = {
    {"\u2212", "-"},    {"\u2013", "-"},    {"\uff0d", "-"},    {"\ufe63", "-"},    {"\u00d7", "*"},
    {"\u00b7", "*"},    {"\u22c5", "*"},    {"\u00f7", "/"},    {"\u2044", "/"},    {"\u00a0", " "},
    {"\u2009", " "},    {"\u202f", " "},    {"\u20ac", ""},     {"\u00a3", ""},     {"\u00a5", ""},
    {"\u20b9", ""},     {"\u00bd", " 1/2"}, {"\u2153", " 1/3"}, {"\u2154", " 2/3"}, {"\u00bc", " 1/4"},
    {"\u00be", " 3/4"}, {"\u2155", " 1/5"}, {"\u2156", " 2/5"}, {"\u2157", " 3/5"}, {"\u2158", " 4/5"},
    {"\u2159", " 1/6"}, {"\u215a", " 5/6"}, {"\u2150", " 1/7"}, {"\u215b", " 1/8"}, {"\u215c", " 3/8"},
    {"\u215d", " 5/8"}, {"\u215e", " 7/8"}, {"\u2151", " 1/9"}, {"\u2152", " 1/10"}};

// Superscripts: digits 0 to 9, then minus.
constexpr std::string_view kSuperscripts[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074", "\u2075",
                                              "\u2076", "\u2077", "\u2078", "\u2079", "\u207b"};

struct Range {
  uint32_t first, last;
};
// Digits of scripts that answers have been seen to use; full-width; of mathematical alphabets; subscripts. Then pi,
// plus-minus, roots, infinity, per mille, and what nobody sees: spaces without width, marks of direction, soft hyphens.
constexpr Range kForeignRanges[] = {
    {0x0660, 0x0669}, {0x06F0, 0x06F9}, {0x0966, 0x096F},   {0x09E6, 0x09EF}, {0x0E50, 0x0E59}, {0x2080, 0x2089},
    {0x2460, 0x249B}, {0xFF10, 0xFF19}, {0x1D7CE, 0x1D7FF}, {0x03C0, 0x03C0}, {0x00B1, 0x00B1}, {0x221A, 0x221E},
    {0x2030, 0x2031}, {0x00AD, 0x00AD}, {0x200B, 0x200F},   {0x202A, 0x202E}, {0x2060, 0x2064}, {0xFEFF, 0xFEFF}};

uint32_t code_point(std::string_view text) {  // of well-formed UTF-8; anything else gives some number
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) >= 0xF0) return (byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63);
  if (byte(0) >= 0xE0) return (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63);
  return (byte(0) & 31) << 6 | (byte(1) & 63);
}

size_t length(std::string_view text) {  // in bytes, of the character that begins here
  size_t n = 1;
  while (n < text.size() && n < 4 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) ++n;
  return n;
}

bool letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

class Plain {
 public:
  explicit Plain(std::string_view text) : left_(text) {}

  std::string run() {
    while (!left_.empty()) step();
    return std::move(out_);
  }

 private:
  void step() {
    const auto c = static_cast<unsigned char>(left_[0]);
    if (c == '\\') return command();
    if (c >= 0x80) return character();
    if (left_.starts_with("{,}")) return take(3, ",");
    for (const std::string_view degrees : {"^\\circ", "^{\\circ}"}) {
      if (left_.starts_with(degrees)) return take(degrees.size(), "");
    }
    if (c == '$') return take(1, "");
    const bool tie = c == '~' && !out_.empty() && std::isalnum(static_cast<unsigned char>(out_.back())) != 0;
    take(1, c <= ' ' || tie ? std::string_view(" ") : left_.substr(0, 1));  // "~37" is about 37, "37~cm" TeX's space
  }

  void take(size_t bytes, std::string_view instead) {
    if (instead != "^") superscript_ = false;
    out_ += instead;
    left_.remove_prefix(bytes);
  }

  void command() {
    const std::string_view name = left_.substr(1);
    for (const auto& [from, to] : kNamedCommands) {
      if (name.starts_with(from) && !(name.size() > from.size() && letter(name[from.size()])))
        return take(1 + from.size(), to == "F"   ? std::string_view(&kFraction, 1)
                                     : to == "?" ? std::string_view(&kForeign, 1)
                                                 : to);
    }
    for (const auto& [from, to] : kSigns) {
      if (name.starts_with(from)) return take(1 + from.size(), to);
    }
    take(1, " ");  // an unknown command's name stays as a word
  }

  void character() {
    for (const auto& [from, to] : kTypography) {
      if (left_.starts_with(from)) return take(from.size(), to);
    }
    for (size_t i = 0; i < std::size(kSuperscripts); ++i) {
      if (left_.starts_with(kSuperscripts[i])) return superscript(i);
    }
    const uint32_t code = code_point(left_);
    const bool foreign = std::any_of(std::begin(kForeignRanges), std::end(kForeignRanges),
                                     [&](const Range& r) { return r.first <= code && code <= r.last; });
    const size_t bytes = length(left_);
    take(bytes, foreign ? std::string_view(&kForeign, 1) : left_.substr(0, bytes));
  }

  void superscript(size_t which) {
    if (!superscript_) out_ += '^';
    out_ += which == 10 ? '-' : static_cast<char>('0' + which);
    superscript_ = true;
    left_.remove_prefix(kSuperscripts[which].size());
  }

  std::string_view left_;
  std::string out_;
  bool superscript_ = false;  // the last character was one
};

}  // namespace

std::string plain_math(std::string_view text) { return Plain(text).run(); }

}  // namespace hadal::tasks
