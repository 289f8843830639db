#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "research/slots.h"
#include "research/testing/scripted_writer.h"

namespace hadal::research {
namespace {

using test::ScratchFolder;
using test::ScriptedWriter;

Probed of(const std::vector<Probed>& all, Slot slot) {
  for (const Probed& probed : all)
    if (probed.slot == slot) return probed;
  return {slot};
}

TEST(Probes, AModelThatOnlyTalksEarnsNothingAndIsAskedEightTimes) {
  ScratchFolder folder;
  ScriptedWriter writer([](auto, const auto&) { return "I like rivers."; });
  const std::vector<Probed> all = probe(writer, folder.path(), {});
  EXPECT_EQ(of(all, Slot::judge).asked, 8);
  EXPECT_EQ(of(all, Slot::judge).passed, 0);
  for (const Probed& probed : all) EXPECT_FALSE(probed.earned());
  EXPECT_EQ(writer.asked.size(), 8u);
}

TEST(Probes, ToSayYesToEverythingIsNotReading) {
  ScratchFolder folder;
  ScriptedWriter writer([](std::string_view slot, const auto&) {
    return slot == "judge" ? R"({"bears":true,"sentence":1})" : R"({"missing":[]})";
  });
  for (const Probed& probed : probe(writer, folder.path(), {})) EXPECT_FALSE(probed.earned());
}

// A reader by rule: good enough for the slot, which shows that the probes can be passed.
std::string read_by_rule(std::string_view slot, const std::string& asked) {
  if (slot != "judge") return "{}";
  static const std::vector<std::pair<const char*, int>> kRight = {
      {"1,340 metres", 2}, {"painted the ceiling", 0}, {"hay and ivy", 3}, {"Amber Cross close", 0},
      {"bronze", 1},       {"people live", 0},         {"Ilse Brandt", 2}, {"Norrel", 0}};
  for (const auto& [cue, right] : kRight)
    if (asked.find(cue) != std::string::npos) return fmt::format(R"({{"bears":{},"sentence":{}}})", right > 0, right);
  return "";
}

TEST(Probes, WhatAModelShowedIsRemembered) {
  ScratchFolder folder;
  ScriptedWriter writer(read_by_rule);
  const std::vector<Probed> all = probe(writer, folder.path(), {});
  EXPECT_EQ(of(all, Slot::judge).passed, 8);
  EXPECT_TRUE(of(all, Slot::judge).earned());
  EXPECT_FALSE(of(all, Slot::write).earned());
  const size_t asked = writer.asked.size();
  EXPECT_LT(asked, 24u) << "a slot that cannot be earned any more is not asked to the end";
  EXPECT_TRUE(of(probe(writer, folder.path(), {}), Slot::judge).earned());
  EXPECT_EQ(writer.asked.size(), asked);
  // A damaged memory is made again.
  for (const std::string& name : folder.names()) write_file_whole(folder / name, "{");
  EXPECT_TRUE(of(probe(writer, folder.path(), {}), Slot::judge).earned());
  EXPECT_EQ(writer.asked.size(), 2 * asked);
}

TEST(Probes, AnInterruptedProbeIsNotRemembered) {
  ScratchFolder folder;
  ScriptedWriter writer(read_by_rule);
  EXPECT_FALSE(of(probe(writer, folder.path(), [] { return true; }), Slot::judge).earned());
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace hadal::research
