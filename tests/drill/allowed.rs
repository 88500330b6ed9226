//! What looks like a secret in this repository and is none: by the SHA-256 of the text, each with the reason. Nothing
//! that opens anything may stand here.

/// Hash and reason.
pub const ALLOWED: &[(&str, &str)] = &[
    (
        "c687d7c979813c45ae90e480f1c03b8a9e2b3e3db8b59a8fa91e59aa05633bdf",
        "an enrolment text in a test of its QR code: digits and letters in their order, of no server",
    ),
    (
        "5e909cc8c472968547b35a02422d8768c3350e4574a35dcab71c17f026291b51",
        "keys of the version 1 fixture, a station whose server was thrown away when it was made",
    ),
];
