#include "market/data/bar_file.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"
#include "market/data/fields.h"
#include "market/data/qlib_folder.h"
#include "market/data/shape.h"

namespace hadal::market {
namespace {

struct SymbolHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Short texts that mostly differ at their ends: no call.
inline bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = a.size(); i-- > 0;)
    if (a[i] != b[i]) return false;
  return true;
}

// The symbol of a file without a column of symbols.
std::string symbol_of_name(const std::string& name, const std::string& format) {
  std::string stem = stem_of(name);
  if (format == "binance") return stem.substr(0, stem.find('-'));  // BTCUSDT-1h-2024-01
  std::transform(stem.begin(), stem.end(), stem.begin(), [&](char c) {
    const bool upper = format == "lean" || format == "stooq";
    return upper && c >= 'a' && c <= 'z' ? char(c - 32) : c;
  });
  if (format == "stooq") {  // AAPL_US_D is AAPL.US
    if (stem.size() > 2 && stem[stem.size() - 2] == '_') stem.resize(stem.size() - 2);
    std::replace(stem.begin(), stem.end(), '_', '.');
  }
  return stem;
}

class BarReader {
 public:
  explicit BarReader(const ImportOptions& options) : options_(options), order_(options.dates) {}
  void read(TextSource& source);
  BarFile finish(const Path& path);

 private:
  void read_line(LineReader& lines, std::string_view line);
  void read_stamp(LineReader& lines, RawBar& bar, Series& series);
  Series& series_of(std::string_view symbol);
  double number(LineReader& lines, int column, std::string_view name);
  [[noreturn]] void fail_number(LineReader& lines, int column, std::string_view name) const;
  void read_actions(LineReader& lines, Series& series);
  void turn_days();
  void note_kind(LineReader& lines, const Stamp& stamp, std::string_view text);
  void note_binance(LineReader& lines, const RawBar& bar);

  const ImportOptions& options_;
  BarFile file_;
  Shape shape_;
  FieldCutter fields_{','};
  DayOrderFinder order_;
  std::string file_symbol_;
  std::unordered_map<std::string, size_t, SymbolHash, std::equal_to<>> index_;
  size_t last_series_ = 0;
  // The stamp of the line before, which the next often repeats.
  std::string last_text_;
  Stamp last_stamp_;
  bool any_clock_ = false, any_zoned_ = false, any_number_ = false, all_midnight_ = true;
  int32_t least_offset_ = 0, most_offset_ = 0;
  Time last_unit_ = -1;
};

void BarReader::read(TextSource& source) {
  LineReader lines(source);
  std::string_view line;
  do {
    if (!lines.next(line)) return;  // empty
  } while (line.find_first_not_of(" \t") == std::string_view::npos);
  const Shape shape = shape_of(line, source.name(), lines.where(), options_);
  if (!file_.format.empty() && shape.format != file_.format)
    fail("{}: expected the format {} of the entries before, found {}", lines.where(), file_.format, shape.format);
  shape_ = shape, file_.format = shape.format;
  fields_ = FieldCutter(shape.delimiter);
  file_.has_volume |= shape.value[kVolume] >= 0;
  file_.has_vwap |= shape.value[kVwap] >= 0 || shape.turnover >= 0;
  file_.stamped_by_end = shape.end >= 0;
  file_.has_actions |= shape.dividend >= 0 || shape.split >= 0;
  for (const std::string& name : shape.ignored)
    if (std::find(file_.ignored.begin(), file_.ignored.end(), name) == file_.ignored.end())
      file_.ignored.push_back(name);
  file_symbol_ = options_.symbol.empty() ? symbol_of_name(source.name(), shape.format) : options_.symbol;
  if (!shape.has_header) lines.again();
  if (file_.where_first.empty()) file_.where_first = fmt::format("{}:{}", source.who(), lines.number() + 1);
  while (lines.next(line))
    if (!line.empty() && line.find_first_not_of(" \t,;|") != std::string_view::npos) read_line(lines, line);
}

void BarReader::read_line(LineReader& lines, std::string_view line) {
  const size_t count = fields_.cut(line, [&] { return lines.where(); });
  if (count < static_cast<size_t>(shape_.width))
    fail("{}: expected {} fields, found {}: {}; the file may not have been written to its end", lines.where(),
         shape_.width, count, brief(line));
  Series& series = series_of(shape_.symbol >= 0 ? fields_[static_cast<size_t>(shape_.symbol)] : file_symbol_);
  if (shape_.symbol >= 0 && series.symbol.empty()) fail("{}: expected a symbol, found none", lines.where());
  RawBar bar;
  for (int i = 0; i < kNumValues; ++i)
    bar.value[i] = shape_.value[i] >= 0 ? number(lines, shape_.value[i], kValueNames[i]) : kMissing;
  if (shape_.divisor != 1)
    for (int i = kOpen; i <= kClose; ++i) bar.value[i] /= shape_.divisor;
  if (shape_.turnover >= 0) {
    const double turnover = number(lines, shape_.turnover, "quote volume");
    bar.value[kVwap] = bar.value[kVolume] > 0 ? turnover / bar.value[kVolume] : kMissing;
  }
  read_stamp(lines, bar, series);
  if (shape_.close_time >= 0 && file_.rows == 0) note_binance(lines, bar);
  if (shape_.dividend >= 0 || shape_.split >= 0) read_actions(lines, series);
  series.bars.push_back(bar);
  ++file_.rows;
}

