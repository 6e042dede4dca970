#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "paceline/error.h"
#include "tokenize/tokenizer.h"

namespace {

/// Names a file of a model folder; what follows up to the next such byte is its content.
const std::map<char, const char*> kFiles = {{'\x01', "tokenizer.json"},
                                            {'\x02', "tokenizer_config.json"},
                                            {'\x03', "special_tokens_map.json"},
                                            {'\x04', "added_tokens.json"},
                                            {'\x05', "config.json"},
                                            {'\x06', "vocab.txt"},
                                            {'\x0e', "vocab.json"},
                                            {'\x0f', "merges.txt"}};

/// The last file may hold any byte.
const std::map<char, const char*> kModels = {
    {'\x10', "spiece.model"}, {'\x11', "spm.model"}, {'\x12', "sentencepiece.bpe.model"}};

std::map<std::string, std::string> split(std::string_view bytes) {
  std::map<std::string, std::string> files;
  std::string* content = nullptr;
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (const auto model = kModels.find(c); model != kModels.end()) {
      files[model->second] = bytes;
      break;
    }
    if (const auto file = kFiles.find(c); file != kFiles.end()) {
      content = &files[file->second];
    } else if (content != nullptr) {
      content->push_back(c);
    }
  }
  return files;
}

}  // namespace

/// Any files make a tokenizer that encodes, or an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const auto files = split(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    const paceline::Tokenizer tokenizer =
        paceline::Tokenizer::load(files, {.max_length = 16, .token_types = true}, "folder");
    for (const char* text : {"", "le vent, 12,", "[CLS] <mask>\xe2\x80\x8d e\xcc\x81\n\xf0\x9f\x98\x80"}) {
      const paceline::Encoding encoding = tokenizer.encode({.first = text, .second = std::nullopt});
      for (const int32_t id : encoding.input_ids) static_cast<void>(tokenizer.token(id));
      static_cast<void>(tokenizer.encode({.first = text, .second = "la route"}));
    }
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
