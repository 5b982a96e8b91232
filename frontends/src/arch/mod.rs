//! Built-in architectures: the networks of the literature, by name, without any file.
//!
//! Each file is a network as its paper's table has it, written on the builder `net`; the table below names them with
//! all their variants. A new network takes one file and one row. Every network answers class scores before the softmax,
//! `[batch, classes]`; batch norms and dropouts stay in the graph for passes to remove.
//!
//! Parameters have the names of a release: those of torchvision (`layer1.0.conv1.weight`) where it has the network,
//! else those of timm, else those of the authors' release in Caffe, with `.weight` and `.bias` behind the layer.
//! [`Arch::names`] says which.

mod alexnet;
mod densenet;
mod fractalnet;
mod googlenet;
mod inception_v3;
mod inception_v4;
mod lenet;
mod net;
mod nin;
mod preresnet;
mod resnet;
mod resnet_cifar;
mod senet;
mod squeezenet;
mod vgg;
mod wide_resnet;
mod zfnet;

use cnnc_ir::{Mismatch, Module};
use net::{Net, Value};
use std::cell::Cell;
use std::fmt;

/// A network that is built in.
pub struct Arch {
    /// The name it is asked for by.
    pub name: &'static str,
    /// Where it comes from: authors, title, year.
    pub paper: &'static str,
    /// Whose names its parameters have: those of `torchvision`, `timm`, `Caffe`, or `cnnc` where nobody else has it.
    pub names: &'static str,
    /// Channels of the picture.
    pub channels: usize,
    /// Height and width of the picture, unless asked for otherwise.
    pub size: usize,
    /// Classes, unless asked for otherwise.
    pub classes: usize,
    build: fn(&mut Net, Value, &Head) -> Vec<Value>,
}

/// What can be asked of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchOptions {
    /// Pictures at a time.
    pub batch: usize,
    /// Height and width of the picture; `None`: those of the paper.
    pub size: Option<usize>,
    /// Classes; `None`: those of the paper.
    pub classes: Option<usize>,
    /// How many times as wide as a ResNet (Wide ResNets), or the channels of a path (ResNeXts).
    pub width: Option<usize>,
    /// Paths of a block (ResNeXts).
    pub cardinality: Option<usize>,
    /// Channels that a layer adds (DenseNets).
    pub growth: Option<usize>,
    /// Whether auxiliary classifiers stay, as further outputs, in the networks that were trained with them.
    pub aux: bool,
    /// What the weights are drawn from: the same seed gives the same network.
    pub seed: u64,
}

impl Default for ArchOptions {
    fn default() -> ArchOptions {
        ArchOptions {
            batch: 1,
            size: None,
            classes: None,
            width: None,
            cardinality: None,
            growth: None,
            aux: false,
            seed: 0,
        }
    }
}

/// What a network's file is asked for: what it ends in, and the numbers that its paper varies.
struct Head {
    classes: usize,
    aux: bool,
    width: Number,
    cardinality: Number,
    growth: Number,
}

/// A number of a paper that may be asked for otherwise.
struct Number {
    asked: Option<usize>,
    is_read: Cell<bool>,
}

impl Number {
    /// The greatest that can be asked for: the products of two of them and of any channels are still numbers.
    const MOST: usize = 4096;

    fn new(asked: Option<usize>) -> Number {
        Number { asked, is_read: Cell::new(false) }
    }

    /// What was asked for, else that of the paper.
    fn or(&self, paper: usize) -> usize {
        self.is_read.set(true);
        self.asked.unwrap_or(paper)
    }
}

/// Why a network cannot be built as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchError {
    /// The network.
    pub name: &'static str,
    /// The layer, its rule, and what to ask for instead.
    pub message: String,
}

impl fmt::Display for ArchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for ArchError {}

