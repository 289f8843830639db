// A file of prices, from its text to the rows of a segment. The first byte chooses calendar and zone.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "fuzz.h"
#include "market/data/bar_file.h"
#include "market/data/series_rows.h"

namespace {

class MemoryText : public hadal::market::TextSource {
 public:
  explicit MemoryText(std::string_view text) : TextSource("input", "input.csv"), text_(text) {}
  size_t read(char* to, size_t num_bytes) override {
    const size_t n = std::min(num_bytes, text_.size());
    std::memcpy(to, text_.data(), n);
    text_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view text_;
};

}  // namespace

HADAL_FUZZER(input) {
  using namespace hadal::market;
  if (input.empty()) return;
  static const auto york = Calendar::find("XNYS", "fuzzer");
  Placing placing;
  if ((input[0] & 1) != 0) placing.calendar = placing.hours = york;
  if ((input[0] & 2) != 0) placing.zone = std::shared_ptr<const Zone>(york, york->zone());
  MemoryText text(std::string_view(input).substr(1));
  BarFile file = read_bar_text(text, {});
  if (file.interval == 0) file.interval = kDay, file.stamps = Stamps::days;
  RowMaker maker(placing);
  for (Series& series : file.series) {
    const size_t num_bars = series.bars.size();
    bool reversed = false;
    const RunColumns run = maker.make(file, series, &reversed);
    HADAL_CHECK(static_cast<size_t>(run.count()) == num_bars && std::is_sorted(run.time.begin(), run.time.end()));
  }
}
