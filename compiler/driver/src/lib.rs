//! An ahead-of-time compiler for convolutional networks on CPUs.
