//! What the command line prints: each `cli/NAME.trycmd` is a transcript, run in
//! the folder `cli/NAME.in`. `TRYCMD=overwrite cargo test --test cli`
//! writes down what is printed now.

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd");
}
