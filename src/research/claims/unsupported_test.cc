#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "research/claims.h"
#include "research/claims/facts.h"

namespace hadal::research {
namespace {

std::string values(std::string_view text) {
  std::string all;
  for (const Number& number : numbers_of(text, words_of(text)))
    all += fmt::format("{}{}{} ", number.value, number.unit.empty() ? "" : "/", number.unit);
  return all;
}

TEST(Facts, NumbersHaveOneSpelling) {
  EXPECT_EQ(values("1,204 and 1204 and 1 204 and 1\xC2\xA0"
                   "204"),
            "1204 1204 1204 1204 ");
  EXPECT_EQ(values("fifty-seven, fifty seven, 57"), "57 57 57 ");
  EXPECT_EQ(values("two hundred and five; one thousand two hundred; one trillion"), "205 1200 1000000000000 ");
  EXPECT_EQ(values("4.0 billion, 4000000000, 58.50, 58.5, 0.5"), "4000000000 4000000000 58.5 58.5 0.5 ");
  EXPECT_EQ(values("3.40.1"), "3.40.1 ");
  EXPECT_EQ(values("the 19th, the nineteenth, twenty-first"), "o:19 o:19 o:21 ");
  EXPECT_EQ(values("2010-07-21; July 21, 2010"), "2010 m:7 21 m:7 21 2010 ");
  EXPECT_EQ(values("one of them may march on"), "");
}

TEST(Facts, UnitsStandBesideTheirNumbers) {
  EXPECT_EQ(values("412 kilometres, 412 km, a 6-minute film"), "412/km 412/km 6/minute ");
  EXPECT_EQ(values("15%, 15 percent, 15 per cent"), "15/percent 15/percent 15/percent ");
  EXPECT_EQ(values("13\xE2\x80\x93"
                   "30 Hz, 35 to 40 K, -179 \xC2\xB0"
                   "C"),
            "13/hz 30/hz 35/kelvin 40/kelvin -179/celsius ");
  EXPECT_EQ(values("$163 million, 142 pounds, 350KiB"), "163000000/usd 142/pound 350/kib ");
}

const std::vector<std::string> kRiver = {
    "The river Vell is 412 kilometres long and rises at 1,870 metres in the Orsa hills.",
    "A survey in 1987 had put its length at 398 kilometres, before the upper branch was counted."};

TEST(Unsupported, LetsPassWhatTheQuotesSay) {
  for (const char* sentence :
       {"The river Vell is 412 kilometres long.", "The Vell is 412 km long and rises in the Orsa hills.",
        "It rises at 1870 metres.", "In 1987 a survey put the length at 398 kilometres."})
    EXPECT_EQ(unsupported(sentence, kRiver), "") << sentence;
  EXPECT_EQ(unsupported("The siege lasted 57 days.", {"after a siege of fifty-seven days, the walls fell"}), "");
  EXPECT_EQ(unsupported("He served the FSF for 22 years.",
                        {"I've spent the last 22 years, without a break, serving various FSF roles."}),
            "");
  EXPECT_EQ(unsupported("The ferry did not run in March.", {"The ferry to Skell did not run in March."}), "");
}

TEST(Unsupported, NamesWhatNoQuoteHolds) {
  EXPECT_EQ(unsupported("The river Vell is 421 kilometres long.", kRiver), "421 stands in no quote");
  EXPECT_EQ(unsupported("The river Vell is 412 miles long.", kRiver), "412 stands in no quote with the unit mile");
  EXPECT_EQ(unsupported("The river Vell rises in the Brandt hills.", kRiver), "brandt stands in no quote");
  EXPECT_EQ(unsupported("Brandt counted the upper branch.", kRiver), "Brandt stands in no quote");
  EXPECT_EQ(unsupported("A survey in June 1987 put its length at 398 kilometres.", kRiver), "June stands in no quote");
  EXPECT_HAS(unsupported("The river is full of trout, otters and boats for rich tourists.", kRiver), "words");
  EXPECT_EQ(unsupported("The river Vell is long.", {}), "it cites no quote");
  EXPECT_NE(unsupported("The river grew by 4 million litres.", {"The river grew by 4 billion litres."}), "");
  EXPECT_NE(unsupported("It came third.", {"It came second in the race."}), "");
  EXPECT_NE(unsupported("It is 179 \xC2\xB0"
                        "C there.",
                        {"It is -179 \xC2\xB0"
                         "C there."}),
            "");
}

TEST(Unsupported, DenialsMustAgree) {
  const std::vector<std::string> ran = {"The ferry to Skell ran in March."},
                                 not_ran = {"The ferry to Skell did not run in March."};
  EXPECT_NE(unsupported("The ferry to Skell never ran in March.", ran), "");
  EXPECT_NE(unsupported("The ferry to Skell ran in March.", not_ran), "");
  EXPECT_NE(unsupported("No ferry to Skell ran in March.", ran), "");
}

TEST(Unsupported, TheContraryIsRefused) {
  EXPECT_NE(unsupported("The count rose in 2025.", {"The count fell in 2025."}), "");
  EXPECT_NE(unsupported("Otters are larger than hares.", {"Otters are smaller than hares."}), "");
}

TEST(Unsupported, NumbersThatChangedPlacesAreSeen) {
  const std::vector<std::string> counts = {
      "The number of lapwings fell from 1,310 in 2021 to 1,117 in 2025 and rose again to 1,204 in 2026."};
  EXPECT_EQ(unsupported("There were 1,117 lapwings in 2025 and 1,204 in 2026.", counts), "");
  EXPECT_NE(unsupported("There were 1,204 lapwings in 2025 and 1,117 in 2026.", counts), "");
  const std::vector<std::string> rates = {
      "In 1975 the inflation rate of Japan was 8% and the inflation rate of Britain was 25%."};
  EXPECT_EQ(unsupported("Inflation was 25% in Britain and 8% in Japan.", rates), "");
  EXPECT_NE(unsupported("Inflation was 25% in Japan and 8% in Britain.", rates), "");
}

TEST(Unsupported, EndlessSentencesAreRefusedAtOnce) {
  EXPECT_HAS(unsupported(std::string(100'000, '7'), kRiver), "bytes");
}

}  // namespace
}  // namespace hadal::research
