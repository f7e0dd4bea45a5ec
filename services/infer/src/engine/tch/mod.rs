//! The engines on libtorch: the built-in DenseNet-121 and TorchScript modules. All that calls libtorch is here and in
//! `bench`.

mod densenet;
mod densenet_product;
mod densenet_weights;
mod load;
mod settings;
mod tensors;
mod torchscript;

pub(crate) use load::{has_cuda, load};
