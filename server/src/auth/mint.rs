//! `sanderling token`: makes a token, for trying things out and for scripts.
//!
//! Programs make their own, with a library for JWT in their language; see `www/docs/security.md`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use clap::Args;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Signer as _;
use sanderling_core::UnixMillis;
use sanderling_core::acl::CommandSet;
use sanderling_core::command::table;
use sha2::Sha256;

use super::claims::{Audience, Claims, Rights};
use super::keys::{Algorithm, KeySet, trimmed};
use crate::clock;

/// What a token is to say.
#[derive(Args, Clone, Debug, Default)]
pub struct Mint {
    /// The key: a secret as --token-key takes it, or a private key in PEM (PKCS #8).
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Keys that may be read, as a glob. May be repeated, as may the following.
    #[arg(long, value_name = "GLOB")]
    pub(crate) read: Vec<String>,
    /// Keys that may be written.
    #[arg(long, value_name = "GLOB")]
    pub(crate) write: Vec<String>,
    /// Channels for messages.
    #[arg(long = "channel", value_name = "GLOB")]
    pub(crate) channels: Vec<String>,
    /// A rule about commands, such as @read or -flushdb; +@all -@dangerous if left out.
    #[arg(long = "command", value_name = "RULE", allow_hyphen_values = true)]
    pub(crate) commands: Vec<String>,
    /// Whose token it is: connections of one subject share their limits.
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// For whom it is, where the server has a --token-audience.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// From whom it is, where the server has a --token-issuer.
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// How long it is good, such as 30s, 15m, 8h or 7d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    pub(crate) expires: u64,
    /// The name of the key, where the server has a JWKS.
    #[arg(long, value_name = "NAME")]
    pub(crate) kid: Option<String>,
}

/// What signs.
#[derive(Debug)]
pub(crate) enum Signer {
    Secret(Vec<u8>),
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Mint {
    /// Makes the token with the key of its file.
    ///
    /// # Errors
    /// If the key can't be read, or a rule isn't one.
    pub fn run(&self) -> Result<String> {
        let file = self.key.display();
        let bytes = std::fs::read(&self.key).with_context(|| format!("cannot read the key {file}"))?;
        self.token(&Signer::parse(&bytes).with_context(|| format!("in the key {file}"))?, clock::now())
    }

    /// Makes the token.
    ///
    /// # Errors
    /// If a rule about commands isn't one.
    pub(crate) fn token(&self, signer: &Signer, now: UnixMillis) -> Result<String> {
        CommandSet::parse(self.commands.iter().map(String::as_str), table::find).map_err(anyhow::Error::msg)?;
        let issued_at = now.0 / 1000;
        let claims = Claims {
            sub: self.subject.clone(),
            iss: self.issuer.clone(),
            aud: self.audience.clone().map(Audience::One),
            iat: Some(issued_at as f64),
            nbf: None,
            exp: Some(issued_at.saturating_add(self.expires) as f64),
            sanderling: Some(Rights {
                read: self.read.clone(),
                write: self.write.clone(),
                channels: self.channels.clone(),
                commands: (!self.commands.is_empty()).then(|| self.commands.clone()),
                limits: None,
            }),
        };
        let mut header = serde_json::json!({ "alg": signer.algorithm().name(), "typ": "JWT" });
        if let Some(kid) = &self.kid {
            header["kid"] = kid.as_str().into();
        }
        let encoded = |json: Vec<u8>| Base64UrlUnpadded::encode_string(&json);
        let signed = format!("{}.{}", encoded(serde_json::to_vec(&header)?), encoded(serde_json::to_vec(&claims)?));
        let signature = signer.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", encoded(signature)))
    }
}

impl Signer {
    /// Reads a key as a file holds it.
    ///
    /// # Errors
    /// If it is none that can sign.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let Some(text) = std::str::from_utf8(bytes).ok().map(str::trim).filter(|text| text.starts_with("-----BEGIN "))
        else {
            ensure!(bytes.first() != Some(&b'{'), "a JWK cannot sign here: take a secret or a private key in PEM");
            // Whatever the server refuses is refused here, too.
            KeySet::parse(bytes)?;
            return Ok(Self::Secret(trimmed(bytes).to_vec()));
        };
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(text) {
            return Ok(Self::P256(Box::new(key)));
        }
        match ed25519_dalek::SigningKey::from_pkcs8_pem(text) {
            Ok(key) => Ok(Self::Ed25519(Box::new(key))),
            Err(_) => bail!(
                "not the PEM (PKCS #8) of a private key for ES256 or EdDSA; `openssl genpkey -algorithm ed25519` makes one"
            ),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::Hs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Secret(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).context("no secret")?;
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        })
    }
}

/// Reads a span of time.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no span of time such as 30s, 15m, 8h or 7d");
    let (digits, unit) = text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::{Terms, claims, jwt};
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    /// Keys as `openssl genpkey` and `openssl pkey -pubout` write them.
    const ED25519: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
    ];
    const P256: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXNFvV260ZEiFA1g4\nORFZXwX6GOIsnVc6p/JMhjneYxShRANCAARGT9rTMdKfnDOqeWPPuZ2hntPGPMOI\nWfKKze0+dUD8mNPV+GV1PQsfY2NPkclLv/8YU99Hxspum17sj4LlKCjo\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERk/a0zHSn5wzqnljz7mdoZ7TxjzD\niFnyis3tPnVA/JjT1fhldT0LH2NjT5HJS7//GFPfR8bKbpte7I+C5Sgo6A==\n-----END PUBLIC KEY-----\n",
    ];

    #[test]
    fn what_is_made_is_good_for_every_kind_of_key() {
        let secret = "a secret that is long enough, and a line end\r\n";
        for [private, public] in [[secret, secret], ED25519, P256] {
            let mint = Mint { write: vec!["k".into()], expires: 60, ..Mint::default() };
            let token = mint.token(&Signer::parse(private.as_bytes()).unwrap(), NOW).unwrap();
            let payload = jwt::verify(token.as_bytes(), &KeySet::parse(public.as_bytes()).unwrap()).unwrap();
            let grant = claims::read(&payload, &Terms::default(), NOW).unwrap().grant;
            assert!(grant.may_write(b"k") && !grant.may_read(b"k"));
            assert_eq!(grant.expires_at.map(|at| at.0 / 1000), Some(1_000_065));
        }
        let both = format!("{}{}", ED25519[1], P256[1]);
        let keys = KeySet::parse(both.as_bytes()).unwrap();
        for [private, _] in [ED25519, P256] {
            let token = Mint::default().token(&Signer::parse(private.as_bytes()).unwrap(), NOW).unwrap();
            assert!(jwt::verify(token.as_bytes(), &keys).is_ok(), "several keys in one file");
        }
        assert!(KeySet::parse(P256[0].as_bytes()).is_err(), "the server has no private key");
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(["30s", "15m", "8h", "7d"].map(|text| seconds(text).unwrap()), [30, 900, 28_800, 604_800]);
        for bad in ["", "5", "s", "-1s", "1w", "99999999999999999999d", "9999999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
