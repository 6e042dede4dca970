//! The tokenizer classes of transformers 5.24, and which one AutoTokenizer takes for a folder.

use crate::classes::{
    ALBERT_TOKENS, Asked, BERT_DEFAULTS, BPE_MODEL, BRACKET_TOKENS, BYTE_BPE, CAMEMBERT_ADDITIONAL, FAIRSEQ_TOKENS,
    FUNNEL_DEFAULTS, GPT2_TOKENS, IN_PYTHON, MPNET_DEFAULTS, NO_TOKENS, SPIECE_MODEL, SPM_MODEL, VOCAB_TXT,
    XLNET_DEFAULTS, asked, bare, masked, python_note, slow_name,
};
use crate::failure::Failure;
use crate::settings::{Settings, short};
use crate::special_tokens::{Defaults, MASK_SPECIAL};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tokenizer.json as it is.
    Backend,
    /// The same with BERT's post-processor.
    BertOverFile,
    Bert,
    Funnel,
    MpNet,
    Roberta,
    Gpt2,
    Deberta,
    DebertaV2,
    Albert,
    XlNet,
    Camembert,
    XlmRoberta,
}

pub struct Class {
    pub kind: Kind,
    /// Without "Fast"; the first one is the class' own, the others are its other names.
    names: &'static [&'static str],
    /// Of config.json.
    model_types: &'static [&'static str],
    /// Vocabulary files.
    pub files: &'static [&'static str],
    pub defaults: Defaults,
}

