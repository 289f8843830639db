#include "cluster/tracking/artifact_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/scratch.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

class TrackingArtifacts : public testing::Test {
 protected:
  static std::function<std::string()> text(std::string content) {
    return [content = std::move(content), sent = false]() mutable {
      return std::exchange(sent, true) ? std::string() : content;
    };
  }
  void write(const std::string& path, const std::string& content) { folder.write(artifact_path(path), text(content)); }
  std::string read(const std::string& path) {
    std::string all;
    const auto pieces = folder.read(artifact_path(path));
    for (std::string piece = pieces(); !piece.empty(); piece = pieces()) all += piece;
    return all;
  }
  std::string listed(const std::string& path) {
    std::string out;
    for (const auto& entry : folder.list(artifact_path(path)))
      out += entry.name + (entry.is_folder ? "/ " : ":" + std::to_string(entry.bytes) + " ");
    return out;
  }
  MlflowCode code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const MlflowError& error) {
      return error.code;
    }
    ADD_FAILURE() << "no error";
    return MlflowCode::internal;
  }

  test::ScratchFolder scratch;
  ArtifactFolder folder{scratch / "r1", true};
};

TEST_F(TrackingArtifacts, WritesListsReadsAndRemoves) {
  EXPECT_EQ(listed(""), "");
  write("a.txt", "one");
  write("models/best/w.bin", std::string(700'000, 'w'));
  write("a.txt", "three");
  EXPECT_EQ(listed(""), "a.txt:5 models/ ");
  EXPECT_EQ(listed("models/"), "best/ ");
  EXPECT_EQ(listed("models/best"), "w.bin:700000 ");
  EXPECT_EQ(listed("a.txt"), "");
  EXPECT_EQ(listed("nothing/here"), "");
  EXPECT_EQ(read("a.txt"), "three");
  EXPECT_EQ(read("models/best/w.bin"), std::string(700'000, 'w'));
  EXPECT_EQ(code_of([&] { read("models"); }), MlflowCode::no_such);
  EXPECT_EQ(code_of([&] { read("models/worst"); }), MlflowCode::no_such);
  EXPECT_EQ(code_of([&] { read(""); }), MlflowCode::no_such);
  EXPECT_EQ(code_of([&] { write("models", "x"); }), MlflowCode::invalid);
  EXPECT_EQ(code_of([&] { write("a.txt/b", "x"); }), MlflowCode::invalid);
  EXPECT_EQ(code_of([&] { write("", "x"); }), MlflowCode::invalid);
  folder.remove(artifact_path("models"));
  EXPECT_EQ(listed(""), "a.txt:5 ");
  EXPECT_EQ(code_of([&] { folder.remove(artifact_path("models")); }), MlflowCode::no_such);
  folder.remove({});
  EXPECT_EQ(listed(""), "");
}

TEST_F(TrackingArtifacts, AnUploadThatBreaksLeavesWhatWasThere) {
  write("a.txt", "old");
  EXPECT_THROW(folder.write(artifact_path("a.txt"), []() -> std::string { fail("the client is gone"); }), Error);
  EXPECT_EQ(read("a.txt"), "old");
  EXPECT_EQ(scratch.names(), (std::vector<std::string>{"r1", "r1/artifacts", "r1/artifacts/a.txt"}));
}

TEST_F(TrackingArtifacts, PathsThatLeaveAreRefused) {
  for (const char* path : {"..", "../x", "a/../../x", "a/..", "./a", "a/./b", "/etc/passwd", "a//b", "%2e%2e/x",
                           "a%2fb", "a%00", "..\\x", "a\nb", "a\x7f", ".hadal-upload-1-1"})
    EXPECT_EQ(code_of([&] { artifact_path(path); }), MlflowCode::invalid) << path;
  EXPECT_EQ(code_of([] { artifact_path(std::string("a\0b", 3)); }), MlflowCode::invalid);
  EXPECT_EQ(code_of([] { artifact_path(std::string(5000, 'a')); }), MlflowCode::invalid);
  EXPECT_EQ(code_of([] { artifact_path(std::string(201, 'a')); }), MlflowCode::invalid);
  std::string deep = "a";
  for (int i = 0; i < 64; ++i) deep += "/a";
  EXPECT_EQ(code_of([&] { artifact_path(deep); }), MlflowCode::invalid);
  for (const char* path : {"a", "a b/c.txt", "...", "..a", "100%", "a%zz", "\xc3\xa4"})
    EXPECT_NO_THROW(artifact_path(path)) << path;
}

TEST_F(TrackingArtifacts, LinksLeadNowhere) {
  write("inside.txt", "in");
  write_file_whole(scratch / "secret.txt", "secret");
  std::filesystem::create_directory(scratch / "outside");
  write_file_whole(scratch / "outside/f", "secret");
  std::filesystem::create_symlink(scratch / "secret.txt", scratch / "r1/artifacts/link");
  std::filesystem::create_directory_symlink(scratch / "outside", scratch / "r1/artifacts/way");
  std::filesystem::create_symlink("inside.txt", scratch / "r1/artifacts/near");
  EXPECT_EQ(listed(""), "inside.txt:2 ");
  EXPECT_EQ(listed("way"), "");
  for (const char* path : {"link", "way/f", "near"})
    EXPECT_EQ(code_of([&] { read(path); }), MlflowCode::no_such) << path;
  EXPECT_EQ(code_of([&] { write("way/g", "x"); }), MlflowCode::invalid);
  EXPECT_EQ(code_of([&] { folder.remove(artifact_path("way/f")); }), MlflowCode::no_such);
  write("link", "mine");  // takes the link's place, and does not write through it
  EXPECT_EQ(read_file(scratch / "secret.txt"), "secret");
  EXPECT_EQ(read("link"), "mine");
  folder.remove(artifact_path("way"));  // the link alone
  EXPECT_EQ(read_file(scratch / "outside/f"), "secret");
  folder.remove({});
  EXPECT_EQ(read_file(scratch / "outside/f"), "secret");
}

TEST_F(TrackingArtifacts, TheFoldersThemselvesAreNoLinks) {
  std::filesystem::create_directory(scratch / "outside");
  write_file_whole(scratch / "outside/f", "secret");
  std::filesystem::create_directory(scratch / "r1");
  std::filesystem::create_directory_symlink(scratch / "outside", scratch / "r1/artifacts");
  EXPECT_EQ(listed(""), "");
  EXPECT_EQ(code_of([&] { read("f"); }), MlflowCode::no_such);
  EXPECT_EQ(code_of([&] { write("g", "x"); }), MlflowCode::invalid);
  folder.remove({});
  EXPECT_EQ(read_file(scratch / "outside/f"), "secret");
}

TEST_F(TrackingArtifacts, PipesAreNotWaitedFor) {
  write("a", "x");
  ASSERT_EQ(::mkfifo((scratch / "r1/artifacts/pipe").c_str(), 0600), 0);
  EXPECT_EQ(listed(""), "a:1 ");
  EXPECT_EQ(code_of([&] { read("pipe"); }), MlflowCode::no_such);
}

TEST_F(TrackingArtifacts, AScheduledRunsFolderIsNotMadeAnew) {
  const ArtifactFolder gone(scratch / "r2", false);
  EXPECT_THROW(gone.write(artifact_path("a"), text("x")), Error);
  EXPECT_TRUE(gone.list({}).empty());
}

}  // namespace
}  // namespace hadal::cluster