// Yahoo writes 0 where there is none.
void BarReader::read_actions(LineReader& lines, Series& series) {
  const auto take = [&](int column, Action::Kind kind, std::string_view name) {
    if (column < 0) return;
    const double value = number(lines, column, name);
    if (std::isnan(value) || value == 0) return;
    const auto exact = Decimal::parse(fields_[static_cast<size_t>(column)]);
    if (!exact || *exact <= Decimal{} || *exact > Decimal(1'000'000))
      fail("{}: {}: expected 0, or a number above it, found {}", lines.where(), name,
           brief(fields_[static_cast<size_t>(column)]));
    series.actions.push_back({series.bars.size(), kind, *exact});
  };
  take(shape_.dividend, Action::Kind::dividend, "Dividends");
  take(shape_.split, Action::Kind::split, "Stock Splits");
}

// Until now months were read as days.
void BarReader::turn_days() {
  for (Series& series : file_.series)
    for (RawBar& bar : series.bars) {
      const Time turned = with_day_and_month_swapped(bar.stamp);
      bar.time += turned - bar.stamp;
      bar.stamp = turned;
    }
}

double BarReader::number(LineReader& lines, int column, std::string_view name) {
  const auto value = parse_number(fields_[static_cast<size_t>(column)]);
  if (!value) [[unlikely]]
    fail_number(lines, column, name);
  return *value;
}

void BarReader::fail_number(LineReader& lines, int column, std::string_view name) const {
  const std::string_view text = fields_[static_cast<size_t>(column)];
  const bool comma =
      text.find(',') != std::string_view::npos && text.find_first_of("0123456789") != std::string_view::npos;
  fail("{}: {}: expected a number, found {}{}", lines.where(), name, brief(text),
       comma ? "; numbers need a decimal point and no commas: write the file anew with them" : "");
}

Series& BarReader::series_of(std::string_view symbol) {
  auto& all = file_.series;
  if (last_series_ < all.size() && same_text(all[last_series_].symbol, symbol)) return all[last_series_];
  // Files by date repeat the symbols in one order.
  const size_t next = last_series_ + 1 < all.size() ? last_series_ + 1 : 0;
  if (next < all.size() && same_text(all[next].symbol, symbol)) return all[last_series_ = next];
  const auto found = index_.find(symbol);
  if (found != index_.end()) return all[last_series_ = found->second];
  last_series_ = all.size();
  index_.emplace(std::string(symbol), last_series_);
  all.push_back({.symbol = std::string(symbol), .bars = {}, .actions = {}, .unit_changes = {}});
  return all.back();
}

void BarReader::read_stamp(LineReader& lines, RawBar& bar, Series& series) {
  const std::string_view text = fields_[static_cast<size_t>(shape_.date)];
  if (!same_text(text, last_text_) || last_text_.empty()) {
    if (order_.note(text, [&] { return lines.where(); })) turn_days();
    const auto stamp = parse_stamp(text, order_.order());
    if (!stamp) [[unlikely]]
      fail("{}: {}: expected a date or time as 2014-06-09 or 2014-06-09 16:00, found {}", lines.where(),
           shape_.names.empty() ? "time" : brief(shape_.names[static_cast<size_t>(shape_.date)]), brief(text));
    note_kind(lines, *stamp, text);
    last_stamp_ = *stamp, last_text_ = text;
  }
  Stamp stamp = last_stamp_;
  if (shape_.time >= 0) {
    const std::string_view clock_text = fields_[static_cast<size_t>(shape_.time)];
    const bool is_daily = shape_.period >= 0 && fields_[static_cast<size_t>(shape_.period)] == "D";
    const auto clock = clock_text.empty() || is_daily ? std::optional<Time>(0) : parse_clock(clock_text);
    if (!clock || stamp.kind == Stamp::Kind::number)
      fail("{}: expected a date and a time of the day as 16:00, found {} and {}", lines.where(), brief(text),
           brief(clock_text));
    stamp.value += *clock;
    any_clock_ |= *clock != 0;
    all_midnight_ &= *clock == 0;
  }
  bar.stamp = stamp.value;
  if (stamp.kind == Stamp::Kind::number) {
    bar.time = time_of_number(stamp.value);
    const Time unit = unit_of(stamp.value);
    if (last_unit_ >= 0 && unit != last_unit_) series.unit_changes.push_back(static_cast<int64_t>(series.bars.size()));
    last_unit_ = unit;
  } else {
    bar.time = stamp.value - stamp.offset * 60 * kSecond;
  }
}

