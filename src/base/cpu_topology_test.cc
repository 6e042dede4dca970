#include "base/cpu_topology.h"

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// A made-up machine: four logical CPUs on two cores.
class MadeUpMachine : public testing::Test {
 protected:
  void SetUp() override {
    put("sys/devices/system/cpu/online", "0-3\n");
    for (int cpu = 0; cpu < 4; ++cpu) {
      const std::string base = fmt::format("sys/devices/system/cpu/cpu{}/", cpu);
      put(base + "topology/core_id", fmt::format("{}\n", cpu / 2));
      put(base + "topology/physical_package_id", "0\n");
      put(base + "cache/index0/level", "1\n");
      put(base + "cache/index0/size", "32K\n");
      put(base + "cache/index2/level", "2\n");
      put(base + "cache/index2/size", "1024K\n");
      put(base + "cache/index3/level", "3\n");
      put(base + "cache/index3/size", cpu < 2 ? "32M\n" : "16M\n");
    }
  }

  void put(const std::string& name, const std::string& content) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }

  CpuTopology read(std::vector<int> affinity) { return read_cpu_topology(folder_.path(), std::move(affinity)); }

  TemporaryFolder folder_;
};

TEST_F(MadeUpMachine, CountsCoresAndCaches) {
  const CpuTopology topology = read({2, 3});
  EXPECT_EQ(topology.logical_cpus, 4);
  EXPECT_EQ(topology.physical_cores, 2);
  EXPECT_EQ(topology.l2_bytes, 1 << 20);
  EXPECT_EQ(topology.l3_bytes, 16 << 20);
  EXPECT_EQ(topology.usable, 2);
  EXPECT_EQ(topology.cgroup_quota, 0);
}

TEST_F(MadeUpMachine, ObeysTheQuotaOfVersionTwo) {
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(read({0, 1, 2, 3}).cgroup_quota, 2.5);
  EXPECT_EQ(read({0, 1, 2, 3}).usable, 3);
  EXPECT_EQ(read({0}).usable, 1);
  put("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(read({0, 1, 2, 3}).usable, 4);
}

TEST_F(MadeUpMachine, TheTightestGroupAroundUsRules) {
  put("proc/self/cgroup", "0::/user/work/job\n");
  put("sys/fs/cgroup/user/cpu.max", "150000 100000\n");
  put("sys/fs/cgroup/user/work/job/cpu.max", "300000 100000\n");
  EXPECT_EQ(read({0, 1, 2, 3}).cgroup_quota, 1.5);
}

TEST_F(MadeUpMachine, AContainerThatSeesTheHostsPathReadsItsMount) {
  put("proc/self/cgroup", "0::/docker/0123\n");
  put("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(read({0, 1, 2, 3}).cgroup_quota, 0.5);
  EXPECT_EQ(read({0, 1, 2, 3}).usable, 1);
}

TEST_F(MadeUpMachine, ObeysTheQuotaOfVersionOne) {
  put("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a/b\n");
  put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n");
  put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read({0, 1, 2, 3}).cgroup_quota, 2.0);
}

TEST_F(MadeUpMachine, NonsenseCountsAsMissing) {
  put("proc/self/cgroup", "no colon\n0::/../..\n");
  put("sys/fs/cgroup/cpu.max", "many few\n");
  put("sys/devices/system/cpu/online", "x-y,,7-\n");
  put("sys/devices/system/cpu/cpu0/cache/index2/size", "large\n");
  const CpuTopology topology = read({0});
  EXPECT_EQ(topology.cgroup_quota, 0);
  EXPECT_EQ(topology.l2_bytes, 0);
  EXPECT_EQ(topology.usable, 1);
}

TEST(CpuTopology, AnEmptyMachineStillHasOneCpu) {
  const TemporaryFolder folder;
  const CpuTopology topology = read_cpu_topology(folder.path(), {});
  EXPECT_EQ(topology.logical_cpus, 1);
  EXPECT_EQ(topology.physical_cores, 1);
  EXPECT_EQ(topology.usable, 1);
}

TEST(CpuTopology, ThisMachineMakesSense) {
  const CpuTopology topology = read_cpu_topology();
  EXPECT_GE(topology.usable, 1);
  EXPECT_LE(topology.usable, static_cast<int>(topology.affinity.size()));
  EXPECT_LE(topology.physical_cores, topology.logical_cpus);
}

TEST(ResolveThreads, TakesTheRequestOrTheMachines) {
  EXPECT_EQ(resolve_threads(3), 3);
  EXPECT_EQ(resolve_threads(0), read_cpu_topology().usable);
  expect_error(
      ErrorCode::kInvalidArgument, [] { resolve_threads(-1); }, "-1");
  expect_error(
      ErrorCode::kInvalidArgument, [] { resolve_threads(1025); }, "1025", "1024");
}

}  // namespace
}  // namespace paceline
