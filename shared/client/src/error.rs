//! What can go wrong between a client and a stack: one sentence each, with what to do.

use std::io;
use std::path::PathBuf;

use hilum_api::Problem;

/// A request came to no good answer, or there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be used.
    #[error("cannot {operation} {path}")]
    File {
        /// What was to be done with it, such as `read`.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A list of files is not what it should be.
    #[error("{path} is not understood: {reason}")]
    List {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to submit.
    #[error("there is no image file in {paths}")]
    NoFiles {
        /// Where was looked.
        paths: String,
    },
    /// The sample images are not here.
    #[error("{list} is not here; run the demo in a checkout, or name images with --samples")]
    NoSamples {
        /// Where their list lies in a checkout.
        list: &'static str,
    },
    /// A base URL is none.
    #[error("{url} is not an http or https address")]
    Url {
        /// What was given.
        url: String,
    },
    /// Nobody answers.
    #[error("cannot reach {url}; is the stack running? `hilum doctor` tells")]
    Unreachable {
        /// The base URL.
        url: String,
        /// What the HTTP client says.
        source: reqwest::Error,
    },
    /// The API answered with a problem.
    #[error("{} ({})", problem.detail, problem.status)]
    Refused {
        /// What it says.
        problem: Box<Problem>,
    },
    /// The API answered something else than it promises.
    #[error(
        "the answer of {url} is not understood; if it is a Hilum of a newer release, use the `hilum` of that release"
    )]
    Answer {
        /// What was asked.
        url: String,
        /// Why it can't be read.
        source: reqwest::Error,
    },
}

impl Error {
    /// For `map_err`: what was done to which file.
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
