#include <paceline/classifier.h>

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "classify MODEL_DIR|plan.json: gives each line of standard input its label\n";
    return 2;
  }
  try {
    paceline::Classifier classifier(argv[1]);
    std::vector<std::string> texts;
    for (std::string line; std::getline(std::cin, line);) texts.push_back(line);
    for (const auto& best : classifier.classify(texts)) std::cout << best[0].label << '\t' << best[0].score << '\n';
  } catch (const paceline::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
