//! The C ABI of include/paceline_rust.h, where ownership and errors are documented.
//!
//! No panic leaves a function here: `guarded` turns it into a status. The panic hook is silent because the library
//! never prints.

mod added_tokens;
mod assembly;
mod bounds;
mod characters;
mod charsmap;
mod classes;
mod components;
mod encoder;
mod equal_tokens;
mod failure;
mod family;
mod fast_class;
mod five;
mod from_vocabulary;
mod known_keys;
mod long_text;
mod moses;
mod moses_tokenizer;
mod numbered_tokens;
mod out_of_memory;
mod pattern;
mod plain_bpe;
mod punctuation;
mod python_digits;
mod regex_limits;
mod sentence_piece;
mod sentence_piece_tokenizer;
mod settings;
mod special_tokens;
mod text_reader;
mod tokenizer_config;
mod version;
mod vocabulary_files;

use encoder::{Encoder, Limit};
use failure::{Failure, Status};
use out_of_memory::{Allocator, Handler, with_reserve};
use settings::Files;
use std::any::Any;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use tokenizer_config::Changes;
use version::Version;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Borrowed bytes of the caller.
#[repr(C)]
pub struct Bytes {
    data: *const u8,
    size: usize,
}

impl Bytes {
    /// # Safety
    /// `data` must point to `size` readable bytes unless `size` is 0.
    unsafe fn as_slice(&self) -> &[u8] {
        if self.size == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// # Safety
    /// As for `as_slice`.
    unsafe fn as_str(&self) -> Result<&str, Failure> {
        // SAFETY: promised by the caller.
        std::str::from_utf8(unsafe { self.as_slice() }).map_err(|e| {
            Failure::new(Status::InvalidArgument, format!("text that is not UTF-8 from byte {}", e.valid_up_to()))
        })
    }
}

/// One file of a model folder.
#[repr(C)]
pub struct File {
    name: Bytes,
    content: Bytes,
}

#[repr(C)]
pub struct TruncationOptions {
    max_length: usize,
    count_truncated: bool,
    windows: bool,
    stride: usize,
}

/// One encoded text or pair; the arrays are boxed slices of `size`.
#[repr(C)]
pub struct EncodingArrays {
    input_ids: *mut i32,
    token_type_ids: *mut i32,
    size: usize,
    truncated: usize,
}

/// The caller's buffer for one sentence.
struct MessageBuffer {
    data: *mut c_char,
    size: usize,
}

impl MessageBuffer {
    /// # Safety
    /// `data` must be null or point to `size` writable bytes.
    unsafe fn write(&self, message: &str) {
        if self.data.is_null() || self.size == 0 {
            return;
        }
        let mut end = message.len().min(self.size - 1);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        // SAFETY: end < size, and the two buffers are of different owners.
        unsafe {
            std::ptr::copy_nonoverlapping(message.as_ptr(), self.data.cast::<u8>(), end);
            *self.data.add(end) = 0;
        }
    }
}

fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("the tokenizer library gave up: {text}")
}

/// Memory that a call puts aside: what it would like to have, and what it needs to begin.
struct Reserve {
    wanted: usize,
    least: usize,
}

impl Reserve {
    /// Some times the files' bytes: what vocabulary, merges and tries take in all.
    fn to_load(files: usize) -> Self {
        Reserve { wanted: (8 << 20) + 48 * files, least: (2 << 20) + 12 * files }
    }

    /// A piece of text passes through some twenty forms of 20 to 60 bytes each for a byte; ids of the whole text are kept.
    fn to_encode(text: usize) -> Self {
        const LARGEST_PIECE: usize = 1 << 16;
        let wanted = (1 << 19) + 1024 * text.min(LARGEST_PIECE) + 16 * text;
        Reserve { wanted, least: wanted / 2 }
    }
}

const SMALL: Reserve = Reserve { wanted: 1 << 16, least: 1 << 16 };

