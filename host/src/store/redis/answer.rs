//! Takes apart what scripts answer.

use bytes::Bytes;
use redis::Value;

use super::fault;
use crate::error::Result;
use crate::id::JobId;
use crate::time::Timestamp;

pub(super) fn array(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(fault::strange()),
    }
}

/// An array of exactly so many.
pub(super) fn parts<const N: usize>(value: Value) -> Result<[Value; N]> {
    array(value)?.try_into().map_err(|_| fault::strange())
}

pub(super) fn bytes(value: Value) -> Result<Bytes> {
    match value {
        Value::BulkString(bytes) => Ok(bytes.into()),
        Value::SimpleString(text) => Ok(text.into()),
        _ => Err(fault::strange()),
    }
}

pub(super) fn optional(value: Value) -> Result<Option<Bytes>> {
    if value == Value::Nil { Ok(None) } else { bytes(value).map(Some) }
}

pub(super) fn number(value: &Value) -> Result<u64> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    number.ok_or_else(fault::strange)
}

pub(super) fn id(bytes: &[u8]) -> Result<JobId> {
    bytes.try_into().map(JobId::from_bytes).map_err(|_| fault::strange())
}

/// A time as 8 bytes that sort as times do.
pub(super) fn sortable(time: i64) -> [u8; 8] {
    (time.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(super) fn time(sortable: &[u8]) -> Result<Timestamp> {
    let bytes = sortable.try_into().map_err(|_| fault::strange())?;
    Ok(Timestamp::from_micros((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()))
}

/// A priority as 4 bytes, of which the highest sorts first.
pub(super) fn inverted(priority: i32) -> [u8; 4] {
    (!(priority.cast_unsigned() ^ (1 << 31))).to_be_bytes()
}

/// A number in the words of Redis.
pub(super) fn decimal(number: impl ToString) -> Bytes {
    number.to_string().into()
}

/// Bytes of our own.
pub(super) fn own(bytes: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(bytes.as_ref())
}

/// A name for an operation, or for a handle of the store.
pub(super) fn random() -> Bytes {
    own(rand::random::<[u8; 8]>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_and_priorities_sort_as_they_should(a: i64, b: i64, p: i32, q: i32) {
            prop_assert_eq!(sortable(a).cmp(&sortable(b)), a.cmp(&b));
            prop_assert_eq!(inverted(p).cmp(&inverted(q)), q.cmp(&p));
            prop_assert_eq!(time(&sortable(a)).unwrap().as_micros(), a);
        }
    }
}