impl Class {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

pub static BACKEND: Class = Class {
    kind: Kind::Backend,
    names: &["TokenizersBackend", "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer"],
    model_types: &["modernbert"],
    files: &[],
    defaults: NO_TOKENS,
};

static CLASSES: &[Class] = &[
    Class {
        kind: Kind::Bert,
        names: &[
            "BertTokenizer",
            "DistilBertTokenizer",
            "ElectraTokenizer",
            "MobileBertTokenizer",
            "SqueezeBertTokenizer",
            "LayoutLMTokenizer",
            "LxmertTokenizer",
        ],
        model_types: &["bert", "distilbert", "electra"],
        files: VOCAB_TXT,
        defaults: BERT_DEFAULTS,
    },
    Class {
        kind: Kind::BertOverFile,
        names: &["ConvBertTokenizer"],
        model_types: &[],
        files: VOCAB_TXT,
        defaults: BERT_DEFAULTS,
    },
    Class {
        kind: Kind::Funnel,
        names: &["FunnelTokenizer"],
        model_types: &[],
        files: VOCAB_TXT,
        defaults: FUNNEL_DEFAULTS,
    },
    Class {
        kind: Kind::MpNet,
        names: &["MPNetTokenizer"],
        model_types: &["mpnet"],
        files: VOCAB_TXT,
        defaults: MPNET_DEFAULTS,
    },
    Class {
        kind: Kind::Roberta,
        names: &["RobertaTokenizer", "BartTokenizer", "LEDTokenizer", "LongformerTokenizer", "MvpTokenizer"],
        model_types: &["roberta"],
        files: BYTE_BPE,
        defaults: bare(FAIRSEQ_TOKENS),
    },
    Class {
        kind: Kind::Gpt2,
        names: &["GPT2Tokenizer"],
        model_types: &["gpt2"],
        files: BYTE_BPE,
        defaults: bare(GPT2_TOKENS),
    },
    Class {
        kind: Kind::Deberta,
        names: &["DebertaTokenizer"],
        model_types: &["deberta"],
        files: BYTE_BPE,
        defaults: bare(BRACKET_TOKENS),
    },
    Class {
        kind: Kind::DebertaV2,
        names: &["DebertaV2Tokenizer"],
        model_types: &["deberta-v2"],
        files: SPM_MODEL,
        defaults: bare(BRACKET_TOKENS),
    },
    Class {
        kind: Kind::Albert,
        names: &["AlbertTokenizer"],
        model_types: &["albert"],
        files: SPIECE_MODEL,
        defaults: bare(ALBERT_TOKENS),
    },
    Class {
        kind: Kind::XlNet,
        names: &["XLNetTokenizer"],
        model_types: &["xlnet"],
        files: SPIECE_MODEL,
        defaults: XLNET_DEFAULTS,
    },
    Class {
        kind: Kind::Camembert,
        names: &["CamembertTokenizer"],
        model_types: &["camembert"],
        files: BPE_MODEL,
        defaults: masked(FAIRSEQ_TOKENS, MASK_SPECIAL, CAMEMBERT_ADDITIONAL),
    },
    Class {
        kind: Kind::XlmRoberta,
        names: &["XLMRobertaTokenizer"],
        model_types: &["xlm-roberta"],
        files: BPE_MODEL,
        defaults: bare(FAIRSEQ_TOKENS),
    },
];

/// Classes that build their tokenizer in ways that are not built here. A name that is in no list is one that
/// transformers does not know either, and reads as TokenizersBackend.
const REFUSED: &str = "BarthezTokenizer BartphoTokenizer BertGenerationTokenizer BertJapaneseTokenizer \
    BertweetTokenizer BigBirdTokenizer BioGptTokenizer BlenderbotSmallTokenizer BlenderbotTokenizer ByT5Tokenizer \
    CLIPTokenizer CTRLTokenizer CanineTokenizer ClvpTokenizer CodeGenTokenizer CodeLlamaTokenizer CohereTokenizer \
    CpmAntTokenizer CpmTokenizer DPRContextEncoderTokenizer DPRQuestionEncoderTokenizer DPRReaderTokenizer \
    DiaTokenizer EsmTokenizer EsmcTokenizer FNetTokenizer FSMTTokenizer FastSpeech2ConformerTokenizer \
    GPTNeoXJapaneseTokenizer GPTNeoXTokenizer GPTSw3Tokenizer GemmaTokenizer HerbertTokenizer LasrTokenizer \
    LayoutLMv2Tokenizer LayoutLMv3Tokenizer LayoutXLMTokenizer LlamaTokenizer LukeTokenizer M2M100Tokenizer \
    MBart50Tokenizer MBartTokenizer MLukeTokenizer MarianTokenizer MarkupLMTokenizer MgpstrTokenizer \
    MistralCommonBackend MyT5Tokenizer NllbTokenizer NougatTokenizer OpenAIGPTTokenizer PLBartTokenizer \
    ParakeetTokenizer PegasusTokenizer PerceiverTokenizer PhobertTokenizer Pop2PianoTokenizer ProphetNetTokenizer \
    Qwen2Tokenizer Qwen3_5Tokenizer RagTokenizer ReformerTokenizer RemBertTokenizer RoCBertTokenizer \
    RoFormerTokenizer SeamlessM4TTokenizer SentencePieceBackend Siglip2Tokenizer SiglipTokenizer \
    Speech2TextTokenizer SpeechT5Tokenizer SplinterTokenizer T5Tokenizer TapasTokenizer Tipsv2Tokenizer \
    UdopTokenizer VideoPrismTokenizer VitsTokenizer Wav2Vec2CTCTokenizer Wav2Vec2PhonemeCTCTokenizer \
    WhisperTokenizer XGLMTokenizer";

/// The class that reads a folder.
pub struct Choice {
    pub class: &'static Class,
    /// Written by a class in Python, which would not read a tokenizer.json.
    pub in_python: bool,
    pub note: Option<String>,
}

/// Models whose tokenizer_class is passed over.
const ALWAYS_BACKEND: &str = "modernbert";

impl Choice {
    fn of(class: &'static Class) -> Self {
        Choice { class, in_python: false, note: None }
    }

    fn in_python(asked: &str, name: &str) -> Self {
        Choice { class: &BACKEND, in_python: true, note: Some(python_note(asked, name)) }
    }

