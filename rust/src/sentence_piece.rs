//! A SentencePiece model file (the protobuf message ModelProto), as far as a tokenizer is made from it.
//!
//! The reader takes nothing on trust: every length is checked against the bytes that are left, groups and unknown wire
//! types are refused, and messages nest two deep at most, so that the file's size bounds time and memory.

use crate::failure::Failure;
use crate::settings::short;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

#[derive(Debug)]
pub struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: PieceType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelType {
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}

#[derive(Debug)]
pub struct SentencePiece {
    pub pieces: Vec<Piece>,
    pub model_type: ModelType,
    pub unk_id: i32,
    pub unk_piece: String,
    pub charsmap: Vec<u8>,
}

/// A field's value by its wire type.
enum Value<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of a message that are left to read.
struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err("a number of more than 64 bits");
            }
            value |= bits << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { "the end of the file within a number" } else { "a number of more than 64 bits" })
    }

    fn take(&mut self, size: u64) -> Result<&'a [u8], &'static str> {
        let size = usize::try_from(size).ok().filter(|&size| size <= self.rest.len());
        let (taken, rest) = self.rest.split_at(size.ok_or("a field that reaches beyond its end")?);
        self.rest = rest;
        Ok(taken)
    }

    /// The next field's number and value; None at the end.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed64)?,
            2 => {
                let size = self.varint()?;
                Value::Bytes(self.take(size)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Value::Fixed32(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            _ => return Err("a field of unknown type"),
        };
        if tag >> 3 == 0 {
            return Err("a field with number 0");
        }
        Ok(Some((tag >> 3, value)))
    }
}

fn text(value: Value) -> Result<String, &'static str> {
    let Value::Bytes(bytes) = value else { return Err("a number where a text belongs") };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a text that is not UTF-8")
}

fn bytes<'a>(value: &Value<'a>) -> Result<&'a [u8], &'static str> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err("a number where a message belongs"),
    }
}

/// An int32 or enum: negative ones are sign-extended to 64 bits.
fn number(value: &Value) -> Result<i32, &'static str> {
    match value {
        Value::Varint(number) => i32::try_from(*number as i64).map_err(|_| "a number of more than 32 bits"),
        _ => Err("something else where a number belongs"),
    }
}

fn read_piece(content: &[u8]) -> Result<Piece, &'static str> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: PieceType::Normal };
    let mut message = Message { rest: content };
    while let Some((field, value)) = message.next()? {
        match (field, value) {
            (1, value) => piece.text = text(value)?,
            (2, Value::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (2, _) => return Err("a piece's score that is no float"),
            (3, value) => {
                piece.kind = match number(&value)? {
                    1 => PieceType::Normal,
                    2 => PieceType::Unknown,
                    3 => PieceType::Control,
                    4 => PieceType::UserDefined,
                    5 => PieceType::Unused,
                    6 => PieceType::Byte,
                    _ => return Err("a piece of unknown type"),
                }
            }
            _ => {}
        }
    }
    Ok(piece)
}

impl SentencePiece {
    /// `name`: the file's, for errors.
    pub fn read(name: &str, content: &[u8]) -> Result<Self, Failure> {
        let fail = |what: &str| Failure::corrupt(format!("{name} has {what}, expected a SentencePiece model"));
        let model = Self::parse(content).map_err(fail)?;
        model.check(name)?;
        Ok(model)
    }

    fn parse(content: &[u8]) -> Result<Self, &'static str> {
        let mut model = SentencePiece {
            pieces: Vec::new(),
            model_type: ModelType::Unigram,
            unk_id: 0,
            unk_piece: "<unk>".to_owned(),
            charsmap: Vec::new(),
        };
        let mut message = Message { rest: content };
        while let Some((field, value)) = message.next()? {
            match field {
                1 => model.pieces.push(read_piece(bytes(&value)?)?),
                2 => model.read_trainer(bytes(&value)?)?,
                3 => model.read_normalizer(bytes(&value)?)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn read_trainer(&mut self, content: &[u8]) -> Result<(), &'static str> {
        let mut message = Message { rest: content };
        while let Some((field, value)) = message.next()? {
            match field {
                3 => {
                    self.model_type = match number(&value)? {
                        1 => ModelType::Unigram,
                        2 => ModelType::Bpe,
                        3 => ModelType::Word,
                        4 => ModelType::Char,
                        _ => return Err("a model of unknown type"),
                    }
                }
                40 => self.unk_id = number(&value)?,
                45 => self.unk_piece = text(value)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, content: &[u8]) -> Result<(), &'static str> {
        let mut message = Message { rest: content };
        while let Some((field, value)) = message.next()? {
            if field == 2 {
                self.charsmap = bytes(&value)?.to_vec();
            }
        }
        Ok(())
    }

    /// What SentencePiece itself refuses: pieces that are empty or twice there, and not exactly one unknown piece.
    fn check(&self, name: &str) -> Result<(), Failure> {
        if self.pieces.is_empty() {
            return Err(Failure::corrupt(format!("{name} has no pieces, expected a SentencePiece model")));
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (id, piece) in self.pieces.iter().enumerate() {
            if piece.text.is_empty() {
                return Err(Failure::corrupt(format!("{name}: piece {id} is empty, expected a text")));
            }
            if let Some(first) = seen.insert(&piece.text, id) {
                let message = format!(
                    "{name}: pieces {first} and {id} are both \"{}\", expected each piece once",
                    short(&piece.text)
                );
                return Err(Failure::corrupt(message));
            }
            if !piece.score.is_finite() {
                return Err(Failure::corrupt(format!(
                    "{name}: piece {id} has the score {}, expected a number",
                    piece.score
                )));
            }
        }
        let unknown = self.pieces.iter().filter(|piece| piece.kind == PieceType::Unknown).count();
        if unknown != 1 {
            return Err(Failure::corrupt(format!("{name} has {unknown} pieces for unknown text, expected one")));
        }
        Ok(())
    }
}