/// Runs `body` and hands on what it made; turns a failure, a panic and the end of memory into a status and a message.
///
/// # Safety
/// As for `MessageBuffer::write`.
unsafe fn guarded<T>(
    message: MessageBuffer,
    reserve: Reserve,
    body: impl FnOnce() -> Result<T, Failure>,
    hand_on: impl FnOnce(T),
) -> Status {
    silence_panics();
    let caught = || {
        let gave_up = |payload: Box<dyn Any + Send>| Err(Failure::corrupt(panic_message(&*payload)));
        catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(gave_up)
    };
    let (status, text) = match with_reserve(reserve.wanted, reserve.least, caught) {
        Some(Ok(value)) => {
            hand_on(value);
            return Status::Ok;
        }
        Some(Err(failure)) => (failure.status, std::borrow::Cow::Owned(failure.message)),
        None => (
            Status::OutOfMemory,
            std::borrow::Cow::Borrowed(
                "memory ended in the tokenizer: free some, use fewer --threads, or cut the longest texts",
            ),
        ),
    };
    // SAFETY: promised by the caller.
    unsafe { message.write(&text) };
    status
}

/// A plain value, or its default after a panic and where memory ended.
fn guarded_value<T: Default>(body: impl FnOnce() -> T) -> T {
    silence_panics();
    let caught = || catch_unwind(AssertUnwindSafe(body)).unwrap_or_default();
    with_reserve(SMALL.wanted, SMALL.least, caught).unwrap_or_default()
}

fn null_pointer(name: &str) -> Failure {
    Failure::new(Status::InvalidArgument, format!("a null pointer for {name}"))
}

/// # Safety
/// `handler` must be null, or not unwind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_rust_on_out_of_memory(handler: Option<Handler>) {
    out_of_memory::set_handler(handler);
}

/// # Safety
/// As the header says: pointers are null or valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_load(
    files: *const File,
    file_count: usize,
    transformers: u32,
    out: *mut *mut Encoder,
    message: *mut c_char,
    message_size: usize,
) -> Status {
    let body = || {
        if out.is_null() {
            return Err(null_pointer("out"));
        }
        let mut folder = Files::default();
        for index in 0..file_count {
            // SAFETY: promised by the caller.
            let (name, content) =
                unsafe { ((*files.add(index)).name.as_str()?, (*files.add(index)).content.as_slice()) };
            folder.add(name, content);
        }
        let version = if transformers >= 5 { Version::Five } else { Version::Four };
        let load = AssertUnwindSafe(|| Encoder::load(&folder, version));
        let place = if folder.get("tokenizer.json").is_some() { "tokenizer.json" } else { "the vocabulary files" };
        let encoder = catch_unwind(load)
            .unwrap_or_else(|payload| Err(Failure::corrupt(format!("{place}: {}", panic_message(&*payload)))))?;
        Ok(Box::new(encoder))
    };
    // SAFETY: promised by the caller.
    let bytes = (0..file_count).map(|index| unsafe { (*files.add(index)).content.size }).sum();
    // SAFETY: not null where a tokenizer was made, and promised to be writable.
    let hand_on = |encoder| unsafe { *out = Box::into_raw(encoder) };
    // SAFETY: promised by the caller.
    unsafe { guarded(MessageBuffer { data: message, size: message_size }, Reserve::to_load(bytes), body, hand_on) }
}

/// # Safety
/// `tokenizer` must be null or come from `paceline_tokenizer_load`, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_free(tokenizer: *mut Encoder) {
    if !tokenizer.is_null() {
        silence_panics();
        // SAFETY: it was made by Box::into_raw. Nothing is allocated for that.
        let _ = catch_unwind(|| drop(unsafe { Box::from_raw(tokenizer) }));
    }
}