void BarReader::note_kind(LineReader& lines, const Stamp& stamp, std::string_view text) {
  const bool first = !any_clock_ && !any_zoned_ && !any_number_;
  if (stamp.kind == Stamp::Kind::number) {
    any_number_ = true;
    all_midnight_ &= time_of_number(stamp.value) % kDay == 0;
  } else {
    all_midnight_ &= stamp.value % kDay == 0;
  }
  if (stamp.kind == Stamp::Kind::zoned) {
    if (!any_zoned_) least_offset_ = most_offset_ = stamp.offset;
    any_zoned_ = true;
    least_offset_ = std::min(least_offset_, stamp.offset), most_offset_ = std::max(most_offset_, stamp.offset);
    // Summer time moves a clock by an hour.
    if (most_offset_ - least_offset_ > 60)
      fail(
          "{}: expected all times of one zone, found {} beside times that are {} minutes from it; split the file or "
          "write it in UTC",
          lines.where(), brief(text), most_offset_ - least_offset_);
  }
  if (stamp.kind == Stamp::Kind::clock) any_clock_ = true;
  const int kinds = (any_zoned_ ? 1 : 0) + (any_clock_ ? 1 : 0) + (any_number_ ? 1 : 0);
  if (kinds > 1 && !first)
    fail("{}: expected times written in one way, found {} beside times {}; write the file anew in one zone",
         lines.where(), brief(text), any_number_ ? "of another kind" : "with and without a zone");
}

// Binance gives the end of each bar too: a unit before the next one's begin.
void BarReader::note_binance(LineReader& lines, const RawBar& bar) {
  const auto close = parse_stamp(fields_[static_cast<size_t>(shape_.close_time)]);
  if (!close || close->kind != Stamp::Kind::number || unit_of(close->value) != unit_of(bar.stamp))
    fail("{}: expected the times of open and close in one unit, found {} and {}", lines.where(), bar.stamp,
         brief(fields_[static_cast<size_t>(shape_.close_time)]));
  file_.interval = time_of_number(close->value + 1) - bar.time;
  if (file_.interval <= 0)
    fail("{}: expected a close later than the open, found {} and {}", lines.where(), bar.stamp, close->value);
}

// The distance that neighbouring bars have most often.
Time usual_distance(const std::vector<Series>& all) {
  std::unordered_map<Time, int64_t> counts;
  int64_t looked = 0;
  for (const Series& series : all)
    for (size_t i = 1; i < series.bars.size() && looked < 100'000; ++i, ++looked) {
      const Time distance = series.bars[i].time - series.bars[i - 1].time;
      if (distance != 0) ++counts[std::abs(distance)];
    }
  Time best = 0;
  int64_t most = 0;
  for (const auto& [distance, count] : counts)
    if (count > most || (count == most && distance < best)) best = distance, most = count;
  return best;
}

BarFile BarReader::finish(const Path& path) {
  order_.check_settled();
  if (file_.format.empty()) file_.format = options_.format == "auto" ? "csv" : options_.format;
  if (file_.where_first.empty()) file_.where_first = path.string();
  // Yahoo's prices without another close beside them are adjusted for dividends too (yfinance's auto_adjust).
  const bool dividends_inside = file_.has_actions && !shape_.has_adjusted_close;
  file_.prices = file_.format == "yahoo" ? (dividends_inside ? Adjustment::adjusted : Adjustment::split)
                 : file_.format == "stooq" || file_.format == "qlib" ? Adjustment::adjusted
                                                                     : Adjustment::raw;
  constexpr Time kAlmostDay = 20 * 3600 * kSecond;
  const bool daily_by_clock = file_.interval == 0 && all_midnight_;
  if (file_.interval == 0 && !all_midnight_) file_.interval = usual_distance(file_.series);
  if (daily_by_clock || file_.interval >= kAlmostDay) file_.interval = kDay;
  file_.stamps = file_.interval == kDay ? Stamps::days : any_number_ ? Stamps::numbers : Stamps::clocks;
  file_.is_number = any_number_;
  file_.is_local = !any_number_ && !any_zoned_;
  return std::move(file_);
}

}  // namespace

std::string stem_of(const std::string& name) {
  std::string stem = name;
  const auto drop = [&](std::initializer_list<const char*> endings) {
    for (const char* ending : endings)
      if (lower_case(stem).ends_with(ending) && stem.size() > std::string_view(ending).size()) {
        stem.resize(stem.size() - std::string_view(ending).size());
        return;
      }
  };
  drop({".gz", ".zst", ".zip"});
  drop({".csv", ".txt"});
  return stem;
}

BarFile read_bar_text(TextSource& source, const ImportOptions& options) {
  BarReader reader(options);
  reader.read(source);
  return reader.finish(source.who());
}

BarFile read_bar_file(const Path& path, const ImportOptions& options) {
  if (std::filesystem::is_directory(path)) {
    if (options.format != "qlib" && options.format != "auto")
      fail("{}: expected a file, found a folder; only Qlib's data is a folder", path.string());
    return read_qlib_folder(path);
  }
  BarReader reader(options);
  for_each_text(path, [&](TextSource& source) { reader.read(source); });
  return reader.finish(path);
}

}  // namespace hadal::market
