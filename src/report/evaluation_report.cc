#include "report/evaluation_report.h"

#include "report/evaluation_charts.h"
#include "report/staged_files.h"
#include "results/evaluation_json.h"

namespace paceline {

std::vector<std::string> names_of_an_evaluation() {
  std::vector<std::string> names{"evaluation.html", "evaluation.json"};
  for (const std::string chart : {"labels", "reliability"}) {
    for (const char* ending : {".svg", ".png"}) names.push_back("charts/" + chart + ending);
  }
  return names;
}

std::string write_evaluation(const Evaluation& evaluation, const std::filesystem::path& out_dir) {
  StagedFiles staged(out_dir, names_of_an_evaluation());
  bool drawn = true;
  for (const NamedFigure& named : evaluation_figures(evaluation)) {
    drawn = staged.add_chart(named.name, named.figure, drawn) && drawn;
  }
  staged.add("evaluation.json", evaluation_json(evaluation));
  staged.add("evaluation.html", evaluation_html(evaluation));
  staged.commit();
  return drawn ? "" : kNoPng;
}

void check_evaluation_folder(const std::filesystem::path& out_dir) { check_target(out_dir, names_of_an_evaluation()); }

}  // namespace paceline
