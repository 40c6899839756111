//! What the fuzz targets of the front call: a whole request through the real routes, and the readers of single texts.

mod front;
mod request;
mod texts;

pub use request::request;
pub use texts::texts;
