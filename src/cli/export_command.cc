#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "backend/registry.h"
#include "base/device.h"
#include "base/paths.h"
#include "base/temporary_path.h"
#include "checkpoint/checkpoint.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "model_folder/model_folder.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct ExportFlags {
  std::filesystem::path model_dir;
  CheckpointOptions checkpoint_options{};
  ExportRequest request{.format = {}};
};

/// The backends that have a format, in the order of the registry.
std::vector<const BackendEntry*> exporters() {
  std::vector<const BackendEntry*> found;
  for (const BackendEntry& entry : known_backends()) {
    if (entry.format) found.push_back(&entry);
  }
  return found;
}

/// Names of the formats that something holds for.
template <class Holds>
std::vector<std::string> formats(const Holds& holds) {
  std::vector<std::string> names;
  for (const BackendEntry* exporter : exporters()) {
    if (holds(*exporter->format)) names.push_back(exporter->format->name);
  }
  return names;
}

bool has_flag(const ExportFormat& format, const std::string& name) {
  return std::ranges::find(format.flags, name, &ExportFlag::name) != format.flags.end();
}

bool has_type(const ExportFormat& format, const std::string& type) {
  return std::ranges::find(format.compute_types, type) != format.compute_types.end();
}

[[noreturn]] void refuse(const std::string& given, const std::string& format, const std::vector<std::string>& owners) {
  throw Error{ErrorCode::kInvalidArgument, fmt::format("[export] {} was given with --to {}, it belongs to --to {}. "
                                                       "Leave it out.",
                                                       given, format, fmt::join(owners, " and --to "))};
}

/// --to may stand behind the flags of another format, so they are looked at when all are known.
void refuse_flags_of_another_format(const ExportRequest& request, const ExportFormat& format) {
  for (const auto& [name, value] : request.settings) {
    if (has_flag(format, name)) continue;
    refuse(name, format.name, formats([&flag = name](const ExportFormat& one) { return has_flag(one, flag); }));
  }
  const std::string& type = request.compute_type;
  if (has_type(format, type)) return;
  refuse("--compute-type " + type, format.name, formats([&](const ExportFormat& one) { return has_type(one, type); }));
}

/// The folder of the file to write, made where it is missing. What was made goes again where nothing was written, also
/// where a signal ends the program.
class ParentFolder {
 public:
  explicit ParentFolder(const std::filesystem::path& file) {
    std::filesystem::path folder = file.parent_path();
    for (; !folder.empty() && !path_exists(folder); folder = folder.parent_path()) made_.emplace_back(folder);
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (!error || file.parent_path().empty()) return;
    remove_empty();
    throw Error{ErrorCode::kNotFound, fmt::format("[{}] the folder cannot be made: {}. Choose another --out.",
                                                  file.parent_path().string(), error.message())};
  }
  ParentFolder(const ParentFolder&) = delete;
  ParentFolder& operator=(const ParentFolder&) = delete;
  ~ParentFolder() { remove_empty(); }

 private:
  void remove_empty() noexcept {
    std::error_code ignored;
    for (const TemporaryPath& folder : made_) std::filesystem::remove(folder.path(), ignored);
  }

  std::vector<TemporaryPath> made_;  ///< the innermost first
};

bool is_standard_output(const std::filesystem::path& file) {
  struct stat output {};
  struct stat given {};
  return ::fstat(STDOUT_FILENO, &output) == 0 && ::stat(file.c_str(), &given) == 0 && output.st_dev == given.st_dev &&
         output.st_ino == given.st_ino;
}

int run_export(const ExportFlags& flags, Console& console) {
  const ExportRequest& request = flags.request;
  const std::vector<const BackendEntry*> known = exporters();
  const BackendEntry& exporter =
      **std::ranges::find_if(known, [&](const BackendEntry* one) { return one->format->name == request.format; });
  refuse_flags_of_another_format(request, *exporter.format);
  const Checkpoint checkpoint = Checkpoint::open(find_model_folder(flags.model_dir), flags.checkpoint_options);
  refuse_overwriting("export", "--out", request.file, files_of(checkpoint));
  const ParentFolder folder(request.file);
  note_result_file(request.file);
  try {
    export_for(exporter, checkpoint, request);
  } catch (const Error&) {
    // Of what went wrong in a plug-in only the words get here.
    if (is_standard_output(request.file) && Console::reader_is_gone()) throw OutputClosed{};
    throw;
  }
  note_work_done();
  note_checkpoint(checkpoint, console);
  // Where the model itself went to standard output, nothing else may.
  if (!is_standard_output(request.file)) console.write(request.file.string() + "\n");
  return kExitDone;
}

