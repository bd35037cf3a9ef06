//! How single values are read: what serde's defaults would let through, or
//! refuse, against the manners of Kubernetes' own decoder.
//!
//! - A derived struct also accepts a JSON array, field by field; here an object
//!   is an object.
//! - `null` means "absent" for Go, so lists, maps and numbers take it as their
//!   default.
//! - Names, versions and uids are never empty. A `resourceVersion` that is a
//!   number comes from a client that parsed and re-wrote the stream, and has
//!   lost precision or will.
//!
//! What a wrong value gets is serde's own sentence; `decode` adds the place.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::{Bytes, base64};

/// How complaints about base64 begin. They repeat nothing of the value.
pub(super) const NOT_BASE64: &str = "not base64";

/// A struct from a JSON object, and from nothing else.
pub(super) fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct ObjectOnly<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    from.deserialize_map(ObjectOnly(PhantomData))
}

/// As [`object`]; `null` is nothing. The field needs `#[serde(default)]` too.
pub(super) fn object_or_absent<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Maybe<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Maybe<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or null")
        }

        fn visit_unit<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
            object(from).map(Some)
        }
    }

    from.deserialize_option(Maybe(PhantomData))
}

/// A value, or its default for `null`. The field needs `#[serde(default)]` too.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A string that is not empty.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string that is not empty")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            if text.is_empty() {
                return Err(E::invalid_value(Unexpected::Str(text), &self));
            }
            Ok(text.to_owned())
        }
    }

    from.deserialize_str(Text)
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a base64 string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                base64::decode(text)
                    .map(Bytes)
                    .map_err(|why| E::custom(format_args!("{NOT_BASE64}: {why}")))
            }
        }

        from.deserialize_str(Base64)
    }
}
