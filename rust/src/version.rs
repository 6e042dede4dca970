//! Which version of transformers saved a folder's tokenizer. 4 and 5 read the same files differently, and each means what
//! it wrote itself.
//!
//! The tokenizer's own files come first, since weights and tokenizer of a folder are often of different versions. Only
//! where they show nothing does config.json's transformers_version decide.

use crate::failure::Failure;
use crate::settings::{Files, Settings, short};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Four,
    Five,
}

impl Version {
    /// The version whose reading is followed, as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Version::Four => "transformers 4.57",
            Version::Five => "transformers 5.24",
        }
    }
}

/// How a folder's tokenizer is read, and what shows that.
pub struct SavedBy {
    pub version: Version,
    because: String,
}

const CONFIG: &str = "tokenizer_config.json";
const BACKENDS: [&str; 4] = ["TokenizersBackend", "PythonBackend", "SentencePieceBackend", "MistralCommonBackend"];
/// Written by 5 alone.
const KEYS_OF_FIVE: [&str; 3] = ["backend", "is_local", "local_files_only"];
/// Written by 4 alone, or kept by 5 beside one of its own.
const KEYS_OF_FOUR: [&str; 8] = [
    "additional_special_tokens",
    "clean_up_tokenization_spaces",
    "do_basic_tokenize",
    "name_or_path",
    "never_split",
    "sp_model_kwargs",
    "special_tokens_map_file",
    "tokenizer_file",
];

impl SavedBy {
    pub fn find(files: &Files) -> Result<Self, Failure> {
        let config = files.settings(CONFIG)?;
        let model = files.settings("config.json")?;
        let saved_by = model.string("transformers_version").ok().flatten();
        let major = saved_by.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        let of_model = if major.is_some_and(|major| major >= 5) { Version::Five } else { Version::Four };
        let reading = |version, shown: String| {
            let other = saved_by.filter(|_| major.is_some() && version != of_model);
            let beside = other.map_or(String::new(), |saved_by| {
                format!(", though config.json's transformers_version is {}", short(saved_by))
            });
            SavedBy { version, because: format!("as {shown} shows{beside}") }
        };
        if let Some(shown) = mark_of_five(&config) {
            // 4 keeps keys that it does not know, and writes this one, which 5 leaves out but for tokenizers in Python.
            let in_rust = config.get("backend").is_none_or(|backend| backend == "tokenizers");
            if !(in_rust && config.get("added_tokens_decoder").is_some()) {
                return Ok(reading(Version::Five, shown));
            }
        }
        if let Some(shown) = mark_of_four(&config) {
            return Ok(reading(Version::Four, shown));
        }
        let because = match saved_by {
            Some(saved_by) => format!("as config.json's transformers_version {} shows", short(saved_by)),
            None => "as nothing shows another version".to_owned(),
        };
        Ok(SavedBy { version: of_model, because })
    }

    /// "transformers 5.24, as tokenizer_config.json's backend shows".
    pub fn describe(&self) -> String {
        format!("{}, {}", self.version.name(), self.because)
    }
}

fn class(config: &Settings) -> Option<&str> {
    config.get("tokenizer_class")?.as_str()
}

fn mark_of_five(config: &Settings) -> Option<String> {
    if let Some(key) = KEYS_OF_FIVE.iter().find(|key| config.get(key).is_some()) {
        return Some(format!("{CONFIG}'s {key}"));
    }
    if let Some(class) = class(config).filter(|class| BACKENDS.contains(class)) {
        return Some(format!("{CONFIG}'s {class}"));
    }
    let list = config.get("extra_special_tokens").and_then(|value| value.as_array());
    list.filter(|list| !list.is_empty()).map(|_| format!("{CONFIG}'s list of extra_special_tokens"))
}

fn mark_of_four(config: &Settings) -> Option<String> {
    let keys = KEYS_OF_FOUR.iter().chain(&["added_tokens_decoder"]);
    if let Some(key) = keys.into_iter().find(|key| config.values.contains_key(**key)) {
        return Some(format!("{CONFIG}'s {key}"));
    }
    class(config).filter(|class| class.ends_with("Fast")).map(|class| format!("{CONFIG}'s {}", short(class)))
}
