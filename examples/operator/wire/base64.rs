//! Base64 as the API server writes it: the standard alphabet, padded, no line
//! breaks.
//!
//! Strict on purpose. A value that another decoder would forgive was not
//! written by an API server, and a Secret that was mangled on its way should be
//! named, not used. The decoder's own errors quote the character they stumbled
//! over; these say the kind of mistake only.

use base64::DecodeError;
use base64::engine::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes that `text` stands for, or what is wrong with it. The reason
/// never repeats the text, which may be a password.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    if !text.len().is_multiple_of(4) {
        return Err("its length is not a multiple of 4");
    }
    STANDARD.decode(text).map_err(|error| match error {
        DecodeError::InvalidLastSymbol(..) => "its last character has bits that belong to no byte",
        _ => "it has a character outside the alphabet",
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text), Ok(bytes.into()), "{text}");
        }
        assert_eq!(decode("+/+/"), Ok(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn what_no_server_writes() {
        let length = "its length is not a multiple of 4";
        let letter = "it has a character outside the alphabet";
        let bits = "its last character has bits that belong to no byte";
        for (text, reason) in [
            ("Z", length),
            ("Zg=", length),
            ("Zm9v\n", length),
            ("Zm9-", letter),
            ("Zg==Zg==", letter),
            ("====", letter),
            ("Z===", letter),
            ("Zh==", bits),
            ("Zm9=", bits),
        ] {
            assert_eq!(decode(text), Err(reason), "{text:?}");
        }
    }
}
