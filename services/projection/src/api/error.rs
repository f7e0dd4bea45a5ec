//! Failures of the outside world and of readers, as problems.

use std::error::Error;

use hilum_api::{Problem, ProblemType};
use hilum_log::UnavailableError;

/// The database did not answer, or not as it should.
pub(super) fn database(error: sqlx::Error) -> Problem {
    use sqlx::Error::{ColumnDecode, Decode};
    if matches!(error, ColumnDecode { .. } | Decode(_)) {
        tracing::error!(error = &error as &dyn Error, "a row does not fit this release");
        return internal("a stored row does not fit this release; the operator finds more in the log");
    }
    // The fold says once that the database is away; saying it for each request would drown that.
    tracing::debug!(error = &error as &dyn Error, "cannot ask the database");
    Problem::unavailable("the database is away; try again, nothing is lost")
}

/// The log did not answer.
pub(super) fn log(error: UnavailableError) -> Problem {
    tracing::debug!(error = &error as &dyn Error, "cannot ask the event log");
    Problem::unavailable("the event log is away; try again, nothing is lost")
}

/// 500.
pub(super) fn internal(detail: &str) -> Problem {
    Problem::new(ProblemType::Internal, detail)
}

/// 400.
pub(super) fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemType::BadRequest, detail)
}
