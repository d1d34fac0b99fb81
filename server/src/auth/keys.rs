//! The keys that tokens are checked with, read from files: a raw secret, PEM, a JWK or a JWKS.
//!
//! A key knows its one algorithm. What a token says of itself picks among the keys, and never how one is used.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::pkcs8::DecodePublicKey;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Verifier;
use serde::Deserialize;
use sha2::Sha256;
use tracing::info;

/// What a token may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// Reads the name that a token or a JWK gives. `none` and all others are nothing.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 calls it by its curve.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The name in JOSE.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A key, and the name that tokens may call it by.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Vec<u8>),
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm().name())
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::Hs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }
}

impl Key {
    /// Whether a token that names this algorithm, and perhaps a key, can be meant for it.
    fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let same_name = match (&self.id, id) {
            (Some(own), Some(named)) => own == named,
            // A raw secret and a PEM file have no name to be called by.
            _ => true,
        };
        self.material.algorithm() == algorithm && same_name
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(secret) => Hmac::<Sha256>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok()),
            Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Material::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// All keys that count at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

/// Why a signature wasn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// No key fits the algorithm and the name.
    NoSuchKey,
    /// None of those that fit has signed it.
    BadSignature,
}

impl KeySet {
    /// Reads the keys of a file.
    ///
    /// # Errors
    /// If it can't be read, or holds no key that can be used; the text names the file, and shows nothing of it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the token key {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("in the token key {}", path.display()))
    }

    /// Reads keys as a file holds them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).ok().map(str::trim);
        match text {
            Some(text) if text.starts_with("-----BEGIN ") => parse_pem(text),
            Some(text) if text.starts_with('{') => parse_jwks(text),
            _ => Ok(Self(vec![Key { id: None, material: secret(trimmed(bytes).to_vec())? }])),
        }
    }

    /// Adds the keys of another set.
    ///
    /// # Errors
    /// If they become too many: each may be tried for a token that names none.
    pub(crate) fn extend(&mut self, other: Self) -> Result<()> {
        self.0.extend(other.0);
        ensure!(self.0.len() <= KEYS_MAX, "more than {KEYS_MAX} keys for tokens");
        Ok(())
    }

    /// Checks a signature with the keys that fit.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Mismatch> {
        let mut fitting = self.0.iter().filter(|key| key.fits(algorithm, id)).peekable();
        if fitting.peek().is_none() {
            return Err(Mismatch::NoSuchKey);
        }
        if fitting.any(|key| key.verifies(message, signature)) { Ok(()) } else { Err(Mismatch::BadSignature) }
    }
}

fn secret(bytes: Vec<u8>) -> Result<Material> {
    ensure!(
        bytes.len() >= SECRET_BYTES_MIN,
        "the secret is shorter than {SECRET_BYTES_MIN} bytes; `openssl rand -base64 48` makes a good one"
    );
    Ok(Material::Secret(bytes))
}

/// Takes off the line end that editors and `echo` leave.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Reads PEM blocks, one after the other: public keys, as `openssl pkey -pubout` writes them.
fn parse_pem(text: &str) -> Result<KeySet> {
    let mut keys = KeySet::default();
    for block in text.split_inclusive("-----END PUBLIC KEY-----") {
        let block = block.trim();
        if block.is_empty() {
            continue;
        }
        ensure!(
            !block.contains("PRIVATE KEY-----"),
            "this is a private key, which the server must not have; `openssl pkey -in FILE -pubout` prints the public one"
        );
        let material = p256::ecdsa::VerifyingKey::from_public_key_pem(block)
            .map(Material::P256)
            .or_else(|_| ed25519(ed25519_dalek::VerifyingKey::from_public_key_pem(block).ok()))
            .map_err(|_| anyhow!("not the PEM of a public key for ES256 (P-256) or EdDSA (Ed25519)"))?;
        keys.extend(KeySet(vec![Key { id: None, material }]))?;
    }
    Ok(keys)
}

fn ed25519(key: Option<ed25519_dalek::VerifyingKey>) -> Result<Material> {
    // With a weak key anybody's signature would count.
    key.filter(|key| !key.is_weak()).map(Material::Ed25519).context("no Ed25519 key")
}

/// A JWKS, or a single JWK. What other members there are is of no concern here (RFC 7517, section 4).
#[derive(Deserialize)]
struct Jwks {
    keys: Option<Vec<Jwk>>,
    #[serde(flatten)]
    single: Jwk,
}

#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<String>,
}

