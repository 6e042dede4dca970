//! The classes of transformers 4.57 that read a tokenizer.json, what each of them brings along, and which one
//! AutoTokenizer takes for a folder.

use crate::failure::Failure;
use crate::family::{ALBERT_TOKENS, BRACKET_TOKENS, CAMEMBERT_ADDITIONAL, FAIRSEQ_TOKENS, MPNET_TOKENS, XLNET_TOKENS};
use crate::settings::{Settings, short};
use crate::special_tokens::{Defaults, Form, MASK_RAW, MASK_SPECIAL, SPECIAL, forms};

/// What a class changes besides special tokens and the prefix space, which every class looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    Nothing,
    /// lowercase and strip_accents of a BertNormalizer.
    Case,
    /// These and handle_chinese_chars.
    CaseAndChinese,
}

pub struct FastClass {
    /// Without "Fast".
    pub name: &'static str,
    /// Of config.json; "" where only tokenizer_class asks for the class.
    model_type: &'static str,
    pub reaction: Reaction,
    pub defaults: Defaults,
}

const fn class(name: &'static str, model_type: &'static str, defaults: Defaults) -> FastClass {
    FastClass { name, model_type, reaction: Reaction::Nothing, defaults }
}

const fn bert(name: &'static str, model_type: &'static str) -> FastClass {
    let tokens = ["", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
    let defaults = Defaults { tokens, forms: [None; 7], additional: &[] };
    FastClass { name, model_type, reaction: Reaction::CaseAndChinese, defaults }
}

const fn bare(tokens: [&'static str; 7]) -> Defaults {
    Defaults { tokens, forms: [None; 7], additional: &[] }
}

const fn masked(tokens: [&'static str; 7], mask: Option<Form>, additional: &'static [&'static str]) -> Defaults {
    Defaults { tokens, forms: forms(None, mask), additional }
}

const MASK_NORMALIZED: Option<Form> = Some(Form { lstrip: true, normalized: Some(true), special: true });
const FUNNEL_TOKENS: [&str; 7] = ["<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"];
const GPT2_TOKENS: [&str; 7] = ["<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", ""];
const MPNET_DEFAULTS: Defaults =
    Defaults { tokens: MPNET_TOKENS, forms: forms(SPECIAL, MASK_SPECIAL), additional: &[] };

const CLASSES: &[FastClass] = &[
    bert("BertTokenizer", "bert"),
    bert("DistilBertTokenizer", "distilbert"),
    bert("ElectraTokenizer", "electra"),
    bert("ConvBertTokenizer", ""),
    bert("MobileBertTokenizer", ""),
    bert("SqueezeBertTokenizer", ""),
    bert("LayoutLMTokenizer", ""),
    bert("LxmertTokenizer", ""),
    FastClass {
        name: "FunnelTokenizer",
        model_type: "",
        reaction: Reaction::CaseAndChinese,
        defaults: bare(FUNNEL_TOKENS),
    },
    FastClass { name: "MPNetTokenizer", model_type: "mpnet", reaction: Reaction::Case, defaults: MPNET_DEFAULTS },
    class("RobertaTokenizer", "roberta", masked(FAIRSEQ_TOKENS, MASK_RAW, &[])),
    class("LongformerTokenizer", "", masked(FAIRSEQ_TOKENS, MASK_RAW, &[])),
    class("BartTokenizer", "", masked(FAIRSEQ_TOKENS, MASK_NORMALIZED, &[])),
    class("LEDTokenizer", "", masked(FAIRSEQ_TOKENS, MASK_NORMALIZED, &[])),
    class("GPT2Tokenizer", "gpt2", bare(GPT2_TOKENS)),
    class("DebertaTokenizer", "deberta", bare(BRACKET_TOKENS)),
    class("DebertaV2Tokenizer", "deberta-v2", bare(BRACKET_TOKENS)),
    class("AlbertTokenizer", "albert", masked(ALBERT_TOKENS, MASK_RAW, &[])),
    class("XLNetTokenizer", "xlnet", masked(XLNET_TOKENS, MASK_SPECIAL, &["<eop>", "<eod>"])),
    class("CamembertTokenizer", "camembert", masked(FAIRSEQ_TOKENS, MASK_SPECIAL, CAMEMBERT_ADDITIONAL)),
    class("XLMRobertaTokenizer", "xlm-roberta", masked(FAIRSEQ_TOKENS, MASK_SPECIAL, &[])),
    class("PreTrainedTokenizer", "modernbert", bare([""; 7])),
];

/// Classes that rebuild parts of the tokenizer in ways that are not built here.
const REBUILDING: [&str; 16] = [
    "BloomTokenizer",
    "CodeLlamaTokenizer",
    "CohereTokenizer",
    "GemmaTokenizer",
    "GPTNeoXTokenizer",
    "LayoutLMv2Tokenizer",
    "LayoutLMv3Tokenizer",
    "LlamaTokenizer",
    "MBart50Tokenizer",
    "MBartTokenizer",
    "MarkupLMTokenizer",
    "NllbTokenizer",
    "RoFormerTokenizer",
    "SeamlessM4TTokenizer",
    "SplinterTokenizer",
    "WhisperTokenizer",
];

/// Classes without a fast counterpart: transformers reads their vocabulary and leaves a tokenizer.json alone.
const SLOW: [(&str, &str); 2] = [("XLMTokenizer", "xlm"), ("FlaubertTokenizer", "flaubert")];

/// The class that reads a folder's tokenizer.json; None where nothing names one, or one that is not known.
pub struct Choice {
    pub class: Option<&'static FastClass>,
    pub note: Option<String>,
}

/// tokenizer_class where a file has one, else config.json's model_type.
pub fn choose(tokenizer_config: &Settings, config: &Settings) -> Result<Choice, Failure> {
    for settings in [tokenizer_config, config] {
        let Some(name) = settings.string("tokenizer_class")? else { continue };
        let slow = name.strip_suffix("Fast").unwrap_or(name);
        if REBUILDING.contains(&slow) {
            let message = format!(
                "{}: {} changes more of a tokenizer.json than Paceline does, expected a class of {}",
                settings.file,
                short(name),
                names()
            );
            return Err(Failure::unsupported(message));
        }
        let class = CLASSES.iter().find(|class| class.name == slow);
        let note = class.is_none().then(|| reading_note(&format!("{} asks for {}", settings.file, short(name)), slow));
        return Ok(Choice { class, note });
    }
    let Some(model_type) = config.string("model_type")? else { return Ok(Choice { class: None, note: None }) };
    let class = CLASSES.iter().find(|class| !class.model_type.is_empty() && class.model_type == model_type);
    let slow = SLOW.iter().find(|(_, of)| *of == model_type).map_or("", |(name, _)| name);
    let note = class.is_none().then(|| reading_note(&format!("model_type is {}", short(model_type)), slow));
    Ok(Choice { class, note })
}

fn reading_note(asked: &str, slow: &str) -> String {
    if SLOW.iter().any(|(name, _)| *name == slow) {
        return format!(
            "{asked}; transformers would read {slow} from its vocabulary files, not from the tokenizer.json"
        );
    }
    format!("{asked}; its tokenizer class is not known here, so tokenizer.json is read as by PreTrainedTokenizerFast")
}

fn names() -> String {
    let names: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
    names.join(", ")
}
