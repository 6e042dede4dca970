//! vocab.txt, vocab.json and merges.txt as transformers 5.24 reads them: by the tokenizers library, whose lines and blanks
//! are not those of Python, which 4 reads them with.

use crate::failure::Failure;
use crate::settings::short;
use crate::vocabulary_files::{Merge, Vocabulary, empty, to_id, utf8};
use serde_json::Value;

/// Lines end with "\n" or "\r\n"; a last one may do without.
fn lines<'a>(name: &str, content: &'a [u8]) -> Result<impl Iterator<Item = &'a str>, Failure> {
    Ok(utf8(name, content)?.split_terminator('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)))
}

/// One piece a line, without the blanks at its end; its id is the line's index. Of a piece that stands there twice the
/// last one counts.
pub fn read_vocab_txt(content: &[u8]) -> Result<Vocabulary, Failure> {
    const NAME: &str = "vocab.txt";
    let mut vocabulary = Vocabulary::new();
    for (line, piece) in lines(NAME, content)?.enumerate() {
        vocabulary.insert(piece.trim_end().to_owned(), to_id(NAME, line as u64)?);
    }
    if vocabulary.is_empty() { Err(empty(NAME, "a piece on each line")) } else { Ok(vocabulary) }
}

/// An object of pieces and their ids. Values that are no numbers are passed over.
pub fn read_vocab_json(content: &[u8]) -> Result<Vocabulary, Failure> {
    const NAME: &str = "vocab.json";
    let json: Value = serde_json::from_slice(content).map_err(|e| Failure::corrupt(format!("{NAME}: {e}")))?;
    let Value::Object(pieces) = json else {
        return Err(Failure::corrupt(format!("{NAME} holds no JSON object, expected pieces and their ids")));
    };
    let mut vocabulary = Vocabulary::new();
    for (piece, id) in pieces.into_iter().filter(|(_, id)| id.is_number()) {
        let wrong = || Failure::corrupt(format!("{NAME}: \"{}\" has id {id}, expected a whole number", short(&piece)));
        let id = id.as_u64().ok_or_else(wrong)?;
        vocabulary.insert(piece, to_id(NAME, id)?);
    }
    if vocabulary.is_empty() { Err(empty(NAME, "pieces and their ids")) } else { Ok(vocabulary) }
}

/// Two pieces a line with one blank between them. Lines "#version ..." are comments, wherever they stand.
pub fn read_merges_txt(content: &[u8], vocabulary: &Vocabulary) -> Result<Vec<Merge>, Failure> {
    const NAME: &str = "merges.txt";
    let mut merges = Vec::new();
    for (index, line) in lines(NAME, content)?.enumerate().filter(|(_, line)| !line.starts_with("#version")) {
        let place = || format!("{NAME}: line {} is \"{}\"", index + 1, short(line));
        let Some((left, right)) = line.split_once(' ').filter(|(_, right)| !right.contains(' ')) else {
            return Err(Failure::corrupt(format!("{}, expected two pieces", place())));
        };
        let joined = format!("{left}{right}");
        if let Some(piece) = [left, right, &joined].into_iter().find(|piece| !vocabulary.contains_key(*piece)) {
            let message =
                format!("{}, but vocab.json has no \"{}\", expected pieces of vocab.json", place(), short(piece));
            return Err(Failure::corrupt(message));
        }
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}
