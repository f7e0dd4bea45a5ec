//! The HTTP API as types: what `/v1` takes and answers, its problems, and the description of it all that is served as
//! `/openapi.json`. Services, the command line, the benchmarks and the tests read and write JSON through these and no
//! others. Knows no network, no storage and no table.

mod dead_letter;
mod decision;
mod job;
pub mod openapi;
mod ops;
mod problem;
mod problem_responses;
mod problem_type;
mod readiness;
mod report_form;
mod result;
pub mod samples;
mod study;
mod study_parts;
mod upload;

pub use dead_letter::{
    DeadLetter, DeadLetterList, DeadLetterStory, LetterFilter, LetterState, LoggedEvent, ParkedMessage, Try,
};
pub use decision::{
    Decided, Decision, GivenUpDelivery, LossAcceptance, Losses, Positions, Retried, TakeOutDecided,
};
pub use job::{Job, JobEvent, JobList, JobStatus, JobStep, JobWithHistory, Loss};
pub use ops::{Latency, OpsMetrics, ProjectionPosition, Queue, UnservedNeed};
pub use problem::Problem;
pub use problem_responses::problem_responses;
pub use problem_type::ProblemType;
pub use readiness::{AnyReadiness, PartReadiness, Progress, Readiness, StackReadiness};
pub use report_form::{ReportForm, ReportLanguage};
pub use result::{JobResult, ResultModel};
pub use study::{FlaggedStudy, ReportRevision, Study, StudySummary, Worklist};
pub use study_parts::{Delivery, DeliveryState, Flag, MaybeNewer, Missing, TakenOut};
pub use upload::{Accepted, Manifest, StudyNoted, UploadForm};
