#include "network/config_keys.h"

#include <algorithm>

namespace paceline {
namespace {

using Names = std::span<const std::string_view>;

// ConfigReader::refuse_other_weights, labels.cc and encoder_parts.cc read them.
constexpr std::string_view kReadOfEvery[] = {"add_cross_attention", "architectures", "id2label",           "num_labels",
                                             "per_layer_config",    "pruned_heads",  "quantization_config"};

// Read by the tokenizer, by model_config.cc, or to tell who wrote the file.
constexpr std::string_view kReadElsewhere[] = {"auto_map",     "model_type",      "paceline_random_weights",
                                               "problem_type", "tokenizer_class", "transformers_version"};

// What only training, generation, saving or other heads read, and what says how to compute the same numbers.
constexpr std::string_view kWithoutEffect[] = {
    // Of the file itself.
    "_attn_implementation", "_attn_implementation_autoset", "_from_model_config", "_name_or_path", "_num_labels",
    "attn_implementation", "cache_config", "compile_config", "continuous_batching_config", "dtype", "finetuning_task",
    "label2id", "language", "name_or_path", "sentence_transformers", "task_specific_params", "torch_dtype",
    "unsloth_version",
    // How the same is computed, what else is given out.
    "chunk_size_feed_forward", "gradient_checkpointing", "output_attentions", "output_hidden_states", "output_past",
    "return_dict", "tf_legacy_loss", "tie_encoder_decoder", "tie_last_hidden_states", "tie_word_embeddings",
    "torchscript", "use_bfloat16", "use_cache", "cross_attention_hidden_size",
    // Ids that the tokenizer has by its own files.
    "bos_token_id", "cls_token_id", "decoder_start_token_id", "eos_token_id", "eos_token_ids", "mask_token_id",
    "pad_token_ids", "prefix", "sep_token_id", "unk_token_id",
    // Initial values.
    "embed_init_std", "init_std", "initializer_cutoff_factor", "initializer_range",
    // Generation.
    "assistant_confidence_threshold", "assistant_early_exit", "assistant_ensemble_weight", "assistant_lookbehind",
    "bad_words_ids", "begin_suppress_tokens", "cache_implementation", "constraints", "disable_compile",
    "diversity_penalty", "do_sample", "dola_layers", "early_stopping", "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff", "exponential_decay_length_penalty", "force_words_ids",
    "forced_bos_token_id", "forced_eos_token_id", "guidance_scale", "is_assistant", "length_penalty", "low_memory",
    "max_cache_len", "max_length", "max_matching_ngram_size", "max_new_tokens", "max_time", "min_length",
    "min_new_tokens", "min_p", "no_repeat_ngram_size", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "num_beam_groups", "num_beams", "num_return_sequences", "output_logits", "output_scores", "penalty_alpha",
    "prefill_chunk_size", "prompt_lookup_num_tokens", "remove_invalid_values", "renormalize_logits",
    "repetition_penalty", "return_dict_in_generate", "return_legacy_cache", "sequence_bias", "speculation_type",
    "stop_strings", "suppress_tokens", "target_lookbehind", "temperature", "token_healing", "top_h", "top_k", "top_p",
    "typical_p", "use_mtp", "watermarking_config"};

// bert_family.cc reads them.
constexpr std::string_view kBertFamily[] = {"attention_probs_dropout_prob",
                                            "hidden_dropout_prob",
                                            "hidden_act",
                                            "hidden_size",
                                            "intermediate_size",
                                            "is_decoder",
                                            "is_encoder_decoder",
                                            "layer_norm_eps",
                                            "num_attention_heads",
                                            "max_position_embeddings",
                                            "num_hidden_layers",
                                            "pad_token_id",
                                            "position_embedding_type",
                                            "vocab_size"};
// The pooler of early multilingual files, which no version of transformers reads.
constexpr std::string_view kBertUnread[] = {
    "directionality",       "embedding_size",       "pooler_fc_size", "pooler_num_attention_heads",
    "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"};
constexpr std::string_view kBert[] = {"classifier_dropout", "type_vocab_size"};

constexpr std::string_view kElectra[] = {"classifier_dropout", "embedding_size", "type_vocab_size"};
constexpr std::string_view kElectraUnread[] = {"summary_activation", "summary_last_dropout", "summary_type",
                                               "summary_use_proj"};

constexpr std::string_view kAlbert[] = {"classifier_dropout_prob", "embedding_size", "inner_group_num",
                                        "num_hidden_groups", "type_vocab_size"};
constexpr std::string_view kAlbertUnread[] = {"down_scale_factor", "gap_size", "net_structure_type",
                                              "num_memory_blocks"};

constexpr std::string_view kMpnet[] = {"relative_attention_num_buckets"};
constexpr std::string_view kMpnetUnread[] = {"type_vocab_size"};

constexpr std::string_view kDeberta[] = {
    "attention_head_size", "cls_dropout",    "pooler_dropout",         "conv_act",         "conv_groups",
    "conv_kernel_size",    "embedding_size", "max_relative_positions", "norm_rel_ebd",     "pooler_hidden_act",
    "pooler_hidden_size",  "pos_att_type",   "position_biased_input",  "position_buckets", "relative_attention",
    "share_att_key",       "type_vocab_size"};
constexpr std::string_view kDebertaUnread[] = {"legacy"};

constexpr std::string_view kDistilbert[] = {"activation",
                                            "attention_dropout",
                                            "dropout",
                                            "seq_classif_dropout",
                                            "dim",
                                            "hidden_dim",
                                            "is_decoder",
                                            "is_encoder_decoder",
                                            "max_position_embeddings",
                                            "n_heads",
                                            "n_layers",
                                            "pad_token_id",
                                            "sinusoidal_pos_embds",
                                            "vocab_size"};
constexpr std::string_view kDistilbertUnread[] = {"qa_dropout", "tie_weights_"};
constexpr KeyAlias kDistilbertAliases[] = {
    {"hidden_size", "dim"}, {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}};

constexpr std::string_view kModernbert[] = {"attention_bias",
                                            "attention_dropout",
                                            "classifier_dropout",
                                            "embedding_dropout",
                                            "mlp_dropout",
                                            "classifier_activation",
                                            "classifier_bias",
                                            "classifier_pooling",
                                            "global_attn_every_n_layers",
                                            "global_rope_theta",
                                            "head_dim",
                                            "hidden_activation",
                                            "hidden_size",
                                            "intermediate_size",
                                            "is_decoder",
                                            "is_encoder_decoder",
                                            "layer_types",
                                            "local_attention",
                                            "local_rope_theta",
                                            "max_position_embeddings",
                                            "mlp_bias",
                                            "norm_bias",
                                            "norm_eps",
                                            "num_attention_heads",
                                            "num_hidden_layers",
                                            "original_max_position_embeddings",
                                            "pad_token_id",
                                            "partial_rotary_factor",
                                            "rope_parameters",
                                            "rope_scaling",
                                            "sliding_window",
                                            "vocab_size"};
constexpr std::string_view kModernbertUnread[] = {
    "decoder_bias",      "deterministic_flash_attn", "layer_norm_eps",           "position_embedding_type",
    "reference_compile", "repad_logits_with_grad",   "sparse_pred_ignore_index", "sparse_prediction"};

constexpr std::string_view kGpt2[] = {"activation_function",
                                      "attn_pdrop",
                                      "embd_pdrop",
                                      "resid_pdrop",
                                      "layer_norm_epsilon",
                                      "n_embd",
                                      "n_head",
                                      "n_inner",
                                      "n_layer",
                                      "n_positions",
                                      "pad_token_id",
                                      "scale_attn_by_inverse_layer_idx",
                                      "scale_attn_weights",
                                      "vocab_size"};
// A decoder that classifies reads neither; the attention's order of operations is the same arithmetic.
constexpr std::string_view kGpt2Unread[] = {"is_decoder",
                                            "is_encoder_decoder",
                                            "n_ctx",
                                            "predict_special_tokens",
                                            "reorder_and_upcast_attn",
                                            "summary_activation",
                                            "summary_first_dropout",
                                            "summary_last_dropout",
                                            "summary_proj_to_labels",
                                            "summary_type",
                                            "summary_use_proj"};
constexpr KeyAlias kGpt2Aliases[] = {{"hidden_size", "n_embd"},
                                     {"max_position_embeddings", "n_positions"},
                                     {"num_attention_heads", "n_head"},
                                     {"num_hidden_layers", "n_layer"}};

constexpr std::string_view kXlnet[] = {"attn_type",
                                       "dropout",
                                       "summary_first_dropout",
                                       "summary_last_dropout",
                                       "bi_data",
                                       "clamp_len",
                                       "d_head",
                                       "d_inner",
                                       "d_model",
                                       "ff_activation",
                                       "is_decoder",
                                       "is_encoder_decoder",
                                       "layer_norm_eps",
                                       "n_head",
                                       "n_layer",
                                       "pad_token_id",
                                       "summary_activation",
                                       "summary_proj_to_labels",
                                       "summary_type",
                                       "summary_use_proj",
                                       "vocab_size"};
// Memories of earlier texts, which a classifier has none of; the heads of answers to questions.
constexpr std::string_view kXlnetUnread[] = {"end_n_top",   "mem_len", "reuse_len",     "same_length",
                                             "start_n_top", "untie_r", "use_mems_eval", "use_mems_train"};
constexpr KeyAlias kXlnetAliases[] = {{"hidden_size", "d_model"},
                                      {"n_token", "vocab_size"},
                                      {"num_attention_heads", "n_head"},
                                      {"num_hidden_layers", "n_layer"}};

constexpr std::string_view kXlm[] = {"attention_dropout",
                                     "causal",
                                     "dropout",
                                     "summary_first_dropout",
                                     "summary_last_dropout",
                                     "emb_dim",
                                     "gelu_activation",
                                     "is_decoder",
                                     "is_encoder",
                                     "is_encoder_decoder",
                                     "layer_norm_eps",
                                     "max_position_embeddings",
                                     "n_heads",
                                     "n_layers",
                                     "pad_index",
                                     "pad_token_id",
                                     "sinusoidal_embeddings",
                                     "summary_activation",
                                     "summary_proj_to_labels",
                                     "summary_type",
                                     "summary_use_proj",
                                     "vocab_size"};
constexpr std::string_view kFlaubert[] = {"layerdrop", "pre_norm"};
// Languages, which nothing gives a classifier; ids of words; other heads.
constexpr std::string_view kXlmUnread[] = {"asm",       "asm_cutoffs", "asm_div_value", "bos_index",   "end_n_top",
                                           "eos_index", "id2lang",     "lang2id",       "lang_id",     "mask_index",
                                           "n_langs",   "start_n_top", "unk_index",     "use_lang_emb"};
constexpr KeyAlias kXlmAliases[] = {{"hidden_size", "emb_dim"},
                                    {"n_words", "vocab_size"},
                                    {"num_attention_heads", "n_heads"},
                                    {"num_hidden_layers", "n_layers"}};

constexpr ConfigKeys kKnown[] = {
    {"bert", kBertFamily, kBert, kBertUnread, {}},
    {"roberta", kBertFamily, kBert, kBertUnread, {}},
    {"camembert", kBertFamily, kBert, kBertUnread, {}},
    {"xlm-roberta", kBertFamily, kBert, kBertUnread, {}},
    {"distilbert", {}, kDistilbert, kDistilbertUnread, kDistilbertAliases},
    {"electra", kBertFamily, kElectra, kElectraUnread, {}},
    {"albert", kBertFamily, kAlbert, kAlbertUnread, {}},
    {"mpnet", kBertFamily, kMpnet, kMpnetUnread, {}},
    {"deberta-v2", kBertFamily, kDeberta, kDebertaUnread, {}},
    {"modernbert", {}, kModernbert, kModernbertUnread, {}},
    {"gpt2", {}, kGpt2, kGpt2Unread, kGpt2Aliases},
    {"xlnet", {}, kXlnet, kXlnetUnread, kXlnetAliases},
    {"xlm", {}, kXlm, kXlmUnread, kXlmAliases},
    {"flaubert", kXlm, kFlaubert, kXlmUnread, kXlmAliases},
};

bool has(Names names, std::string_view key) { return std::find(names.begin(), names.end(), key) != names.end(); }

const ConfigKeys* find_keys(std::string_view model_type) {
  const auto row = std::find_if(std::begin(kKnown), std::end(kKnown),
                                [&](const ConfigKeys& keys) { return keys.model_type == model_type; });
  return row == std::end(kKnown) ? nullptr : &*row;
}

bool knows(const ConfigKeys& keys, std::string_view key) {
  for (const Names names : {keys.shared, keys.read, keys.without_effect, Names(kReadOfEvery), Names(kReadElsewhere),
                            Names(kWithoutEffect)}) {
    if (has(names, key)) return true;
  }
  return std::any_of(keys.aliases.begin(), keys.aliases.end(),
                     [&](const KeyAlias& alias) { return alias.alias == key; });
}

}  // namespace

std::span<const ConfigKeys> known_config_keys() { return kKnown; }
Names keys_read_of_every_model() { return kReadOfEvery; }
Names keys_read_elsewhere() { return kReadElsewhere; }
Names keys_without_effect() { return kWithoutEffect; }

Json without_aliases(const Json& config, std::string_view model_type) {
  Json changed = config;
  const ConfigKeys* keys = find_keys(model_type);
  if (keys == nullptr) return changed;
  for (const KeyAlias& alias : keys->aliases) {
    const auto field = config.find(alias.alias);
    if (field != config.end() && !field->is_null()) changed[std::string(alias.key)] = *field;
  }
  return changed;
}

std::vector<std::string> unknown_keys(const Json& config, std::string_view model_type) {
  std::vector<std::string> unknown;
  const ConfigKeys* keys = find_keys(model_type);
  if (keys == nullptr) return unknown;
  for (const auto& [key, value] : config.items()) {
    if (!value.is_null() && !knows(*keys, key)) unknown.push_back(key);
  }
  return unknown;
}

}  // namespace paceline
