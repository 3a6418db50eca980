//! The door alone: which users may ask, and how lines are read.

use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::lines::{Lines, TooLong};
use super::*;
use crate::api::MAX_REQUEST;

#[test]
fn root_and_the_services_own_user_come_in_and_nobody_else() {
    for (user, own, taken) in [
        (0, 0, true),
        (0, 990, true),
        (990, 990, true),
        (1000, 990, false),
        (1000, 0, false),
        (u32::MAX, 990, false),
    ] {
        assert_eq!(admits(user, own), taken, "{user} at a service of {own}");
    }
}

#[tokio::test]
async fn a_socket_is_for_its_owner_and_one_that_a_dead_service_left_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let first = ControlSocket::bind(&path).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = ControlSocket::bind(&path).await.err().unwrap();
    assert!(matches!(error, SocketError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("another edgereel"), "{error}");
    // The first service was killed: its socket stays.
    drop(first);
    assert!(path.exists());
    let _second = ControlSocket::bind(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    #[expect(clippy::disallowed_methods, reason = "looked at from outside")]
    std::fs::write(&path, "precious").unwrap();
    let error = ControlSocket::bind(&path).await.err().unwrap();
    assert!(matches!(error, SocketError::Other { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let nowhere = dir.path().join("nothing").join("control.sock");
    let error = ControlSocket::bind(&nowhere).await.err().unwrap();
    assert!(
        error.to_string().contains("control.sock: cannot listen"),
        "{error}"
    );
}

#[test]
fn a_line_is_as_long_as_a_request_may_be_and_no_longer() {
    let mut lines = Lines::default();
    lines.push(&vec![b'x'; MAX_REQUEST]);
    assert_eq!(lines.line(), Ok(None));
    lines.push(b"\n");
    assert_eq!(lines.line().unwrap().unwrap().len(), MAX_REQUEST);
    let mut endless = Lines::default();
    endless.push(&vec![b'x'; MAX_REQUEST + 1]);
    assert_eq!(endless.line(), Err(TooLong));
    let mut long = Lines::default();
    long.push(&vec![b'x'; MAX_REQUEST + 1]);
    long.push(b"\n");
    assert_eq!(long.line(), Err(TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_the_same_however_they_arrive(
        text in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..300),
        block in 1_usize..40,
    ) {
        let mut lines = Lines::default();
        let mut got = Vec::new();
        for block in text.chunks(block) {
            lines.push(block);
            while let Some(line) = lines.line().unwrap() {
                got.push(line);
            }
        }
        got.push(lines.rest());
        let expected: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        prop_assert_eq!(got, expected);
    }
}