impl Arch {
    /// The network as a module; its weights are drawn from the seed when they are asked for.
    ///
    /// # Errors
    /// When a layer does not fit: a picture too small, no classes; and when a number is asked for that the network
    /// does not have.
    pub fn build(&self, options: &ArchOptions) -> Result<Module, ArchError> {
        let size = options.size.unwrap_or(self.size);
        let head = Head {
            classes: options.classes.unwrap_or(self.classes),
            aux: options.aux,
            width: Number::new(options.width),
            cardinality: Number::new(options.cardinality),
            growth: Number::new(options.growth),
        };
        let fault = |Mismatch(message)| {
            let message = format!(
                "with batch {}, pictures of {size}x{size} and {} classes: {message}; its paper has {}x{} and {}",
                options.batch, head.classes, self.size, self.size, self.classes
            );
            ArchError { name: self.name, message }
        };
        if options.batch == 0 || size == 0 || head.classes == 0 {
            return Err(fault(Mismatch("none of them can be 0".into())));
        }
        let numbers = [("width", &head.width), ("cardinality", &head.cardinality), ("growth", &head.growth)];
        for (name, number) in numbers {
            if number.asked.is_some_and(|asked| !(1..=Number::MOST).contains(&asked)) {
                let message = format!("its {name} must be from 1 to {}", Number::MOST);
                return Err(ArchError { name: self.name, message });
            }
        }
        // Streams of different seeds must not meet: a network draws a few thousand parameters at most.
        let mut net = Net::new(&self.name.replace(['.', '-'], "_"), options.seed.wrapping_mul(1 << 20));
        let x = net.input([options.batch, self.channels, size, size]).map_err(fault)?;
        let outputs = (self.build)(&mut net, x, &head);
        if let Some((name, _)) = numbers.iter().find(|(_, n)| n.asked.is_some() && !n.is_read.get()) {
            let message = format!(
                "it has no {name}: Wide ResNets and ResNeXts have a width, ResNeXts a cardinality, DenseNets a growth"
            );
            return Err(ArchError { name: self.name, message });
        }
        if options.aux && outputs.len() == 1 {
            let message = "it has no auxiliary classifiers: googlenet and googlenet-bn have".to_string();
            return Err(ArchError { name: self.name, message });
        }
        net.finish(outputs).map_err(fault)
    }
}

/// Every network, family by family.
pub fn list() -> &'static [Arch] {
    ARCHITECTURES
}

/// The network of that name.
pub fn find(name: &str) -> Option<&'static Arch> {
    ARCHITECTURES.iter().find(|arch| arch.name == name)
}

macro_rules! architectures {
    ($($paper:literal, $names:literal, $channels:literal x $size:literal, $classes:literal {
        $($name:literal => $build:expr,)*
    })*) => {
        const ARCHITECTURES: &[Arch] = &[$($(Arch {
            name: $name,
            paper: $paper,
            names: $names,
            channels: $channels,
            size: $size,
            classes: $classes,
            build: $build,
        },)*)*];
    };
}

