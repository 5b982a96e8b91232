//! The memory timeline of a plan: which bytes of the arena belong to which value at which step.
//!
//! A rectangle is a buffer: as wide as its life, as high as its size, at its offset. The dashed line is the bound:
//! the most bytes that are alive at any one step.

use plotters::prelude::{ChartBuilder, Color, DashedLineSeries, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, Drawn, Theme, picture, tick};
use crate::cli::report::memory::{Life, Memory};
use cnnc::Error;

const SIZE: (u32, u32) = (960, 380);

/// Draws the arena of a network.
pub(in crate::cli::report) fn memory(memory: &Memory, theme: &Theme) -> Result<String, Error> {
    picture(SIZE, |area| draw(area, memory, theme))
}

fn draw(area: &Area, memory: &Memory, theme: &Theme) -> Drawn {
    let steps = memory.live.len().max(1) as f64;
    let (unit, word) = if memory.arena < 1 << 20 { (1024.0, "KiB") } else { (1_048_576.0, "MiB") };
    let (arena, bound) = (memory.arena as f64 / unit, memory.bound as f64 / unit);
    let top = if arena > 0.0 { arena * 1.04 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..steps, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(theme.grid)
        .light_line_style(theme.grid.mix(0.0))
        .axis_style(theme.quiet)
        .label_style(theme.text(12, theme.quiet))
        .axis_desc_style(theme.text(13, theme.ink))
        .y_labels(6)
        .x_desc("step")
        .y_desc(format!("offset in the arena, {word}"))
        .x_label_formatter(&tick)
        .y_label_formatter(&tick)
        .draw()?;
    for (k, life) in memory.lives.iter().enumerate() {
        let color = theme.palette[k % theme.palette.len()];
        let corners = corners(life, unit);
        chart.draw_series([
            Rectangle::new(corners, color.mix(0.45).filled()),
            Rectangle::new(corners, color.stroke_width(1)),
        ])?;
        let [(left, low), (right, high)] = corners.map(|corner| chart.backend_coord(&corner));
        // Some seven pixels a letter.
        if low - high >= 14 && right - left >= life.name.len() as i32 * 7 {
            let middle = ((left + right) / 2, (low + high) / 2);
            let style = theme.text(11, theme.ink).pos(Pos::new(HPos::Center, VPos::Center));
            area.draw(&Text::new(life.name.clone(), middle, style))?;
        }
    }
    let line = [(0.0, bound), (steps, bound)];
    chart.draw_series(DashedLineSeries::new(line, 6, 4, theme.ink.stroke_width(1)))?;
    Ok(())
}

/// Where a life stands: from its first step to behind its last, from its first byte to behind its last.
fn corners(life: &Life, unit: f64) -> [(f64, f64); 2] {
    let (low, high) = (life.offset as f64 / unit, (life.offset + life.bytes) as f64 / unit);
    [(life.first as f64, low), (life.last as f64 + 1.0, high)]
}
