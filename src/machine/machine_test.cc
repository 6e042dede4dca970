#include "machine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "base/testing/sanitized.h"
#include "machine/cpu_record.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::string_view kCpuInfo =
    "processor\t: 0\n"
    "vendor_id\t: AuthenticAMD\n"
    "cpu family\t: 25\n"
    "model\t\t: 17\n"
    "model name\t: AMD EPYC 9V74 80-Core Processor\n"
    "flags\t\t: fpu avx2 fma avx512f hypervisor\n"
    "\n"
    "processor\t: 1\n"
    "model name\t: another\n";

TEST(CpuRecord, ReadsTheFirstProcessor) {
  const CpuRecord cpu = parse_cpu_record(kCpuInfo);
  EXPECT_EQ(cpu.vendor, "AuthenticAMD");
  EXPECT_EQ(cpu.name, "AMD EPYC 9V74 80-Core Processor");
  EXPECT_EQ(cpu.family, 25);
  EXPECT_EQ(cpu.model, 17);
  EXPECT_TRUE(cpu.flags.contains("avx512f"));
  EXPECT_FALSE(cpu.flags.contains("avx512_vnni"));
}

TEST(CpuRecord, SurvivesWhatItDoesNotKnow) {
  EXPECT_EQ(parse_cpu_record("").family, 0);
  EXPECT_EQ(parse_cpu_record("no colon\ncpu family : x").family, 0);
}

TEST(CpuRecord, RatesFollowTheMaker) {
  CpuRecord cpu = parse_cpu_record(kCpuInfo);
  EXPECT_EQ(multiply_adds_per_cycle(cpu, 16), 1);  // Zen 4
  EXPECT_EQ(multiply_adds_per_cycle(cpu, 8), 2);
  cpu.family = 26;
  EXPECT_EQ(multiply_adds_per_cycle(cpu, 16), 2);  // Zen 5
  EXPECT_EQ(multiply_adds_per_cycle({}, 16), 2);
}

TEST(Machine, RecordNamesTheActiveIsa) {
  const MachineRecord record = read_machine();
  EXPECT_THAT(record.isa_levels, testing::Contains(record.active_isa));
  EXPECT_EQ(record.isa_levels.back(), "reference");
  EXPECT_GT(record.memory_bytes, 1 << 20);
  EXPECT_GE(record.topology.usable, 1);
  EXPECT_THAT(record.kernel, testing::HasSubstr(" "));
}

TEST(Machine, LoadIsAShare) {
  read_load();
  const MachineLoad load = read_load();
  EXPECT_GE(load.load_average, 0);
  EXPECT_GE(load.other_share, 0);
  EXPECT_LE(load.other_share, 1);
}

TEST(Roof, IsMeasuredAndPlausible) {
  const Roof roof = measure_roof(1, 0.01);
  EXPECT_GT(roof.fp32_gflops, 0);
  EXPECT_GT(roof.clock_ghz, 0.1);
  EXPECT_LT(roof.clock_ghz, 10);
  EXPECT_GT(roof.memory_bandwidth_gbps, 0.1);
  EXPECT_GT(roof.theoretical_fp32_gflops, 0);
}

// A limit holds for a whole process, hence the child.
TEST(Roof, NamesTheLimitUnderWhichItDoesNotFit) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes more addresses than any limit leaves";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit limit{.rlim_cur = rlim_t{200} << 20, .rlim_max = rlim_t{200} << 20};
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      measure_roof(1, 0.001);
    } catch (const Error& error) {
      const std::string_view message = error.what();
      const bool says_it = message.starts_with("[measuring the roof]") && message.find("ulimit -v") != message.npos;
      ::_exit(error.code() == ErrorCode::kResourceExhausted && says_it ? 0 : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Roof, MoreThanTheClockAllowsIsImplausible) {
  Roof roof{.fp32_gflops = 100, .memory_bandwidth_gbps = 20, .clock_ghz = 3, .theoretical_fp32_gflops = 105};
  EXPECT_TRUE(roof_is_plausible(roof));
  roof.fp32_gflops = 120;
  EXPECT_FALSE(roof_is_plausible(roof));
  roof.fp32_gflops = 0;
  EXPECT_FALSE(roof_is_plausible(roof));
}

}  // namespace
}  // namespace paceline
