//! Query strings.

use std::borrow::Cow;

use axum::extract::Query as AxumQuery;
use axum::http::Uri;

use super::error::ApiError;

/// The parameters of a request, in their order, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the URL.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ApiError> {
        if uri.query().is_none_or(str::is_empty) {
            return Ok(Self::default());
        }
        AxumQuery::try_from_uri(uri)
            .map(|AxumQuery(pairs)| Self(pairs))
            .map_err(|_| ApiError::field("query", "cannot be decoded"))
    }

    /// The first value of a parameter; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter that is a time. A plus sign that was not escaped comes as a space: where the sign of an offset must
    /// be, a space is one.
    pub(crate) fn time(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = self.get(name)?;
        Some(match text.len().checked_sub("+00:00".len()).and_then(|sign| text.split_at_checked(sign)) {
            Some((before, offset)) if offset.starts_with(' ') => format!("{before}+{}", &offset[1..]).into(),
            Some(_) | None => text.into(),
        })
    }

    /// Refuses parameters that are not in the list: a misspelt dry run must not debit.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.iter().find(|(given, _)| !known.contains(&given.as_str())) {
            Some((given, _)) => Err(ApiError::field(given, "unknown query parameter")),
            None => Ok(()),
        }
    }

    /// `true` or `false`; absent = false. Given twice it must say the same.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        let mut said = None;
        for (_, value) in self.0.iter().filter(|(given, _)| given == name) {
            let value = match value.as_str() {
                "false" => false,
                "true" => true,
                _ => return Err(ApiError::field(name, "true or false")),
            };
            if said.is_some_and(|said| said != value) {
                return Err(ApiError::field(name, "given as true and as false"));
            }
            said = Some(value);
        }
        Ok(said.unwrap_or(false))
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| ApiError::field(name, "a whole number")))
            .transpose()
    }

    /// Whether a list of words, comma-separated or repeated, has this one.
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        self.words(name).any(|given| given == word)
    }

    /// Words of a list, comma-separated or repeated.
    pub(crate) fn words<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_where_the_sign_of_an_offset_must_be_is_a_plus_and_no_other_space_is() {
        for (given, read) in [
            ("2026-01-01T00:00:00+02:00", Some("2026-01-01T00:00:00+02:00")),
            ("2026-01-01T00:00:00%2B02:00", Some("2026-01-01T00:00:00+02:00")),
            ("2026-01-01T00:00:00.5%2002:00", Some("2026-01-01T00:00:00.5+02:00")),
            ("2026-01-01%2000:00:00+02:00", Some("2026-01-01 00:00:00+02:00")),
            ("2026-01-01T00:00:00-02:00", Some("2026-01-01T00:00:00-02:00")),
            ("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01+00:00:00Z", Some("2026-01-01 00:00:00Z")),
            ("17", Some("17")),
            ("%C3%A9%C3%A9%C3%A9%C3%A9", Some("éééé")),
            ("", None),
        ] {
            let query = Query::of(&format!("/v1/x?at={given}").parse().unwrap()).unwrap();
            assert_eq!(query.time("at").as_deref(), read, "{given}");
        }
    }
}
