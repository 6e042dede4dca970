//! vocab.txt, vocab.json and merges.txt, read as Python's text files are.

use crate::characters::is_python_blank;
use crate::failure::Failure;
use crate::settings::short;
use ahash::AHashMap;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

pub type Vocabulary = AHashMap<String, u32>;
pub type Merge = (String, String);

/// The content of a text file.
pub fn utf8<'a>(name: &str, content: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(content)
        .map_err(|e| Failure::corrupt(format!("{name} is not UTF-8 from byte {}, expected UTF-8", e.valid_up_to())))
}

/// The same with "\r\n" and "\r" read as "\n".
fn read_text(name: &str, content: &[u8]) -> Result<String, Failure> {
    let text = utf8(name, content)?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
}

pub fn to_id(name: &str, id: u64) -> Result<u32, Failure> {
    let too_many = || Failure::corrupt(format!("{name} has more pieces than ids, expected less than 2^31"));
    i32::try_from(id).map(|id| id as u32).map_err(|_| too_many())
}

pub fn empty(name: &str, expected: &str) -> Failure {
    Failure::corrupt(format!("{name} is empty, expected {expected}"))
}

/// One piece a line; its id is the line's index. Of a piece that stands there twice the last one counts, and so does the
/// last of blank lines, which no text has.
pub fn read_vocab_txt(content: &[u8]) -> Result<Vocabulary, Failure> {
    const NAME: &str = "vocab.txt";
    let text = read_text(NAME, content)?;
    let mut vocabulary = Vocabulary::new();
    for (line, piece) in text.split_terminator('\n').enumerate() {
        vocabulary.insert(piece.to_owned(), to_id(NAME, line as u64)?);
    }
    if vocabulary.is_empty() { Err(empty(NAME, "a piece on each line")) } else { Ok(vocabulary) }
}

/// An object of pieces and their ids; of a piece that stands there twice the last one counts.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, u64)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of pieces and their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// An object of pieces and their ids.
pub fn read_vocab_json(content: &[u8]) -> Result<Vocabulary, Failure> {
    const NAME: &str = "vocab.json";
    let fail = |e| Failure::corrupt(format!("{NAME}: {e}"));
    let mut json = serde_json::Deserializer::from_slice(content);
    let entries = json.deserialize_map(Entries).map_err(fail)?;
    json.end().map_err(fail)?;
    let mut vocabulary = Vocabulary::new();
    for (piece, id) in entries {
        let id = to_id(NAME, id)?;
        vocabulary.insert(piece, id);
    }
    if vocabulary.is_empty() { Err(empty(NAME, "pieces and their ids")) } else { Ok(vocabulary) }
}

/// Two pieces a line, after a first line that is a comment. What follows the last line end is not read. Of a merge that
/// stands there twice the first one counts.
pub fn read_merges_txt(content: &[u8], vocabulary: &Vocabulary) -> Result<Vec<Merge>, Failure> {
    const NAME: &str = "merges.txt";
    let text = read_text(NAME, content)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let mut merges = Vec::new();
    let mut seen = HashSet::new();
    for (index, line) in lines.iter().enumerate().take(lines.len().saturating_sub(1)).skip(1) {
        let place = || format!("{NAME}: line {} is \"{}\"", index + 1, short(line));
        let mut words = line.split(is_python_blank).filter(|word| !word.is_empty());
        let (Some(left), Some(right), None) = (words.next(), words.next(), words.next()) else {
            return Err(Failure::corrupt(format!("{}, expected two pieces", place())));
        };
        let joined = format!("{left}{right}");
        for piece in [left, right, &joined] {
            if !vocabulary.contains_key(piece) {
                let message =
                    format!("{}, but vocab.json has no \"{}\", expected pieces of vocab.json", place(), short(piece));
                return Err(Failure::corrupt(message));
            }
        }
        let merge = (left.to_owned(), right.to_owned());
        if seen.insert(merge.clone()) {
            merges.push(merge);
        }
    }
    Ok(merges)
}

/// Two pieces a line and what else stands there, as the count of a merge. Pieces may be missing from the vocabulary, and a
/// merge may stand there twice, where different merges make the same piece. A first line "#version ..." is a comment.
pub fn read_merges_with_counts(content: &[u8]) -> Result<Vec<Merge>, Failure> {
    const NAME: &str = "merges.txt";
    let text = read_text(NAME, content)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let mut merges = Vec::new();
    for (index, line) in lines.iter().enumerate().take(lines.len().saturating_sub(1)) {
        if index == 0 && line.starts_with("#version") {
            continue;
        }
        let mut words = line.split(is_python_blank).filter(|word| !word.is_empty());
        let (Some(left), Some(right)) = (words.next(), words.next()) else {
            let message = format!("{NAME}: line {} is \"{}\", expected two pieces", index + 1, short(line));
            return Err(Failure::corrupt(message));
        };
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T>(result: Result<T, Failure>) -> String {
        result.err().expect("a failure").message
    }

    fn pieces(names: &[&str]) -> Vocabulary {
        names.iter().zip(0..).map(|(name, id)| ((*name).to_owned(), id)).collect()
    }

    #[test]
    fn lines_of_vocab_txt_are_ids_whatever_ends_them() {
        for text in ["a\nb\nc", "a\r\nb\r\nc\r\n", "a\rb\rc\r"] {
            assert_eq!(read_vocab_txt(text.as_bytes()).unwrap(), pieces(&["a", "b", "c"]), "{text:?}");
        }
    }

    #[test]
    fn the_last_of_equal_pieces_counts() {
        assert_eq!(read_vocab_txt(b"a\nb\na\n").unwrap()["a"], 2);
        assert_eq!(read_vocab_json(br#"{"a": 1, "b": 2, "a": 7}"#).unwrap()["a"], 7);
    }

    #[test]
    fn a_vocabulary_without_pieces_or_with_impossible_ids_is_refused() {
        assert!(message(read_vocab_txt(b"")).contains("vocab.txt is empty"));
        assert!(message(read_vocab_txt(b"a\n\xff")).contains("not UTF-8 from byte 2"));
        assert!(message(read_vocab_json(b"{}")).contains("vocab.json is empty"));
        assert!(message(read_vocab_json(br#"{"a": 2147483648}"#)).contains("less than 2^31"));
        assert!(read_vocab_json(br#"{"a": -1}"#).is_err());
        assert!(read_vocab_json(br#"{"a": 1} x"#).is_err());
    }

    #[test]
    fn merges_begin_behind_a_comment_and_end_with_the_last_line_end() {
        let known = pieces(&["a", "b", "ab", "c", "abc"]);
        let merges = read_merges_txt(b"#version: 0.2\na b\nab c\na b\nnot read", &known).unwrap();
        assert_eq!(merges, [("a".to_owned(), "b".to_owned()), ("ab".to_owned(), "c".to_owned())]);
    }

    #[test]
    fn merges_of_other_pieces_are_refused() {
        let known = pieces(&["a", "b"]);
        assert!(message(read_merges_txt(b"#\na b\n", &known)).contains("vocab.json has no \"ab\""));
        assert!(message(read_merges_txt(b"#\na\n", &known)).contains("line 2 is \"a\", expected two pieces"));
    }

    #[test]
    fn merges_with_counts_need_no_comment_and_no_vocabulary() {
        let merges = read_merges_with_counts(b"a b 12\na b 3\n").unwrap();
        assert_eq!(merges, vec![("a".to_owned(), "b".to_owned()); 2]);
        assert_eq!(read_merges_with_counts(b"#version 1\na b\n").unwrap().len(), 1);
    }
}
