#include "pipeline/backend_instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/cpu_sets.h"
#include "base/cpu_topology.h"
#include "base/process_owner.h"
#include "batch/batch_planner.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr int32_t kMostInstances = 1024;

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[instances] " + what); }

/// A backend and the memory that its batches reuse.
struct Instance {
  std::unique_ptr<Backend> backend;
  PackedBatch batch;
  std::vector<float> rows;

  /// Packs the texts of a batch, runs it and puts each row where its text stands. The seconds that took.
  double run(std::span<const uint32_t> indices, std::span<const Encoding> encodings, std::span<float> logits) {
    const double start = monotonic_seconds();
    clear(batch);
    for (const uint32_t index : indices) {
      append_sequence(batch, encodings[index].input_ids, encodings[index].token_type_ids);
    }
    const auto columns = static_cast<std::size_t>(backend->info().outputs);
    rows.resize(indices.size() * columns);
    backend->run(batch, rows);
    if (!logits.empty()) {
      for (std::size_t row = 0; row < indices.size(); ++row) {
        std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
                    logits.begin() + static_cast<std::ptrdiff_t>(indices[row] * columns));
      }
    }
    return monotonic_seconds() - start;
  }
};

}  // namespace

int32_t threads_of_each(int32_t threads, int32_t instances) {
  if (instances < 1 || instances > kMostInstances) {
    refuse(fmt::format("{} were given, 1 to {} were expected.", instances, kMostInstances));
  }
  if (threads == 0) return std::max(1, resolve_threads(0) / instances);
  const int32_t each = resolve_threads(threads);
  if (int64_t{each} * instances > kMostInstances) {
    refuse(fmt::format("{} with {} threads each were given, {} threads in all are the most.", instances, each,
                       kMostInstances));
  }
  return each;
}

struct BackendInstances::State {
  State(const Checkpoint& model, BackendOptions backend_options, int32_t count, Factory factory)
      : checkpoint(model),
        options(std::move(backend_options)),
        create(std::move(factory)),
        instances(static_cast<std::size_t>(count)) {}

  ~State() {
    {
      const std::lock_guard lock(mutex);
      quit = true;
    }
    work.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  /// Starts threads for the instances up to `last` and waits until they have loaded.
  void start(const std::vector<std::vector<int>>& cpus, std::size_t last) {
    while (threads.size() < last) {
      const std::size_t index = threads.size();
      try {
        threads.emplace_back([this, index, set = cpus[index]] { serve(index, set); });
      } catch (const std::system_error& thrown) {
        throw Error(ErrorCode::kResourceExhausted,
                    fmt::format("[instances] {} were asked for, the system starts no more than {} ({}). Use fewer "
                                "--instances.",
                                instances.size(), index, thrown.code().message()));
      }
    }
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return loaded == threads.size(); });
    if (error) std::rethrow_exception(error);
  }

  /// What each thread does: pin, load, run, until the end.
  void serve(std::size_t index, const std::vector<int>& cpus) {
    attempt([&] {
      pin_this_thread(cpus);
      instances[index].backend = create(checkpoint, options);
    });
    std::unique_lock lock(mutex);
    ++loaded;
    done.notify_one();
    for (uint64_t seen = 0;;) {
      work.wait(lock, [&] { return quit || generation != seen; });
      if (quit) break;
      seen = generation;
      lock.unlock();
      attempt([&] { take_batches(instances[index]); });
      lock.lock();
      if (--running == 0) done.notify_one();
    }
    lock.unlock();
    instances[index].backend.reset();  // where its memory is
  }

  template <class Action>
  void attempt(Action&& action) noexcept {
    try {
      action();
    } catch (...) {
      stop = true;
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  }

  void take_batches(Instance& instance) {
    for (std::size_t own = 0; !stop;) {
      const std::size_t place = each_runs_all ? own++ : next++;
      if (place >= order.size()) return;
      const std::size_t batch = order[place];
      const double seconds = instance.run(list.batches[batch], list.encodings, outputs.logits);
      if (!outputs.seconds.empty()) outputs.seconds[batch] = seconds;
      const std::lock_guard lock(mutex);
      texts_done += list.batches[batch].size();
      done.notify_one();
    }
  }

  int64_t tokens_of(std::size_t batch) const {
    int64_t tokens = 0;
    for (const uint32_t index : list.batches[batch]) tokens += std::ssize(list.encodings[index].input_ids);
    return tokens;
  }

  void take_list(const BatchList& new_list, const BatchOutputs& new_outputs) {
    list = new_list;
    outputs = new_outputs;
    order.resize(list.batches.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (instances.size() == 1) return;
    weights.resize(order.size());
    for (const std::size_t batch : order) weights[batch] = tokens_of(batch);
    std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
      return std::pair(-weights[left], left) < std::pair(-weights[right], right);
    });
  }

  /// The caller's part while the threads work.
  bool run_on_threads(bool all_on_each, const RunWatch& watch) {
    std::unique_lock lock(mutex);
    next = 0;
    stop = false;
    each_runs_all = all_on_each;
    texts_done = 0;
    running = threads.size();
    ++generation;
    work.notify_all();
    for (std::size_t reported = 0;;) {
      done.wait(lock, [&] { return running == 0 || texts_done != reported; });
      if (texts_done == reported) break;
      reported = texts_done;
      lock.unlock();
      // What it throws has to wait until no thread looks at the list any more.
      attempt([&] {
        if (watch.done) watch.done(reported);
        if (watch.stop.stop_requested()) stop = true;
      });
      lock.lock();
    }
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
    return !stop;
  }

  bool run_here(const RunWatch& watch) {
    std::size_t texts = 0;
    for (std::size_t batch = 0; batch < order.size(); ++batch) {
      const double seconds = instances[0].run(list.batches[batch], list.encodings, outputs.logits);
      if (!outputs.seconds.empty()) outputs.seconds[batch] = seconds;
      texts += list.batches[batch].size();
      if (watch.done) watch.done(texts);
      if (watch.stop.stop_requested()) return false;
    }
    return true;
  }

  const ProcessOwner owner;
  const Checkpoint& checkpoint;
  const BackendOptions options;
  const Factory create;
  std::vector<Instance> instances;
  std::vector<std::thread> threads;  ///< one for each instance; none for a single one

  // The run at hand: written by the caller while no thread works.
  BatchList list;
  BatchOutputs outputs;
  std::vector<std::size_t> order;  ///< in which batches are taken
  std::vector<int64_t> weights;    ///< tokens of each batch
  bool each_runs_all = false;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};

  std::mutex mutex;  ///< of what follows
  std::condition_variable work, done;
  uint64_t generation = 0;
  std::size_t loaded = 0, running = 0, texts_done = 0;
  bool quit = false;
  std::exception_ptr error;
};

