//! Small calls to vendors that more than one part of Campanile makes: a file for each vendor, pure requests and answers.

pub mod msteams;
pub mod probe;
pub mod rotation;
