//! The tokenizer classes of transformers 5.24, and which one AutoTokenizer takes for a folder.

use crate::failure::Failure;
use crate::family::{ALBERT_TOKENS, BRACKET_TOKENS, CAMEMBERT_ADDITIONAL, FAIRSEQ_TOKENS, MPNET_TOKENS, XLNET_TOKENS};
use crate::settings::{Settings, short};
use crate::special_tokens::{Defaults, Form, forms};

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

const fn bare(tokens: [&'static str; 7]) -> Defaults {
    Defaults { tokens, forms: [None; 7], additional: &[] }
}

const BERT_TOKENS: [&str; 7] = ["", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];
const FUNNEL_TOKENS: [&str; 7] = ["<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"];
const GPT2_TOKENS: [&str; 7] = ["<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", ""];
const PLAIN: Option<Form> = Some(Form { lstrip: false, normalized: None, special: true });
const MASK: Option<Form> = Some(Form { lstrip: true, normalized: None, special: true });
const VOCAB_TXT: &[&str] = &["vocab.txt"];
const BYTE_BPE: &[&str] = &["vocab.json", "merges.txt"];

pub static BACKEND: Class = Class {
    kind: Kind::Backend,
    names: &["TokenizersBackend", "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer"],
    model_types: &["modernbert"],
    files: &[],
    defaults: bare([""; 7]),
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
        defaults: bare(BERT_TOKENS),
    },
    Class {
        kind: Kind::BertOverFile,
        names: &["ConvBertTokenizer"],
        model_types: &[],
        files: VOCAB_TXT,
        defaults: bare(BERT_TOKENS),
    },
    Class {
        kind: Kind::Funnel,
        names: &["FunnelTokenizer"],
        model_types: &[],
        files: VOCAB_TXT,
        defaults: bare(FUNNEL_TOKENS),
    },
    Class {
        kind: Kind::MpNet,
        names: &["MPNetTokenizer"],
        model_types: &["mpnet"],
        files: VOCAB_TXT,
        defaults: Defaults { tokens: MPNET_TOKENS, forms: forms(PLAIN, MASK), additional: &[] },
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
        files: &["spm.model"],
        defaults: bare(BRACKET_TOKENS),
    },
    Class {
        kind: Kind::Albert,
        names: &["AlbertTokenizer"],
        model_types: &["albert"],
        files: &["spiece.model"],
        defaults: bare(ALBERT_TOKENS),
    },
    Class {
        kind: Kind::XlNet,
        names: &["XLNetTokenizer"],
        model_types: &["xlnet"],
        files: &["spiece.model"],
        defaults: Defaults { tokens: XLNET_TOKENS, forms: forms(None, MASK), additional: &["<eop>", "<eod>"] },
    },
    Class {
        kind: Kind::Camembert,
        names: &["CamembertTokenizer"],
        model_types: &["camembert"],
        files: &["sentencepiece.bpe.model"],
        defaults: Defaults { tokens: FAIRSEQ_TOKENS, forms: forms(None, MASK), additional: CAMEMBERT_ADDITIONAL },
    },
    Class {
        kind: Kind::XlmRoberta,
        names: &["XLMRobertaTokenizer"],
        model_types: &["xlm-roberta"],
        files: &["sentencepiece.bpe.model"],
        defaults: bare(FAIRSEQ_TOKENS),
    },
];

/// In Python: transformers reads their vocabulary and leaves a tokenizer.json alone.
const IN_PYTHON: [(&str, &str); 2] = [("XLMTokenizer", "xlm"), ("FlaubertTokenizer", "flaubert")];

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

/// tokenizer_class where a file has one, else config.json's model_type. `json` is the folder's tokenizer.json.
pub fn choose(tokenizer_config: &Settings, config: &Settings, json: Option<&[u8]>) -> Result<Choice, Failure> {
    let model_type = config.string("model_type")?;
    let backend = |note| Ok(Choice { class: &BACKEND, in_python: false, note });
    for settings in [tokenizer_config, config] {
        let Some(name) = settings.string("tokenizer_class")? else { continue };
        let plain = name.strip_suffix("Fast").unwrap_or(name);
        if model_type == Some(ALWAYS_BACKEND) {
            return backend(None);
        }
        let asked = || format!("{} asks for {}", settings.file, short(name));
        if IN_PYTHON.iter().any(|(class, _)| *class == plain) {
            return Ok(Choice { class: &BACKEND, in_python: true, note: Some(python_note(&asked(), plain)) });
        }
        if plain == "LlamaTokenizer" && json.is_some_and(names_byte_level) {
            return backend(None);
        }
        if REFUSED.split_whitespace().any(|refused| refused == plain) {
            let message = format!("{}, which Paceline does not build, expected one of {}", asked(), names());
            return Err(Failure::unsupported(message));
        }
        if let Some(class) = CLASSES.iter().chain([&BACKEND]).find(|class| class.names.contains(&plain)) {
            return Ok(Choice { class, in_python: false, note: None });
        }
        let note = format!("{}, which is not known, so tokenizer.json is read as by TokenizersBackend", asked());
        return backend(Some(note));
    }
    let Some(model_type) = model_type else { return backend(None) };
    let asked = format!("model_type is {}", short(model_type));
    if let Some((name, _)) = IN_PYTHON.iter().find(|(_, of)| *of == model_type) {
        return Ok(Choice { class: &BACKEND, in_python: true, note: Some(python_note(&asked, name)) });
    }
    match CLASSES.iter().chain([&BACKEND]).find(|class| class.model_types.contains(&model_type)) {
        Some(class) => Ok(Choice { class, in_python: false, note: None }),
        None => backend(Some(format!(
            "{asked}; its tokenizer class is not known here, so tokenizer.json is read as by TokenizersBackend"
        ))),
    }
}

fn names_byte_level(json: &[u8]) -> bool {
    const NAME: &[u8] = b"\"ByteLevel\"";
    json.windows(NAME.len()).any(|part| part == NAME)
}

fn python_note(asked: &str, name: &str) -> String {
    format!("{asked}; transformers would read {name} from its vocabulary files, not from the tokenizer.json")
}

fn names() -> String {
    let names: Vec<&str> = CLASSES.iter().chain([&BACKEND]).flat_map(|class| class.names).copied().collect();
    names.join(", ")
}
