#include "base/cpu_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/cpu_topology.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using Sets = std::vector<std::vector<int>>;

// As Linux numbers them: first one thread of each core, node after node, then the second threads.
std::vector<CpuPlace> machine(int nodes, int cores_a_node, int threads_a_core = 2) {
  std::vector<CpuPlace> places;
  for (int thread = 0; thread < threads_a_core; ++thread) {
    for (int core = 0; core < nodes * cores_a_node; ++core) {
      places.push_back({.cpu = thread * nodes * cores_a_node + core,
                        .node = core / cores_a_node,
                        .package = core / cores_a_node,
                        .core = core % cores_a_node});
    }
  }
  return places;
}

TEST(CutCpus, OneSetIsAllOfThem) { EXPECT_THAT(cut_cpus(machine(1, 2), 1), ElementsAre(ElementsAre(0, 2, 1, 3))); }

TEST(CutCpus, KeepsHyperThreadSiblingsTogether) {
  EXPECT_EQ(cut_cpus(machine(1, 4), 2), (Sets{{0, 4, 1, 5}, {2, 6, 3, 7}}));
  EXPECT_EQ(cut_cpus(machine(1, 4), 4), (Sets{{0, 4}, {1, 5}, {2, 6}, {3, 7}}));
  EXPECT_EQ(cut_cpus(machine(1, 3), 2), (Sets{{0, 3}, {1, 4, 2, 5}}));
}

TEST(CutCpus, PartsSiblingsWhereCoresRunOut) { EXPECT_EQ(cut_cpus(machine(1, 2), 4), (Sets{{0}, {2}, {1}, {3}})); }

TEST(CutCpus, SharesCpusWhereThoseRunOut) {
  EXPECT_EQ(cut_cpus(machine(1, 1, 1), 3), (Sets{{0}, {0}, {0}}));
  for (const std::vector<int>& set : cut_cpus(machine(1, 2), 7)) EXPECT_EQ(set.size(), 1U);
}

TEST(CutCpus, NoSetCrossesANode) {
  for (int count = 2; count <= 40; ++count) {
    SCOPED_TRACE(count);
    const Sets sets = cut_cpus(machine(2, 8), count);
    ASSERT_EQ(sets.size(), static_cast<std::size_t>(count));
    std::set<int> used;
    for (const std::vector<int>& set : sets) {
      ASSERT_FALSE(set.empty());
      used.insert(set.begin(), set.end());
      for (const int cpu : set) EXPECT_EQ(cpu % 16 / 8, set.front() % 16 / 8);
    }
    EXPECT_EQ(used.size(), 32U) << "no CPU is left idle";
  }
}

TEST(CutCpus, TakesWholeNodesWhereTheyAreMoreThanSets) {
  EXPECT_EQ(cut_cpus(machine(4, 1, 1), 2), (Sets{{0, 1}, {2, 3}}));
}

TEST(CutCpus, LargerNodesGetMoreSets) {
  std::vector<CpuPlace> places;
  for (int cpu = 0; cpu < 8; ++cpu) places.push_back({.cpu = cpu, .node = cpu < 6 ? 0 : 1, .core = cpu});
  EXPECT_EQ(cut_cpus(places, 4), (Sets{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
}

TEST(CutCpus, WithoutKnownCpusSetsAreEmpty) { EXPECT_EQ(cut_cpus({}, 2), (Sets{{}, {}})); }

TEST(CpuPlaces, ComeFromTheSystemsFiles) {
  const TemporaryFolder root;
  const auto put = [&](int cpu, const std::string& name, const std::string& content) {
    const auto path = root.path() / fmt::format("sys/devices/system/cpu/cpu{}", cpu) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  };
  put(5, "node1/meminfo", "");
  put(5, "topology/core_id", "3\n");
  put(5, "topology/physical_package_id", "1\n");
  put(6, "topology/core_id", "nonsense");
  put(6, "nodes/x", "");
  put(6, "node12345678901/x", "");
  const std::vector<int> cpus{5, 6, 7};
  const auto places = read_cpu_places(root.path(), cpus);
  ASSERT_EQ(places.size(), 3U);
  EXPECT_THAT((std::vector{places[0].cpu, places[0].node, places[0].package, places[0].core}), ElementsAre(5, 1, 1, 3));
  EXPECT_THAT((std::vector{places[1].cpu, places[1].node, places[1].package, places[1].core}), ElementsAre(6, 0, 0, 6));
  EXPECT_THAT((std::vector{places[2].cpu, places[2].node, places[2].package, places[2].core}), ElementsAre(7, 0, 0, 7));
}

TEST(PinThisThread, HoldsForTheThreadAndThoseItStarts) {
  const std::vector<int> before = read_cpu_topology().affinity;
  std::thread([&] {
    EXPECT_TRUE(pin_this_thread(std::vector{before.back()}));
    std::thread([&] { EXPECT_THAT(read_cpu_topology().affinity, ElementsAre(before.back())); }).join();
    EXPECT_FALSE(pin_this_thread({}));
    EXPECT_FALSE(pin_this_thread(std::vector{60000})) << "no machine has it";
    EXPECT_THAT(read_cpu_topology().affinity, ElementsAre(before.back()));
  }).join();
  EXPECT_EQ(read_cpu_topology().affinity, before);
}

}  // namespace
}  // namespace paceline
