//! What the tables of tokenizer classes share: family.rs and fast_class.rs have those of transformers 4.57, five/class.rs
//! those of 5.24.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::special_tokens::{Defaults, Form, MASK_SPECIAL, SPECIAL, forms};

pub const VOCAB_TXT: &[&str] = &["vocab.txt"];
pub const BYTE_BPE: &[&str] = &["vocab.json", "merges.txt"];
pub const BPE_MODEL: &[&str] = &["sentencepiece.bpe.model"];
pub const SPIECE_MODEL: &[&str] = &["spiece.model"];
pub const SPM_MODEL: &[&str] = &["spm.model"];

const MPNET_TOKENS: [&str; 7] = ["<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"];
pub const FAIRSEQ_TOKENS: [&str; 7] = ["<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"];
pub const BRACKET_TOKENS: [&str; 7] = ["[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
pub const ALBERT_TOKENS: [&str; 7] = ["[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"];
const XLNET_TOKENS: [&str; 7] = ["<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"];
pub const GPT2_TOKENS: [&str; 7] = ["<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", ""];
pub const CAMEMBERT_ADDITIONAL: &[&str] = &["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];

pub const NO_TOKENS: Defaults = bare([""; 7]);
pub const BERT_DEFAULTS: Defaults = bare(["", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]);
pub const FUNNEL_DEFAULTS: Defaults = bare(XLNET_TOKENS);
pub const MPNET_DEFAULTS: Defaults =
    Defaults { tokens: MPNET_TOKENS, forms: forms(SPECIAL, MASK_SPECIAL), additional: &[] };
pub const XLNET_DEFAULTS: Defaults = masked(XLNET_TOKENS, MASK_SPECIAL, &["<eop>", "<eod>"]);

/// Tokens without properties.
pub const fn bare(tokens: [&'static str; 7]) -> Defaults {
    masked(tokens, None, &[])
}

/// Tokens of which only the mask has properties.
pub const fn masked(tokens: [&'static str; 7], mask: Option<Form>, additional: &'static [&'static str]) -> Defaults {
    Defaults { tokens, forms: forms(None, mask), additional }
}

/// Classes in Python only, and their models: transformers reads their vocabulary and leaves a tokenizer.json alone.
pub const IN_PYTHON: [(&str, &str); 2] = [("XLMTokenizer", "xlm"), ("FlaubertTokenizer", "flaubert")];

/// What is said of a tokenizer.json beside which one of them is asked for.
pub fn python_note(asked: &str, name: &str) -> String {
    format!("{asked}; transformers would read {name} from its vocabulary files, not from the tokenizer.json")
}

/// What says which class reads a folder.
pub enum Asked<'a> {
    /// tokenizer_class of this file.
    Class {
        file: &'static str,
        name: &'a str,
    },
    /// config.json's model_type.
    Model(&'a str),
    Nothing,
}

/// tokenizer_class where a file has one, else config.json's model_type.
pub fn asked<'a>(tokenizer_config: &'a Settings, config: &'a Settings) -> Result<Asked<'a>, Failure> {
    for settings in [tokenizer_config, config] {
        if let Some(name) = settings.string("tokenizer_class")? {
            return Ok(Asked::Class { file: settings.file, name });
        }
    }
    Ok(config.string("model_type")?.map_or(Asked::Nothing, Asked::Model))
}

/// A class' name without what tells its fast form.
pub fn slow_name(name: &str) -> &str {
    name.strip_suffix("Fast").unwrap_or(name)
}
