//! What cannot be a job is a compile error that says so, at the words that are at fault, and says what to do instead.
//!
//! `TRYBUILD=overwrite cargo test --workspace --test refused` writes the messages anew; read them before you commit them.

#[test]
fn what_cannot_be_a_job_is_refused_with_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