    fn unknown(note: String) -> Self {
        Choice { class: &BACKEND, in_python: false, note: Some(note) }
    }
}

/// `json` is the folder's tokenizer.json.
pub fn choose(tokenizer_config: &Settings, config: &Settings, json: Option<&[u8]>) -> Result<Choice, Failure> {
    match asked(tokenizer_config, config)? {
        Asked::Nothing => Ok(Choice::of(&BACKEND)),
        Asked::Class { .. } if config.string("model_type")? == Some(ALWAYS_BACKEND) => Ok(Choice::of(&BACKEND)),
        Asked::Class { file, name } => {
            let plain = slow_name(name);
            let asked = format!("{file} asks for {}", short(name));
            if IN_PYTHON.iter().any(|(class, _)| *class == plain) {
                return Ok(Choice::in_python(&asked, plain));
            }
            if plain == "LlamaTokenizer" && json.is_some_and(names_byte_level) {
                return Ok(Choice::of(&BACKEND));
            }
            if REFUSED.split_whitespace().any(|refused| refused == plain) {
                let message = format!("{asked}, which Paceline does not build, expected one of {}", names());
                return Err(Failure::unsupported(message));
            }
            let class = CLASSES.iter().chain([&BACKEND]).find(|class| class.names.contains(&plain));
            let note = || format!("{asked}, which is not known, so tokenizer.json is read as by TokenizersBackend");
            Ok(class.map_or_else(|| Choice::unknown(note()), Choice::of))
        }
        Asked::Model(model_type) => {
            let asked = format!("model_type is {}", short(model_type));
            if let Some((name, _)) = IN_PYTHON.iter().find(|(_, of)| *of == model_type) {
                return Ok(Choice::in_python(&asked, name));
            }
            let class = CLASSES.iter().chain([&BACKEND]).find(|class| class.model_types.contains(&model_type));
            let note = || {
                format!(
                    "{asked}; its tokenizer class is not known here, so tokenizer.json is read as by TokenizersBackend"
                )
            };
            Ok(class.map_or_else(|| Choice::unknown(note()), Choice::of))
        }
    }
}

fn names_byte_level(json: &[u8]) -> bool {
    const NAME: &[u8] = b"\"ByteLevel\"";
    json.windows(NAME.len()).any(|part| part == NAME)
}

fn names() -> String {
    let names: Vec<&str> = CLASSES.iter().chain([&BACKEND]).flat_map(|class| class.names).copied().collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Files;

    fn chosen(tokenizer_config: &str, config: &str, json: &[u8]) -> Result<Choice, Failure> {
        let mut files = Files::default();
        files.add("tokenizer_config.json", tokenizer_config.as_bytes());
        files.add("config.json", config.as_bytes());
        choose(&files.settings("tokenizer_config.json")?, &files.settings("config.json")?, Some(json))
    }

    #[test]
    fn a_known_class_is_taken_without_a_note() {
        let choice = chosen(r#"{"tokenizer_class": "BartTokenizerFast"}"#, "{}", b"{}").unwrap();
        assert_eq!(choice.class.kind, Kind::Roberta);
        assert_eq!((choice.in_python, choice.note), (false, None));
    }

    #[test]
    fn modernbert_passes_over_its_class() {
        let config = r#"{"model_type": "modernbert"}"#;
        let choice = chosen(r#"{"tokenizer_class": "BertTokenizer"}"#, config, b"{}").unwrap();
        assert_eq!(choice.class.kind, BACKEND.kind);
    }

    #[test]
    fn an_unknown_class_is_read_as_the_plain_one_with_a_note() {
        let choice = chosen(r#"{"tokenizer_class": "NoSuchTokenizer"}"#, "{}", b"{}").unwrap();
        assert_eq!(choice.class.kind, BACKEND.kind);
        assert!(choice.note.expect("a note").contains("NoSuchTokenizer"));
    }

    #[test]
    fn a_class_in_python_is_marked() {
        let choice = chosen("{}", r#"{"model_type": "flaubert"}"#, b"{}").unwrap();
        assert!(choice.in_python);
        assert!(choice.note.expect("a note").contains("FlaubertTokenizer"));
    }

    #[test]
    fn llama_is_read_where_its_tokenizer_json_is_of_bytes() {
        let asked = r#"{"tokenizer_class": "LlamaTokenizer"}"#;
        assert!(chosen(asked, "{}", br#"{"pre_tokenizer": {"type": "ByteLevel"}}"#).is_ok());
        assert!(chosen(asked, "{}", b"{}").is_err());
    }

    #[test]
    fn no_class_is_both_built_and_refused() {
        for name in CLASSES.iter().flat_map(|class| class.names) {
            assert!(!REFUSED.split_whitespace().any(|refused| refused == *name), "{name}");
        }
    }
}
