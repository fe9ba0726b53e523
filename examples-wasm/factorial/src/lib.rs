//! Exact factorials: every digit.

use au_guest::{Failure, async_compute, progress};
use num_bigint::BigUint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Beyond this the digits alone are megabytes.
const LARGEST: u32 = 100_000;

/// A natural number of any size, written as its decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Natural(pub BigUint);

impl From<Natural> for String {
    fn from(number: Natural) -> Self {
        number.0.to_string()
    }
}

impl TryFrom<String> for Natural {
    type Error = num_bigint::ParseBigIntError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        digits.parse().map(Self)
    }
}

/// The product of all numbers from 1 to n, exactly.
#[async_compute]
pub fn factorial(n: u32) -> Result<Natural, Failure> {
    if n > LARGEST {
        return Err(Failure::invalid_input(format!("{n}! has too many digits; n may be at most {LARGEST}")));
    }
    let mut product = BigUint::from(1u32);
    for factor in 1..=n {
        product *= factor;
        if factor % 1000 == 0 {
            progress(factor as f32 / n as f32, "multiplying");
        }
    }
    Ok(Natural(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_factorial_has_all_its_digits() {
        let digits = String::from(factorial(100).unwrap());
        assert_eq!(digits.len(), 158);
        assert!(digits.starts_with("93326215443944152681699238856266700490715968264381621468592963895217"));
        assert!(digits.ends_with("000000000000000000000000"));
    }

    #[test]
    fn nothing_times_nothing_is_one_and_too_much_is_refused() {
        assert_eq!(String::from(factorial(0).unwrap()), "1");
        assert!(matches!(factorial(LARGEST + 1), Err(Failure::InvalidInput(_))));
    }

    #[test]
    fn a_host_calls_it_by_position_and_by_name() {
        for input in ["[5]", r#"{"n": 5}"#] {
            let output = au_guest::call("factorial", "application/json", input.as_bytes()).unwrap();
            assert_eq!(output.bytes, br#""120""#);
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (input, word) in
            [(r#"["x"]"#, "n"), ("[]", "n"), ("[1, 2]", "too many"), (r#"{"m": 1}"#, "m"), ("[-1]", "n")]
        {
            let failure = au_guest::call("factorial", "application/json", input.as_bytes()).unwrap_err();
            assert!(matches!(&failure, Failure::InvalidInput(message) if message.contains(word)), "{input}: {failure}");
        }
    }
}
