// The rows of the product and one more. The build gives the product's own function the name product_rows here.

#include "backend/registry.h"

namespace paceline {
namespace {

ExportFormat test_format() {
  return {.name = "test",
          .compute_types = {"fp32"},
          .compute_type_help = "",
          .flags = {{.name = "--sign",
                     .value = "SIGN",
                     .help = "as-native or negated (default as-native)",
                     .kind = ExportFlag::Kind::kChoice,
                     .choices = {"as-native", "negated"}}}};
}

}  // namespace

std::vector<BackendEntry> product_rows();

std::vector<BackendEntry> registry_rows() {
  std::vector<BackendEntry> rows = product_rows();
  BackendEntry& row = rows.emplace_back();
  row.name = "test-engine";
  row.plugin = {.name = "test_engine", .install = "./dev build"};
  row.compute_types = {"fp32"};
  row.summary = "an engine of the tests";
  row.files = UserFileKind{.flag = "--test-file"};
  row.format = test_format();
  return rows;
}

}  // namespace paceline
