//! What the contenders do.

pub(crate) mod race;
pub(crate) mod selecting;
