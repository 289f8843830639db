// A folder as Qlib's own tools dump it.
#include <gtest/gtest.h>

#include <cstring>

#include "market/checks.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::error_of;
using test::MarketFolder;

constexpr int kDays = 40;
constexpr float kGap = std::numeric_limits<float>::quiet_NaN();

struct Made {
  std::string folder_name;  // in lower case, as Qlib writes it
  int first, count;         // places in the calendar
  std::vector<int> halts;   // places of days without any value
};

const std::vector<Made> kMade = {{"sh600000", 0, kDays, {7, 8, 9}}, {"sz000001", 12, 20, {}}, {"aapl", 39, 1, {}}};

std::vector<Date> weekdays() {
  std::vector<Date> days;
  for (Date day = date(2020, 1, 1); days.size() < kDays; ++day)
    if (weekday(day) < 5) days.push_back(day);
  return days;
}

float close_of(const Made& made, int place) {
  return static_cast<float>(made.first + 10) + 0.1F * static_cast<float>(place);
}

std::string feature(float first, const std::vector<float>& values) {
  std::string bytes(4 * (values.size() + 1), '\0');
  std::memcpy(bytes.data(), &first, 4);
  std::memcpy(bytes.data() + 4, values.data(), 4 * values.size());
  return bytes;
}

class QlibFolder : public ::testing::Test {
 protected:
  QlibFolder() {
    std::string calendar, instruments;
    const std::vector<Date> days = weekdays();
    for (const Date day : days) calendar += date_text(day) + "\n";
    for (const Made& made : kMade) {
      instruments += fmt::format("{}\t{}\t{}\n", made.folder_name, date_text(days[static_cast<size_t>(made.first)]),
                                 date_text(days[static_cast<size_t>(made.first + made.count - 1)]));
      for (const auto& [name, more] : {std::pair("open", -0.05F),
                                       {"high", 0.5F},
                                       {"low", -0.5F},
                                       {"close", 0.0F},
                                       {"volume", 1000.0F},
                                       {"factor", 0.0F},
                                       {"change", 0.0F}}) {
        std::vector<float> values;
        for (int place = made.first; place < made.first + made.count; ++place) {
          const bool halted = std::count(made.halts.begin(), made.halts.end(), place) > 0;
          values.push_back(halted ? kGap : close_of(made, place) + more);
        }
        write(made.folder_name, name, feature(static_cast<float>(made.first), values));
      }
    }
    folder_.file("cn/calendars/day.txt", calendar);
    folder_.file("cn/instruments/all.txt", instruments);
  }
  void write(const std::string& symbol, const std::string& name, const std::string& bytes) {
    folder_.file("cn/features/" + symbol + "/" + name + ".day.bin", bytes);
  }
  MarketFolder folder_;
};

TEST_F(QlibFolder, EachInstrumentBeginsWhereItsFilesSay) {
  const ImportReport report = folder_.import({folder_.path() / "cn"});
  EXPECT_EQ(report.files[0].format, "qlib");
  EXPECT_EQ(report.files[0].symbols, (std::vector<std::string>{"AAPL", "SH600000", "SZ000001"}));
  EXPECT_EQ(report.files[0].rows, 1 + 37 + 20);
  EXPECT_EQ(report.files[0].accepted, 58);
  EXPECT_HAS(report.notes.at(0),
             "adjusted prices, known from this import on; not read: change.day.bin, factor.day.bin, instruments/");
  const Market market = folder_.open();
  const std::vector<Date> days = weekdays();
  for (const Made& made : kMade) {
    std::string symbol = made.folder_name;
    for (char& c : symbol) c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
    const auto bars = market.bars(symbol, {});
    size_t at = 0;
    for (int place = made.first; place < made.first + made.count; ++place) {
      if (std::count(made.halts.begin(), made.halts.end(), place) > 0) continue;
      ASSERT_LT(at, bars.size());
      const Bar& bar = bars[at++];
      EXPECT_EQ(bar.session, days[static_cast<size_t>(place)]);
      EXPECT_EQ(bar.close, double{close_of(made, place)});
      EXPECT_EQ(bar.high, double{close_of(made, place) + 0.5F});
      EXPECT_EQ(bar.volume, double{close_of(made, place) + 1000.0F});
      EXPECT_TRUE(std::isnan(bar.vwap)) << "it has no such file";
    }
    EXPECT_EQ(at, bars.size()) << symbol;
  }
}

TEST_F(QlibFolder, ABarThatLacksAValueIsQuarantined) {
  const Made& made = kMade[1];
  std::vector<float> closes;
  for (int place = made.first; place < made.first + made.count; ++place) closes.push_back(close_of(made, place));
  closes[4] = kGap;
  write(made.folder_name, "close", feature(static_cast<float>(made.first), closes));
  const ImportReport report = folder_.import({folder_.path() / "cn"});
  EXPECT_EQ(report.files[0].quarantined, 1);
  EXPECT_EQ(report.issues.at("missing_value"), 1);
  EXPECT_EQ(folder_.open().bars("SZ000001", {}).size(), 19u);
}

TEST_F(QlibFolder, DamagedFilesAreNamed) {
  const auto error = [&] { return error_of([&] { folder_.import({folder_.path() / "cn"}); }); };
  const std::string good = read_file(folder_.path() / "cn/features/sz000001/close.day.bin");
  for (const auto& [bytes, words] :
       {std::pair(good.substr(0, good.size() - 2), "it was not written to its end"),
        {std::string(), "expected float32 values, found 0 bytes"},
        {feature(30, std::vector<float>(20, 1.0F)), "within the 40 days of the calendar, found 30 and 20 values"},
        {feature(-1, {1.0F}), "found -1 and 1 values"},
        {feature(kGap, {1.0F}), "found nan and 1 values"},
        {feature(1e30F, {1.0F}), "and 1 values"},
        {feature(1.5F, {1.0F}), "found 1.5 and 1 values"}}) {
    write("sz000001", "close", bytes);
    EXPECT_HAS(error(), words);
    EXPECT_HAS(error(), "sz000001/close.day.bin");
  }
  std::filesystem::remove(folder_.path() / "cn/features/sz000001/close.day.bin");
  EXPECT_HAS(error(), "close.day.bin: expected this file of Qlib's data, found none");
  folder_.file("cn/calendars/day.txt", "2020-01-02\n2020-01-01\n");
  EXPECT_HAS(error(), "day.txt:2: expected days in ascending order");
}

}  // namespace
}  // namespace hadal::market
