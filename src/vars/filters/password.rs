//! `password_hash`: what `/etc/shadow` and htpasswd files hold. The shape of `$5$` and `$6$`: Ulrich
//! Drepper, "Unix crypt using SHA-256 and SHA-512" (2008); rounds unless given as passlib has them, which
//! Ansible uses.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::session::Session;
use crate::vars::twister::Twister;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use minijinja::Error;
use minijinja::value::Value;
use sha_crypt::{Params, sha256_crypt, sha512_crypt};

/// In the order of their values.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Rounds that crypt leaves out of what it writes.
const PLAIN_ROUNDS: u32 = 5000;
/// Rounds of crypt that count as one step of a template's work.
const ROUNDS_OF_WORK: u64 = 100;

pub(super) static ENTRIES: [Entry; 1] = [entry(
    "password_hash",
    &["hashtype", "salt", "salt_size", "rounds", "ident"],
    "a password as `/etc/shadow` holds it (`sha512`, `sha256`, `bcrypt`); without a salt another one each run",
    "'secret' | password_hash('sha512', 'saltsalt', rounds=5000)",
    hash,
)];

fn hash(call: &mut Call) -> Result<Value, Error> {
    let kind = call.text_arg(0)?.unwrap_or_else(|| "sha512".to_owned());
    let kind = kind.trim_end_matches("_crypt");
    match kind {
        "sha512" | "sha256" => sha(call, kind == "sha512"),
        "bcrypt" | "blowfish" => bcrypt(call),
        _ => Err(call.error("hashes by `sha512`, `sha256` or `bcrypt`")),
    }
    .map(Value::from)
}

/// The salt that was given, or one drawn by chance.
fn salt(call: &Call, default: usize, most: usize) -> Result<String, Error> {
    if let Some(salt) = call.text_arg(1)? {
        return Ok(salt);
    }
    let size = call.size_arg(2, default)?.min(most);
    let mut twister = Twister::new(&Session::of(call.state)?.chance()?);
    Ok((0..size).filter_map(|_| twister.choose(LETTERS)).map(|byte| char::from(*byte)).collect())
}

fn rounds(call: &Call, default: u32) -> Result<u32, Error> {
    let rounds = call.int_arg(3)?.map_or(Ok(default), u32::try_from);
    rounds.map_err(|_| call.error("was given rounds that are no number of rounds"))
}

fn sha(call: &Call, long: bool) -> Result<String, Error> {
    if call.arg(4).is_some_and(|ident| !ident.is_none()) {
        return Err(call.error("takes `ident` only with `bcrypt`"));
    }
    let salt = salt(call, 16, 16)?;
    if salt.len() > 16 || !salt.bytes().all(|byte| LETTERS.contains(&byte)) {
        return Err(call.error("takes a salt of up to 16 letters, digits, `.` and `/`"));
    }
    let rounds = rounds(call, if long { 656_000 } else { 535_000 })?;
    let params = Params::new(rounds).map_err(|_| call.error("takes 1000 to 999999999 rounds"))?;
    call.state.consume_fuel(u64::from(rounds) / ROUNDS_OF_WORK)?;
    let (text, shown) = (
        call.text()?,
        if rounds == PLAIN_ROUNDS { String::new() } else { format!("rounds={rounds}$") },
    );
    let (id, digest) = if long {
        ("6", letters(&sha512_crypt(text.as_bytes(), salt.as_bytes(), params), 21, 1))
    } else {
        ("5", letters(&sha256_crypt(text.as_bytes(), salt.as_bytes(), params), 10, 2))
    };
    Ok(format!("${id}${shown}{salt}${digest}"))
}

/// A digest in crypt's order: byte `i` of each third, the thirds turned by `turn` places from one to the
/// next; what is left over at the end, the last byte first.
fn letters(digest: &[u8], third: usize, turn: usize) -> String {
    let mut out = String::new();
    let mut put = |bytes: [u8; 3], count: usize| {
        let mut word = bytes.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        for _ in 0..count {
            out.push(char::from(LETTERS[word & 63]));
            word >>= 6;
        }
    };
    for at in 0..third {
        let mut bytes = [digest[at], digest[at + third], digest[at + 2 * third]];
        bytes.rotate_left(at * turn % 3);
        put(bytes, 4);
    }
    match &digest[3 * third..] {
        [one] => put([0, 0, *one], 2),
        [one, two] => put([0, *two, *one], 3),
        _ => {}
    }
    out
}

fn bcrypt(call: &Call) -> Result<String, Error> {
    let text = call.text()?;
    if text.len() > 72 {
        return Err(call.error("hashes no more than 72 bytes by `bcrypt`"));
    }
    let engine = GeneralPurpose::new(
        &BCRYPT,
        GeneralPurposeConfig::new()
            .with_encode_padding(false)
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
    );
    let given = salt(call, 22, 22)?;
    let bytes = engine.decode(&given).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    let bytes =
        bytes.ok_or_else(|| call.error("takes a salt of 22 letters, digits, `.` and `/`"))?;
    let version = match call.text_arg(4)?.as_deref() {
        None | Some("2b") => bcrypt::Version::TwoB,
        Some("2a") => bcrypt::Version::TwoA,
        Some("2y") => bcrypt::Version::TwoY,
        Some(_) => return Err(call.error("knows the idents `2a`, `2b` and `2y`")),
    };
    let rounds = rounds(call, 12)?;
    call.state.consume_fuel(1_u64.checked_shl(rounds).unwrap_or(u64::MAX))?;
    let parts = bcrypt::hash_with_salt(text, rounds, bytes);
    let parts = parts.map_err(|_| call.error("takes 4 to 31 rounds"))?;
    Ok(parts.format_for_version(version))
}
