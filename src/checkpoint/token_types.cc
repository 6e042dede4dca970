#include "checkpoint/token_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/token_types_name.h"
#include "model_folder/saved_by.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Tokenizer classes whose model_input_names have no token_type_ids in transformers 4.57; all others have them there,
/// PreTrainedTokenizerFast too. A golden file compares both lists with the library.
constexpr std::array<std::string_view, 68> kWithoutInFour{"BartTokenizer",
                                                          "BarthezTokenizer",
                                                          "BartphoTokenizer",
                                                          "BertGenerationTokenizer",
                                                          "BigBirdTokenizer",
                                                          "BioGptTokenizer",
                                                          "BlenderbotTokenizer",
                                                          "BloomTokenizer",
                                                          "ByT5Tokenizer",
                                                          "CLIPTokenizer",
                                                          "CamembertTokenizer",
                                                          "ClvpTokenizer",
                                                          "CodeGenTokenizer",
                                                          "CodeLlamaTokenizer",
                                                          "CohereTokenizer",
                                                          "CpmAntTokenizer",
                                                          "DiaTokenizer",
                                                          "DistilBertTokenizer",
                                                          "ErnieMTokenizer",
                                                          "EsmTokenizer",
                                                          "FSMTTokenizer",
                                                          "GPT2Tokenizer",
                                                          "GPTNeoXJapaneseTokenizer",
                                                          "GPTNeoXTokenizer",
                                                          "GPTSw3Tokenizer",
                                                          "GemmaTokenizer",
                                                          "JukeboxTokenizer",
                                                          "LEDTokenizer",
                                                          "LayoutLMv3Tokenizer",
                                                          "LayoutXLMTokenizer",
                                                          "LlamaTokenizer",
                                                          "LongformerTokenizer",
                                                          "LukeTokenizer",
                                                          "M2M100Tokenizer",
                                                          "MBart50Tokenizer",
                                                          "MBartTokenizer",
                                                          "MLukeTokenizer",
                                                          "MPNetTokenizer",
                                                          "MT5Tokenizer",
                                                          "MarianTokenizer",
                                                          "MvpTokenizer",
                                                          "MyT5Tokenizer",
                                                          "NllbTokenizer",
                                                          "OpenAIGPTTokenizer",
                                                          "PLBartTokenizer",
                                                          "PegasusTokenizer",
                                                          "PerceiverTokenizer",
                                                          "ProphetNetTokenizer",
                                                          "Qwen2Tokenizer",
                                                          "ReformerTokenizer",
                                                          "RetriBertTokenizer",
                                                          "RobertaTokenizer",
                                                          "SeamlessM4TTokenizer",
                                                          "SiglipTokenizer",
                                                          "Speech2Text2Tokenizer",
                                                          "Speech2TextTokenizer",
                                                          "SpeechT5Tokenizer",
                                                          "T5Tokenizer",
                                                          "TapexTokenizer",
                                                          "TransfoXLTokenizer",
                                                          "UdopTokenizer",
                                                          "VitsTokenizer",
                                                          "Wav2Vec2CTCTokenizer",
                                                          "Wav2Vec2PhonemeCTCTokenizer",
                                                          "WhisperTokenizer",
                                                          "XGLMTokenizer",
                                                          "XLMProphetNetTokenizer",
                                                          "XLMRobertaTokenizer"};

/// Those whose model_input_names have them in transformers 5; all others have none there, TokenizersBackend too.
constexpr std::array<std::string_view, 15> kWithInFive{
    "BertTokenizer",       "CanineTokenizer",      "ConvBertTokenizer", "DPRQuestionEncoderTokenizer",
    "DebertaTokenizer",    "DebertaV2Tokenizer",   "ElectraTokenizer",  "FNetTokenizer",
    "LayoutLMTokenizer",   "LayoutLMv2Tokenizer",  "LxmertTokenizer",   "MarkupLMTokenizer",
    "MobileBertTokenizer", "SqueezeBertTokenizer", "TapasTokenizer"};

/// What version 5 writes for a tokenizer that needs no class of its own.
constexpr std::array<std::string_view, 3> kBackends{"PreTrainedTokenizer", "PythonBackend", "TokenizersBackend"};

