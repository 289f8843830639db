// Files about instruments that a portfolio reads: which group each belongs to, and the weights of a benchmark.
#pragma once

#include <map>
#include <string>

#include "base/files.h"
#include "market/time.h"

namespace hadal::market {

// symbol,group. By symbol. Error with file and line for what cannot be read, and for a symbol that stands twice.
std::map<std::string, std::string> read_groups(const Path& file);

// date,symbol,weight, in any order. By date and symbol; a date's weights hold until the next one. Error with file and
// line for what cannot be read, a weight below 0, and a symbol that stands twice on a date.
using BenchmarkWeights = std::map<Date, std::map<std::string, double>>;
BenchmarkWeights read_benchmark(const Path& file);

}  // namespace hadal::market
