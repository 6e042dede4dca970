//! What a tokenizer.json is made of, looked at before the library builds it: components by name, patterns by cost.

use crate::bounds::{Added, check_model, check_normalizer, check_post_processor, check_pre_tokenizer};
use crate::charsmap::check_encoded_charsmap;
use crate::failure::Failure;
use crate::pattern::{Growth, check_pattern};
use crate::settings::{short, shown};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A section of the file, the key under which a Sequence of it lists its parts, and the names that the library knows.
struct Section {
    name: &'static str,
    parts: &'static str,
    known: &'static [&'static str],
}

const SECTIONS: [Section; 4] = [
    Section {
        name: "normalizer",
        parts: "normalizers",
        known: &[
            "BertNormalizer",
            "Strip",
            "StripAccents",
            "NFC",
            "NFD",
            "NFKC",
            "NFKD",
            "Sequence",
            "Lowercase",
            "Nmt",
            "Precompiled",
            "Replace",
            "Prepend",
            "ByteLevel",
        ],
    },
    Section {
        name: "pre_tokenizer",
        parts: "pretokenizers",
        known: &[
            "BertPreTokenizer",
            "ByteLevel",
            "CharDelimiterSplit",
            "Metaspace",
            "Whitespace",
            "Sequence",
            "Split",
            "Punctuation",
            "WhitespaceSplit",
            "Digits",
            "UnicodeScripts",
            "FixedLength",
        ],
    },
    Section {
        name: "post_processor",
        parts: "processors",
        known: &["RobertaProcessing", "BertProcessing", "ByteLevel", "TemplateProcessing", "Sequence"],
    },
    Section {
        name: "decoder",
        parts: "decoders",
        known: &[
            "BPEDecoder",
            "ByteLevel",
            "WordPiece",
            "Metaspace",
            "CTC",
            "Sequence",
            "Replace",
            "Fuse",
            "Strip",
            "ByteFallback",
        ],
    },
];
const MODELS: &[&str] = &["BPE", "WordPiece", "WordLevel", "Unigram"];

/// The sections of a file; the vocabulary, which is most of it, is passed over.
#[derive(Default)]
struct Parts {
    sections: [Option<Value>; 4],
    model: Model,
    added: Added,
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the object of a tokenizer.json")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let mut parts = Parts::default();
        while let Some(key) = map.next_key::<String>()? {
            if let Some(index) = SECTIONS.iter().position(|section| section.name == key) {
                parts.sections[index] = Some(map.next_value()?);
            } else if key == "added_tokens" {
                parts.added = map.next_value::<AddedTokens>()?.0;
            } else if key == "model" {
                parts.model = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(parts)
    }
}

/// Added tokens, counted only.
#[derive(Default)]
struct AddedTokens(Added);

impl<'de> Deserialize<'de> for AddedTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddedTokensVisitor)
    }
}

struct AddedTokensVisitor;

impl<'de> Visitor<'de> for AddedTokensVisitor {
    type Value = AddedTokens;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of added tokens")
    }

    fn visit_unit<E: Error>(self) -> Result<AddedTokens, E> {
        Ok(AddedTokens::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AddedTokens, A::Error> {
        let mut added = AddedTokens::default();
        while let Some(token) = list.next_element::<Map<String, Value>>()? {
            added.0.add(token.get("content").and_then(Value::as_str).unwrap_or(""));
        }
        Ok(added)
    }
}

/// Settings of a model, without its vocabulary.
#[derive(Default)]
struct Model(Map<String, Value>);

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ModelVisitor)
    }
}

struct ModelVisitor;

impl<'de> Visitor<'de> for ModelVisitor {
    type Value = Model;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the object of a model")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Model, A::Error> {
        let mut model = Model::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "vocab" || key == "merges" {
                map.next_value::<IgnoredAny>()?;
            } else {
                model.0.insert(key, map.next_value()?);
            }
        }
        Ok(model)
    }
}

/// What is found out of a tokenizer.json beforehand.
pub struct Components {
    /// How the cost of its patterns grows.
    pub growth: Growth,
    /// The unknown piece of a Unigram model.
    pub unk_id: Option<u64>,
}

/// Refuses an unknown component, and a pattern that can take for ever.
pub fn check_components(json: &[u8]) -> Result<Components, Failure> {
    let parts: Parts = serde_json::from_slice(json).map_err(|e| {
        Failure::corrupt(format!("tokenizer.json: {e}, expected a tokenizer.json of Hugging Face tokenizers"))
    })?;
    parts.added.check("tokenizer.json")?;
    check_model(&parts.model.0)?;
    check_name("model", parts.model.0.get("type"), MODELS)?;
    let mut growth = Growth::Linear;
    for (section, value) in SECTIONS.iter().zip(&parts.sections) {
        if let Some(value) = value {
            check_section(section, value)?;
            match section.name {
                "normalizer" => check_normalizer(value)?,
                "pre_tokenizer" => check_pre_tokenizer(value)?,
                "post_processor" => check_post_processor(value)?,
                _ => {}
            }
            growth = growth.max(check_patterns(section, value)?);
        }
    }
    Ok(Components { growth, unk_id: parts.model.0.get("unk_id").and_then(Value::as_u64) })
}

fn check_name(place: &str, name: Option<&Value>, known: &[&str]) -> Result<(), Failure> {
    // Files of old versions leave the type out; the library finds it by the other fields.
    let Some(name) = name else { return Ok(()) };
    if name.as_str().is_some_and(|name| known.contains(&name)) {
        return Ok(());
    }
    let message =
        format!("tokenizer.json: the {place} is of type {}, expected one of {}", shown(name), known.join(", "));
    Err(Failure::unsupported(message))
}

fn check_section(section: &Section, value: &Value) -> Result<(), Failure> {
    check_name(section.name, value.get("type"), section.known)?;
    if let Some(map) = value.get("precompiled_charsmap").and_then(Value::as_str) {
        check_encoded_charsmap(map, "tokenizer.json")?;
    }
    let parts = value.get(section.parts).and_then(Value::as_array);
    parts.into_iter().flatten().try_for_each(|part| check_section(section, part))
}

fn check_patterns(section: &Section, value: &Value) -> Result<Growth, Failure> {
    let worst = |growth: Growth, next: Result<Growth, Failure>| Ok(growth.max(next?));
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| match field {
                Value::String(pattern) if key == "Regex" => {
                    check_pattern(pattern).map_err(|reason| refuse(section, pattern, reason))
                }
                field => check_patterns(section, field),
            })
            .try_fold(Growth::Linear, worst),
        Value::Array(items) => items.iter().map(|item| check_patterns(section, item)).try_fold(Growth::Linear, worst),
        _ => Ok(Growth::Linear),
    }
}

fn refuse(section: &Section, pattern: &str, reason: &str) -> Failure {
    let place = format!("tokenizer.json: the {}'s pattern \"{}\"", section.name, short(pattern));
    let expected = "a pattern without nested repetition, references and unbounded lookaround";
    Failure::unsupported(format!("{place} has {reason}, which can take for ever, expected {expected}"))
}
