//! The pictures of a report, as SVG: of the networks together, and of the layers and the memory of each.
//!
//! Backgrounds are transparent, and there is a [`Theme`] for light pages and one for dark ones. Every picture depends
//! on the numbers of the report alone.

mod complexity;
mod layers;
mod memory;

pub(super) use complexity::complexity;
pub(super) use layers::layers;
pub(super) use memory::memory;

use std::fmt::Display;

use cnnc::{E_INTERNAL, Error};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, RGBColor, SVGBackend};
use plotters::style::TextStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Where a picture is drawn.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SANS: &str = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";

/// The colours of a picture.
#[derive(Clone, Copy)]
pub(super) struct Theme {
    /// Text.
    ink: RGBColor,
    /// Text of lesser weight, and axes.
    quiet: RGBColor,
    /// Lines behind everything.
    grid: RGBColor,
    /// What tells things apart; readable for the colour-blind (Okabe and Ito).
    palette: [RGBColor; 7],
}

impl Theme {
    /// For pages that are white or nearly so.
    pub(super) const LIGHT: Theme = Theme {
        ink: RGBColor(28, 33, 40),
        quiet: RGBColor(101, 109, 118),
        grid: RGBColor(226, 229, 233),
        palette: [
            RGBColor(0, 114, 178),
            RGBColor(213, 94, 0),
            RGBColor(0, 140, 105),
            RGBColor(178, 95, 145),
            RGBColor(196, 138, 0),
            RGBColor(58, 150, 206),
            RGBColor(110, 118, 129),
        ],
    };
    /// For pages that are black or nearly so.
    pub(super) const DARK: Theme = Theme {
        ink: RGBColor(230, 237, 243),
        quiet: RGBColor(145, 152, 161),
        grid: RGBColor(48, 54, 61),
        palette: [
            RGBColor(70, 160, 225),
            RGBColor(240, 125, 60),
            RGBColor(40, 185, 140),
            RGBColor(215, 135, 185),
            RGBColor(230, 170, 40),
            RGBColor(130, 200, 240),
            RGBColor(150, 158, 168),
        ],
    };

    /// Text of this size in pixels, its middle left at the place where it is drawn.
    fn text(&self, size: i32, color: RGBColor) -> TextStyle<'static> {
        // plotters writes sizes that are 1.24 times as large.
        let font = (SANS, f64::from(size) * 1.24).into_font().color(&color);
        font.pos(Pos::new(HPos::Left, VPos::Center))
    }
}

/// A picture of this size in pixels, as SVG.
fn picture(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> Result<String, Error> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    draw(&area).and_then(|()| area.present().map_err(Into::into)).map_err(broken)?;
    drop(area);
    Ok(svg)
}

/// What drawing gives; into a string it cannot fail.
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn broken(error: impl Display) -> Error {
    Error::new(E_INTERNAL, format!("a picture cannot be drawn: {error}"))
}

/// Numbers at which an axis has lines: 1, 2 and 5 times powers of ten within a range, or the powers alone where that
/// would be many.
fn decades(from: f64, to: f64) -> Vec<f64> {
    let powers = (from.log10().floor() as i32..=to.log10().ceil() as i32).map(|e| 10f64.powi(e));
    let steps: &[f64] = if to / from > 3000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
    all.filter(|x| (from..=to).contains(x)).collect()
}

/// A number of an axis, without zeros behind the point.
fn tick(x: &f64) -> String {
    if *x >= 1000.0 { format!("{}k", x / 1000.0) } else { format!("{}", (x * 1e6).round() / 1e6) }
}