/// # Safety
/// As the header says: pointers are null or valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_encode(
    tokenizer: *const Encoder,
    first: Bytes,
    second: *const Bytes,
    truncation: TruncationOptions,
    out: *mut EncodingArrays,
    message: *mut c_char,
    message_size: usize,
) -> Status {
    let body = || {
        // SAFETY: each is null or promised to be valid.
        let (encoder, second) = unsafe { (tokenizer.as_ref(), second.as_ref()) };
        let encoder = encoder.ok_or_else(|| null_pointer("tokenizer"))?;
        if out.is_null() {
            return Err(null_pointer("out"));
        }
        // SAFETY: promised by the caller.
        let (first, second) = unsafe { (first.as_str()?, second.map(|bytes| bytes.as_str()).transpose()?) };
        let limit = Limit { max_length: truncation.max_length, count_truncated: truncation.count_truncated };
        let tokens = if truncation.windows {
            encoder.encode_windows(first, second, truncation.max_length, truncation.stride)?
        } else {
            encoder.encode(first, second, limit)?
        };
        Ok((tokens.input_ids.into_boxed_slice(), tokens.token_type_ids.into_boxed_slice(), tokens.truncated))
    };
    let hand_on = |(ids, types, truncated): (Box<[i32]>, Box<[i32]>, usize)| {
        let arrays = EncodingArrays {
            size: ids.len(),
            truncated,
            input_ids: Box::into_raw(ids).cast(),
            token_type_ids: Box::into_raw(types).cast(),
        };
        // SAFETY: not null where a text was encoded, and promised to be writable.
        unsafe { *out = arrays };
    };
    // SAFETY: null or promised to be valid.
    let bytes = first.size.max(unsafe { second.as_ref() }.map_or(0, |second| second.size));
    // SAFETY: promised by the caller.
    unsafe { guarded(MessageBuffer { data: message, size: message_size }, Reserve::to_encode(bytes), body, hand_on) }
}

/// # Safety
/// `encoding` must be null, zeroed, or filled by `paceline_tokenizer_encode`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_encoding_free(encoding: *mut EncodingArrays) {
    // SAFETY: null or valid.
    let Some(encoding) = (unsafe { encoding.as_mut() }) else { return };
    for array in [&mut encoding.input_ids, &mut encoding.token_type_ids] {
        if !array.is_null() {
            // SAFETY: it was a boxed slice of `size`.
            drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(*array, encoding.size)) });
            *array = std::ptr::null_mut();
        }
    }
    encoding.size = 0;
    encoding.truncated = 0;
}

/// # Safety
/// `tokenizer` must be null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_special_tokens(tokenizer: *const Encoder, pair: bool) -> usize {
    // SAFETY: promised by the caller.
    guarded_value(|| unsafe { tokenizer.as_ref() }.map_or(0, |encoder| encoder.special_tokens(pair)))
}

/// # Safety
/// `tokenizer` must be null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_vocab_size(tokenizer: *const Encoder) -> usize {
    // SAFETY: promised by the caller.
    guarded_value(|| unsafe { tokenizer.as_ref() }.map_or(0, Encoder::vocab_size))
}

/// # Safety
/// `buffer` must be null or `capacity` writable bytes.
unsafe fn copy_out(text: &str, buffer: *mut u8, capacity: usize) -> usize {
    if !buffer.is_null() {
        let size = text.len().min(capacity);
        // SAFETY: at most `capacity` bytes into the caller's buffer.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, size) };
    }
    text.len()
}

/// # Safety
/// `tokenizer` must be null or valid, `buffer` null or `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_token(
    tokenizer: *const Encoder,
    id: i32,
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    guarded_value(|| {
        // SAFETY: null or valid.
        let encoder = unsafe { tokenizer.as_ref() };
        let token = u32::try_from(id).ok().and_then(|id| encoder?.token(id)).unwrap_or_default();
        // SAFETY: promised by the caller.
        unsafe { copy_out(&token, buffer, capacity) }
    })
}

