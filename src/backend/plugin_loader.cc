#include "backend/plugin_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "base/function_ref.h"
#include "base/plugin_build_id.h"
#include "base/process_owner.h"
#include "base/room.h"
#include "base/system_failure.h"
#include "base/temporary_path.h"

namespace paceline {
namespace {

[[noreturn]] void throw_unavailable(const std::string& plugin, const std::string& what, const std::string& hint) {
  throw Error(ErrorCode::kUnavailable, fmt::format("[backend {}] {}. {}", plugin, what, hint));
}

[[noreturn]] void throw_plugin_error(const PluginError& error) {
  throw Error(error.code, error.message.empty() ? "[backend] Memory ran out. Use smaller batches." : error.message);
}

void check_room_for(const PluginEntry& plugin) {
  constexpr int kOpenFiles = 8;
  check_room(fmt::format("backend {}", plugin.name),
             {.address_bytes = plugin.megabytes << 20, .open_files = kOpenFiles});
}

/// The library of the engine itself that the dynamic loader did not find; empty: something else is the matter.
std::string missing_engine(const PluginEntry& plugin, std::string_view reason) {
  if (tells_of_exhaustion(reason)) return "";
  for (const std::string& name : plugin.libraries) {
    if (reason.starts_with(fmt::format("{}: cannot open", name))) return name;
  }
  return "";
}

/// Mostly a library of the engine's that is gone; or there was no room for one.
[[noreturn]] void throw_not_loaded(const PluginEntry& plugin, const std::filesystem::path& file,
                                   const std::string& hint) {
  const std::string reason = ::dlerror();
  const std::string missing = missing_engine(plugin, reason);
  if (!missing.empty()) throw_unavailable(plugin.name, "It is not installed: " + missing + " was not found", hint);
  const std::string what = fmt::format("{} cannot be loaded: {}", file.string(), reason);
  if (!tells_of_exhaustion(reason)) throw_unavailable(plugin.name, what, hint);
  throw Error(ErrorCode::kResourceExhausted,
              fmt::format("[backend {}] {}. Raise the limits on memory and open files (ulimit -v, ulimit -n).",
                          plugin.name, what));
}

/// The loader takes a library that is open for the one that a plug-in links under its name: so the user's own are
/// opened first.
void open_own_engine(const PluginEntry& plugin) {
  if (plugin.root_variable.empty()) return;
  const char* root = std::getenv(plugin.root_variable.c_str());
  if (root == nullptr || *root == '\0') return;
  for (const std::string& name : plugin.libraries) {
    const std::filesystem::path file = std::filesystem::path(root) / "lib" / name;
    if (::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) continue;
    throw_not_loaded(plugin, file,
                     fmt::format("{} has to name a folder with {}.", plugin.root_variable,
                                 fmt::format("lib/{}", fmt::join(plugin.libraries, " and lib/"))));
  }
}

std::filesystem::path find_plugin(const PluginEntry& plugin) {
  const std::string name = fmt::format("libpaceline_{}.so", plugin.name);
  std::vector<std::string> searched;
  for (const std::filesystem::path& folder : plugin_folders()) {
    std::error_code error;
    if (std::filesystem::is_regular_file(folder / name, error)) return folder / name;
    searched.push_back(folder.string());
  }
  throw_unavailable(plugin.name, fmt::format("It is not installed: {} is not in {}", name, fmt::join(searched, " or ")),
                    fmt::format("Run {}.", plugin.install));
}

// libgomp's spinning made two threads 10 times slower when another process used a core. It reads this when its library
// is loaded, so it has to be set before; what the user set stays.
void make_openmp_wait_passively() { ::setenv("OMP_WAIT_POLICY", "PASSIVE", 0); }

const PluginTable* open_table(const PluginEntry& plugin, const std::filesystem::path& file) {
  check_room_for(plugin);
  make_openmp_wait_passively();
  open_own_engine(plugin);
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw_not_loaded(plugin, file, fmt::format("Run {}.", plugin.install));
  const auto* table = static_cast<const PluginTable*>(::dlsym(library, kPluginTableSymbol));
  if (table == nullptr) {
    ::dlclose(library);
    throw_unavailable(plugin.name,
                      fmt::format("{} is no plug-in of Paceline: it has no {}", file.string(), kPluginTableSymbol),
                      "Run ./dev build, or install Paceline's package again.");
  }
  const std::string theirs = table->build_id;
  if (theirs != plugin_build_id()) {
    ::dlclose(library);
    throw_unavailable(
        plugin.name,
        fmt::format("{} is of another build (\"{}\", this is \"{}\")", file.string(), theirs, plugin_build_id()),
        "Rebuild both with ./dev build, or install both from one package.");
  }
  if (table->name != plugin.name) {
    const std::string name = table->name;
    ::dlclose(library);
    throw_unavailable(plugin.name, fmt::format("{} is the plug-in {} under another name", file.string(), name),
                      fmt::format("Run {}.", plugin.install));
  }
  also_remove(table->remove_temporary_paths);
  return table;
}

struct OpenPlugin {
  const PluginTable* table;
  ProcessOwner owner;
};

// What the first batch of a small model takes beside the weights. Engines abort where memory ends in a thread of
// theirs, and the threads of the program that have started since have taken some.
constexpr int64_t kBytesOfABatch = int64_t{32} << 20;

// Turns the table's functions back into a Backend of the host.
class PluginBackend : public Backend {
 public:
  PluginBackend(const PluginTable& table, Backend* engine) : table_(table), engine_(engine), info_(engine->info()) {}
  PluginBackend(const PluginBackend&) = delete;
  PluginBackend& operator=(const PluginBackend&) = delete;
  ~PluginBackend() override { table_.destroy(engine_); }

