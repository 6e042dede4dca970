#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_topology.h"

namespace paceline {

/// What this machine is, as far as speed depends on it.
struct MachineRecord {
  std::string cpu;                      ///< "AMD EPYC 9V74"
  std::vector<std::string> isa_levels;  ///< ISA levels that our kernels have and this CPU runs, best first
  std::string active_isa;               ///< the one in use (PACELINE_FORCE_ISA picks another)
  std::vector<std::string> cpu_flags;   ///< those that matter to us: avx2, avx512f, avx512_vnni, ...
  CpuTopology topology;
  int64_t memory_bytes = 0;
  std::string kernel;          ///< "Linux 6.1.0"
  std::string virtualization;  ///< "KVM" or empty
};

MachineRecord read_machine();

/// The load average over one minute and the share of the machine's CPU time that others took since the last call (0 the
/// first time). Others are neither this process nor its children; what a hypervisor took away counts as theirs.
struct MachineLoad {
  double load_average = 0;
  double other_share = 0;
};
MachineLoad read_load();

/// The machine's limits, measured on the spot with `threads` threads at once.
struct Roof {
  double fp32_gflops = 0;              ///< multiply-adds on registers; the active ISA's widest
  double bf16_gflops = 0;              ///< VDPBF16PS; 0 where absent
  double int8_gops = 0;                ///< VPDPBUSD; 0 where absent
  double memory_bandwidth_gbps = 0;    ///< reading
  double clock_ghz = 0;                ///< from dependent integer adds
  double theoretical_fp32_gflops = 0;  ///< clock x width x issue rate x threads, for the doctor's check
};

/// A figure of the roof, and its names.
struct RoofFigure {
  double Roof::*value = nullptr;
  std::string_view key;    ///< in JSON
  std::string_view title;  ///< on a page
  std::string_view unit;
  std::string_view how{};        ///< it is found, after the unit: "measured"
  bool of_compute_type = false;  ///< what the arithmetic of the type `key` can reach
};

/// All of them, as files and pages order them. Whatever shows, writes or reads a roof goes through this table.
inline constexpr std::array kRoofFigures{
    RoofFigure{&Roof::fp32_gflops, "fp32", "Roof, fp32", "GFLOP/s", "measured", true},
    RoofFigure{&Roof::theoretical_fp32_gflops, "theoretical_fp32_gflops", "Roof, fp32, from the clock", "GFLOP/s"},
    RoofFigure{&Roof::bf16_gflops, "bf16", "Roof, bf16", "GFLOP/s", "measured", true},
    RoofFigure{&Roof::int8_gops, "int8", "Roof, int8", "GOP/s", "measured", true},
    RoofFigure{&Roof::clock_ghz, "clock_ghz", "Clock", "GHz"},
    RoofFigure{&Roof::memory_bandwidth_gbps, "memory_bandwidth_gbps", "Memory bandwidth", "GB/s", "reading"},
};
static_assert(sizeof(Roof) == kRoofFigures.size() * sizeof(double), "a figure of the roof has no row");

/// Needs 256 MiB for a moment. `threads` 0: all that the process may use.
Roof measure_roof(int threads, double seconds_per_measurement = 0.05);

/// Whether what was measured can be true: something of everything, and no more multiply-adds than the clock allows.
bool roof_is_plausible(const Roof& roof);

}  // namespace paceline