architectures! {
    "LeCun et al., Gradient-based learning applied to document recognition, 1998",
    "cnnc", 1 x 32, 10 {
        "lenet5" => lenet::tanh,
        "lenet5-relu" => lenet::relu,
    }
    "Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012",
    "Caffe", 3 x 227, 1000 {
        "alexnet" => alexnet::grouped,
    }
    "Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014",
    "torchvision", 3 x 224, 1000 {
        "alexnet-torchvision" => alexnet::single,
    }
    "Zeiler and Fergus, Visualizing and understanding convolutional networks, 2013",
    "Caffe", 3 x 224, 1000 {
        "zfnet" => zfnet::build,
    }
    "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2014",
    "torchvision", 3 x 224, 1000 {
        "vgg11" => |n, x, h| vgg::build(n, x, h, &vgg::A, vgg::Norm::None),
        "vgg11-lrn" => |n, x, h| vgg::build(n, x, h, &vgg::A, vgg::Norm::FirstResponse),
        "vgg13" => |n, x, h| vgg::build(n, x, h, &vgg::B, vgg::Norm::None),
        "vgg16-c" => |n, x, h| vgg::build(n, x, h, &vgg::C, vgg::Norm::None),
        "vgg16" => |n, x, h| vgg::build(n, x, h, &vgg::D, vgg::Norm::None),
        "vgg19" => |n, x, h| vgg::build(n, x, h, &vgg::E, vgg::Norm::None),
        "vgg11-bn" => |n, x, h| vgg::build(n, x, h, &vgg::A, vgg::Norm::Batch),
        "vgg13-bn" => |n, x, h| vgg::build(n, x, h, &vgg::B, vgg::Norm::Batch),
        "vgg16-bn" => |n, x, h| vgg::build(n, x, h, &vgg::D, vgg::Norm::Batch),
        "vgg19-bn" => |n, x, h| vgg::build(n, x, h, &vgg::E, vgg::Norm::Batch),
    }
    "Lin et al., Network in network, 2014",
    "Caffe", 3 x 224, 1000 {
        "nin" => nin::imagenet,
    }
    "Lin et al., Network in network, 2014",
    "Caffe", 3 x 32, 10 {
        "nin-cifar" => nin::cifar,
    }
    "Szegedy et al., Going deeper with convolutions, 2014",
    "Caffe", 3 x 224, 1000 {
        "googlenet" => googlenet::paper,
    }
    "Szegedy et al., Going deeper with convolutions, 2014",
    "cnnc", 256 x 28, 1 {
        "inception-naive" => googlenet::naive_module,
        "inception-bottleneck" => googlenet::bottleneck_module,
    }
    "Ioffe and Szegedy, Batch normalization, 2015",
    "torchvision", 3 x 224, 1000 {
        "googlenet-bn" => googlenet::batch_normalized,
    }
    "Szegedy et al., Rethinking the inception architecture for computer vision, 2016",
    "torchvision", 3 x 299, 1000 {
        "inception-v3" => inception_v3::build,
    }
    "Szegedy et al., Inception-v4, Inception-ResNet and the impact of residual connections, 2016",
    "timm", 3 x 299, 1000 {
        "inception-v4" => inception_v4::build,
    }
    "He et al., Deep residual learning for image recognition, 2015",
    "torchvision", 3 x 224, 1000 {
        "resnet18" => |n, x, h| resnet::basic(n, x, h, [2, 2, 2, 2]),
        "resnet34" => |n, x, h| resnet::basic(n, x, h, [3, 4, 6, 3]),
        "resnet50" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::Form::default()),
        "resnet50-v1" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::PAPER),
        "resnet101" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 23, 3], &resnet::Form::default()),
        "resnet101-v1" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 23, 3], &resnet::PAPER),
        "resnet152" => |n, x, h| resnet::bottleneck(n, x, h, [3, 8, 36, 3], &resnet::Form::default()),
        "resnet152-v1" => |n, x, h| resnet::bottleneck(n, x, h, [3, 8, 36, 3], &resnet::PAPER),
    }
    "He et al., Deep residual learning for image recognition, 2015",
    "torchvision", 3 x 32, 10 {
        "resnet20" => |n, x, h| resnet_cifar::build(n, x, h, 3, 1.0),
        "resnet56" => |n, x, h| resnet_cifar::build(n, x, h, 9, 1.0),
        "resnet110" => |n, x, h| resnet_cifar::build(n, x, h, 18, 1.0),
        "resnet1202" => |n, x, h| resnet_cifar::build(n, x, h, 200, 1.0),
    }
    "Huang et al., Deep networks with stochastic depth, 2016",
    "torchvision", 3 x 32, 10 {
        "resnet110-sd" => |n, x, h| resnet_cifar::build(n, x, h, 18, 0.5),
    }
    "He et al., Identity mappings in deep residual networks, 2016",
    "timm", 3 x 224, 1000 {
        "preresnet50" => |n, x, h| preresnet::build(n, x, h, [3, 4, 6, 3]),
        "preresnet101" => |n, x, h| preresnet::build(n, x, h, [3, 4, 23, 3]),
        "preresnet152" => |n, x, h| preresnet::build(n, x, h, [3, 8, 36, 3]),
        "preresnet200" => |n, x, h| preresnet::build(n, x, h, [3, 24, 36, 3]),
    }
    "Zagoruyko and Komodakis, Wide residual networks, 2016",
    "torchvision", 3 x 224, 1000 {
        "wide-resnet50-2" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::wide(h.width.or(2))),
        "wide-resnet101-2" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 23, 3], &resnet::wide(h.width.or(2))),
    }
    "Zagoruyko and Komodakis, Wide residual networks, 2016",
    "cnnc", 3 x 32, 10 {
        "wrn-28-10" => |n, x, h| wide_resnet::build(n, x, h, 28, h.width.or(10)),
    }
    "Xie et al., Aggregated residual transformations for deep neural networks, 2016",
    "torchvision", 3 x 224, 1000 {
        "resnext50-32x4d" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::next(h, 32, 4)),
        "resnext101-32x8d" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 23, 3], &resnet::next(h, 32, 8)),
    }
    "Hu et al., Squeeze-and-excitation networks, 2017",
    "timm", 3 x 224, 1000 {
        "seresnet50" => |n, x, h| resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::SQUEEZED),
        "seresnext50-32x4d" => |n, x, h| {
            resnet::bottleneck(n, x, h, [3, 4, 6, 3], &resnet::Form { squeeze: true, ..resnet::next(h, 32, 4) })
        },
        "senet154" => senet::build,
    }
    "Huang et al., Densely connected convolutional networks, 2017",
    "torchvision", 3 x 224, 1000 {
        "densenet121" => |n, x, h| densenet::build(n, x, h, 64, h.growth.or(32), [6, 12, 24, 16]),
        "densenet161" => |n, x, h| densenet::build(n, x, h, 96, h.growth.or(48), [6, 12, 36, 24]),
        "densenet169" => |n, x, h| densenet::build(n, x, h, 64, h.growth.or(32), [6, 12, 32, 32]),
        "densenet201" => |n, x, h| densenet::build(n, x, h, 64, h.growth.or(32), [6, 12, 48, 32]),
    }
    "Larsson et al., FractalNet: ultra-deep neural networks without residuals, 2017",
    "cnnc", 3 x 32, 10 {
        "fractalnet" => |n, x, h| fractalnet::build(n, x, h, 3),
        "fractalnet-40" => |n, x, h| fractalnet::build(n, x, h, 4),
    }
    "Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016",
    "torchvision", 3 x 224, 1000 {
        "squeezenet1.0" => squeezenet::v1_0,
        "squeezenet1.1" => squeezenet::v1_1,
    }
}
