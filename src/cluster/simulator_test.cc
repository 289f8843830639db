#include "cluster/simulator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/testing/scratch.h"
#include "cluster/simulator/workload.h"

namespace hadal::cluster {
namespace {

const Path kData = Path(HADAL_SOURCE_DIR) / "tests" / "cluster" / "data" / "pollux";

// An application of two epochs of 100 steps at batch 10, half a second each on one GPU, a quarter on two.
struct SmallLab {
  test::ScratchFolder folder;
  SmallLab() {
    const Path app = folder.path() / "app";
    std::filesystem::create_directories(app);
    write_file_whole(app / "placements.csv",
                     "placement,local_bsz,step_time,sync_time\n1,5,.25,.1\n1,10,.5,.1\n2,5,.25,.1\n2,10,.5,.1\n");
    write_file_whole(
        app / "points.csv",
        "num_nodes,num_replicas,local_bsz,step_time,sync_time\n1,1,5,1,0\n2,2,5,1,0\n2,4,5,1,0\n2,4,10,2,0\n");
    write_file_whole(app / "tetrahedra.csv", "a,b,c,d\n0,1,2,3\n");
    for (const char* batch : {"10", "40"})
      write_file_whole(app / (std::string("validation-") + batch + ".csv"),
                       "progress,iteration,metric,grad_sqr,grad_var\n100,1,1,1,1e-12\n200,2,1,1,1e-12\n");
  }
  OrderedJson simulate(const std::string& jobs, const std::string& policy, int nodes = 1, int gpus = 2) {
    write_file_whole(folder.path() / "jobs.csv", "name,time,application,num_replicas,batch_size\n" + jobs);
    return simulate_workloads({.workloads = {folder.path() / "jobs.csv"},
                               .profiles = folder.path(),
                               .policy = policy,
                               .nodes = nodes,
                               .gpus = gpus});
  }
  std::string mistake(const std::string& jobs, const std::string& policy = "tiresias", int gpus = 2) {
    try {
      simulate(jobs, policy, 1, gpus);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

double mean_of(const OrderedJson& result) { return result["mean_jct_s"].get<double>(); }

TEST(Simulator, AJobStartsAtARoundAndRestartsFirst) {
  SmallLab lab;
  // Seen at 60, starts to compute at 90, two steps a second: over at 190.
  EXPECT_NEAR(mean_of(lab.simulate("a,10,app,1,10\n", "tiresias")), 180, 1e-6);
  // On two GPUs, at 5 each, four steps a second.
  EXPECT_NEAR(mean_of(lab.simulate("a,10,app,2,10\n", "tiresias")), 130, 1e-6);
  EXPECT_NEAR(mean_of(lab.simulate("a,10,app,1,10\n", "hadal")), 130, 1e-6);  // ours takes both
  EXPECT_NEAR(mean_of(lab.simulate("a,600000,app,1,10\n", "tiresias")), 90 + 100, 1e-6 + 60);
}

TEST(Simulator, WhoDoesNotFitIsSkippedAndWaits) {
  SmallLab lab;
  // The second fits no more and the third does: it is skipped. It starts in the round after the others' end, at 240.
  const OrderedJson result = lab.simulate("a,10,app,1,10\nb,20,app,2,10\nc,30,app,1,10\n", "tiresias");
  EXPECT_NEAR(mean_of(result), (180 + (240 + 30 + 50 - 20) + 160) / 3.0, 1e-6);
  EXPECT_EQ(result["workloads"][0]["mean_restarts"], 0);
}

TEST(Simulator, ABatchIsSplitIntoMicroBatches) {
  const Application bert(kData / "profiles" / "bert");
  const auto split = [](const Application& application, int batch, int gpus) {
    const Application::Split one = application.split(batch, gpus);
    return std::array{one.micro_batch, one.accumulation, one.total(gpus)};
  };
  EXPECT_EQ(split(bert, 12, 1), (std::array{12, 0, 12}));
  EXPECT_EQ(split(bert, 13, 1), (std::array{7, 1, 14}));  // one GPU above the initial batch accumulates
  EXPECT_EQ(split(bert, 384, 1), (std::array{12, 31, 384}));
  EXPECT_EQ(split(bert, 384, 7), (std::array{10, 4, 350}));  // never above the largest batch
  const Application yolov3(kData / "profiles" / "yolov3");
  EXPECT_EQ(split(yolov3, 64, 4), (std::array{8, 1, 64}));  // at most 8 on a GPU, though 16 was measured
  EXPECT_EQ(yolov3.num_epochs(), 50);
}

TEST(Simulator, TimesAreMeasuredOrBetweenMeasurements) {
  const Application bert(kData / "profiles" / "bert");
  const auto step = [&bert](std::vector<int> placement, int micro_batch) {
    return bert.step_seconds(placement, {micro_batch, 0});
  };
  EXPECT_DOUBLE_EQ(step({1}, 4), 0.45532354712486267);
  EXPECT_DOUBLE_EQ(step({1}, 5), (0.45532354712486267 + 0.5693899691104889) / 2);
  EXPECT_DOUBLE_EQ(step({4, 1, 2}, 8), step({1, 2, 4}, 8));  // a rotation
  EXPECT_NE(step({4, 2, 1}, 8), step({1, 2, 4}, 8));
  EXPECT_GT(step({4, 4, 4, 4, 4}, 8), step({4}, 8));  // in a tetrahedron
  EXPECT_TRUE(std::isnan(step({1}, 13)));
  EXPECT_TRUE(std::isnan(step({8}, 8)));
  const Application::Split accumulated{8, 2};
  EXPECT_GT(bert.step_seconds(std::vector{4}, accumulated), 2 * step({4}, 8));
  EXPECT_LT(bert.step_seconds(std::vector{4}, accumulated), 3 * step({4}, 8));
  EXPECT_DOUBLE_EQ(bert.gain(0, 12), 1);
  EXPECT_GT(bert.gain(0, 30), bert.gain(0, 24));
}

// The authors' own figures, to their last digit.
TEST(Simulator, TiresiasIsAsPublished) {
  const Json published = parse_json(read_file(kData / "published.json"), "published.json");
  for (const std::string workload : {"workload-1", "workload-6"}) {
    const OrderedJson result = simulate_workloads({.workloads = {kData / "workloads" / "1.0" / (workload + ".csv")},
                                                   .profiles = kData / "profiles",
                                                   .policy = "tiresias"});
    EXPECT_NEAR(mean_of(result), published["tiresias"]["1.0"][workload].get<double>(), .001);
  }
}

TEST(Simulator, OursIsFasterThanThePublishedOnes) {
  const Json published = parse_json(read_file(kData / "published.json"), "published.json");
  const auto mean = [](const std::string& policy, bool blind) {
    return mean_of(simulate_workloads({.workloads = {kData / "workloads" / "1.0" / "workload-6.csv"},
                                       .profiles = kData / "profiles",
                                       .policy = policy,
                                       .blind = blind}));
  };
  const double pollux = published["pollux"]["1.0"]["workload-6"].get<double>();
  EXPECT_LT(mean("hadal", false), published["tiresias"]["1.0"]["workload-6"].get<double>());
  EXPECT_LT(mean("hadal-adaptive", false), pollux);
  EXPECT_LT(mean("hadal-adaptive", true), pollux);
}

TEST(Simulator, MistakesInFilesAreNamed) {
  SmallLab lab;
  const auto names = [&lab](const std::string& jobs, const std::string& words) {
    const std::string mistake = lab.mistake(jobs);
    EXPECT_NE(mistake.find("jobs.csv: line 2"), std::string::npos) << mistake;
    EXPECT_NE(mistake.find(words), std::string::npos) << mistake;
  };
  names("a,soon,app,1,10\n", "column time: expected a number, found soon");
  names("a,-1,app,1,10\n", "column time: expected seconds from 0");
  names("a,1,other,1,10\n", "column application: expected the name of a folder in ");
  names("a,1,../app,1,10\n", "column application");
  names("a,1,app,3,10\n", "column num_replicas: expected a whole number from 1 to 2, found 3");
  names("a,1,app,1,9\n", "column batch_size: expected a whole number from 10 to 40, found 9");
  names("a,1,app,1\n", "expected 5 columns as in the header, found 4");
  EXPECT_NE(lab.mistake("").find("expected a header and rows below it, found no row"), std::string::npos);
  EXPECT_NE(lab.mistake("a,1,app,1,10\n", "best").find("expected tiresias, hadal or hadal-adaptive, found best"),
            std::string::npos);

  const Path placements = lab.folder.path() / "app" / "placements.csv";
  write_file_whole(placements, "placement,local_bsz,step_time,sync_time\n1,5,fast,.1\n");
  const std::string mistake = lab.mistake("a,1,app,1,10\n");
  EXPECT_NE(mistake.find("placements.csv: line 2, column step_time: expected a number, found fast"), std::string::npos)
      << mistake;
}

TEST(Simulator, WhatWasNeverMeasuredIsRefusedByName) {
  SmallLab lab;
  // Three GPUs of one node: neither a placement that was measured nor between two of them.
  const std::string mistake = lab.mistake("a,1,app,3,30\n", "tiresias", 3);
  EXPECT_NE(mistake.find("the job a: expected that app was measured with a batch of 30 on 3 GPUs of 1 nodes"),
            std::string::npos)
      << mistake;
  EXPECT_EQ(lab.mistake("a,1,app,3,30\n", "hadal", 3), "");  // ours takes two
}

}  // namespace
}  // namespace hadal::cluster
