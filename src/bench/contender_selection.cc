// Which backends, compute types, devices and numbers of threads are measured.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "backend/registry.h"
#include "base/paths.h"
#include "bench/contender.h"
#include "machine/compute_type.h"
#include "paceline/error.h"
#include "words/counted.h"

namespace paceline {
namespace {

constexpr const char* kCpu = "cpu";

struct Parallelism {
  int32_t threads = 1;
  int32_t instances = 1;
};

template <class T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

class Selector {
 public:
  Selector(const BenchChoice& choice, const SelectionMachine& machine) : choice_(choice), machine_(machine) {}

  Selection select() {
    choose_parallelisms();
    for (const BackendEntry& entry : entries()) add_entry(entry);
    for (const BackendEntry& entry : known_backends()) {
      if (entry.files) add_files(entry);
    }
    check_types();
    check_devices();
    note_types_left_out();
    return std::move(selection_);
  }

 private:
  std::vector<BackendEntry> entries() const {
    if (choice_.backends.empty()) return known_backends();
    std::vector<BackendEntry> entries;
    for (const std::string& name : choice_.backends) entries.push_back(find_backend(name));
    return entries;
  }

  /// Every number of threads with every number of instances that the process's CPUs hold. A single pair is taken as it
  /// is: who asks for more threads than CPUs gets them.
  void choose_parallelisms() {
    const bool axis = choice_.threads.size() * choice_.instances.size() > 1;
    std::vector<std::string> left_out;
    for (const int32_t instances : choice_.instances) {
      for (const int32_t asked : choice_.threads) {
        const int32_t threads = asked > 0 ? asked : std::max(1, machine_.usable_cpus / instances);
        const bool known = std::ranges::any_of(parallelisms_, [&](const Parallelism& one) {
          return one.threads == threads && one.instances == instances;
        });
        if (known) continue;
        if (axis && threads * instances > machine_.usable_cpus) {
          left_out.push_back(fmt::format("{} x {}", instances, threads));
          continue;
        }
        parallelisms_.push_back({threads, instances});
      }
    }
    if (!left_out.empty()) {
      selection_.notes.push_back(
          fmt::format("Instances x threads that need more than {}, all that this process may use, were left out: {}.",
                      counted(machine_.usable_cpus, "CPU"), fmt::join(left_out, ", ")));
    }
    if (parallelisms_.empty()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("[--threads] every --threads x --instances needs more than {}, which is all that this process "
                      "may use. Give smaller numbers.",
                      counted(machine_.usable_cpus, "CPU")));
    }
  }

  bool wanted(const std::string& type) const {
    return choice_.compute_types.empty() || contains(choice_.compute_types, type);
  }

  /// Unasked, a type is tried where the CPU has instructions for it: emulated it only costs time.
  bool worth_trying(const std::string& type) const {
    if (!choice_.compute_types.empty()) return true;
    const ComputeType* known = find_compute_type(type);
    if (known == nullptr || known->cpu_flags.front().empty()) return true;
    return std::ranges::any_of(known->cpu_flags,
                               [&](std::string_view flag) { return contains(machine_.cpu_flags, std::string(flag)); });
  }

  void add_entry(const BackendEntry& entry) {
    for (const std::string& device : choice_.devices) {
      const bool on_cpu = device == kCpu;
      for (const std::string& type : on_cpu ? entry.compute_types : entry.device_compute_types) {
        if (!wanted(type)) continue;
        if (on_cpu && !worth_trying(type)) {
          emulated_.insert(type);
          continue;
        }
        BackendResult result;
        result.backend = result.engine = entry.name;
        result.compute_type = type;
        result.device = device;
        result.padded = entry.padded;
        add(result, !choice_.backends.empty() || !on_cpu);
      }
    }
  }

  /// A device computes by itself: threads and instances vary on the CPU alone.
  void add(const BackendResult& result, bool named) {
    for (const Parallelism& parallelism : parallelisms_) {
      Contender contender;
      contender.result = result;
      contender.result.threads = parallelism.threads;
      contender.result.instances = result.device == kCpu ? parallelism.instances : 1;
      contender.named = named;
      selection_.contenders.push_back(std::move(contender));
      if (result.device != kCpu) return;
    }
  }

  void add_files(const BackendEntry& entry) {
    const std::string& flag = entry.files->flag;
    for (const auto& [backend, file] : choice_.files) {
      if (backend != entry.name) continue;
      if (!is_file(file)) {
        throw Error(ErrorCode::kNotFound,
                    fmt::format("[{}] {} is no file. Name the exported file itself.", flag, file.string()));
      }
      const std::string name = file.filename().string();
      const auto same = [&](const auto& one) { return one == name; };
      if (std::ranges::any_of(known_backends(), same, &BackendEntry::name) || !file_names_.insert(name).second) {
        throw Error(
            ErrorCode::kInvalidArgument,
            fmt::format("[{}] files are shown by their names, and \"{}\" is taken. Rename the file.", flag, name));
      }
      BackendResult result;
      result.backend = name;
      result.engine = entry.name;
      result.file = absolute_path(file).string();
      result.compute_type = kExportedType;
      result.padded = true;
      add(result, true);
    }
  }

  bool any_contender(const std::function<bool(const BackendResult&)>& matches) const {
    return std::ranges::any_of(selection_.contenders, [&](const Contender& one) { return matches(one.result); });
  }

  void check_types() const {
    for (const std::string& type : choice_.compute_types) {
      if (any_contender([&](const BackendResult& one) { return one.compute_type == type; })) continue;
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[--compute-types] none of the chosen backends computes in {}. `paceline doctor` shows "
                              "the compute types of each.",
                              type));
    }
  }

  void check_devices() const {
    for (const std::string& device : choice_.devices) {
      if (any_contender([&](const BackendResult& one) { return one.device == device; })) continue;
      std::vector<std::string> able;
      for (const BackendEntry& entry : known_backends()) {
        if (!entry.device_compute_types.empty()) able.push_back(entry.name);
      }
      throw Error(ErrorCode::kUnavailable,
                  fmt::format("[--devices] none of the chosen backends runs on {}. These do: {}.", device,
                              fmt::join(able, ", ")));
    }
  }

  void note_types_left_out() {
    if (emulated_.empty()) return;
    const bool one = emulated_.size() == 1;
    selection_.notes.push_back(fmt::format(
        "This CPU has no instructions for {}, so Paceline left {} out. --compute-types {} measures {} anyway.",
        fmt::join(emulated_, ", "), one ? "it" : "them", fmt::join(emulated_, ","), one ? "it" : "them"));
  }

  const BenchChoice& choice_;
  const SelectionMachine& machine_;
  std::vector<Parallelism> parallelisms_;
  std::set<std::string> emulated_;
  std::set<std::string> file_names_;
  Selection selection_;
};

}  // namespace

Selection select_contenders(const BenchChoice& choice, const SelectionMachine& machine) {
  return Selector(choice, machine).select();
}

}  // namespace paceline
