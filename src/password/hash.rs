//! Password hashes as PHC strings. Everything here is synchronous.

use std::fmt;

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Block;
use argon2::Params;
use argon2::Version;
use argon2::password_hash::phc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::password::HashError;
use crate::password::InvalidPasswordHash;
use crate::password::PasswordParams;
use crate::password::params::MAX_LANES;
use crate::password::params::MAX_MEMORY_KIB;
use crate::password::params::MAX_PASSES;
use crate::secret::Secret;

/// Argon2id hash of a password, as a PHC string.
///
/// `Debug` prints `[redacted]`, there is no `PartialEq`, and the text is overwritten when the value
/// is dropped.
///
/// # Security
///
/// A value is within the bounds that keep an imported string from exhausting the machine: at most 1
/// GiB, 10 passes and 16 lanes. They are checked before anything is computed.
///
/// # Example
///
/// ```
/// use tower_customer_auth::password::PasswordHash;
/// use tower_customer_auth::password::PasswordParams;
/// use tower_customer_auth::Secret;
///
/// let hash = PasswordHash::compute(&Secret::from("mysecretpassword"), PasswordParams::default())?;
/// assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert!(hash.verify(&Secret::from("mysecretpassword"))?);
/// assert!(!hash.verify(&Secret::from("MySecretPassword"))?);
/// # Ok::<(), tower_customer_auth::password::HashError>(())
/// ```
#[derive(Clone)]
pub struct PasswordHash(Zeroizing<Box<str>>);

impl PasswordHash {
    /// Parses a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash`] for another algorithm, version, parameter or order; a salt outside 8
    /// to 48 bytes or a hash outside 10 to 64; more than 1 GiB, 10 passes or 16 lanes.
    pub fn parse(phc: impl Into<String>) -> Result<Self, InvalidPasswordHash> {
        // A `String` may have spare room, and shrinking it would leave a copy behind.
        let phc = Zeroizing::new(phc.into());
        let hash = Self(Zeroizing::new(Box::from(phc.as_str())));
        hash.parts()?;
        Ok(hash)
    }

    /// Hashes a password with a random salt.
    ///
    /// This blocks for milliseconds: use [`PasswordHasher`](crate::password::PasswordHasher) in
    /// async code.
    ///
    /// # Errors
    ///
    /// [`HashErrorKind::Failed`](crate::password::HashErrorKind::Failed) if there is no memory, or
    /// there are no random bytes.
    pub fn compute(password: &Secret, params: PasswordParams) -> Result<Self, HashError> {
        Self::compute_in(&mut Workspace::default(), password, params)
    }

    /// Like [`compute`](Self::compute), in a reused workspace.
    pub(crate) fn compute_in(
        workspace: &mut Workspace,
        password: &Secret,
        params: PasswordParams,
    ) -> Result<Self, HashError> {
        let mut salt = [0; SALT_LEN];
        getrandom::fill(&mut salt).map_err(HashError::failed)?;
        let mut output = Zeroizing::new([0; OUTPUT_LEN]);
        argon2id(workspace, params, password, &salt, &mut *output)?;
        Ok(Self::write(params, &salt, &output))
    }

    /// Returns whether this is a hash of `password`, compared in constant time.
    ///
    /// This blocks for milliseconds: use [`PasswordHasher`](crate::password::PasswordHasher) in
    /// async code.
    ///
    /// # Errors
    ///
    /// [`HashErrorKind::Failed`](crate::password::HashErrorKind::Failed) if there is no memory.
    pub fn verify(&self, password: &Secret) -> Result<bool, HashError> {
        self.verify_in(&mut Workspace::default(), password)
    }

