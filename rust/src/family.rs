//! The tokenizer classes of transformers 4.57 that are rebuilt from vocabulary files, and which one a folder asks for.

use crate::classes::{
    ALBERT_TOKENS, Asked, BERT_DEFAULTS, BPE_MODEL, BRACKET_TOKENS, BYTE_BPE, CAMEMBERT_ADDITIONAL, FAIRSEQ_TOKENS,
    GPT2_TOKENS, MPNET_DEFAULTS, SPIECE_MODEL, SPM_MODEL, VOCAB_TXT, XLNET_DEFAULTS, asked, masked, slow_name,
};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::special_tokens::{Defaults, Form, MASK_NORMALIZED, MASK_RAW, MASK_SPECIAL, NORMALIZED, SPECIAL, forms};

/// What a class reads, and how its texts become pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bert,
    MpNet,
    Roberta,
    Gpt2,
    Deberta,
    DebertaV2,
    Albert,
    XlNet,
    Camembert,
    XlmRoberta,
    Xlm,
    Flaubert,
}

pub struct Family {
    pub class: &'static str,
    /// model_type in config.json; "" where only tokenizer_class asks for the class.
    pub model_type: &'static str,
    pub kind: Kind,
    /// Vocabulary files.
    pub files: &'static [&'static str],
    pub defaults: Defaults,
}

const fn bert(class: &'static str, model_type: &'static str) -> Family {
    Family { class, model_type, kind: Kind::Bert, files: VOCAB_TXT, defaults: BERT_DEFAULTS }
}

/// Without a fast counterpart.
const fn moses(class: &'static str, model_type: &'static str, kind: Kind) -> Family {
    let tokens = ["<s>", "", "<unk>", "</s>", "<pad>", "</s>", "<special1>"];
    let defaults = Defaults { tokens, forms: [None; 7], additional: MOSES_ADDITIONAL };
    Family { class, model_type, kind, files: BYTE_BPE, defaults }
}

const MOSES_ADDITIONAL: &[&str] = &[
    "<special0>",
    "<special1>",
    "<special2>",
    "<special3>",
    "<special4>",
    "<special5>",
    "<special6>",
    "<special7>",
    "<special8>",
    "<special9>",
];

const CAMEMBERT_MASK: Option<Form> = Some(Form { lstrip: true, normalized: Some(false), special: true });
const DEBERTA_V2_UNKNOWN: Option<Form> = Some(Form { lstrip: false, normalized: Some(true), special: true });

const FAMILIES: &[Family] = &[
    bert("BertTokenizer", "bert"),
    bert("DistilBertTokenizer", "distilbert"),
    bert("ElectraTokenizer", "electra"),
    Family {
        class: "MPNetTokenizer",
        model_type: "mpnet",
        kind: Kind::MpNet,
        files: VOCAB_TXT,
        defaults: MPNET_DEFAULTS,
    },
    Family {
        class: "RobertaTokenizer",
        model_type: "roberta",
        kind: Kind::Roberta,
        files: BYTE_BPE,
        defaults: Defaults { tokens: FAIRSEQ_TOKENS, forms: forms(NORMALIZED, MASK_RAW), additional: &[] },
    },
    Family {
        class: "GPT2Tokenizer",
        model_type: "gpt2",
        kind: Kind::Gpt2,
        files: BYTE_BPE,
        defaults: Defaults {
            tokens: GPT2_TOKENS,
            forms: [NORMALIZED, NORMALIZED, NORMALIZED, None, NORMALIZED, None, None],
            additional: &[],
        },
    },
    Family {
        class: "DebertaTokenizer",
        model_type: "deberta",
        kind: Kind::Deberta,
        files: BYTE_BPE,
        defaults: Defaults { tokens: BRACKET_TOKENS, forms: forms(SPECIAL, MASK_NORMALIZED), additional: &[] },
    },
    Family {
        class: "DebertaV2Tokenizer",
        model_type: "deberta-v2",
        kind: Kind::DebertaV2,
        files: SPM_MODEL,
        defaults: Defaults {
            tokens: BRACKET_TOKENS,
            forms: [None, None, DEBERTA_V2_UNKNOWN, None, None, None, None],
            additional: &[],
        },
    },
    Family {
        class: "AlbertTokenizer",
        model_type: "albert",
        kind: Kind::Albert,
        files: SPIECE_MODEL,
        defaults: masked(ALBERT_TOKENS, MASK_RAW, &[]),
    },
    Family {
        class: "XLNetTokenizer",
        model_type: "xlnet",
        kind: Kind::XlNet,
        files: SPIECE_MODEL,
        defaults: XLNET_DEFAULTS,
    },
    Family {
        class: "CamembertTokenizer",
        model_type: "camembert",
        kind: Kind::Camembert,
        files: BPE_MODEL,
        defaults: masked(FAIRSEQ_TOKENS, CAMEMBERT_MASK, CAMEMBERT_ADDITIONAL),
    },
    Family {
        class: "XLMRobertaTokenizer",
        model_type: "xlm-roberta",
        kind: Kind::XlmRoberta,
        files: BPE_MODEL,
        defaults: masked(FAIRSEQ_TOKENS, MASK_SPECIAL, &[]),
    },
    moses("XLMTokenizer", "xlm", Kind::Xlm),
    moses("FlaubertTokenizer", "flaubert", Kind::Flaubert),
];

