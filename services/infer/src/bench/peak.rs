//! What this machine's arithmetic can do at best: a large matrix product in libtorch, on as many threads as the engines
//! get. The measure that engines are held against.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::engine::settings::{DeviceChoice, Precision};

/// Rows and columns; large enough that only the arithmetic counts, small enough for the caches of a server.
const SIDE: i64 = 2048;
const TIME: Duration = Duration::from_millis(700);

/// Floating-point operations per second, a multiplication and an addition being two.
pub(super) fn operations_per_s(
    precision: Precision,
    device: DeviceChoice,
    threads: NonZeroUsize,
) -> anyhow::Result<f64> {
    let _no_grad = tch::no_grad_guard();
    tch::set_num_threads(i32::try_from(threads.get())?);
    let kind = match precision {
        Precision::Fp32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
        Precision::Fp16 => Kind::Half,
    };
    let place = match device {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda(index) => Device::Cuda(index),
    };
    let matrix =
        || Tensor::f_rand([SIDE, SIDE], (Kind::Float, Device::Cpu))?.f_to_kind(kind)?.f_to_device(place);
    let (left, right) = (matrix()?, matrix()?);
    let (mut fastest, began) = (Duration::MAX, Instant::now());
    while began.elapsed() < TIME {
        let start = Instant::now();
        let product = left.f_matmul(&right)?;
        // A CUDA device has only been told so far.
        product.f_select(0, 0)?.f_select(0, 0)?.f_double_value(&[])?;
        fastest = fastest.min(start.elapsed());
    }
    Ok(2.0 * (SIDE as f64).powi(3) / fastest.as_secs_f64())
}
