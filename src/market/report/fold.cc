#include "market/report/fold.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace hadal::market {
namespace {

struct Range {
  char32_t first, last;
};

template <size_t N>
bool in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

char small(char32_t c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }

constexpr Range kNoWidth[] = {{0xAD, 0xAD},     {0x300, 0x36F},   {0x61C, 0x61C},    {0x180B, 0x180E}, {0x1AB0, 0x1AFF},
                              {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},  {0x20D0, 0x20FF}, {0xFE00, 0xFE0F},
                              {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE01EF}};
constexpr Range kBlank[] = {{0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                            {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
constexpr Range kDash[] = {{0x2010, 0x2015}, {0x2212, 0x2212}, {0xFE58, 0xFE58}, {0xFE63, 0xFE63}};
constexpr Range kAlphabets[] = {{0xAA, 0xAA},     {0xB5, 0xB5},     {0xBA, 0xBA},     {0xC0, 0xD6},
                                {0xD8, 0xF6},     {0xF8, 0x2FF},    {0x370, 0x52F},   {0x531, 0x58F},
                                {0x5D0, 0x5EA},   {0x620, 0x64A},   {0x1E00, 0x1FFF}, {0x2C60, 0x2C7F},
                                {0xA720, 0xA7FF}, {0xAB30, 0xAB6F}, {0xFB00, 0xFB06}};
constexpr Range kOddDigits[] = {{0xB2, 0xB3},     {0xB9, 0xB9},     {0x9F4, 0x9F9},     {0x1369, 0x137C},
                                {0x2070, 0x2079}, {0x2080, 0x2089}, {0x215F, 0x2188},   {0x2460, 0x249B},
                                {0x24EA, 0x24FF}, {0x2776, 0x2793}, {0x3007, 0x3007},   {0x3021, 0x3029},
                                {0x3038, 0x303A}, {0x3192, 0x3195}, {0x3220, 0x3229},   {0x3248, 0x324F},
                                {0x3251, 0x325F}, {0x3280, 0x3289}, {0x10100, 0x10133}, {0x1F100, 0x1F10C}};
// Zero to ten, hundred, thousand and more in Chinese, also as cheques have them.
constexpr std::u32string_view kChinese =
    U"\u4E00\u4E8C\u4E09\u56DB\u4E94\u516D\u4E03\u516B\u4E5D\u5341\u767E\u5343\u4E07\u842C\u4EBF\u5104\u96F6\u4E24"
    U"\u5169\u534A\u58F9\u8D30\u53C1\u8086\u4F0D\u9646\u67D2\u634C\u7396\u62FE\u4F70\u4EDF";

// The zeros of scripts whose ten digits follow each other.
constexpr char32_t kZeros[] = {0x660,  0x6F0,  0x7C0,  0x966,  0x9E6,  0xA66,  0xAE6,   0xB66,   0xBE6,  0xC66,
                               0xCE6,  0xD66,  0xDE6,  0xE50,  0xED0,  0xF20,  0x1040,  0x1090,  0x17E0, 0x1810,
                               0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,  0x1C50,  0xA620, 0xA8D0,
                               0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x11066, 0x1FBF0};

struct Likeness {
  char32_t from;
  char to;
};
// Cyrillic and Greek letters that look as Latin ones, and marks.
constexpr Likeness kLikenesses[] = {
    {0x410, 'a'},  {0x430, 'a'},  {0x412, 'b'},        {0x421, 'c'},         {0x441, 'c'},  {0x415, 'e'},
    {0x435, 'e'},  {0x41D, 'h'},  {0x4BB, 'h'},        {0x406, 'i'},         {0x456, 'i'},  {0x131, 'i'},
    {0x41A, 'k'},  {0x41C, 'm'},  {0x41E, 'o'},        {0x43E, 'o'},         {0x420, 'p'},  {0x440, 'p'},
    {0x405, 's'},  {0x455, 's'},  {0x422, 't'},        {0x425, 'x'},         {0x445, 'x'},  {0x423, 'y'},
    {0x443, 'y'},  {0x391, 'a'},  {0x395, 'e'},        {0x397, 'h'},         {0x399, 'i'},  {0x39D, 'n'},
    {0x39F, 'o'},  {0x3BF, 'o'},  {0x3A1, 'p'},        {0x3A4, 't'},         {0x3BD, 'v'},  {0x3A7, 'x'},
    {0x3A5, 'y'},  {0x396, 'z'},  {0x2018, '\''},      {0x2019, '\''},       {0x2BC, '\''}, {0x66A, '%'},
    {0xFE6A, '%'}, {0x66B, '.'},  {0xB7, '.'},         {0x2024, '.'},        {0x2219, '.'}, {0x66C, ','},
    {0x2044, '/'}, {0x2215, '/'}, {0x2030, kPermille}, {0x2031, kPermyriad}, {0x85, '\n'},  {0x2028, '\n'},
    {0x2029, '\n'}};

char fold_other(char32_t c) {
  for (const Likeness& l : kLikenesses)
    if (l.from == c) return l.to;
  for (const char32_t zero : kZeros)
    if (c >= zero && c < zero + 10) return static_cast<char>('0' + (c - zero));
  if (c >= 0x1D7CE && c <= 0x1D7FF) return static_cast<char>('0' + (c - 0x1D7CE) % 10);
  if (c >= 0xFF01 && c <= 0xFF5E) return small(c - 0xFEE0);
  if (c >= 0x1D400 && c <= 0x1D6A3) return static_cast<char>('a' + (c - 0x1D400) % 26);
  if (c >= 0x24B6 && c <= 0x24E9) return static_cast<char>('a' + (c - 0x24B6) % 26);
  if (in(kNoWidth, c)) return kNothing;
  if (in(kBlank, c)) return ' ';
  if (in(kDash, c)) return '-';
  if (vulgar_fraction(c) > 0) return kFraction;
  if (in(kOddDigits, c) || kChinese.find(c) != kChinese.npos) return kOddDigit;
  return in(kAlphabets, c) ? kLetter : kSymbol;
}

}  // namespace

char fold(char32_t c) {
  if (c == '\n') return '\n';
  if (c < 0x20 || c == 0x7F) return ' ';
  if (c < 0x7F) return small(c);
  // The same characters come again and again: those of the first plane are looked up once.
  static const auto table = [] {
    std::array<char, 0x10000> folded{};
    for (char32_t i = 0x7F; i < folded.size(); ++i) folded[i] = fold_other(i);
    return folded;
  }();
  return c < table.size() ? table[c] : fold_other(c);
}

double vulgar_fraction(char32_t c) {
  static constexpr std::pair<char32_t, double> kFractions[] = {
      {0xBC, 1. / 4},   {0xBD, 1. / 2},   {0xBE, 3. / 4},   {0x2150, 1. / 7}, {0x2151, 1. / 9}, {0x2152, 1. / 10},
      {0x2153, 1. / 3}, {0x2154, 2. / 3}, {0x2155, 1. / 5}, {0x2156, 2. / 5}, {0x2157, 3. / 5}, {0x2158, 4. / 5},
      {0x2159, 1. / 6}, {0x215A, 5. / 6}, {0x215B, 1. / 8}, {0x215C, 3. / 8}, {0x215D, 5. / 8}, {0x215E, 7. / 8}};
  for (const auto& [point, value] : kFractions)
    if (point == c) return value;
  return 0;
}

bool is_narrow_blank(char32_t c) { return c == 0xA0 || c == 0x2007 || c == 0x2009 || c == 0x202F; }

}  // namespace hadal::market