fn parse_jwks(text: &str) -> Result<KeySet> {
    // The error isn't shown: it may hold a part of the secret.
    let jwks: Jwks = serde_json::from_str(text)
        .map_err(|error| anyhow!("line {}, column {}: not a JWKS or JWK in JSON", error.line(), error.column()))?;
    let all = jwks.keys.unwrap_or_else(|| vec![jwks.single]);
    let mut keys = KeySet::default();
    for (number, jwk) in (1..).zip(&all) {
        match jwk.key().with_context(|| format!("key {number}"))? {
            Some(key) => keys.extend(KeySet(vec![key]))?,
            // An identity provider may list keys for others beside ours.
            None => info!("key {number} of the JWKS is left out: it is not for HS256, ES256 or EdDSA signatures"),
        }
    }
    ensure!(!keys.0.is_empty(), "no key for HS256 (oct), ES256 (EC, P-256) or EdDSA (OKP, Ed25519)");
    Ok(keys)
}

impl Jwk {
    /// The key, if it is one for signatures of a kind that is known here.
    fn key(&self) -> Result<Option<Key>> {
        let curve = self.crv.as_deref();
        let material = match self.kty.as_deref() {
            Some("oct") => secret(decoded(self.k.as_deref()).context("`k` is not base64url")?)?,
            Some("EC") if curve == Some("P-256") => {
                let [x, y] = [&self.x, &self.y].map(|part| decoded(part.as_deref()).filter(|bytes| bytes.len() == 32));
                let (Some(x), Some(y)) = (x, y) else { bail!("`x` and `y` have to be 32 bytes in base64url") };
                let point = [&[4], x.as_slice(), &y].concat();
                Material::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).context("no point of P-256")?)
            }
            Some("OKP") if curve == Some("Ed25519") => {
                let bytes = decoded(self.x.as_deref()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                let bytes = bytes.context("`x` has to be 32 bytes in base64url")?;
                ed25519(ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok())?
            }
            Some(_) => return Ok(None),
            None => bail!("`kty` is missing"),
        };
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Ok(None);
        }
        ensure!(self.d.is_none(), "this is a private key (`d`), which the server must not have");
        let is_ours = self.alg.as_deref().is_none_or(|name| Algorithm::parse(name) == Some(material.algorithm()));
        Ok(is_ours.then(|| Key { id: self.kid.clone(), material }))
    }
}

fn decoded(text: Option<&str>) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text?).ok()
}

/// Shortest secret: as long as what SHA-256 yields (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// Keys at a time, in all files together.
const KEYS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        format!("{:#}", KeySet::parse(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_would_be_right() {
        assert!(refusal("short").contains("openssl rand"));
        assert!(refusal("{\"keys\": [").contains("line 1"));
        assert!(refusal("{}").contains("`kty` is missing"));
        assert!(refusal("{\"keys\": []}").contains("no key for HS256"));
        assert!(refusal("{\"keys\": [{\"kty\": \"RSA\", \"n\": \"AQAB\"}]}").contains("no key for HS256"));
        assert!(refusal("{\"kty\": \"oct\", \"k\": \"c2hvcnQ\"}").contains("shorter than 32 bytes"));
        assert!(refusal("{\"kty\": \"oct\", \"k\": \"a+/=\"}").contains("base64url"));
        assert!(refusal("{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AA\", \"y\": \"AA\"}").contains("32 bytes"));
        assert!(refusal("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").contains("P-256"));
        assert!(refusal("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").contains("-pubout"));
        let zero = "A".repeat(43);
        // The neutral element: with it every signature is easily forged.
        let weak = format!("{{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"{zero}\"}}");
        assert!(KeySet::parse(weak.as_bytes()).is_err());
        let private = format!(
            "{{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\", \"d\": \"{zero}\"}}"
        );
        assert!(refusal(&private).contains("private key"));
    }

    #[test]
    fn an_error_shows_nothing_of_the_secret() {
        let text = "{\"kty\": \"oct\", \"k\": \"hunter2hunter2\" oops}";
        assert!(!refusal(text).contains("hunter2"));
        assert!(!format!("{:?}", KeySet::parse(&[b'x'; 40]).unwrap()).contains('x'));
    }

    #[test]
    fn a_key_for_something_else_is_left_out() {
        let k = "A".repeat(43);
        let set = |other: &str| {
            let text = format!(
                "{{\"keys\": [{{\"kty\": \"oct\", \"k\": \"{k}\"}}, {{\"kty\": \"oct\", \"k\": \"{k}\", {other}}}]}}"
            );
            KeySet::parse(text.as_bytes()).unwrap().0.len()
        };
        assert_eq!(set("\"use\": \"sig\", \"alg\": \"HS256\", \"x5t\": 7"), 2);
        assert_eq!(set("\"use\": \"enc\""), 1);
        assert_eq!(set("\"alg\": \"HS512\""), 1);
    }

    #[test]
    fn there_is_a_bound_on_keys() {
        let one = format!("{{\"kty\": \"oct\", \"k\": \"{}\"}}", "A".repeat(43));
        let text = |count| format!("{{\"keys\": [{}]}}", vec![one.as_str(); count].join(","));
        assert!(KeySet::parse(text(KEYS_MAX).as_bytes()).is_ok());
        assert!(refusal(&text(KEYS_MAX + 1)).contains("more than 64 keys"));
    }
}
