//! The versions of transformers whose readings are followed. 4 and 5 read the same files differently; which of them a
//! folder means is found out in src/model_folder/saved_by.cc, which decides it for all that is read of a folder.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// transformers 4.57.
    Four,
    /// transformers 5.24.
    Five,
}
