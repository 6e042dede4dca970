//! SentencePiece's map of characters: the library that reads it asks for the memory that its first bytes announce.

use crate::failure::Failure;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::normalizers::Precompiled;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SIZE_BYTES: usize = 4;

/// Refuses a map that announces more bytes than it has.
pub fn check_charsmap(map: &[u8], place: &str) -> Result<(), Failure> {
    check_size(map, map.len(), place)
}

/// The same of a map in base64, as a tokenizer.json holds it. What is no base64 is left to the library.
pub fn check_encoded_charsmap(text: &str, place: &str) -> Result<(), Failure> {
    const HEAD: usize = 8;
    let mut bits: u64 = 0;
    for character in text.bytes().chain(std::iter::repeat(b'A')).take(HEAD) {
        let value = ALPHABET.iter().position(|known| *known == character).unwrap_or(0);
        bits = bits << 6 | value as u64;
    }
    check_size(&(bits << 16).to_be_bytes(), text.len() / 4 * 3, place)
}

fn check_size(head: &[u8], bytes: usize, place: &str) -> Result<(), Failure> {
    let Some(size) = head.first_chunk::<SIZE_BYTES>() else { return Ok(()) };
    let announced = u32::from_le_bytes(*size) as usize;
    if announced <= bytes.saturating_sub(SIZE_BYTES) {
        return Ok(());
    }
    let message =
        format!("{place}: the map of characters announces {announced} bytes, expected at most the {bytes} it has");
    Err(Failure::corrupt(message))
}

/// The bytes of a text in base64; what is no base64 is left to the library.
pub fn decode(text: &str) -> Vec<u8> {
    let mut values = [0xffu8; 256];
    for (value, character) in ALPHABET.iter().enumerate() {
        values[usize::from(*character)] = value as u8;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for value in text.bytes().map(|c| values[usize::from(c)]).take_while(|&value| value != 0xff) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// How many bytes a map of characters makes of one at most. Its values stand behind its trie, each with a NUL at its end.
pub fn longest_value(map: &[u8]) -> f64 {
    let Some(size) = map.first_chunk::<SIZE_BYTES>() else { return 1.0 };
    let values = map.get(SIZE_BYTES + u32::from_le_bytes(*size) as usize..).unwrap_or(&[]);
    let longest = values.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or(0) as f64;
    // Keys of one byte are looked up; the others have two at least.
    let Ok(found) = Precompiled::from(map) else { return longest.max(1.0) };
    let value = |key: u8| found.transform(char::from(key).encode_utf8(&mut [0; 4])).map(str::len);
    // A trie that points outside of itself makes the library panic, here as on a text.
    let short = catch_unwind(AssertUnwindSafe(|| (1..0x80).filter_map(value).max().unwrap_or(0)));
    short.map_or(longest, |short| short as f64).max(longest / 2.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_may_announce_what_it_has() {
        assert!(check_charsmap(&[4, 0, 0, 0, 1, 2, 3, 4], "file").is_ok());
        assert!(check_charsmap(&[5, 0, 0, 0, 1, 2, 3, 4], "file").is_err());
        assert!(check_charsmap(&[1, 2], "file").is_ok());
        let message = check_charsmap(&[0xff, 0xff, 0xff, 0x7f], "spm.model").unwrap_err().message;
        assert!(message.starts_with("spm.model: the map of characters announces 2147483647 bytes"), "{message}");
    }

    #[test]
    fn base64_is_read_up_to_what_is_none() {
        assert_eq!(decode("AAECAw=="), [0, 1, 2, 3]);
        assert_eq!(decode("/+8?AAA"), [0xff, 0xef]);
        assert_eq!(decode(""), [0u8; 0]);
    }

    #[test]
    fn the_size_of_an_encoded_map_is_checked_too() {
        // 4, 0, 0, 0, and four bytes; then the same that announces 5 of them.
        assert!(check_encoded_charsmap("BAAAAAECAwQA", "file").is_ok());
        assert!(check_encoded_charsmap("/////wECAwQA", "file").is_err());
    }
}
