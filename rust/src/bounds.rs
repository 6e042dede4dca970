//! What a tokenizer.json may ask for: stages that let a text grow, words that cost the square of their length, lists of
//! any length. Each bound is far above what tokenizers of the common families have, and a file beyond it is refused by name.
//!
//! Why each bound is what it is: docs/adr/0023-bounds-of-tokenizers.md.

use crate::charsmap::{decode, longest_value};
use crate::failure::Failure;
use crate::long_text::flatten as flatten_normalizer;
use crate::settings::short;
use serde_json::{Map, Value};
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

/// Stages of a section, those of nested sequences included.
const MOST_STAGES: usize = 256;
/// Bytes that the normalizer may make of one.
const MOST_GROWTH: f64 = 65_536.0;
/// The same of the pre-tokenizer, whose pieces take 200 bytes of memory a byte.
const MOST_PIECE_GROWTH: f64 = 64.0;
/// Special tokens of a post-processor's template.
const MOST_SPECIAL: usize = 256;
/// Letters of a word that WordPiece looks at, at a cost of their square.
const LONGEST_WORD: u64 = 256;
/// Bytes that a model puts before or behind each piece it looks for.
const LONGEST_AFFIX: usize = 64;
/// Bytes of a Unigram piece: a text is looked at from each place as far as the longest one goes.
const LONGEST_PIECE: usize = 1024;
const MOST_ADDED: usize = 100_000;
const MOST_ADDED_BYTES: usize = 8 << 20;

/// What Unicode's normal forms make of a byte at most: U+FDFA's 3 become 33.
const UNICODE_GROWTH: f64 = 11.0;

fn refuse(what: String, expected: impl std::fmt::Display) -> Failure {
    Failure::unsupported(format!("tokenizer.json: {what}, expected at most {expected}"))
}

/// The stages of a normalizer or pre-tokenizer one by one.
fn flatten<'a>(stage: &'a Value, parts: &str, all: &mut Vec<&'a Value>) {
    match stage.get(parts).and_then(Value::as_array) {
        Some(stages) => stages.iter().for_each(|stage| flatten(stage, parts, all)),
        None => all.push(stage),
    }
}

fn text<'a>(stage: &'a Value, key: &str) -> &'a str {
    stage.get(key).and_then(Value::as_str).unwrap_or("")
}

/// How many bytes a normalizer's stage makes of one at most.
fn growth_of(stage: &Value) -> f64 {
    match text(stage, "type") {
        "Replace" => {
            let content = text(stage, "content").len() as f64;
            let pattern = stage.get("pattern");
            match pattern.and_then(|pattern| pattern.get("String")).and_then(Value::as_str) {
                Some(pattern) => (content / pattern.len().max(1) as f64).max(1.0) + f64::from(pattern.is_empty()),
                // It may match nothing at all, before each character.
                None => content + 1.0,
            }
        }
        // Before each part between added tokens, which has a byte at least.
        "Prepend" => text(stage, "prepend").len() as f64 + 1.0,
        "NFKC" | "NFKD" => UNICODE_GROWTH,
        "NFC" | "NFD" => 3.0,
        // Decomposed and in lower case, with blanks around ideographs.
        "BertNormalizer" => 4.5,
        "Lowercase" => 1.5,
        "ByteLevel" => 2.0,
        "Precompiled" => longest_value(&decode(text(stage, "precompiled_charsmap"))),
        _ => 1.0,
    }
}

/// The growth of each stage of a normalizer, in order.
fn growths(normalizer: &Value) -> Vec<f64> {
    let mut stages = Vec::new();
    flatten(normalizer, "normalizers", &mut stages);
    stages.into_iter().map(growth_of).collect()
}

fn piece_growth(stage: &Value) -> f64 {
    match text(stage, "type") {
        "ByteLevel" if stage.get("add_prefix_space") == Some(&Value::Bool(false)) => 2.0,
        // A blank before each piece.
        "ByteLevel" => 4.0,
        "Metaspace" => text(stage, "replacement").len().max(1) as f64 * 2.0,
        _ => 1.0,
    }
}

pub fn check_pre_tokenizer(pre_tokenizer: &Value) -> Result<(), Failure> {
    let mut stages = Vec::new();
    flatten(pre_tokenizer, "pretokenizers", &mut stages);
    check_count("pre_tokenizer", stages.len())?;
    let growth: f64 = stages.into_iter().map(piece_growth).product();
    if growth > MOST_PIECE_GROWTH {
        return Err(refuse(format!("the pre_tokenizer can make {growth:.0} bytes of one"), MOST_PIECE_GROWTH));
    }
    Ok(())
}

