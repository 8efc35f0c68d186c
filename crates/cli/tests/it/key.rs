//! `quarterdeck key`: every one is another, long enough, and what stands beside it is its digest.

use std::process::Command;

fn made() -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_quarterdeck")).arg("key").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| line.split_once(' ').unwrap());
    let (key, sha256) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!((key.0, sha256.0), ("key", "sha256"), "{text}");
    (key.1.trim().to_owned(), sha256.1.trim().to_owned())
}

#[test]
fn every_key_is_another_and_comes_with_its_digest() {
    let ((first, digest), (second, _)) = (made(), made());
    assert_ne!(first, second);
    for key in [&first, &second] {
        assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
    assert_eq!(digest, quarterdeck_server::auth::hex(&quarterdeck_server::auth::digest(&first)));
    assert_eq!(
        quarterdeck_server::auth::hex(&quarterdeck_server::auth::digest("abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
