//! What is held must not get away: each of these is a wrong proof if it
//! compiles.

#[test]
fn held_handles_do_not_escape() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
