// Qlib's own store of bars, a folder:
//   calendars/day.txt           the days, one a line
//   features/SYMBOL/NAME.day.bin  float32, little-endian: the number of the first value's day, then the values
#pragma once

#include "market/data/bar_file.h"

namespace hadal::market {

// Days on which all of a symbol's values are missing (a halt) are left out. Error naming the file for a folder of
// another kind.
BarFile read_qlib_folder(const Path& folder);

}  // namespace hadal::market
