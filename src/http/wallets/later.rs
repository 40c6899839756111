//! Parts of a wallet whose rules come in a later version. Switched off they are accepted, switched on they are refused: a money rule is
//! never accepted and ignored.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;

/// Automatic top-up: only `{"enabled": false}` in this version.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = AutoTopUpInput)]
pub(crate) struct AutoTopUpField {
    /// Must be false in this version.
    enabled: Option<bool>,
}

/// Alerts: only `{"alert_enabled": false}` in this version.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = AlertSettingsInput)]
pub(crate) struct AlertSettingsField {
    /// Must be false in this version.
    alert_enabled: Option<bool>,
}

/// Refuses what is not switched off.
pub(crate) fn refuse_later(
    auto_topup: Option<AutoTopUpField>,
    alert_settings: Option<AlertSettingsField>,
) -> Result<(), ApiError> {
    if auto_topup.is_some_and(|settings| settings.enabled != Some(false)) {
        return Err(ApiError::not_available("auto_topup"));
    }
    if alert_settings.is_some_and(|settings| settings.alert_enabled != Some(false)) {
        return Err(ApiError::not_available("alert_settings"));
    }
    Ok(())
}
