//! The costs of a password hash.

use crate::error::ConfigError;

/// Parameters of argon2id (RFC 9106): memory, passes and lanes.
///
/// The default is OWASP's recommendation: 19 456 KiB, 2 passes, 1 lane. OWASP lists these as
/// equivalent: `(47104, 1, 1)`, `(12288, 3, 1)`, `(9216, 4, 1)`, `(7168, 5, 1)`.
///
/// # Example
///
/// ```
/// use tower_customer_auth::password::PasswordParams;
///
/// assert_eq!(PasswordParams::default(), PasswordParams::new(19_456, 2, 1)?);
/// # Ok::<(), tower_customer_auth::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasswordParams {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl PasswordParams {
    /// Creates parameters from the memory in KiB, the number of passes and of lanes.
    ///
    /// The lanes of a hash are computed one after the other, on one thread.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NumberOutOfRange`] for more than 1 GiB, 10 passes or 16 lanes, or for less
    /// work than the cheapest of OWASP's choices: less than 7 168 KiB, or memory times passes below
    /// 35 840 KiB.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ConfigError> {
        let check = |setting, value: u32, min: u32, max: u32| {
            ConfigError::check_number(setting, value.into(), min.into()..=max.into())
        };
        check("passes", passes, 1, MAX_PASSES)?;
        check("lanes", lanes, 1, MAX_LANES)?;
        // `passes` is not zero here. One lane's share is never below argon2's 8 KiB: 7168 / 16.
        let enough_work = MIN_WORK_KIB.div_ceil(passes).max(MIN_MEMORY_KIB);
        check("memory_kib", memory_kib, enough_work, MAX_MEMORY_KIB)?;
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Returns the cheapest parameters of argon2, for tests only.
    ///
    /// Hashes with these parameters protect nothing.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub const fn worthless_but_fast() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// Returns the memory in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Returns the number of passes.
    #[must_use]
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// Returns the number of lanes.
    #[must_use]
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }
}

impl Default for PasswordParams {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

// The upper bounds hold for stored hashes too: an imported PHC string must not exhaust the memory.
pub(crate) const MAX_MEMORY_KIB: u32 = 1024 * 1024;
pub(crate) const MAX_PASSES: u32 = 10;
pub(crate) const MAX_LANES: u32 = 16;

const MIN_MEMORY_KIB: u32 = 7168;
const MIN_WORK_KIB: u32 = 7168 * 5;

#[cfg(test)]
mod tests {
    use super::PasswordParams;
    use crate::error::ConfigError;

    #[test]
    fn takes_every_choice_of_owasp() {
        for (memory, passes) in [(47_104, 1), (19_456, 2), (12_288, 3), (9216, 4), (7168, 5)] {
            let params = PasswordParams::new(memory, passes, 1).map(|p| (p.memory_kib, p.passes));
            assert_eq!(params, Ok((memory, passes)));
        }
    }

    #[test]
    fn refuses_what_is_weaker_or_past_the_bounds() {
        let out_of_range = |setting, value, min, max| {
            Err(ConfigError::NumberOutOfRange { setting, value, min, max })
        };
        for (params, refusal) in [
            ((7167, 10, 1), out_of_range("memory_kib", 7167, 7168, 1_048_576)),
            ((17_919, 2, 1), out_of_range("memory_kib", 17_919, 17_920, 1_048_576)),
            ((1_048_577, 1, 1), out_of_range("memory_kib", 1_048_577, 35_840, 1_048_576)),
            ((u32::MAX, 1, 1), out_of_range("memory_kib", u32::MAX.into(), 35_840, 1_048_576)),
            ((19_456, 0, 1), out_of_range("passes", 0, 1, 10)),
            ((19_456, 11, 1), out_of_range("passes", 11, 1, 10)),
            ((19_456, 2, 0), out_of_range("lanes", 0, 1, 16)),
            ((19_456, 2, 17), out_of_range("lanes", 17, 1, 16)),
        ] {
            let (memory, passes, lanes) = params;
            assert_eq!(PasswordParams::new(memory, passes, lanes), refusal, "{params:?}");
        }
    }
}
