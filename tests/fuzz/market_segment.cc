// A segment of bars: whatever is accepted can be read as a store does. Sums that differ would hide all that stands
// behind them, so the input's are set right first.
#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "fuzz.h"
#include "market/data/segment.h"
#include "market/data/view.h"

namespace {

constexpr size_t kHeader = 64, kCrc = 12, kColumn = 24, kRun = 40;  // bytes, as in data/segment.cc

template <typename T>
T at(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void put_crc(std::string& bytes, size_t offset, uint32_t crc) { std::memcpy(bytes.data() + offset, &crc, sizeof crc); }

void set_sums_right(std::string& bytes) {
  if (bytes.size() < kHeader) return;
  const uint64_t runs = at<uint64_t>(bytes, 24), columns = at<uint64_t>(bytes, 32);
  if (runs > bytes.size() / kRun || columns > bytes.size() / kColumn) return;
  const size_t front = kHeader + columns * kColumn + runs * kRun;
  if (front > bytes.size()) return;
  for (size_t i = 0; i < columns; ++i) {
    const size_t entry = kHeader + i * kColumn;
    const uint64_t offset = at<uint64_t>(bytes, entry + 8), size = at<uint64_t>(bytes, entry + 16);
    if (offset <= bytes.size() && size <= bytes.size() - offset && offset >= front)
      put_crc(bytes, entry + 4, hadal::crc32c(bytes.data() + offset, size));
  }
  put_crc(bytes, kCrc, 0);
  put_crc(bytes, kCrc, hadal::crc32c(bytes.data(), front));
}

}  // namespace

HADAL_FUZZER(input) {
  using namespace hadal::market;
  std::string bytes(input);
  set_sums_right(bytes);
  const Segment segment(hadal::fuzz::file("x.seg", bytes));
  segment.verify();
  volatile double sum = 0;
  for (const RunView& run : segment.runs()) {
    HADAL_CHECK(run.count <= segment.num_rows());
    for (const bool daily : {false, true}) {
      const Pieces visible = visible_pieces({&run, 1}, daily, kEver);
      for (const Piece& piece : within(visible, Date{0}, Date{20'000})) {
        HADAL_CHECK(0 <= piece.begin && piece.begin < piece.end && piece.end <= run.count);
        for (int64_t row = piece.begin; row < piece.end; ++row) {
          sum = sum + static_cast<double>(run.known_at(row)) + run.session[row] + run.flags[row];
          for (int value = kOpen; value <= kClose; ++value) sum = sum + run.value[value][row];
          for (const int value : {kVolume, kVwap})
            if (run.value[value] != nullptr) sum = sum + run.value[value][row];
          if (run.stamps != Stamps::days) sum = sum + static_cast<double>(run.stamp[row]);
        }
      }
    }
  }
}