BackendInstances::BackendInstances(const Checkpoint& checkpoint, const BackendOptions& options, int32_t instances,
                                   const Factory& create) {
  BackendOptions each = options;
  each.threads = threads_of_each(options.threads, instances);
  state_ = std::make_unique<State>(checkpoint, std::move(each), instances, create);
  if (instances == 1) {
    state_->instances[0].backend = create(checkpoint, state_->options);
    return;
  }
  const std::vector<std::vector<int>> cpus = cut_cpus(read_cpu_places(), instances);
  state_->start(cpus, 1);  // alone, so that what is made for the cache is made once
  state_->start(cpus, static_cast<std::size_t>(instances));
}

BackendInstances::~BackendInstances() {
  // Neither our threads nor those of the engines are in a forked child, and whatever ends them, or a condition that
  // they wait for, would wait for ever: there it is left as it is.
  if (state_->owner.is_forked_child()) static_cast<void>(state_.release());
}

int32_t BackendInstances::size() const { return static_cast<int32_t>(state_->instances.size()); }

const BackendInfo& BackendInstances::info() const { return state_->instances[0].backend->info(); }

BatchRun BackendInstances::run(const BatchList& list, const BatchOutputs& outputs, const RunWatch& watch) {
  const std::size_t logits = list.encodings.size() * static_cast<std::size_t>(info().outputs);
  if (!outputs.logits.empty() && outputs.logits.size() != logits) {
    refuse(fmt::format("Room for {} logits was given, {} texts need {}.", outputs.logits.size(), list.encodings.size(),
                       logits));
  }
  if (!outputs.seconds.empty() && outputs.seconds.size() != list.batches.size()) {
    refuse(
        fmt::format("Room for {} times was given, there are {} batches.", outputs.seconds.size(), list.batches.size()));
  }
  state_->owner.check("instances");
  const double start = monotonic_seconds();
  state_->take_list(list, outputs);
  const bool complete = size() == 1 ? state_->run_here(watch) : state_->run_on_threads(false, watch);
  return {.complete = complete, .seconds = monotonic_seconds() - start};
}

void BackendInstances::warm_up(const BatchList& list) {
  state_->take_list(list, {});
  if (size() == 1) {
    state_->run_here({});
  } else {
    state_->run_on_threads(true, {});
  }
}

}  // namespace paceline
