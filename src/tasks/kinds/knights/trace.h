// How a puzzle of knights and knaves is solved in writing. People become letters, statements a line of signs each, and
// assignments are tried, upwards from a guess, until one keeps every statement:
//
//   A Ada B Ben C Cleo
//   A:~B|A=C              Ada says: Ben is a knave, or Ada and Cleo are of the same kind
//   B:~C
//   C:#2                  exactly two of the people are knights
//   A1B0C0 A1:~B0|A1=C0:1 B0:~C0:1!                      1 a knight, 0 a knave; Ben, a knave, would say what is true
//   A1B0C1 A1:~B0|A1=C1:1 B0:~C1:0 C1:#2=2:1
//
// The next assignment is the last one plus one, read as a binary number, so that what was tried need not be remembered:
// in a random order small models went round in circles. What is left to learn is the guess, here drawn with the weight
// 2^(statements that it keeps).
// A statement is checked by copying it with each letter's value behind the letter; behind the colon stands whether it
// is true. ~ is not (before = too: ~A=B says that they differ), & and, | or, > if; a claim that consists of others
// stands in brackets where it is a part.
#pragma once

#include <optional>

#include "base/rng.h"
#include "tasks/kinds/knights/puzzle.h"

namespace hadal::tasks::knights {

// Of a puzzle with a solution; nullopt where the search from this guess takes more than max_bytes.
std::optional<std::string> written_search(const Puzzle& puzzle, size_t max_bytes, Rng& rng);

}  // namespace hadal::tasks::knights
