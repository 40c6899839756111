//! The properties of an event: whatever JSON they are, they are kept as texts, so that filters and rows say the same.

use std::borrow::Cow;
use std::fmt;

use coffer_ledger::command::Metadata;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Properties that are read; what has more is refused with the limit later.
const PROPERTIES_READ_MAX: usize = 64;

/// An object of anything. Strings are kept as they are, numbers and truth values by their own text, nested values as their JSON; a
/// property that is null is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties(pub(super) Metadata);

impl Properties {
    /// The value of a property.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| **given == *name).map(|(_, value)| &**value)
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties = Metadata::new();
                while let Some((name, value)) = map.next_entry::<Box<str>, &RawValue>()? {
                    let text = text_of(value);
                    properties.extend(
                        text.filter(|_| properties.len() < PROPERTIES_READ_MAX).map(|text| (name, text)),
                    );
                }
                Ok(Properties(properties))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A JSON value as a text; null is none.
pub(super) fn text_of(value: &RawValue) -> Option<Box<str>> {
    let json = value.get();
    if json.starts_with('"') {
        // It is a string of JSON that was read as such.
        return serde_json::from_str::<Cow<'_, str>>(json).ok().map(|text| text.as_ref().into());
    }
    (json != "null").then(|| json.into())
}

impl PartialSchema for Properties {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(
                "At most 20 properties, names of 64 bytes, values of 512. Rate cards look at them; a value that is no string is kept as its JSON.",
            ))
            .additional_properties(Some(ObjectBuilder::new()))
            .into()
    }
}

impl ToSchema for Properties {
    fn name() -> Cow<'static, str> {
        "EventProperties".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_property_is_it_is_kept_as_a_text() {
        let json = r#"{"model":"a\"b","tokens":1.50,"cached":true,"none":null,"deep":{"x":[1, 2]}}"#;
        let properties: Properties = serde_json::from_str(json).unwrap();
        for (name, value) in [
            ("model", Some("a\"b")),
            ("tokens", Some("1.50")),
            ("cached", Some("true")),
            ("none", None),
            ("deep", Some(r#"{"x":[1, 2]}"#)),
        ] {
            assert_eq!(properties.get(name), value, "{name}");
        }
        assert!(serde_json::from_str::<Properties>("[]").is_err());
    }
}
