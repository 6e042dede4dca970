#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backend/registry.h"
#include "base/cpu_topology.h"
#include "base/json.h"
#include "base/json_fields.h"
#include "cli/exit_code.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "cli/text_table.h"
#include "machine/machine.h"
#include "network/architecture.h"
#include "paceline/version.h"
#include "results/describe.h"
#include "results/fields.h"
#include "words/counted.h"

namespace paceline {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kDoctorSchemaVersion = 1;

struct DoctorOptions {
  bool json = false;
  int32_t threads = 0;
};

struct Findings {
  MachineRecord machine;
  Roof roof;
  int threads = 1;
  std::string problem;  ///< why the roof cannot be believed; empty: it can
};

/// Why the roof cannot be believed; empty where it can.
std::string roof_problem(const Roof& roof) {
  if (roof_is_plausible(roof)) return "";
  return fmt::format("measured {:.0f} GFLOP/s in fp32 and {:.1f} GB/s, the clock allows {:.0f} GFLOP/s",
                     roof.fp32_gflops, roof.memory_bandwidth_gbps, roof.theoretical_fp32_gflops);
}

OrderedJson backend_json(const BackendEntry& entry) {
  const BackendStatus status = backend_status(entry);
  OrderedJson json{{"name", entry.name}, {"available", status.available}};
  if (status.available) json["version"] = status.version;
  json["compute_types"] = entry.compute_types;
  json["padded"] = entry.padded;
  json["summary"] = entry.summary;
  if (!status.available) {
    json["reason"] = status.reason;
    json["install"] = entry.plugin.install;
  }
  return json;
}

std::string doctor_json(const Findings& findings) {
  const MachineRecord& machine = findings.machine;
  OrderedJson json{{"schema_version", kDoctorSchemaVersion}, {"paceline_version", version()}, {"build", build_id()}};
  json["machine"] = {{"cpu", machine.cpu},
                     {"logical_cpus", machine.topology.logical_cpus},
                     {"physical_cores", machine.topology.physical_cores},
                     {"usable_threads", machine.topology.usable},
                     {"cgroup_quota", machine.topology.cgroup_quota},
                     {"l2_bytes", machine.topology.l2_bytes},
                     {"l3_bytes", machine.topology.l3_bytes},
                     {"memory_bytes", machine.memory_bytes},
                     {"kernel", machine.kernel},
                     {"virtualization", machine.virtualization},
                     {"isa", machine.active_isa},
                     {"isa_levels", machine.isa_levels},
                     {"cpu_flags", machine.cpu_flags}};
  json["roof"]["threads"] = findings.threads;
  JsonFieldWriter roof(json["roof"]);
  fields(roof, findings.roof);
  json["roof"]["plausible"] = findings.problem.empty();
  json["backends"] = OrderedJson::array();
  for (const BackendEntry& entry : known_backends()) json["backends"].push_back(backend_json(entry));
  json["architectures"] = known_architectures();
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string machine_text(const MachineRecord& machine) {
  const CpuTopology& topology = machine.topology;
  const std::string virtualization = machine.virtualization.empty() ? "" : ", " + machine.virtualization;
  return fmt::format(
      "cpu            {}\n"
      "processors     {} logical, {}; this process may use {}\n"
      "memory         {:.1f} GB\n"
      "system         {}{}\n"
      "ISA            {} of {}\n"
      "CPU flags      {}\n",
      machine.cpu, topology.logical_cpus, counted(topology.physical_cores, "core"), topology.usable,
      static_cast<double>(machine.memory_bytes) / 1e9, machine.kernel, virtualization, machine.active_isa,
      fmt::join(machine.isa_levels, ", "), fmt::join(machine.cpu_flags, " "));
}

std::string roof_text(const Roof& roof, int threads) {
  return fmt::format(
      "roof           {}; the clock allows {:.0f} GFLOP/s in fp32\n"
      "               memory {:.1f} GB/s, clock {:.2f} GHz, measured with {}\n",
      peaks_words(roof), roof.theoretical_fp32_gflops, roof.memory_bandwidth_gbps, roof.clock_ghz,
      counted(threads, "thread"));
}

std::string backends_text() {
  std::vector<std::vector<std::string>> rows;
  for (const BackendEntry& entry : known_backends()) {
    const BackendStatus status = backend_status(entry);
    rows.push_back({"  " + entry.name, status.available ? status.version : "missing",
                    fmt::format("{}", fmt::join(entry.compute_types, ", ")),
                    status.available ? entry.summary : status.reason});
  }
  return "backends\n" + text_table(rows, "llll");
}

int run_doctor(const DoctorOptions& options, Console& console) {
  Findings findings{.machine = read_machine(), .roof = {}, .threads = resolve_threads(options.threads), .problem = {}};
  findings.roof = measure_roof(findings.threads);
  findings.problem = roof_problem(findings.roof);
  if (options.json) {
    console.write(doctor_json(findings));
  } else {
    console.write(machine_text(findings.machine) + roof_text(findings.roof, findings.threads) + backends_text() +
                  fmt::format("architectures  {}\n", fmt::join(known_architectures(), ", ")));
  }
  if (findings.problem.empty()) return kExitDone;
  console.note(
      fmt::format("paceline: [doctor] {}. Do not trust shares of the roof on this machine, and please report this.",
                  findings.problem));
  return kExitInternal;
}

}  // namespace

Command make_doctor_command() {
  const auto options = std::make_shared<DoctorOptions>();
  return {.name = "doctor",
          .summary = "say what this machine can do and which backends are installed",
          .flags = {{"--json", "", "print JSON (default: text)", set_switch(options->json)},
                    threads_flag(options->threads)},
          .notes =
              "Measures the machine's roof in under a second. Exit code 1: the clock does not allow what was measured.",
          .run = [options](const Invocation& invocation) { return run_doctor(*options, invocation.console); }};
}

}  // namespace paceline