/// # Safety
/// `tokenizer` must be null or valid, `buffer` null or `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_kind(tokenizer: *const Encoder, buffer: *mut u8, capacity: usize) -> usize {
    // SAFETY: promised by the caller.
    guarded_value(|| unsafe { copy_out(tokenizer.as_ref().map_or("", Encoder::kind), buffer, capacity) })
}

/// # Safety
/// `tokenizer` must be null or valid, `buffer` null or `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_origin(
    tokenizer: *const Encoder,
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    // SAFETY: promised by the caller.
    guarded_value(|| unsafe { copy_out(tokenizer.as_ref().map_or("", Encoder::origin), buffer, capacity) })
}

/// Clauses of what other files changed, a line each.
///
/// # Safety
/// As the two functions below.
unsafe fn copy_clauses(
    tokenizer: *const Encoder,
    of: impl Fn(&Changes) -> &[String],
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    // SAFETY: promised by the caller.
    guarded_value(|| unsafe {
        let clauses = tokenizer.as_ref().map_or(String::new(), |encoder| of(encoder.changes()).join("\n"));
        copy_out(&clauses, buffer, capacity)
    })
}

/// # Safety
/// `tokenizer` must be null or valid, `buffer` null or `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_applied(
    tokenizer: *const Encoder,
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    // SAFETY: promised by the caller.
    unsafe { copy_clauses(tokenizer, |changes| &changes.applied, buffer, capacity) }
}

/// # Safety
/// `tokenizer` must be null or valid, `buffer` null or `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn paceline_tokenizer_notes(
    tokenizer: *const Encoder,
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    // SAFETY: promised by the caller.
    unsafe { copy_clauses(tokenizer, |changes| &changes.notes, buffer, capacity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status and the message of a call.
    fn outcome<T>(buffer: &mut [c_char], body: impl FnOnce() -> Result<T, Failure>) -> (Status, String) {
        let message = MessageBuffer { data: buffer.as_mut_ptr(), size: buffer.len() };
        // SAFETY: the buffer has that size.
        let status = unsafe { guarded(message, SMALL, body, |_| ()) };
        let bytes: Vec<u8> = buffer.iter().take_while(|&&byte| byte != 0).map(|&byte| byte as u8).collect();
        (status, String::from_utf8(bytes).expect("whole characters"))
    }

    #[test]
    fn failures_and_panics_become_a_status_and_a_message() {
        let mut buffer = [0; 100];
        assert_eq!(outcome(&mut buffer, || Ok(1)), (Status::Ok, String::new()));
        let (status, message) = outcome(&mut buffer, || Err::<(), _>(Failure::unsupported("no such thing")));
        assert_eq!((status, message.as_str()), (Status::Unsupported, "no such thing"));
        let (status, message) = outcome(&mut buffer, || -> Result<(), Failure> { panic!("at {}", 7) });
        assert_eq!((status, message.as_str()), (Status::CorruptData, "the tokenizer library gave up: at 7"));
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let fail = || Err::<(), _>(Failure::corrupt("\u{e9}\u{e9}\u{e9}"));
        // Five bytes and the NUL: the third character would need a sixth.
        assert_eq!(outcome(&mut [0; 6], fail).1, "\u{e9}\u{e9}");
        assert_eq!(outcome(&mut [0; 1], fail).1, "");
    }

    #[test]
    fn null_pointers_are_refused() {
        let mut buffer = [0; 100];
        let (files, out) = (std::ptr::null(), std::ptr::null_mut());
        // SAFETY: no file is read, and the buffer has that size.
        let status = unsafe { paceline_tokenizer_load(files, 0, 4, out, buffer.as_mut_ptr(), buffer.len()) };
        assert_eq!(status, Status::InvalidArgument);
        // SAFETY: null is allowed.
        unsafe {
            paceline_tokenizer_free(std::ptr::null_mut());
            assert_eq!(paceline_tokenizer_vocab_size(std::ptr::null()), 0);
        }
    }
}
