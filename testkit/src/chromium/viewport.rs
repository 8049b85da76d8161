//! The window of a tab, and the preference of its user.

/// The size of a window and the wish of its user.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    /// In CSS pixels, as all sizes.
    pub width: u32,
    /// Of the visible part of the page.
    pub height: u32,
    /// Whether its user prefers a dark page.
    pub is_dark: bool,
}

impl Viewport {
    /// The window of a desktop computer.
    pub const WIDE: Self = Self {
        width: 1_280,
        height: 900,
        is_dark: false,
    };
    /// A telephone of a user who prefers a dark page.
    pub const NARROW: Self = Self {
        width: 375,
        height: 812,
        is_dark: true,
    };
}
