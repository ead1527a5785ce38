//! The line of an arrow, from one box of a figure to another.

/// Three values of SVG.
pub(crate) struct Curve {
    pub(crate) line: String,
    pub(crate) tip: String,
    pub(crate) label: (f32, f32),
}

impl Curve {
    /// Leaves and arrives horizontally.
    pub(crate) fn across(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        let middle = (x1 + x2) / 2.0;
        let back = x2 - 8.0 * (x2 - x1).signum();
        let (up, low) = (y2 - 4.0, y2 + 4.0);
        Self {
            line: format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {back} {y2}"),
            tip: format!("M{x2} {y2}L{back} {up}V{low}Z"),
            label: (x1 + (x2 - x1) * 0.35, y1 + (y2 - y1) * 0.2 - 7.0),
        }
    }

    /// Leaves and arrives vertically.
    pub(crate) fn down(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        let middle = (y1 + y2) / 2.0;
        let back = y2 - 8.0 * (y2 - y1).signum();
        let (left, right) = (x2 - 4.0, x2 + 4.0);
        Self {
            line: format!("M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {back}"),
            tip: format!("M{x2} {y2}L{left} {back}H{right}Z"),
            label: (x1 + (x2 - x1) * 0.2, y1 + (y2 - y1) * 0.35),
        }
    }
}