  const BackendInfo& info() const override { return info_; }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    if (!had_room_) check_room(fmt::format("backend {}", info_.name), {.address_bytes = kBytesOfABatch});
    had_room_ = true;
    PluginError error;
    if (!table_.run(engine_, &batch, logits.data(), logits.size(), &error)) throw_plugin_error(error);
  }

 private:
  const PluginTable& table_;
  Backend* engine_;
  BackendInfo info_;
  bool had_room_ = false;
};

/// The same for a Trainer.
class PluginTrainer : public Trainer {
 public:
  PluginTrainer(const TrainerTable& table, Trainer* engine) : table_(table), engine_(engine), info_(engine->info()) {}
  PluginTrainer(const PluginTrainer&) = delete;
  PluginTrainer& operator=(const PluginTrainer&) = delete;
  ~PluginTrainer() override { table_.destroy(engine_); }

  const BackendInfo& info() const override { return info_; }

  double accumulate(const TrainingBatch& batch, double scale) override {
    double loss = 0;
    check([&](PluginError* error) { return table_.accumulate(engine_, &batch, scale, &loss, error); });
    return loss;
  }

  double update(double learning_rate, double max_gradient_norm) override {
    double norm = 0;
    check([&](PluginError* error) { return table_.update(engine_, learning_rate, max_gradient_norm, &norm, error); });
    return norm;
  }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    check([&](PluginError* error) { return table_.run(engine_, &batch, logits.data(), logits.size(), error); });
  }

  std::vector<NamedTensor> weights() const override {
    std::vector<NamedTensor> all;
    check([&](PluginError* error) { return table_.weights(engine_, &all, error); });
    return all;
  }

  std::vector<NamedTensor> state() const override {
    std::vector<NamedTensor> all;
    check([&](PluginError* error) { return table_.state(engine_, &all, error); });
    return all;
  }

  int64_t updates() const override { return engine_->updates(); }

  void restore(std::span<const NamedTensor> weights, std::span<const NamedTensor> state, int64_t updates) override {
    check([&](PluginError* error) { return table_.restore(engine_, &weights, &state, updates, error); });
  }

 private:
  static void check(FunctionRef<bool(PluginError*)> call) {
    PluginError error;
    if (!call(&error)) throw_plugin_error(error);
  }

  const TrainerTable& table_;
  Trainer* engine_;
  BackendInfo info_;
};

/// The folder of the shared library that this code is in; empty where it is part of the executable.
std::filesystem::path own_library(const std::filesystem::path& executable) {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&plugin_folders), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(info.dli_fname, error);
  if (error || !file.filename().string().starts_with("libpaceline")) return {};
  return std::filesystem::equivalent(file, executable, error) ? std::filesystem::path() : file.parent_path();
}

}  // namespace

std::vector<std::filesystem::path> plugin_folders() {
  if (const char* chosen = std::getenv("PACELINE_PLUGIN_DIR"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::error_code error;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
  std::vector<std::filesystem::path> folders;
  const std::filesystem::path library = own_library(executable);
  if (!library.empty()) folders = {library / "paceline", library};
  if (!error) folders.push_back(executable.parent_path());
  if (!error) folders.push_back(executable.parent_path().parent_path() / "lib" / "paceline");
  return folders;
}

const PluginTable& load_plugin(const PluginEntry& plugin) {
  static std::mutex mutex;
  static std::map<std::filesystem::path, OpenPlugin> plugins;
  const std::filesystem::path file = find_plugin(plugin);
  const std::lock_guard lock(mutex);
  const auto found = plugins.find(file);
  if (found == plugins.end()) {
    return *plugins.emplace(file, OpenPlugin{.table = open_table(plugin, file), .owner = {}}).first->second.table;
  }
  if (found->second.owner.is_forked_child()) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("[backend {}] It was loaded before this process was forked, and its threads are in the parent "
                    "alone. Load it after the fork, or start a new program.",
                    plugin.name));
  }
  return *found->second.table;
}

void check_engine_threads(const PluginEntry& plugin, int threads) {
  const int pools = plugin.thread_pools + 1;
  check_room(fmt::format("backend {}", plugin.name), {.threads = pools * (threads - 1) + 2});
}

std::unique_ptr<Backend> create_plugin_backend(const PluginTable& table, const Checkpoint& checkpoint,
                                               const BackendOptions& options) {
  Backend* engine = nullptr;
  PluginError error;
  if (!table.create_backend(&checkpoint, &options, &engine, &error)) throw_plugin_error(error);
  return std::make_unique<PluginBackend>(table, engine);
}

std::unique_ptr<Trainer> create_plugin_trainer(const TrainerTable& table, const Checkpoint& checkpoint,
                                               const TrainerOptions& options) {
  Trainer* engine = nullptr;
  PluginError error;
  if (!table.create(&checkpoint, &options, &engine, &error)) throw_plugin_error(error);
  return std::make_unique<PluginTrainer>(table, engine);
}

void export_with_plugin(const PluginTable& table, const Checkpoint& checkpoint, const ExportRequest& request) {
  if (table.export_to == nullptr) {
    throw Error(ErrorCode::kUnsupported, "[export] The backend has no file format of its own.");
  }
  PluginError error;
  if (!table.export_to(&checkpoint, &request, &error)) throw_plugin_error(error);
}

std::string plugin_engine_version(const PluginTable& table) {
  std::string version;
  PluginError error;
  if (!table.engine_version(&version, &error)) throw_plugin_error(error);
  return version;
}

}  // namespace paceline