fn known_classes() -> String {
    let names: Vec<&str> = FAMILIES.iter().map(|family| family.class).collect();
    names.join(", ")
}

fn refuse(place: String) -> Failure {
    let message = format!(
        "no tokenizer.json, and {place}, which Paceline does not build from vocabulary files, expected one of {}",
        known_classes()
    );
    Failure::unsupported(message)
}

pub fn choose(tokenizer_config: &Settings, config: &Settings) -> Result<&'static Family, Failure> {
    match asked(tokenizer_config, config)? {
        Asked::Class { file, name } => {
            let family = FAMILIES.iter().find(|family| family.class == slow_name(name));
            family.ok_or_else(|| refuse(format!("{file} asks for {name:?}")))
        }
        Asked::Model(model_type) => {
            let family = FAMILIES.iter().find(|family| family.model_type == model_type);
            family.ok_or_else(|| refuse(format!("config.json's model_type is {model_type:?}")))
        }
        Asked::Nothing => Err(Failure::corrupt(
            "no tokenizer.json, and neither tokenizer_config.json's tokenizer_class nor config.json's model_type says \
             which tokenizer to build, expected one of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Status;
    use crate::settings::Files;

    fn chosen(tokenizer_config: &str, config: &str) -> Result<&'static Family, Failure> {
        let mut files = Files::default();
        files.add("tokenizer_config.json", tokenizer_config.as_bytes());
        files.add("config.json", config.as_bytes());
        choose(&files.settings("tokenizer_config.json")?, &files.settings("config.json")?)
    }

    #[test]
    fn tokenizer_class_comes_before_model_type() {
        let asked = |tokenizer_config, config| chosen(tokenizer_config, config).unwrap().kind;
        assert_eq!(asked("{}", r#"{"model_type": "roberta"}"#), Kind::Roberta);
        assert_eq!(asked(r#"{"tokenizer_class": "BertTokenizerFast"}"#, r#"{"model_type": "roberta"}"#), Kind::Bert);
        assert_eq!(asked("{}", r#"{"tokenizer_class": "XLNetTokenizer", "model_type": "bert"}"#), Kind::XlNet);
    }

    #[test]
    fn what_is_not_built_is_named() {
        let failure = chosen(r#"{"tokenizer_class": "T5Tokenizer"}"#, "{}").err().expect("a failure");
        assert_eq!(failure.status, Status::Unsupported);
        assert!(failure.message.contains("asks for \"T5Tokenizer\""), "{}", failure.message);
        assert!(failure.message.contains("RobertaTokenizer"), "{}", failure.message);
        let failure = chosen("{}", r#"{"model_type": "modernbert"}"#).err().expect("a failure");
        assert!(failure.message.contains("model_type is \"modernbert\""), "{}", failure.message);
        assert_eq!(chosen("{}", "{}").err().expect("a failure").status, Status::CorruptData);
    }

    #[test]
    fn no_class_and_no_model_stands_there_twice() {
        for (index, family) in FAMILIES.iter().enumerate() {
            let equal = |other: &Family| other.class == family.class || other.model_type == family.model_type;
            assert!(!FAMILIES[..index].iter().any(equal), "{}", family.class);
        }
    }
}
