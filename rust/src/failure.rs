//! What a function of the C ABI reports where it fails.

/// Why something failed; the numbers are PacelineStatus in paceline_rust.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    Ok = 0,
    InvalidArgument = 1,
    Unsupported = 2,
    CorruptData = 3,
    NotFound = 4,
    OutOfMemory = 5,
}

#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    /// What was given and what was expected, without the closing full stop.
    pub message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl ToString) -> Self {
        Failure { status, message: message.to_string() }
    }

    pub fn corrupt(message: impl ToString) -> Self {
        Self::new(Status::CorruptData, message)
    }

    pub fn unsupported(message: impl ToString) -> Self {
        Self::new(Status::Unsupported, message)
    }
}
