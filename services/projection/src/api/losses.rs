//! `/v1/ops/log/losses`: the hole at which readers of the log stand, and an operator's word that they are to go on without what
//! stood there. The word becomes a fact, with all that the tables still know of what is lost.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hilum_api::{LossAcceptance, Losses, Positions, Problem, ProblemType, problems, samples};
use hilum_events::{Envelope, Event, LogLossAccepted};
use hilum_log::{AppendError, Gap, StreamPosition};
use jiff::Timestamp;

use super::Api;
use super::error::{bad_request, database, log};
use super::resolve::words;

problems!(ListProblems:);

/// Where readers of the event log stand at a hole, and which losses were accepted
#[utoipa::path(
    get,
    path = "/v1/ops/log/losses",
    operation_id = "listLosses",
    tag = "operation",
    responses(
        (
            status = 200,
            description = "the hole, if there is one, and the losses in the order in which they were accepted",
            body = Losses,
            example = json!(samples::losses())
        ),
        ListProblems,
    )
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Losses>, Problem> {
    let accepted = api.log.accepted_losses().await.map_err(log)?;
    let hole = api.log.hole().map(positions);
    Ok(Json(Losses { hole, accepted: accepted.into_iter().map(positions).collect() }))
}

fn positions(Gap { first_seq, last_seq }: Gap) -> Positions {
    Positions { first_seq, last_seq }
}

problems!(AcceptProblems: BadRequest, BadDecision, BrokenOff, Stalled, NotLost, AlreadyDecided);

/// Has all readers of the log go on without what no server can read any more
///
/// Becomes an event of its own, with what the tables still know of the lost facts; each job and study that they were about
/// shows it. Only what can't be read any more can be given up. At most 4096 positions at a time.
#[utoipa::path(
    post,
    path = "/v1/ops/log/losses",
    operation_id = "acceptLoss",
    tag = "operation",
    request_body(content = LossAcceptance, example = json!(samples::loss_acceptance())),
    responses(
        (
            status = 202,
            description = "accepted, with what is known of the lost facts",
            body = LogLossAccepted,
            example = json!(samples::loss_accepted())
        ),
        AcceptProblems,
    )
)]
pub(super) async fn accept(
    State(api): State<Api>,
    acceptance: Result<Json<LossAcceptance>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(LossAcceptance { first_seq, last_seq, by, why }) =
        acceptance.map_err(|rejection| bad_request(rejection.body_text()))?;
    let by = words("by", "who decides", &by)?;
    let why = words("why", "the reason in a few words", &why)?;
    let position = api.log.position().await.map_err(log)?;
    let gap = checked(first_seq, last_seq, &position)?;
    for seq in gap.first_seq..=gap.last_seq {
        if api.log.at_any_server(seq).await.map_err(log)?.is_some() {
            let detail = format!("the fact at position {seq} can be read; only what is lost can be given up");
            return Err(Problem::new(ProblemType::NotLost, detail));
        }
    }
    let lost = api.queries.facts_between(first_seq, last_seq).await.map_err(database)?;
    let event = LogLossAccepted { first_seq, last_seq, by, why, lost };
    let origin = LogLossAccepted::origin(&position.epoch, first_seq);
    let fact = Event::LogLossAccepted(event.clone());
    let fact = Envelope::first(origin, LogLossAccepted::site(), Timestamp::now(), fact);
    match api.log.accept_loss(&fact).await {
        Ok(()) => {}
        Err(AppendError::Taken(_)) => {
            return Err(Problem::new(ProblemType::AlreadyDecided, "this loss was accepted before"));
        }
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "cannot append that a loss was accepted"
            );
            return Err(Problem::unavailable(
                "the event log takes no facts; say it again, twice does no harm",
            ));
        }
    }
    tracing::warn!("an operator accepted the loss of {gap} of the event log");
    Ok((StatusCode::ACCEPTED, Json(event)).into_response())
}

fn checked(first_seq: u64, last_seq: u64, log: &StreamPosition) -> Result<Gap, Problem> {
    let most = LogLossAccepted::POSITIONS_MAX;
    if first_seq == 0 || last_seq < first_seq || last_seq > log.last_seq {
        let detail = format!("positions go from 1 to {}, first_seq before last_seq", log.last_seq);
        return Err(bad_request(detail));
    }
    if last_seq - first_seq >= most {
        return Err(bad_request(format!(
            "{most} positions at a time are the most; send the rest after them"
        )));
    }
    Ok(Gap { first_seq, last_seq })
}