/// The class that reads a tokenizer where no file names one.
struct DefaultClass {
  std::string_view model_type, in_four, in_five;
};
constexpr std::array<DefaultClass, 13> kDefaultClasses{{{"albert", "AlbertTokenizer", "AlbertTokenizer"},
                                                        {"bert", "BertTokenizer", "BertTokenizer"},
                                                        {"camembert", "CamembertTokenizer", "CamembertTokenizer"},
                                                        {"deberta-v2", "DebertaV2Tokenizer", "DebertaV2Tokenizer"},
                                                        {"distilbert", "DistilBertTokenizer", "BertTokenizer"},
                                                        {"electra", "ElectraTokenizer", "BertTokenizer"},
                                                        {"flaubert", "FlaubertTokenizer", "FlaubertTokenizer"},
                                                        {"gpt2", "GPT2Tokenizer", "GPT2Tokenizer"},
                                                        {"mpnet", "MPNetTokenizer", "MPNetTokenizer"},
                                                        {"roberta", "RobertaTokenizer", "RobertaTokenizer"},
                                                        {"xlm", "XLMTokenizer", "XLMTokenizer"},
                                                        {"xlm-roberta", "XLMRobertaTokenizer", "XLMRobertaTokenizer"},
                                                        {"xlnet", "XLNetTokenizer", "XLNetTokenizer"}}};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string text_at(const Json& object, std::string_view key) {
  if (!object.is_object()) return "";
  const auto field = object.find(key);
  return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

/// tokenizer_class where a file has one, else by model_type, without "Fast".
std::string class_of(const Json& config, const Json& tokenizer_config, int version) {
  for (const Json* file : {&tokenizer_config, &config}) {
    std::string name = text_at(*file, "tokenizer_class");
    if (name.ends_with("Fast")) name.resize(name.size() - 4);
    if (!name.empty()) return name;
  }
  const std::string model_type = text_at(config, "model_type");
  const auto* const found = std::find_if(kDefaultClasses.begin(), kDefaultClasses.end(),
                                         [&](const DefaultClass& row) { return row.model_type == model_type; });
  if (found != kDefaultClasses.end()) return std::string(version == 5 ? found->in_five : found->in_four);
  return version == 5 ? "TokenizersBackend" : "PreTrainedTokenizerFast";
}

bool class_hands_out(std::string_view name, int version) {
  return version == 5 ? has(kWithInFive, name) : !has(kWithoutInFour, name);
}

}  // namespace

HandedOutTypes find_handed_out_types(const Json& config, const Json& tokenizer_config, std::string_view where) {
  constexpr std::string_view kKey = "model_input_names";
  if (tokenizer_config.is_object()) {
    const auto names = tokenizer_config.find(kKey);
    if (names != tokenizer_config.end() && !names->is_null()) {
      if (!names->is_array()) {
        throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"{}\" is {}, a list of names was expected.", where,
                                                         kKey, excerpt(names->dump())));
      }
      const bool named = std::find(names->begin(), names->end(), "token_type_ids") != names->end();
      return {.handed_out = named, .reason = "model_input_names of tokenizer_config.json", .lost = false};
    }
  }
  const int version = saved_by(config, tokenizer_config).tokenizer;
  const std::string name = class_of(config, tokenizer_config, version);
  const bool handed_out = class_hands_out(name, version);
  // A backend of version 5 stands for any class, the model's own of version 4 among them.
  const std::string before =
      has(kBackends, name) ? class_of({{"model_type", text_at(config, "model_type")}}, {}, 4) : name;
  return {.handed_out = handed_out,
          .reason = fmt::format("{} of transformers {}", excerpt(name), version),
          .lost = version == 5 && !handed_out && class_hands_out(before, 4)};
}

TokenTypeUse apply_token_types(TokenTypes asked, const HandedOutTypes& saved, Network& network) {
  TokenTypeUse use{.read = reads_token_types(network), .reason = saved.reason};
  if (asked != TokenTypes::kAsSaved) use.reason = fmt::format("--token-types {}", token_types_name(asked));
  const bool handed_out = asked == TokenTypes::kAsSaved ? saved.handed_out : asked == TokenTypes::kYes;
  if (!use.read && asked == TokenTypes::kYes) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[--token-types] yes was given, and this {} tells no token types apart. Leave it out.",
                            network.architecture));
  }
  // A table of one row, which nothing is told apart by, has no row for the second text of a pair.
  if (handed_out && network.embeddings.token_types.exists()) use.known = network.token_types;
  if (!use.read) return use;
  use.handed_out = handed_out;
  if (use.handed_out) return use;
  if (asked == TokenTypes::kAsSaved && saved.lost) {
    use.notice = fmt::format(
        "transformers 4 gave this {} token types; version 5, which saved the folder, gives none: {} of a model trained "
        "with version 4 change. --token-types yes restores them",
        network.architecture, network.without_types == WithoutTypes::kNothing ? "the answers" : "the answers to pairs");
  }
  leave_out_token_types(network);
  return use;
}

}  // namespace paceline
