//! Signed tokens in their compact form (RFC 7515, section 3.1): header, payload and signature, in base64url.
//!
//! It knows no claims. Nothing of the payload is looked at before the signature is found good, and no error shows
//! anything of a token.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::keys::{Algorithm, KeySet, Mismatch};

/// Checks the signature of a token, and returns the payload.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub(crate) fn verify(token: &[u8], keys: &KeySet) -> Result<Vec<u8>, &'static str> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err("the token is longer than 8192 bytes");
    }
    let token = std::str::from_utf8(token).map_err(|_| NO_JWT)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(NO_JWT)?;
    let (header, payload) = signed.split_once('.').ok_or(NO_JWT)?;
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| NO_JWT)?;
    if header.crit.is_some() {
        return Err("the token's header demands what is not understood here (crit)");
    }
    let algorithm = Algorithm::parse(&header.alg).ok_or("the token must be signed with HS256, ES256 or EdDSA")?;
    match keys.verify(algorithm, header.kid.as_deref(), signed.as_bytes(), &decoded(signature)?) {
        Ok(()) => decoded(payload),
        Err(Mismatch::NoSuchKey) => Err("no key of this server fits the token's alg and kid"),
        Err(Mismatch::BadSignature) => Err("the token's signature is wrong"),
    }
}

/// What of a header is looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| NO_JWT)
}

const NO_JWT: &str = "the token is no JWT: three parts in base64url with dots between them";

/// Longest token: what fits into the headers that proxies let pass.
pub(crate) const TOKEN_BYTES_MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> KeySet {
        KeySet::parse(text.as_bytes()).unwrap()
    }

    /// The examples of RFC 7515, appendices A.1 and A.3, and of RFC 8037, appendix A.4: keys and tokens made by others.
    fn examples() -> [(KeySet, &'static str, &'static [u8]); 3] {
        let claims = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        [
            (
                keys(
                    r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
                ),
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                claims,
            ),
            (
                keys(
                    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
                ),
                "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                claims,
            ),
            (
                keys(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                b"Example of Ed25519 signing",
            ),
        ]
    }

    #[test]
    fn the_examples_of_the_standards_are_good() {
        for (keys, token, payload) in examples() {
            assert_eq!(verify(token.as_bytes(), &keys), Ok(payload.to_vec()));
        }
    }

    #[test]
    fn no_key_takes_the_token_of_another() {
        for (at, (keys, ..)) in examples().iter().enumerate() {
            for (other, (_, token, _)) in examples().iter().enumerate() {
                assert_eq!(verify(token.as_bytes(), keys).is_ok(), at == other);
            }
        }
        let other = keys(&"another secret, and as long as it has to be".repeat(2));
        assert_eq!(verify(examples()[0].1.as_bytes(), &other), Err("the token's signature is wrong"));
    }

    fn with_header(token: &str, header: &str) -> String {
        let rest = token.split_once('.').unwrap().1;
        format!("{}.{rest}", Base64UrlUnpadded::encode_string(header.as_bytes()))
    }

    #[test]
    fn the_header_chooses_among_keys_and_not_how_they_are_used() {
        for (keys, token, _) in examples() {
            for alg in ["none", "None", "HS256", "HS512", "ES256", "RS256", "EdDSA", ""] {
                let forged = with_header(token, &format!("{{\"alg\":\"{alg}\"}}"));
                // Where the header is what it was, the signature is, too.
                assert_eq!(verify(forged.as_bytes(), &keys).is_ok(), forged == token, "{alg}");
                let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
                assert!(verify(unsigned.as_bytes(), &keys).is_err(), "{alg}");
            }
        }
        // The public key of ES256, taken for a secret: the oldest trick.
        let (public, token, _) = &examples()[1];
        let forged = with_header(token, "{\"alg\":\"HS256\"}");
        assert_eq!(verify(forged.as_bytes(), public), Err("no key of this server fits the token's alg and kid"));
        let crit = with_header(token, "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}");
        assert!(verify(crit.as_bytes(), public).unwrap_err().contains("crit"));
    }

    #[test]
    fn a_name_picks_the_key() {
        let jwk = |kid: &str, k: &str| format!("{{\"kty\":\"oct\",\"kid\":\"{kid}\",\"k\":\"{}\"}}", k.repeat(44));
        let set = keys(&format!("{{\"keys\":[{},{}]}}", jwk("old", "A"), jwk("new", "B")));
        let token = |kid: &str, k: &str| {
            use hmac::{Hmac, KeyInit, Mac};
            let header = format!("{{\"alg\":\"HS256\"{kid}}}");
            let signed = format!("{}.e30", Base64UrlUnpadded::encode_string(header.as_bytes()));
            let secret = Base64UrlUnpadded::decode_vec(&k.repeat(44)).unwrap();
            let mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap().chain_update(&signed);
            format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes()))
        };
        let outcome = |kid: &str, k: &str| verify(token(kid, k).as_bytes(), &set).map(|_| ());
        assert_eq!(outcome(",\"kid\":\"old\"", "A"), Ok(()));
        assert_eq!(outcome(",\"kid\":\"new\"", "B"), Ok(()));
        assert_eq!(outcome(",\"kid\":\"new\"", "A"), Err("the token's signature is wrong"));
        assert_eq!(outcome(",\"kid\":\"gone\"", "A"), Err("no key of this server fits the token's alg and kid"));
        assert_eq!(outcome("", "B"), Ok(()), "without a name all are tried");
        assert_eq!(outcome("", "C"), Err("the token's signature is wrong"));
    }

    #[test]
    fn garbage_is_named_and_not_shown() {
        let (keys, token, _) = &examples()[0];
        for bad in ["", ".", "..", "...", "a.b", "e30.e30.e30", "e30.e30.", "\u{e4}.b.c"] {
            assert!(verify(bad.as_bytes(), keys).is_err(), "{bad}");
        }
        assert_eq!(verify(&[0xff, b'.', b'.'], keys), Err(NO_JWT));
        assert!(verify(format!("{token}=").as_bytes(), keys).is_err(), "padding");
        assert!(verify(format!(" {token}").as_bytes(), keys).is_err());
        let huge = format!("{token}{}", "A".repeat(TOKEN_BYTES_MAX));
        assert_eq!(verify(huge.as_bytes(), keys), Err("the token is longer than 8192 bytes"));
        let deep = Base64UrlUnpadded::encode_string("[".repeat(4096).as_bytes());
        assert_eq!(verify(format!("{deep}.e30.e30").as_bytes(), keys), Err(NO_JWT));
    }

    proptest! {
        #[test]
        fn one_changed_bit_makes_it_bad(which in 0_usize..3, at: prop::sample::Index, bit in 0_u8..7) {
            let (keys, token, _) = &examples()[which];
            let mut bytes = token.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(verify(&bytes, keys).is_err());
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, text in "[A-Za-z0-9_.{}\"-]{0,60}") {
            let (keys, ..) = &examples()[0];
            prop_assert!(verify(&bytes, keys).is_err());
            prop_assert!(verify(text.as_bytes(), keys).is_err());
        }
    }
}
