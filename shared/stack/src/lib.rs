//! The whole stack on one machine: NATS, Postgres, the services, all in one state folder. Knows nothing of
//! images, jobs or the API that the services offer.

mod definitions;
mod detach;
mod floors;
mod folder;
mod leftovers;
mod logs;
mod part;
mod plan;
mod ports;
mod probe;
mod programs;
mod settings;
mod start;
mod state;
mod supervisor;
mod targets;
mod versions;
mod vitals;

pub(crate) use detach::{Up, leave_session, start_detached};
pub(crate) use floors::{floors_in, sealed_facts};
pub(crate) use folder::StateFolder;
pub(crate) use leftovers::{ProcessId, holder, running_parts};
pub(crate) use ports::PortCell;
pub(crate) use probe::{PartReadiness, Probes, StackReadiness};
pub(crate) use programs::{DELIVER, SERVICES, openvino_library, sibling};
pub(crate) use settings::UpSettings;
pub(crate) use start::run;
pub(crate) use state::{PartState, StackState, Status};
pub(crate) use versions::{Versions, of_program};

use crate::error::Error;

/// What runs in `folder`.
///
/// # Errors
/// When nothing runs there.
pub(crate) fn running(folder: &StateFolder) -> Result<StackState, Error> {
    let not_running = || Error::NotRunning { folder: folder.path().to_owned() };
    if !folder.is_locked()? {
        return Err(not_running());
    }
    StackState::read(folder)?.filter(|state| state.status != Status::Stopped).ok_or_else(not_running)
}
