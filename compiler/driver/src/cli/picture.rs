//! Pictures as inputs: decode, resize to the model's height and width, scale, put into NCHW.
//!
//! ```text
//! x[0,c,h,w] = (pixel[h,w,channel(c)] / 255 - mean[c]) / std[c]         with --raw not divided by 255
//! ```
//!
//! A model that takes pictures as they are gets the bytes, in the order of channels that it was compiled for.
//!
//! A `.rgb` file is the bytes of a picture, `[H, W, 3]`, of the size of the model unless `--picture-size` says another.
//! Refuses inputs that are no picture: another rank, batch or count of channels; and numbers for a model that
//! normalises by its own.

use std::io::Cursor;
use std::path::Path;

use clap::ValueEnum;
use cnnc::{E_OPTION, Error, Picture};
use cnnc_frontends::file;
use cnnc_ir::{DType, Tensor, Type};
use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView, ImageReader, RgbImage};

use super::values::fault;

/// Bytes that a file of a picture may have.
const LARGEST: u64 = 1 << 30;

/// How a picture becomes numbers.
#[derive(clap::Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct Preprocessing {
    /// Subtracted from each channel
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0",
        value_name = "A,B,C",
        allow_negative_numbers = true,
        value_parser = finite
    )]
    mean: Vec<f32>,
    /// What each channel is divided by then
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1",
        value_name = "A,B,C",
        allow_negative_numbers = true,
        value_parser = deviation
    )]
    std: Vec<f32>,
    /// Keep pixels in 0..255 instead of 0..1
    #[arg(long)]
    raw: bool,
    /// Order of the channels
    #[arg(long, value_enum, default_value_t = Channels::Rgb)]
    channels: Channels,
    /// Height and width of a raw .rgb picture, where they are not the model's
    #[arg(long, value_name = "HxW", value_parser = size)]
    picture_size: Option<(usize, usize)>,
    /// How a picture of another shape is brought to the model's
    #[arg(long, value_enum, default_value_t = Fit::Stretch)]
    fit: Fit,
}

#[derive(Clone, Copy, ValueEnum)]
enum Channels {
    /// Red first
    Rgb,
    /// Blue first
    Bgr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Fit {
    /// All of it, stretched
    Stretch,
    /// Its middle, in the model's proportions
    Crop,
}

impl Preprocessing {
    /// The picture in a file as an input of this type; `taken` says what the model was compiled to take there.
    pub(crate) fn read(&self, path: &Path, ty: &Type, taken: Option<&Picture>) -> Result<Tensor, Error> {
        let (channels, height, width) = match (taken, ty.dims()) {
            (Some(Picture { interleaved: true, .. }), &[1, h, w, c @ (1 | 3)]) => (c, h, w),
            (Some(Picture { interleaved: false, .. }), &[1, c @ (1 | 3), h, w]) => (c, h, w),
            (None, &[1, c @ (1 | 3), h, w]) if ty.dtype == DType::F32 => (c, h, w),
            _ => return Err(Error::new(E_OPTION, format!("an input {ty} is no picture, f32[1,3,H,W]"))),
        };
        self.fits(channels, taken.is_some())?;
        let picture =
            self.resized(decode(path, self.picture_size.unwrap_or((height, width)))?, height, width)?;
        let pixels: Vec<u8> = match channels {
            1 => DynamicImage::from(picture).into_luma8().into_raw(),
            _ => picture.into_raw(),
        };
        let reversed = taken.map_or(matches!(self.channels, Channels::Bgr), |taken| taken.reversed);
        let byte =
            |pixel: usize, c: usize| pixels[pixel * channels + if reversed { channels - 1 - c } else { c }];
        let (plane, scale) = (height * width, if self.raw { 1.0 } else { 255.0 });
        let at = |values: &[f32], c: usize| values[c % values.len()];
        let bytes = 0..channels * plane;
        Ok(match taken {
            Some(Picture { interleaved: true, .. }) => {
                Tensor::of(&ty.shape, bytes.map(|i| byte(i / channels, i % channels)).collect::<Vec<u8>>())
            }
            Some(_) => Tensor::of(&ty.shape, bytes.map(|i| byte(i % plane, i / plane)).collect::<Vec<u8>>()),
            None => {
                let element = |i: usize| {
                    let (c, byte) = (i / plane, byte(i % plane, i / plane));
                    (f32::from(byte) / scale - at(&self.mean, c)) / at(&self.std, c)
                };
                Tensor::of(&ty.shape, bytes.map(element).collect::<Vec<f32>>())
            }
        })
    }

