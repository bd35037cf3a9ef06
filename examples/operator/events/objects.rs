//! The objects of the story, as an API server writes them.
//!
//! Two writers stand behind a real watch, and both are imitated. Core kinds are
//! Go structs, so their keys come in the order of the struct: `kind` and
//! `apiVersion` first. Custom resources are Go maps, so their keys are sorted.
//! A reader that relies on either order is wrong.
//!
//! Also here: the small things an object is made of that need no state, and
//! are the same on every machine (random numbers, uids, timestamps, base64).

use base64::engine::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// Keys and texts.
pub(crate) type Texts = BTreeMap<String, String>;

/// `apiVersion` of the custom resource.
pub(crate) const DATABASE_VERSION: &str = "demo.example.com/v1";

/// `metadata`, keys in the order of Go's `ObjectMeta`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<i64>,
    pub(crate) creation_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_grace_period_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) labels: Texts,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(crate) annotations: Texts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owner_references: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) finalizers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) managed_fields: Vec<Value>,
}

/// What an object holds beside its metadata.
#[derive(Clone)]
pub(crate) enum Body {
    /// Text by key.
    ConfigMap(Texts),
    /// The type, and base64 by key.
    Secret(&'static str, Texts),
    /// Spec and status.
    Database(Spec, Option<Status>),
}

/// What is wanted of a database.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    pub(crate) engine: &'static str,
    pub(crate) version: &'static str,
    pub(crate) replicas: u32,
    pub(crate) storage: String,
    pub(crate) credentials_secret: String,
}

/// What was last seen of a database.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) phase: &'static str,
    pub(crate) ready_replicas: u32,
    pub(crate) observed_generation: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    pub(crate) conditions: Vec<Value>,
}

/// An object that is alive.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) meta: Meta,
    pub(crate) body: Body,
}

impl Object {
    /// Its kind and version.
    pub(crate) fn type_meta(&self) -> (&'static str, &'static str) {
        match self.body {
            Body::ConfigMap(_) => ("ConfigMap", "v1"),
            Body::Secret(..) => ("Secret", "v1"),
            Body::Database(..) => ("Database", DATABASE_VERSION),
        }
    }

    /// The line of an event about it.
    pub(crate) fn event(&self, event_type: &str) -> String {
        let (kind, api_version) = self.type_meta();
        let metadata = &self.meta;
        let object = match &self.body {
            Body::ConfigMap(data) => text(&ConfigMap {
                kind,
                api_version,
                metadata,
                data,
            }),
            Body::Secret(secret_type, data) => text(&Secret {
                kind,
                api_version,
                metadata,
                data,
                secret_type,
            }),
            Body::Database(spec, status) => {
                let mut object = json!({
                    "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec,
                });
                if let Some(status) = status {
                    object["status"] = json!(status);
                }
                text(&sorted(object))
            }
        };
        format!("{{\"type\":\"{event_type}\",\"object\":{object}}}")
    }
}

/// A ConfigMap on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMap<'a> {
    kind: &'a str,
    api_version: &'a str,
    metadata: &'a Meta,
    data: &'a Texts,
}

/// A Secret on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    kind: &'a str,
    api_version: &'a str,
    metadata: &'a Meta,
    data: &'a Texts,
    #[serde(rename = "type")]
    secret_type: &'a str,
}

/// The line of a bookmark. The server writes an empty object of the kind, hence
/// the `null`; core kinds first, as above.
pub(crate) fn bookmark(
    (kind, api_version): (&str, &str),
    revision: u64,
    ends_the_list: bool,
) -> String {
    let annotations = if ends_the_list {
        r#","annotations":{"k8s.io/initial-events-end":"true"}"#
    } else {
        ""
    };
    format!(
        "{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\
         \"metadata\":{{\"resourceVersion\":\"{revision}\",\"creationTimestamp\":null{annotations}}}}}}}"
    )
}

/// JSON without line breaks.
fn text(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("objects have string keys only")
}

/// The value with its keys sorted at every level, also where another package
/// switches serde_json to keep the order in which keys came.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let by_key: BTreeMap<_, _> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(by_key.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        value => value,
    }
}

/// Random numbers that are the same for ever: SplitMix64. A package's generator
/// may change with its version, and with it the shipped file.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number from `from` to `to`, both possible.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// One of `choices`.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// `length` letters of those that Kubernetes puts after generated names.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(*self.pick(b"bcdfghjklmnpqrstvwxz2456789")))
            .collect()
    }

    /// Base64 of `length` random bytes: a password, a token, …
    pub(crate) fn secret(&mut self, length: usize) -> String {
        let bytes: Vec<u8> = (0..length).map(|_| self.next() as u8).collect();
        base64(&bytes)
    }
}

/// RFC 3339 in UTC, of seconds since 1970. The date is Howard Hinnant's
/// `civil_from_days`, in years that begin in March.
pub(crate) fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let day = day - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Base64 in the standard alphabet, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Random, base64, timestamp};

    #[test]
    fn timestamps_know_leap_years() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(timestamp(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(timestamp(1_735_689_600), "2025-01-01T00:00:00Z");
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn uids_are_version_4() {
        let mut random = Random(7);
        for _ in 0..100 {
            let uid = random.uid();
            let parts: Vec<_> = uid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{uid}");
            assert_eq!(&uid[14..15], "4", "{uid}");
            assert!("89ab".contains(&uid[19..20]), "{uid}");
        }
    }
}
