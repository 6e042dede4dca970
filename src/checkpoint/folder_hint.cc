#include "checkpoint/folder_hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "checkpoint/adapter_config.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 10'000;  // of a folder that was named by mistake
constexpr std::array<const char*, 2> kModelFiles = {"config.json", kAdapterConfigFile};

struct Entries {
  std::vector<std::string> files;
  std::vector<std::string> models;  ///< folders with a model or an adapter in them
};

/// A folder that may not be looked into is none, as far as a hint goes.
bool has_model(const fs::path& folder) {
  return std::any_of(kModelFiles.begin(), kModelFiles.end(), [&](const char* name) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(folder / name, ignored));
  });
}

Entries entries_of(const fs::path& folder) {
  Entries entries;
  std::error_code error;
  std::size_t seen = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end && seen < kMostEntries;
       entry.increment(error), ++seen) {
    const fs::path path = entry->path();
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) {
      entries.files.push_back(path.filename().string());
    } else if (has_model(path)) {
      entries.models.push_back(path.filename().string());
    }
  }
  std::sort(entries.files.begin(), entries.files.end());
  return entries;
}

/// The step of "checkpoint-500"; -1 for another name.
int64_t step_of(const std::string& name) {
  constexpr std::string_view kCheckpoint = "checkpoint-";
  if (!name.starts_with(kCheckpoint)) return -1;
  const std::string digits = name.substr(kCheckpoint.size());
  const bool number =
      !digits.empty() && digits.size() < 18 && digits.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::stoll(digits) : -1;
}

/// The last checkpoint of a training run comes first, then whatever else there is by name.
std::string models_hint(const fs::path& folder, std::vector<std::string> models) {
  std::sort(models.begin(), models.end(), [](const std::string& a, const std::string& b) {
    return std::pair(-step_of(a), a) < std::pair(-step_of(b), b);
  });
  const std::string others = models.size() == 1 ? "" : fmt::format(" (of {} such folders)", models.size());
  return fmt::format("There is a model in {}{}: name {}.", excerpt(models.front()), others,
                     (folder / models.front()).string());
}

constexpr std::string_view kLoadAndSave =
    "load it with transformers (from_tf=True or from_flax=True of transformers 4) and save it by "
    "model.save_pretrained(folder)";

/// Files by which other formats are known: the name or its ending, what it is, what to do.
struct Format {
  std::string_view ending;
  std::string_view what;
  std::string_view remedy;
};
constexpr std::array<Format, 10> kFormats = {{
    {"tf_model.h5", "TensorFlow weights", kLoadAndSave},
    {".ckpt.index", "a checkpoint of TensorFlow", kLoadAndSave},
    {"saved_model.pb", "a SavedModel of TensorFlow", kLoadAndSave},
    {"flax_model.msgpack", "Flax weights", kLoadAndSave},
    {".gguf", "a GGUF file", "use the checkpoint that it was made from"},
    {".onnx", "an ONNX export",
     "use the checkpoint that it was made from, and measure the file beside it by bench --onnx FILE"},
    {"openvino_model.xml", "an OpenVINO export", "use the checkpoint that it was made from"},
    {"rust_model.ot", "weights of rust-bert", "use the checkpoint that they were made from"},
    {".nemo", "a NeMo archive", "export it as a Hugging Face checkpoint with NeMo"},
    {".tflite", "a TensorFlow Lite export", "use the checkpoint that it was made from"},
}};

std::optional<std::string> format_hint(const std::vector<std::string>& files) {
  for (const Format& format : kFormats) {
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const std::string& name) { return name.ends_with(format.ending); });
    if (found != files.end()) return fmt::format("There is {}, {}: {}.", excerpt(*found), format.what, format.remedy);
  }
  return std::nullopt;
}

/// Weights under a name of their own.
std::optional<std::string> weights_hint(const std::vector<std::string>& files) {
  constexpr std::array<std::string_view, 5> kEndings = {".safetensors", ".bin", ".pt", ".pth", ".ckpt"};
  for (const std::string& name : files) {
    const bool state = name == "training_args.bin" || name == "optimizer.pt" || name == "scheduler.pt" ||
                       name == "scaler.pt" || name.starts_with("rng_state");
    const bool weights = !state && std::any_of(kEndings.begin(), kEndings.end(),
                                               [&](std::string_view ending) { return name.ends_with(ending); });
    if (weights)
      return fmt::format("There is {}: if those are its weights, name the file with --weights.", excerpt(name));
  }
  return std::nullopt;
}

}  // namespace

std::string folder_hint(const fs::path& folder) {
  const Entries entries = entries_of(folder);
  const auto has = [&](std::string_view file) {
    return std::find(entries.files.begin(), entries.files.end(), file) != entries.files.end();
  };
  for (const char* name : kAdapterWeights) {
    if (has(name) && !has(kAdapterConfigFile)) {
      return fmt::format("There is {}, an adapter of PEFT, without {}: fetch that file too.", name, kAdapterConfigFile);
    }
  }
  if (has("modules.json") && !entries.models.empty()) {
    return fmt::format("It is a model of sentence-transformers: name {}, its transformer, an encoder without labels.",
                       (folder / *std::min_element(entries.models.begin(), entries.models.end())).string());
  }
  if (!entries.models.empty()) return models_hint(folder, entries.models);
  if (has("plan.json")) {
    return fmt::format("There is a plan.json, as bench writes it: classify takes {}.", (folder / "plan.json").string());
  }
  if (const auto hint = format_hint(entries.files)) return *hint;
  if (has("config.json")) {
    if (const auto hint = weights_hint(entries.files)) return *hint;
  }
  return "Name a model folder as Hugging Face's save_pretrained writes it, with config.json, model.safetensors and "
         "tokenizer.json.";
}

}  // namespace paceline
