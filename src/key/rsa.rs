//! Checks for RSA public keys that are well formed and unsafe.

use crate::error::ConfigError;

/// Checks a modulus and an exponent, both big-endian without leading zeros.
pub(super) fn check(n: &[u8], e: &[u8]) -> Result<(), ConfigError> {
    let refused = |reason| Err(ConfigError::InvalidKey { reason });
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if bits < MIN_BITS {
        return refused("its modulus has less than 2048 bits");
    }
    if bits > MAX_BITS {
        return refused("its modulus has more than 4096 bits");
    }
    if n[n.len() - 1] & 1 == 0 {
        return refused("its modulus is even");
    }
    // Small exponents let a signature be forged where padding is checked loosely (CVE-2006-4339).
    let exponent = e.iter().try_fold(0_u64, |value, byte| {
        value.checked_mul(256).map(|value| value | u64::from(*byte))
    });
    if !exponent.is_some_and(|value| (65_537..1 << 33).contains(&value) && value & 1 == 1) {
        return refused("its exponent is not an odd number from 65537 to 2^33");
    }
    if has_roca_fingerprint(n) {
        return refused("it was made by the flawed generator of CVE-2017-15361 (ROCA)");
    }
    Ok(())
}

/// Returns whether a modulus is a power of 65537 modulo each small prime, as those of the ROCA
/// generator are. For any other modulus the probability is less than 2^-27.
fn has_roca_fingerprint(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let remainder = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        for _ in 0..*prime {
            if power == remainder {
                return true;
            }
            power = power * 65_537 % prime;
        }
        false
    })
}

const MIN_BITS: usize = 2048;
/// The longest signature that a token may have; see `token`.
const MAX_BITS: usize = 4096;

/// The primes up to 167 for which not every number is a power of 65537.
const ROCA_PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

#[cfg(test)]
mod tests {
    use super::*;

    const E: [u8; 3] = [1, 0, 1];

    fn refusal(n: &[u8], e: &[u8]) -> Option<String> {
        check(n, e).err().map(|error| error.to_string())
    }

    /// An odd number of this many bytes, made by no generator.
    fn modulus(bytes: u32) -> Vec<u8> {
        (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x81).collect()
    }

    /// 65537 to the 128th: a power of it modulo every prime, and 2049 bits long.
    fn roca() -> Vec<u8> {
        let mut number = vec![1_u32];
        for _ in 0..128 {
            let mut carry = 0_u64;
            for digit in number.iter_mut().rev() {
                let value = u64::from(*digit) * 65_537 + carry;
                *digit = (value & 0xFF) as u32;
                carry = value >> 8;
            }
            while carry > 0 {
                number.insert(0, (carry & 0xFF) as u32);
                carry >>= 8;
            }
        }
        number.into_iter().map(|digit| digit as u8).collect()
    }

    #[test]
    fn takes_sizes_and_exponents_within_bounds_alone_t07() {
        assert_eq!(refusal(&modulus(256), &E), None);
        assert_eq!(refusal(&modulus(512), &E), None);
        let short = "the key is not usable: its modulus has less than 2048 bits";
        let long = "the key is not usable: its modulus has more than 4096 bits";
        assert_eq!(refusal(&modulus(255), &E).as_deref(), Some(short));
        assert_eq!(refusal(&[], &E).as_deref(), Some(short));
        assert_eq!(refusal(&modulus(513), &E).as_deref(), Some(long));
        let mut even = modulus(256);
        even[255] &= 0xFE;
        assert_eq!(
            refusal(&even, &E).as_deref(),
            Some("the key is not usable: its modulus is even")
        );
        let exponent =
            "the key is not usable: its exponent is not an odd number from 65537 to 2^33";
        for e in [&[][..], &[0], &[1], &[3], &[1, 0, 0], &[1, 0, 2], &[2, 0, 0, 0, 1], &[1; 9]] {
            assert_eq!(refusal(&modulus(256), e).as_deref(), Some(exponent), "{e:?}");
        }
    }

    #[test]
    fn refuses_what_the_flawed_generator_made_t07() {
        let n = roca();
        assert_eq!(n.len(), 257);
        let flawed =
            "the key is not usable: it was made by the flawed generator of CVE-2017-15361 (ROCA)";
        assert_eq!(refusal(&n, &E).as_deref(), Some(flawed));
    }
}