fn check_count(section: &str, stages: usize) -> Result<(), Failure> {
    if stages > MOST_STAGES { Err(refuse(format!("the {section} has {stages} stages"), MOST_STAGES)) } else { Ok(()) }
}

pub fn check_normalizer(normalizer: &Value) -> Result<(), Failure> {
    let growths = growths(normalizer);
    check_count("normalizer", growths.len())?;
    let growth: f64 = growths.iter().product();
    if growth > MOST_GROWTH {
        return Err(refuse(format!("the normalizer can make {growth:.0} bytes of one"), MOST_GROWTH));
    }
    Ok(())
}

/// Templates that hold each text once at most.
pub fn check_post_processor(processor: &Value) -> Result<(), Failure> {
    let mut stages = Vec::new();
    flatten(processor, "processors", &mut stages);
    check_count("post_processor", stages.len())?;
    for stage in stages {
        for template in ["single", "pair"] {
            let pieces = stage.get(template).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for id in ["A", "B"] {
                let of = |piece: &&Value| {
                    piece.get("Sequence").is_some_and(|sequence| sequence.get("id") == Some(&id.into()))
                };
                let times = pieces.iter().filter(of).count();
                if times > 1 {
                    return Err(refuse(
                        format!("the post_processor's template {template} has text {id} {times} times"),
                        "once",
                    ));
                }
            }
            let ids = |piece: &Value| {
                let name = piece.get("SpecialToken")?.get("id")?.as_str()?;
                stage.get("special_tokens")?.get(name)?.get("ids")?.as_array().map(Vec::len)
            };
            let special: usize = pieces.iter().filter_map(ids).sum();
            if special > MOST_SPECIAL {
                let what = format!("the post_processor's template {template} has {special} special tokens");
                return Err(refuse(what, MOST_SPECIAL));
            }
        }
    }
    Ok(())
}

/// A model's settings beside its vocabulary.
pub fn check_model(model: &Map<String, Value>) -> Result<(), Failure> {
    const WORD: &str = "max_input_chars_per_word";
    if let Some(letters) = model.get(WORD).and_then(Value::as_u64).filter(|&letters| letters > LONGEST_WORD) {
        return Err(refuse(format!("the model's {WORD} is {letters}, at a cost of its square"), LONGEST_WORD));
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        let affix = model.get(key).and_then(Value::as_str).unwrap_or("");
        if affix.len() > LONGEST_AFFIX {
            return Err(refuse(format!("the model's {key} has {} bytes", affix.len()), LONGEST_AFFIX));
        }
    }
    Ok(())
}

/// Refuses a piece of more bytes than a text is looked at for from each place.
pub fn check_pieces<'a>(pieces: impl Iterator<Item = &'a str>, file: &str) -> Result<(), Failure> {
    match pieces.filter(|piece| piece.len() > LONGEST_PIECE).max_by_key(|piece| piece.len()) {
        None => Ok(()),
        Some(piece) => Err(Failure::unsupported(format!(
            "{file}: the Unigram piece \"{}\" has {} bytes, expected at most {LONGEST_PIECE}",
            short(piece),
            piece.len()
        ))),
    }
}

/// Special tokens that are named at one place: each is compared with every other.
const MOST_LISTED: usize = 10_000;

pub fn check_listed(count: usize, place: &str) -> Result<(), Failure> {
    if count <= MOST_LISTED {
        return Ok(());
    }
    Err(Failure::unsupported(format!("{place} has {count} special tokens, expected at most {MOST_LISTED}")))
}

/// Bytes that the normalizer may make of a piece of text: the library takes 200 bytes of memory for each.
const LARGEST_PIECE: usize = 4 << 20;

/// Which texts a normalizer may be given.
pub struct Growth {
    /// Of each stage.
    stages: Vec<f64>,
    all: f64,
}

impl Growth {
    pub fn of(normalizer: Option<&NormalizerWrapper>) -> Self {
        let json = normalizer.and_then(|normalizer| serde_json::to_value(normalizer).ok());
        let stages = json.map_or(Vec::new(), |json| growths(&json));
        Growth { all: stages.iter().product(), stages }
    }