    /// Whether the options suit a picture of so many channels, and a model that takes it as it is.
    fn fits(&self, channels: usize, as_it_is: bool) -> Result<(), Error> {
        let shift = |c: usize| self.mean[c % self.mean.len()] / self.std[c % self.std.len()];
        if !(0..channels).all(|c| shift(c).is_finite()) {
            let error = Error::new(E_OPTION, "--mean divided by --std is beyond the numbers of f32");
            return Err(error.with_help("give the mean and the deviation of numbers in 0..1"));
        }
        for (option, values, nothing) in [("mean", &self.mean, 0.0), ("std", &self.std, 1.0)] {
            if values.len() != 1 && values.len() != channels {
                let message =
                    format!("--{option} has {} values, the input {channels} channels", values.len());
                return Err(Error::new(E_OPTION, message));
            }
            if as_it_is && values.iter().any(|&x| x != nothing) {
                return Err(changes_nothing(option));
            }
        }
        match self.channels {
            _ if as_it_is && self.raw => Err(changes_nothing("raw")),
            Channels::Bgr if as_it_is => Err(changes_nothing("channels")),
            _ => Ok(()),
        }
    }

    /// The picture in the model's size.
    fn resized(&self, picture: DynamicImage, height: usize, width: usize) -> Result<RgbImage, Error> {
        let (Ok(h), Ok(w)) = (u32::try_from(height), u32::try_from(width)) else {
            return Err(Error::new(E_OPTION, format!("no picture is {width} wide and {height} high")));
        };
        if picture.dimensions() == (w, h) {
            return Ok(picture.into_rgb8());
        }
        let picture = match self.fit {
            Fit::Stretch => picture,
            Fit::Crop => middle(&picture, w, h),
        };
        Ok(picture.resize_exact(w, h, FilterType::Triangle).into_rgb8())
    }
}

/// The middle of a picture, in the proportions of `w` and `h`. It is cut out before it is resized: all of a long
/// picture, as wide as a model wants it, may be larger than the memory.
fn middle(picture: &DynamicImage, w: u32, h: u32) -> DynamicImage {
    let (width, height) = picture.dimensions();
    // One extent, for the other one to be all of the picture's.
    let fitting = |other: u32, ratio: u32, to: u32, most: u32| {
        let wanted = (u64::from(other) * u64::from(ratio) + u64::from(to / 2)) / u64::from(to.max(1));
        wanted.clamp(1, most.max(1).into()) as u32
    };
    let (w, h) = (fitting(height, w, h, width), fitting(width, h, w, height));
    picture.crop_imm((width - w.min(width)) / 2, (height - h.min(height)) / 2, w, h)
}

/// What a model does itself is not asked for again.
fn changes_nothing(option: &str) -> Error {
    let message = format!("--{option} is for models that take numbers; this one takes bytes");
    Error::new(E_OPTION, message)
        .with_help("leave it out: `cnnc inspect` shows what the model does with them")
}

/// Is the file raw pixels?
pub(crate) fn is_raw(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rgb")
}

/// A number.
fn finite(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|x: &f32| x.is_finite());
    number.ok_or_else(|| "expected a finite number".into())
}

/// A number above 0 that something can be divided by.
fn deviation(text: &str) -> Result<f32, String> {
    let number = finite(text).ok().filter(|&x| x > 0.0 && (255.0 / x).is_finite());
    number.ok_or_else(|| "expected a number above 0, and not so small that quotients are infinite".into())
}

/// `224x224`, height and width.
fn size(text: &str) -> Result<(usize, usize), String> {
    let (height, width) = text.split_once('x').ok_or("expected HxW, such as 224x224")?;
    let extent = |text: &str| {
        let extent = text.parse().ok().filter(|&extent| extent > 0);
        extent.ok_or_else(|| format!("expected HxW, and {text:?} is no whole number from 1"))
    };
    Ok((extent(height)?, extent(width)?))
}

fn decode(path: &Path, (height, width): (usize, usize)) -> Result<DynamicImage, Error> {
    let bytes = file::read(path, LARGEST)?;
    if is_raw(path) {
        let given = bytes.len();
        let extents = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        // The image crate takes longer buffers too.
        let fits = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3)) == Some(given);
        let extents = extents.filter(|_| fits);
        let picture = extents.and_then(|(width, height)| RgbImage::from_raw(width, height, bytes));
        let wrong = || {
            let message = format!("holds {given} bytes, not 3 for each of {height}x{width} pixels");
            fault(path, message).with_help("--picture-size HxW says how large the picture is")
        };
        return picture.map(DynamicImage::from).ok_or_else(wrong);
    }
    let reader = ImageReader::new(Cursor::new(bytes));
    let reader = reader.with_guessed_format().map_err(|error| fault(path, error))?;
    reader.decode().map_err(|error| fault(path, error).with_help("give a .png, .jpg or raw .rgb picture"))
}
