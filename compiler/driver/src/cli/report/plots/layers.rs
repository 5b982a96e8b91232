//! Where a network computes and where it keeps its parameters: two rows of bars, one bar a layer.

use plotters::prelude::{ChartBuilder, Color, RGBColor, Rectangle};

use super::{Area, Drawn, Theme, picture, tick};
use crate::cli::report::layers::Layer;
use cnnc::Error;

const SIZE: (u32, u32) = (960, 380);

/// Draws the layers of a network.
pub(in crate::cli::report) fn layers(layers: &[Layer], theme: &Theme) -> Result<String, Error> {
    picture(SIZE, |area| {
        let (upper, lower) = area.split_vertically(SIZE.1 * 46 / 100);
        let macs: Vec<u64> = layers.iter().map(|l| l.macs).collect();
        let parameters: Vec<u64> = layers.iter().map(Layer::parameters).collect();
        bars(&upper, &macs, "MACs", "", theme.palette[0], theme)?;
        bars(&lower, &parameters, "parameters", "layer", theme.palette[1], theme)
    })
}

fn bars(area: &Area, counts: &[u64], what: &str, below: &str, color: RGBColor, theme: &Theme) -> Drawn {
    let (unit, word) = match counts.iter().max() {
        Some(1_000_000..) => (1e6, "millions of "),
        Some(1000..) => (1e3, "thousands of "),
        _ => (1.0, ""),
    };
    let values: Vec<f64> = counts.iter().map(|&count| count as f64 / unit).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let top = if most > 0.0 { most * 1.08 } else { 1.0 };
    let room = if below.is_empty() { 8 } else { 44 };
    let mut chart = ChartBuilder::on(area)
        .margin_left(16)
        .margin_right(16)
        .margin_top(10)
        .x_label_area_size(room)
        .y_label_area_size(64)
        .build_cartesian_2d(0.5..values.len().max(1) as f64 + 0.5, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(if below.is_empty() { 0 } else { 10 })
        .y_labels(4)
        .bold_line_style(theme.grid)
        .light_line_style(theme.grid.mix(0.0))
        .axis_style(theme.quiet)
        .label_style(theme.text(12, theme.quiet))
        .axis_desc_style(theme.text(13, theme.ink))
        .x_desc(below)
        .y_desc(format!("{word}{what}"))
        .x_label_formatter(&tick)
        .y_label_formatter(&tick)
        .draw()?;
    let bar = |(k, &value): (usize, &f64)| {
        let middle = (k + 1) as f64;
        Rectangle::new([(middle - 0.4, 0.0), (middle + 0.4, value)], color.mix(0.85).filled())
    };
    chart.draw_series(values.iter().enumerate().map(bar))?;
    Ok(())
}
