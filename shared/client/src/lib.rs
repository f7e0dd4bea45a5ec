//! The HTTP client for the API, and submissions of many files. Knows the API's addresses and answers; shows nothing.

mod answer;
mod client;
mod content;
mod dead_letters;
mod error;
mod losses;
mod report;
mod submission;
mod upload;

pub use answer::{Answer, JobPage};
pub use client::Client;
pub use dead_letters::{DeadLetterPage, Decision};
pub use error::Error;
pub use hilum_api::JobStatus;
pub use report::{FetchedReport, ReportFormat, ReportLanguage, ReportQuery};
pub use submission::{FileOutcome, Plan, Sent, Step, files_in, samples, submit};
pub use upload::{Tags, Upload};
