/// Writes a report from results that are not measured: what the browser test opens.
///
///   report_tool example|article|labelled|FILE.json OUT_DIR

#include <cstdio>
#include <exception>
#include <string_view>

#include "report/report.h"
#include "results/report_reader.h"
#include "results/testing/example_results.h"

int main(int count, char** arguments) try {
  if (count != 3) {
    std::fprintf(stderr, "usage: report_tool example|article|labelled|FILE.json OUT_DIR\n");
    return 2;
  }
  const std::string_view which = arguments[1];
  const paceline::BenchResults results = which == "example"    ? paceline::example_results()
                                         : which == "article"  ? paceline::article_results()
                                         : which == "labelled" ? paceline::labelled_results()
                                                               : paceline::read_report(arguments[1]);
  paceline::write_report(results, arguments[2]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
