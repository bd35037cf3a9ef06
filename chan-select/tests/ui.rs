//! What the compiler says of mistakes in a select.
#![cfg(not(loom))]

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