    /// Refuses a text that the normalizer makes far longer than Unicode's normal forms would. Where it could, the stages
    /// are gone through one by one beforehand.
    pub fn check(&self, normalizer: Option<&NormalizerWrapper>, piece: &str) -> Result<(), Failure> {
        let Some(normalizer) = normalizer.filter(|_| piece.len() as f64 * self.all > LARGEST_PIECE as f64) else {
            return Ok(());
        };
        let most = LARGEST_PIECE.max((piece.len() as f64 * (UNICODE_GROWTH + 1.0)) as usize);
        let refuse = || {
            let message = format!("a text of {} bytes that the normalizer makes longer than {most}", piece.len());
            Failure::unsupported(message)
        };
        let mut stages = Vec::new();
        flatten_normalizer(normalizer, &mut stages);
        let mut text = NormalizedString::from(piece);
        for (stage, growth) in stages.into_iter().zip(&self.stages) {
            if *growth > UNICODE_GROWTH && text.get().len() as f64 * growth > most as f64 {
                return Err(refuse());
            }
            stage.normalize(&mut text).map_err(Failure::corrupt)?;
            if text.get().len() > most {
                return Err(refuse());
            }
        }
        Ok(())
    }
}

/// Counts added tokens and their bytes.
#[derive(Default)]
pub struct Added {
    count: usize,
    bytes: usize,
}

impl Added {
    pub fn add(&mut self, content: &str) {
        self.count += 1;
        self.bytes += content.len();
    }

    pub fn check(&self, file: &str) -> Result<(), Failure> {
        let (count, bytes) = (self.count, self.bytes);
        if count <= MOST_ADDED && bytes <= MOST_ADDED_BYTES {
            return Ok(());
        }
        Err(Failure::unsupported(format!(
            "{file}: {count} added tokens of {bytes} bytes, expected at most {MOST_ADDED} of {MOST_ADDED_BYTES}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_normalizer_may_not_let_texts_explode() {
        let doubles = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let times = |count: usize| json!({"type": "Sequence", "normalizers": vec![doubles.clone(); count]});
        assert!(check_normalizer(&times(16)).is_ok());
        let message = check_normalizer(&times(17)).unwrap_err().message;
        assert!(message.contains("131072 bytes of one, expected at most 65536"), "{message}");
    }

    #[test]
    fn stages_of_nested_sequences_are_counted() {
        let plain = vec![json!({"type": "Strip"}); MOST_STAGES];
        let most = json!({"normalizers": [{"normalizers": plain}]});
        assert!(check_normalizer(&most).is_ok());
        let more = json!({"normalizers": [most, {"type": "Strip"}]});
        assert!(check_normalizer(&more).unwrap_err().message.contains("257 stages"));
    }

    #[test]
    fn pre_tokenizers_may_grow_less() {
        let bytes = json!({"type": "ByteLevel"});
        assert!(check_pre_tokenizer(&json!({"pretokenizers": vec![bytes.clone(); 3]})).is_ok());
        assert!(check_pre_tokenizer(&json!({"pretokenizers": vec![bytes; 4]})).is_err());
    }

    #[test]
    fn a_template_has_each_text_once() {
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        assert!(check_post_processor(&json!({"single": [text]})).is_ok());
        let message = check_post_processor(&json!({"single": [text, text]})).unwrap_err().message;
        assert!(message.contains("template single has text A 2 times"), "{message}");
    }

    #[test]
    fn words_and_affixes_of_a_model_are_short() {
        let model = |key: &str, value: Value| Map::from_iter([(key.to_owned(), value)]);
        assert!(check_model(&model("max_input_chars_per_word", json!(LONGEST_WORD))).is_ok());
        assert!(check_model(&model("max_input_chars_per_word", json!(LONGEST_WORD + 1))).is_err());
        assert!(check_model(&model("end_of_word_suffix", json!("w".repeat(LONGEST_AFFIX)))).is_ok());
        assert!(check_model(&model("end_of_word_suffix", json!("w".repeat(LONGEST_AFFIX + 1)))).is_err());
    }

    #[test]
    fn the_longest_piece_is_named() {
        let long = "x".repeat(LONGEST_PIECE + 1);
        assert!(check_pieces(["a", &long[1..]].into_iter(), "file").is_ok());
        let message = check_pieces(["a", &long].into_iter(), "file").unwrap_err().message;
        assert!(message.contains("has 1025 bytes, expected at most 1024"), "{message}");
    }

    #[test]
    fn added_tokens_are_bounded_by_number_and_by_bytes() {
        let mut added = Added { count: MOST_ADDED - 1, bytes: MOST_ADDED_BYTES - 1 };
        added.add("a");
        assert!(added.check("file").is_ok());
        added.add("");
        assert!(added.check("file").is_err());
    }
}
