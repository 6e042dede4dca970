//! The classes of transformers 4.57 that read a tokenizer.json, what each of them brings along, and which one
//! AutoTokenizer takes for a folder.

use crate::classes::{
    ALBERT_TOKENS, Asked, BERT_DEFAULTS, BRACKET_TOKENS, CAMEMBERT_ADDITIONAL, FAIRSEQ_TOKENS, FUNNEL_DEFAULTS,
    GPT2_TOKENS, IN_PYTHON, MPNET_DEFAULTS, NO_TOKENS, XLNET_DEFAULTS, asked, bare, masked, python_note, slow_name,
};
use crate::failure::Failure;
use crate::settings::{Settings, short};
use crate::special_tokens::{Defaults, Form, MASK_RAW, MASK_SPECIAL};

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
    FastClass { name, model_type, reaction: Reaction::CaseAndChinese, defaults: BERT_DEFAULTS }
}

/// Looked for in the normalized text though it is special.
const BART_MASK: Option<Form> = Some(Form { lstrip: true, normalized: Some(true), special: true });

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
        defaults: FUNNEL_DEFAULTS,
    },
    FastClass { name: "MPNetTokenizer", model_type: "mpnet", reaction: Reaction::Case, defaults: MPNET_DEFAULTS },
    class("RobertaTokenizer", "roberta", masked(FAIRSEQ_TOKENS, MASK_RAW, &[])),
    class("LongformerTokenizer", "", masked(FAIRSEQ_TOKENS, MASK_RAW, &[])),
    class("BartTokenizer", "", masked(FAIRSEQ_TOKENS, BART_MASK, &[])),
    class("LEDTokenizer", "", masked(FAIRSEQ_TOKENS, BART_MASK, &[])),
    class("GPT2Tokenizer", "gpt2", bare(GPT2_TOKENS)),
    class("DebertaTokenizer", "deberta", bare(BRACKET_TOKENS)),
    class("DebertaV2Tokenizer", "deberta-v2", bare(BRACKET_TOKENS)),
    class("AlbertTokenizer", "albert", masked(ALBERT_TOKENS, MASK_RAW, &[])),
    class("XLNetTokenizer", "xlnet", XLNET_DEFAULTS),
    class("CamembertTokenizer", "camembert", masked(FAIRSEQ_TOKENS, MASK_SPECIAL, CAMEMBERT_ADDITIONAL)),
    class("XLMRobertaTokenizer", "xlm-roberta", masked(FAIRSEQ_TOKENS, MASK_SPECIAL, &[])),
    class("PreTrainedTokenizer", "modernbert", NO_TOKENS),
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

/// The class that reads a folder's tokenizer.json; None where nothing names one, or one that is not known.
pub struct Choice {
    pub class: Option<&'static FastClass>,
    pub note: Option<String>,
}

pub fn choose(tokenizer_config: &Settings, config: &Settings) -> Result<Choice, Failure> {
    let (class, asked, in_python) = match asked(tokenizer_config, config)? {
        Asked::Nothing => return Ok(Choice { class: None, note: None }),
        Asked::Class { file, name } => {
            let slow = slow_name(name);
            if REBUILDING.contains(&slow) {
                let message = format!(
                    "{file}: {} changes more of a tokenizer.json than Paceline does, expected a class of {}",
                    short(name),
                    names()
                );
                return Err(Failure::unsupported(message));
            }
            let class = CLASSES.iter().find(|class| class.name == slow);
            let in_python = IN_PYTHON.iter().find(|(name, _)| *name == slow);
            (class, format!("{file} asks for {}", short(name)), in_python)
        }
        Asked::Model(model_type) => {
            let class = CLASSES.iter().find(|class| !class.model_type.is_empty() && class.model_type == model_type);
            let in_python = IN_PYTHON.iter().find(|(_, of)| *of == model_type);
            (class, format!("model_type is {}", short(model_type)), in_python)
        }
    };
    let note = match in_python {
        Some((name, _)) => python_note(&asked, name),
        None => {
            format!(
                "{asked}; its tokenizer class is not known here, so tokenizer.json is read as by PreTrainedTokenizerFast"
            )
        }
    };
    Ok(Choice { class, note: class.is_none().then_some(note) })
}

fn names() -> String {
    let names: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
    names.join(", ")
}
