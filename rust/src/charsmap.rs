//! SentencePiece's map of characters: the library that reads it asks for the memory that its first bytes announce.

use crate::failure::Failure;

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
