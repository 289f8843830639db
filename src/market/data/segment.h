// A segment: an immutable file of bars in columns, memory-mapped.
//
//   header     magic, version, CRC of all before the first column, numbers of rows, runs and columns
//   columns    a table: which, where, how long, CRC32C
//   runs       the index of instruments: which rows are whose
//   the columns themselves, each from a multiple of 64 bytes on: time, session, flags, [stamp], open ... volume, [vwap]
//
// A run is what one import brought of one instrument and became known in one way, sorted by time. Rows that were
// quarantined stand among the others, with the reason in their flags. Little-endian.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "market/time.h"

namespace hadal::market {

// Why a bar is quarantined: the codes of errors, in the order in which they are looked for. Kept in segments.
enum class Fault : uint16_t {
  none,
  duplicate_time,
  out_of_order,
  not_a_session,
  missing_value,
  nonpositive_price,
  high_below_low,
  high_below_body,
  low_above_body
};
inline constexpr uint16_t kFaultMask = 15;
inline constexpr uint16_t kSorted = 16;       // stood out of order, and was put in its place
inline constexpr uint16_t kUnitChanged = 32;  // its time is in another unit than the one before it
inline constexpr uint16_t kFromFuture = 64;   // ended after the import
inline Fault fault_of(uint16_t flags) { return static_cast<Fault>(flags & kFaultMask); }

// How times stood in the file: days; seconds, milliseconds or microseconds since 1970; a day and a clock.
enum class Stamps : uint32_t { days, numbers, clocks };

enum Value { kOpen, kHigh, kLow, kClose, kVolume, kVwap, kNumValues };
inline constexpr std::string_view kValueNames[] = {"open", "high", "low", "close", "volume", "vwap"};

// The rows of a run, wherever they lie. `stamp` is null where times are days, a value where no bar has it.
struct RunView {
  int64_t instrument = 0;
  Time known_from = kBeginning;  // a bar is known at the later of this and its end
  Stamps stamps = Stamps::days;
  uint16_t flags_or = 0;  // of all rows
  int64_t count = 0;
  const Time* time = nullptr;  // of the bars' ends, ascending
  const Date* session = nullptr;
  const uint16_t* flags = nullptr;
  const int64_t* stamp = nullptr;
  const double* value[kNumValues] = {};

  Time known_at(int64_t row) const { return time[row] > known_from ? time[row] : known_from; }
};

// The same while it is written.
struct RunColumns {
  int64_t instrument = 0;
  Time known_from = kBeginning;
  Stamps stamps = Stamps::days;
  std::vector<Time> time;
  std::vector<Date> session;
  std::vector<uint16_t> flags;
  std::vector<int64_t> stamp;             // empty where times are days
  std::vector<double> value[kNumValues];  // volume and vwap may be empty
  int64_t count() const { return static_cast<int64_t>(time.size()); }
  RunView view() const;
};

// Writes the runs, in their order, whole or not at all.
void write_segment(const Path& path, std::span<const RunColumns* const> runs);

class Segment {
 public:
  // Checks header, index and the bounds of every column; Error for a damaged file.
  explicit Segment(const Path& path);
  const std::vector<RunView>& runs() const { return runs_; }
  int64_t num_rows() const { return num_rows_; }
  // Reads all columns and compares their sums; Error naming the column that differs.
  void verify() const;

 private:
  struct Column {
    int64_t offset = 0, num_bytes = 0;
    uint32_t kind = 0, crc = 0;
  };
  Path path_;
  MappedFile file_;
  std::vector<Column> columns_;
  std::vector<RunView> runs_;
  int64_t num_rows_ = 0;
};

}  // namespace hadal::market
