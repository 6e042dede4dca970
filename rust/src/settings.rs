//! The small JSON files of a model folder that say how its tokenizer is made.

use crate::failure::{Failure, Status};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Files of a model folder, by name. What is not there is not in the folder.
#[derive(Default)]
pub struct Files<'a>(BTreeMap<&'a str, &'a [u8]>);

impl<'a> Files<'a> {
    pub fn add(&mut self, name: &'a str, content: &'a [u8]) {
        self.0.insert(name, content);
    }

    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.get(name).copied()
    }

    pub fn require(&self, name: &str) -> Result<&'a [u8], Failure> {
        let missing =
            || Failure::new(Status::NotFound, format!("no tokenizer.json and no {name}, expected one of them"));
        self.get(name).ok_or_else(missing)
    }

    /// The object in a JSON file; empty where there is no such file.
    pub fn settings(&self, name: &'static str) -> Result<Settings, Failure> {
        let Some(content) = self.get(name) else { return Ok(Settings { file: name, values: Map::new() }) };
        let value: Value = serde_json::from_slice(content).map_err(|e| Failure::corrupt(format!("{name}: {e}")))?;
        match value {
            Value::Object(values) => Ok(Settings { file: name, values }),
            _ => Err(Failure::corrupt(format!("{name} holds no JSON object, expected one"))),
        }
    }

    /// The keys in a JSON file, or in the object under one of them, in the file's order, which Settings do not keep. None
    /// where there is no such object.
    pub fn keys(&self, name: &str, within: Option<&str>) -> Vec<String> {
        let mut json = serde_json::Deserializer::from_slice(self.get(name).unwrap_or(b"{}"));
        KeysOf(within).deserialize(&mut json).unwrap_or_default()
    }
}

/// Reads the keys of an object, or of the object under one of its keys, in the order in which they stand there.
struct KeysOf<'a>(Option<&'a str>);

impl<'de> DeserializeSeed<'de> for KeysOf<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysOf<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let (mut keys, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if self.0 == Some(key.as_str()) {
                keys = map.next_value_seed(KeysOf(None))?;
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if self.0.is_none() && seen.insert(key.clone()) {
                keys.push(key);
            }
        }
        Ok(keys)
    }
}

/// A JSON object, and the file it is from. `null` counts as absent unless something else is said.
pub struct Settings {
    pub file: &'static str,
    pub values: Map<String, Value>,
}

impl Settings {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> Failure {
        Failure::corrupt(format!("{}: {key} is {}, expected {expected}", self.file, shown(value)))
    }

    pub fn string(&self, key: &str) -> Result<Option<&str>, Failure> {
        let text = |value: &Value| value.is_string().then_some(());
        self.get(key)
            .map(|value| text(value).and(value.as_str()).ok_or_else(|| self.wrong(key, value, "a string")))
            .transpose()
    }

    pub fn switch(&self, key: &str) -> Result<Option<bool>, Failure> {
        self.get(key).map(|value| value.as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))).transpose()
    }

    pub fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, Failure> {
        self.get(key).map(|value| value.as_object().ok_or_else(|| self.wrong(key, value, "an object"))).transpose()
    }

    pub fn count(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.get(key).map(|value| value.as_u64().ok_or_else(|| self.wrong(key, value, "a whole number"))).transpose()
    }
}

/// A value as an error shows it: not longer than a line.
pub fn shown(value: &Value) -> String {
    short(&value.to_string())
}

/// A text as an error shows it.
pub fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        let mut files = Files::default();
        files.add("tokenizer_config.json", json.as_bytes());
        files.settings("tokenizer_config.json").expect("an object")
    }

    #[test]
    fn null_is_absent_and_a_wrong_type_is_named() {
        let settings = settings(r#"{"a": null, "b": "text", "c": 3, "d": true}"#);
        assert_eq!(settings.string("a").unwrap(), None);
        assert_eq!(settings.string("b").unwrap(), Some("text"));
        assert_eq!(settings.count("c").unwrap(), Some(3));
        assert_eq!(settings.switch("d").unwrap(), Some(true));
        let message = settings.string("c").unwrap_err().message;
        assert_eq!(message, "tokenizer_config.json: c is 3, expected a string");
    }

    #[test]
    fn a_file_that_is_not_there_has_no_settings() {
        assert!(Files::default().settings("config.json").unwrap().is_empty());
        assert_eq!(Files::default().require("vocab.txt").unwrap_err().status, Status::NotFound);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let mut files = Files::default();
        files.add("config.json", b"[1]");
        assert_eq!(files.settings("config.json").err().expect("a failure").status, Status::CorruptData);
    }

    #[test]
    fn keys_come_in_the_order_of_the_file_and_once() {
        let mut files = Files::default();
        files.add("map.json", br#"{"z": {"y": 1, "x": 2, "y": 3}, "a": 1}"#);
        assert_eq!(files.keys("map.json", None), ["z", "a"]);
        assert_eq!(files.keys("map.json", Some("z")), ["y", "x"]);
        assert!(files.keys("map.json", Some("a")).is_empty());
        assert!(files.keys("other.json", None).is_empty());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(short(&"\u{e9}".repeat(60)), "\u{e9}".repeat(60));
        assert_eq!(short(&"\u{e9}".repeat(61)), "\u{e9}".repeat(60) + "...");
    }
}
