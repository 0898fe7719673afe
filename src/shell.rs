//! Quoting for a POSIX shell, in one place. Nothing else in the house may build shell text from data.

/// `text` as one word of a POSIX shell (POSIX.1-2024, XCU 2.2.2: between single quotes every
/// character but the single quote stands for itself). NUL can't be in a shell word; callers refuse it.
pub fn quote(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Words joined into one command line, each quoted.
pub fn join<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    words.into_iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}