    /// Like [`verify`](Self::verify), in a reused workspace.
    pub(crate) fn verify_in(
        &self,
        workspace: &mut Workspace,
        password: &Secret,
    ) -> Result<bool, HashError> {
        let parts = self.parts().map_err(HashError::failed)?;
        let mut output = Zeroizing::new(vec![0; parts.output.len()]);
        argon2id(workspace, parts.params, password, &parts.salt, &mut output)?;
        Ok(bool::from(output.ct_eq(parts.output.as_bytes())))
    }

    /// Returns whether the hash differs in strength from a new one with `params`.
    #[must_use]
    pub fn needs_rehash(&self, params: PasswordParams) -> bool {
        self.parts().map_or(true, |parts| {
            parts.params != params
                || parts.salt.len() < SALT_LEN
                || parts.output.len() != OUTPUT_LEN
        })
    }

    /// Returns the PHC string.
    ///
    /// The name makes uses easy to find in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns a hash without a known password, at the cost of `params`.
    ///
    /// Neither part needs to be random: a password for 32 zero bytes would mean that argon2 is
    /// broken, and the issuer ignores the result anyway.
    pub(crate) fn decoy(params: PasswordParams) -> Self {
        Self::write(params, &[0; SALT_LEN], &[0; OUTPUT_LEN])
    }

    fn write(params: PasswordParams, salt: &[u8; SALT_LEN], output: &[u8; OUTPUT_LEN]) -> Self {
        // Invariant: both lengths are inside the bounds of a PHC string (8 to 48, 10 to 64 bytes).
        let salt = phc::Salt::new(salt).expect("16 bytes are a salt");
        let output = phc::Output::new(output).expect("32 bytes are an output");
        let PasswordParams { memory_kib, passes, lanes } = params;
        let text = Zeroizing::new(format!(
            "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"
        ));
        Self(Zeroizing::new(Box::from(text.as_str())))
    }

    fn parts(&self) -> Result<Parts, InvalidPasswordHash> {
        let phc = phc::PasswordHash::new(&self.0).map_err(|_| InvalidPasswordHash)?;
        let params = read_params(&phc.params).ok_or(InvalidPasswordHash)?;
        let version = phc.version.map(Version::try_from);
        match (phc.algorithm == argon2::ARGON2ID_IDENT, version, phc.salt, phc.hash) {
            (true, Some(Ok(Version::V0x13)), Some(salt), Some(output)) => {
                Ok(Parts { params, salt, output })
            }
            _ => Err(InvalidPasswordHash),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

struct Parts {
    params: PasswordParams,
    salt: phc::Salt,
    output: phc::Output,
}

fn read_params(text: &phc::ParamsString) -> Option<PasswordParams> {
    // Exactly m, t and p, in argon2's order. argon2's own parser uses defaults for missing ones,
    // and accepts the unused `keyid` and `data`.
    let mut decimals = text.iter().map(|(name, value)| Some((name, value.decimal().ok()?)));
    let mut next = |expected: &str, min: u32, max: u32| {
        let (name, value) = decimals.next()??;
        (name.as_str() == expected && (min..=max).contains(&value)).then_some(value)
    };
    let memory_kib = next("m", 8, MAX_MEMORY_KIB)?;
    let passes = next("t", 1, MAX_PASSES)?;
    let lanes = next("p", 1, MAX_LANES)?;
    if decimals.next().is_some() || memory_kib < 8 * lanes {
        return None;
    }
    Some(PasswordParams { memory_kib, passes, lanes })
}

/// Memory of argon2. Each thread reuses it: when several threads allocate and free 19 MiB
/// repeatedly, the allocator keeps many times that.
#[derive(Default)]
pub(crate) struct Workspace(Vec<Block>);

impl Workspace {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], HashError> {
        self.0.try_reserve_exact(count.saturating_sub(self.0.len())).map_err(HashError::failed)?;
        self.0.resize(count.max(self.0.len()), Block::default());
        Ok(&mut self.0[..count])
    }

    /// Frees the memory of an unusually large hash.
    fn trim(&mut self) {
        if self.0.len() > MAX_KEPT_BLOCKS {
            self.0 = Vec::new();
        }
    }
}

fn argon2id(
    workspace: &mut Workspace,
    params: PasswordParams,
    password: &Secret,
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), HashError> {
    let PasswordParams { memory_kib, passes, lanes } = params;
    let params =
        Params::new(memory_kib, passes, lanes, Some(output.len())).map_err(HashError::failed)?;
    let blocks = workspace.blocks(params.block_count())?;
    let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.expose(), salt, output, blocks)
        .map_err(HashError::failed);
    workspace.trim();
    hashed
}

/// 64 MiB: more than any of OWASP's parameters need.
const MAX_KEPT_BLOCKS: usize = 64 * 1024;

const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: PasswordParams = PasswordParams::worthless_but_fast();

