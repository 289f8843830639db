#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace hadal {
namespace {

// A file system of a few files.
class FakeRoot {
 public:
  FakeRoot() : path_(std::filesystem::temp_directory_path() / ("hadal_root_" + std::to_string(::getpid()))) {
    put("proc/meminfo", "MemTotal:       2000 kB\nMemFree:  1 kB\nMemAvailable:   1000 kB\n");
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void put(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    write_file_whole(path_ / name, content);
  }
  const Path& path() const { return path_; }

 private:
  Path path_;
};

TEST(Memory, WithoutGroupsItIsWhatTheSystemSays) {
  const FakeRoot root;
  EXPECT_EQ(available_memory_bytes(root.path()), 1000u * 1024);
  root.put("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 1000u * 1024);
  EXPECT_EQ(available_memory_bytes(root.path() / "nothing"), UINT64_MAX);
  EXPECT_LT(available_memory_bytes(), uint64_t{1} << 50);
}

TEST(Memory, LimitsOfVersion2) {
  const FakeRoot root;
  root.put("proc/self/cgroup", "0::/a/b\n");
  root.put("sys/fs/cgroup/a/b/memory.max", "max\n");
  root.put("sys/fs/cgroup/a/b/memory.current", "100000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 1000u * 1024);
  root.put("sys/fs/cgroup/a/b/memory.max", "500000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 400000u);
  root.put("sys/fs/cgroup/a/b/memory.stat", "anon 5\ninactive_file 30000\nactive_file 20000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 450000u);
  root.put("sys/fs/cgroup/a/memory.max", "200000\n");  // of the group above
  root.put("sys/fs/cgroup/a/memory.current", "150000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 50000u);
  root.put("sys/fs/cgroup/memory.max", "40000\n");  // in a container the mount is the group itself
  root.put("sys/fs/cgroup/memory.current", "60000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 0u);
}

TEST(Memory, LimitsOfVersion1) {
  const FakeRoot root;
  root.put("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job\n0::/\n");
  root.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.put("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000000\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 1000u * 1024);
  root.put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "300000\n");
  root.put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "100000\n");
  root.put("sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file 1000\ntotal_active_file 0\n");
  EXPECT_EQ(available_memory_bytes(root.path()), 201000u);
}

TEST(Memory, MappedBytesAreKept) {
  const FakeRoot root;
  root.put("data", std::string(10000, 'x'));
  const MappedFile file(root.path() / "data");
  keep_resident(file.bytes().subspan(100, 9000));
  keep_resident({});
  EXPECT_EQ(file.bytes()[5000], std::byte{'x'});
}

}  // namespace
}  // namespace hadal
