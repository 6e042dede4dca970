//! The keys of tokenizer_config.json: each is honoured, has no effect on ids, or is named to people.

use crate::settings::{Settings, short};
use crate::special_tokens::KINDS;

/// By the readings of 4 or 5, of some class at least.
const HONOURED: &str = "add_bos_token add_eos_token add_prefix_space added_tokens_decoder additional_special_tokens \
    clean_text do_basic_tokenize do_lower_case do_lowercase do_lowercase_and_remove_accent extra_special_tokens \
    fast_tokenizer_files from_slow keep_accents max_len model_input_names model_max_length split_by_punct \
    split_special_tokens strip_accents tokenize_chinese_chars tokenizer_class truncation_side unk_id";

/// About decoding, padding, chats, downloads, files that are looked for by name, limits of a call, and what is said in
/// Python only.
const WITHOUT_EFFECT: &str = "_commit_hash backend cache_dir chat_control_tokens chat_template \
    clean_up_tokenization_spaces clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output device_map \
    errors files_loaded fix_mistral_regex id2lang is_local lang2id legacy local_files_only max_length merges_file \
    name_or_path never_split pad_to_multiple_of pad_token_type_id padding padding_side processor_class remove_space \
    response_schema response_template return_tensors revision slow_tokenizer_class sp_model_kwargs \
    special_tokens_map_file stride tokenizer_file transformers_version trim_offsets truncation truncation_strategy \
    trust_remote_code use_fast verbose vocab_file vocab_size wordpieces_prefix";

fn is_known(key: &str) -> bool {
    let listed = |list: &str| list.split_whitespace().any(|known| known == key);
    // Tokens of other names are special ones in 5, and nothing in 4.
    KINDS.contains(&key) || key.ends_with("_token") || listed(HONOURED) || listed(WITHOUT_EFFECT)
}

/// A clause about the keys that no table has.
pub fn unknown_keys(config: &Settings) -> Option<String> {
    const SHOWN: usize = 5;
    let unknown: Vec<String> = config
        .values
        .iter()
        .filter(|(key, value)| !is_known(key) && !value.is_null())
        .map(|(key, _)| short(key))
        .collect();
    let more = unknown.len().saturating_sub(SHOWN);
    let names = unknown.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!unknown.is_empty())
        .then(|| format!("{} has settings that are not known here and not followed: {names}{more}", config.file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Files;

    fn clause(json: &str) -> Option<String> {
        let mut files = Files::default();
        files.add("tokenizer_config.json", json.as_bytes());
        unknown_keys(&files.settings("tokenizer_config.json").expect("an object"))
    }

    #[test]
    fn known_keys_and_nulls_are_passed_over() {
        assert_eq!(clause(r#"{"do_lower_case": true, "image_token": "<i>", "verbose": 1, "other": null}"#), None);
    }

    #[test]
    fn unknown_keys_are_named_the_first_of_them() {
        assert!(clause(r#"{"zz_top": 1}"#).expect("a clause").ends_with("not followed: zz_top"));
        let many = clause(r#"{"a1": 1, "a2": 1, "a3": 1, "a4": 1, "a5": 1, "a6": 1, "a7": 1}"#).expect("a clause");
        assert!(many.ends_with("a1, a2, a3, a4, a5 and 2 more"), "{many}");
    }
}
