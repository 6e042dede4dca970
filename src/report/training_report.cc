#include "report/training_report.h"

#include "report/training_charts.h"
#include "results/training_json.h"

namespace paceline {

std::vector<std::string> training_report_files() {
  std::vector<std::string> names{"README.md", "training.json", "report.html"};
  for (const std::string chart : {"loss", "metric", "learning_rate"}) {
    for (const char* ending : {".svg", ".png"}) names.push_back("charts/" + chart + ending);
  }
  return names;
}

std::string add_training_report(Training& training, StagedFiles& staged) {
  bool drawn = true;
  for (const NamedFigure& named : training_figures(training)) {
    drawn = staged.add_chart(named.name, named.figure, drawn) && drawn;
  }
  staged.add("README.md", model_card(training));
  staged.add("report.html", training_html(training));
  training.files = staged.hashes();
  staged.add("training.json", training_json(training));
  return drawn ? "" : kNoPng;
}

}  // namespace paceline