    /// From the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    const REFERENCE: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    fn with_params(params: &str) -> String {
        REFERENCE.replace("m=65536,t=2,p=1", params)
    }

    #[test]
    fn checks_a_hash_of_the_reference_implementation() {
        let hash = PasswordHash::parse(REFERENCE).unwrap();
        assert_eq!(hash.verify(&Secret::from("password")).ok(), Some(true));
        assert_eq!(hash.verify(&Secret::from("Password")).ok(), Some(false));
        assert_eq!(hash.expose(), REFERENCE);
    }

    #[test]
    fn the_default_costs_what_owasp_says() {
        let password = Secret::from("mysecretpassword");
        let hash = PasswordHash::compute(&password, PasswordParams::default()).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_eq!(hash.verify(&password).ok(), Some(true));
        assert!(!hash.needs_rehash(PasswordParams::default()));
    }

    #[test]
    fn passwords_are_compared_as_bytes_to_the_last_one() {
        for (stored, offered, same) in [
            (b"a\0b".as_slice(), b"a\0b".as_slice(), true),
            (b"a\0b", b"a", false),
            (b"a\0b", b"a\0c", false),
            (b"\0", b"", false),
            ("é".as_bytes(), "e\u{301}".as_bytes(), false),
            (&[b'x'; 1024], &[b'x'; 1024], true),
            (&[b'x'; 1024], &[b'x'; 1023], false),
            (b"\xff\xfe", b"\xff\xfe", true),
        ] {
            let hash = PasswordHash::compute(&Secret::from(stored), FAST).unwrap();
            assert_eq!(hash.verify(&Secret::from(offered)).ok(), Some(same), "{offered:?}");
        }
    }

    #[test]
    fn a_workspace_gives_the_same_hash_whatever_was_computed_in_it_before() {
        let reference = PasswordHash::parse(REFERENCE).unwrap();
        let other = PasswordHash::compute(&Secret::from("other"), FAST).unwrap();
        let mut workspace = Workspace::default();
        for (hash, password, matches) in [
            (&other, "other", true),
            (&reference, "password", true),
            (&other, "password", false),
            (&reference, "other", false),
            (&other, "other", true),
        ] {
            let outcome = hash.verify_in(&mut workspace, &Secret::from(password));
            assert_eq!(outcome.ok(), Some(matches), "{password}");
        }
        assert_eq!(workspace.0.len(), MAX_KEPT_BLOCKS);
    }

    #[test]
    fn a_workspace_does_not_keep_what_an_unusually_large_hash_needed() {
        let large = with_params("m=65540,t=1,p=1");
        let mut workspace = Workspace::default();
        let outcome =
            PasswordHash::parse(large).unwrap().verify_in(&mut workspace, &Secret::from("x"));
        assert_eq!((outcome.ok(), workspace.0.capacity()), (Some(false), 0));
    }

    #[test]
    fn one_password_never_has_one_hash_twice() {
        let password = Secret::from("mysecretpassword");
        let one = PasswordHash::compute(&password, FAST).unwrap();
        let other = PasswordHash::compute(&password, FAST).unwrap();
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn refuses_text_that_is_no_argon2id_hash_within_bounds() {
        for (why, text) in [
            ("empty", String::new()),
            ("plain text", "mysecretpassword".to_owned()),
            ("argon2i", REFERENCE.replace("argon2id", "argon2i")),
            ("argon2d", REFERENCE.replace("argon2id", "argon2d")),
            ("bcrypt", "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW".to_owned()),
            ("version 1.0", REFERENCE.replace("v=19", "v=16")),
            ("no version", REFERENCE.replace("$v=19", "")),
            ("no parameters", REFERENCE.replace("$m=65536,t=2,p=1", "")),
            ("no memory", with_params("t=2,p=1")),
            ("another order", with_params("t=2,m=65536,p=1")),
            ("a parameter twice", with_params("m=65536,t=2,p=1,p=1")),
            ("a key id", with_params("m=65536,t=2,p=1,keyid=AAAA")),
            ("over 1 GiB", with_params("m=1048577,t=2,p=1")),
            ("over 32 bits", with_params("m=4294967296,t=2,p=1")),
            ("over 10 passes", with_params("m=65536,t=11,p=1")),
            ("no pass", with_params("m=65536,t=0,p=1")),
            ("over 16 lanes", with_params("m=65536,t=2,p=17")),
            ("no lane", with_params("m=65536,t=2,p=0")),
            ("under 8 KiB a lane", with_params("m=15,t=2,p=2")),
            ("a sign", with_params("m=+65536,t=2,p=1")),
            ("a leading zero", with_params("m=065536,t=2,p=1")),
            ("no hash", REFERENCE.rsplit_once('$').unwrap().0.to_owned()),
            ("a short salt", REFERENCE.replace("c29tZXNhbHQ", "c29tZXM")),
            ("a seventh part", format!("{REFERENCE}$AAAA")),
            ("white space", format!("{REFERENCE}\n")),
            ("padding", format!("{REFERENCE}=")),
        ] {
            assert_eq!(PasswordHash::parse(text).err(), Some(InvalidPasswordHash), "{why}");
        }
    }

    #[test]
    fn takes_parameters_at_their_bounds() {
        for params in ["m=1048576,t=10,p=16", "m=8,t=1,p=1"] {
            let text = with_params(params);
            let hash = PasswordHash::parse(text.as_str()).map(|hash| hash.expose().to_owned());
            assert_eq!(hash, Ok(text));
        }
    }

    #[test]
    fn a_hash_with_other_parameters_than_todays_needs_another() {
        let hash = PasswordHash::compute(&Secret::from("p"), FAST).unwrap();
        assert!(!hash.needs_rehash(FAST));
        for other in [
            PasswordParams { memory_kib: 16, ..FAST },
            PasswordParams { passes: 2, ..FAST },
            // Fewer lanes are other parameters too: "different", not "weaker".
            PasswordParams { memory_kib: 16, passes: 1, lanes: 2 },
        ] {
            assert!(hash.needs_rehash(other), "{other:?}");
        }
        // The reference's salt has 8 bytes, ours have 16.
        let params = PasswordParams { memory_kib: 65_536, passes: 2, lanes: 1 };
        assert!(PasswordHash::parse(REFERENCE).unwrap().needs_rehash(params));
    }

    #[test]
    fn a_decoy_is_a_hash_of_todays_parameters_that_nothing_matches() {
        let decoy = PasswordHash::decoy(FAST);
        assert!(!decoy.needs_rehash(FAST));
        assert_eq!(PasswordHash::parse(decoy.expose()).map(|_| ()), Ok(()));
        assert_eq!(decoy.verify(&Secret::from("")).ok(), Some(false));
    }

    #[test]
    fn debug_shows_nothing_of_a_hash() {
        let hash = PasswordHash::parse(REFERENCE).unwrap();
        assert_eq!(format!("{hash:?}"), "[redacted]");
    }
}