/// Checks the value as its kind asks.
Setter setter_of(const ExportFlag& flag, std::string& value) {
  switch (flag.kind) {
    case ExportFlag::Kind::kChoice:
      return set_known(value, flag.choices);
    case ExportFlag::Kind::kInteger:
      return [&value, low = flag.low, high = flag.high](const std::string& given) {
        int32_t number = 0;
        set_integer(number, low, high)(given);
        value = std::to_string(number);
      };
    case ExportFlag::Kind::kList:
      return [&value](const std::string& given) {
        std::vector<std::string> items;
        set_list(items)(given);
        value = given;
      };
    case ExportFlag::Kind::kDevice:
      return [&value](const std::string& given) { value = device_name(parse_device(given)); };
    case ExportFlag::Kind::kText:
      break;
  }
  return set_string(value);
}

/// The flags that formats have for themselves, each once, with the formats that have it.
std::vector<Flag> format_flags(ExportRequest& request) {
  std::vector<Flag> table;
  for (const BackendEntry* exporter : exporters()) {
    for (const ExportFlag& flag : exporter->format->flags) {
      if (std::ranges::find(table, flag.name, &Flag::name) != table.end()) continue;
      const auto owners = formats([&](const ExportFormat& one) { return has_flag(one, flag.name); });
      table.push_back({flag.name, flag.value, fmt::format("{}: {}", fmt::join(owners, ", "), flag.help),
                       [&request, flag](const std::string& given) {
                         std::string value;
                         setter_of(flag, value)(given);
                         request.settings[flag.name] = value;
                       }});
    }
  }
  return table;
}

Flag compute_type_flag(ExportRequest& request) {
  std::vector<std::string> known;
  std::vector<std::string> of_formats;
  for (const BackendEntry* exporter : exporters()) {
    const ExportFormat& format = *exporter->format;
    for (const std::string& type : format.compute_types) {
      if (std::ranges::find(known, type) == known.end()) known.push_back(type);
    }
    if (!format.compute_type_help.empty()) {
      of_formats.push_back(fmt::format("{}: or {}", format.name, format.compute_type_help));
    }
  }
  return {"--compute-type", "TYPE", fmt::format("fp32; {} (default fp32)", fmt::join(of_formats, "; ")),
          set_known(request.compute_type, known)};
}

/// "-" is standard output, as it is elsewhere.
Setter set_file(std::filesystem::path& file) {
  return [&file](const std::string& given) { set_path(file)(given == "-" ? "/dev/stdout" : given); };
}

std::vector<Flag> all_flags(ExportFlags& flags) {
  ExportRequest& request = flags.request;
  const std::vector<std::string> known = formats([](const ExportFormat&) { return true; });
  std::string out = "the file to write";
  for (const BackendEntry* exporter : exporters()) {
    if (!exporter->format->file_help.empty()) out += "; " + exporter->format->file_help;
  }
  std::vector<Flag> table = {
      model_dir_flag(flags.model_dir),
      {"--to", "FORMAT", fmt::format("{}", fmt::join(known, " or ")), set_known(request.format, known), true},
      {"--out", "FILE", out, set_file(request.file), true},
      compute_type_flag(request),
      token_types_flag(flags.checkpoint_options.token_types)};
  CheckpointOptions& checkpoint = flags.checkpoint_options;
  for (const auto& more : {weight_flags(checkpoint.file, checkpoint.prefix, checkpoint.base), format_flags(request)}) {
    table.insert(table.end(), more.begin(), more.end());
  }
  return table;
}

}  // namespace

Command make_export_command() {
  const auto flags = std::make_shared<ExportFlags>();
  return {.name = "export",
          .summary = "write the model as a file for another runtime",
          .flags = all_flags(*flags),
          .notes = "Inputs are [batch, sequence], padded on the right; the output is [batch, labels], fp32.",
          .run = [flags](const Invocation& invocation) { return run_export(*flags, invocation.console); }};
}

}  // namespace paceline
