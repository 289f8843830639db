// The English words that say numbers, units, months, and gains or losses; all in small letters.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace hadal::market {

bool is_one_of(std::initializer_list<std::string_view> words, std::string_view word);

// ---- Numbers

std::optional<int> unit_word(std::string_view word);  // zero to nineteen
std::optional<int> tens_word(std::string_view word);  // twenty to ninety
std::optional<double> scale_word(
    std::string_view word);  // thousand, million, billion, trillion; of digits also k, mn, bn
std::optional<int> ordinal_word(std::string_view word);  // first to ninetieth, hundredth, thousandth
// What a part is called: half, third, quarter, tenths; 2, 3, 4, 10.
std::optional<int> part_word(std::string_view word, bool* plural);
// dozens, hundreds, thousands: a number that is not said.
bool is_vague_number(std::string_view word);
// doubled, halved, tenfold: times a number that is not said.
bool is_multiple(std::string_view word);
// Two words or more in one: twentyfive.
bool is_joined_number(std::string_view word);
bool is_number_word(std::string_view word);  // any of these

std::optional<int> month_word(std::string_view word);  // march, mar; 3

// ---- Gains and losses

enum class Use {
  noun,    // gain, loss: "a loss of", "5% loss"
  verb,    // gained, lost: "lost 5%", "5% was lost"
  motion,  // rose, fell: "fell by 5%", and "fell to 5%", which says a level
  near,    // up, down: not far before the number; "up to 5%" says a level
  behind,  // above, below: behind the number only; before it they are bounds
};
struct Sense {
  int sign;  // 1: a gain, -1: a loss
  Use use;
};
std::optional<Sense> sense_word(std::string_view word);

bool is_negation(std::string_view word);

}  // namespace hadal::market
