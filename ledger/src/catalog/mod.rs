//! What a tenant owns beside its customers: settings, API keys, rate cards, grants of plans and webhook endpoints (DESIGN decision 8). A tenant is a subject like a customer:
//! the same decide / apply, in small.

pub mod api_key;
pub mod grant;
pub mod rate_card;
pub mod settings;
pub mod tenant;
pub mod webhook;

#[cfg(test)]
mod tests;
