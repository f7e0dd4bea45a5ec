//! The whole stack on one machine: NATS, Postgres, the services, all in one state folder. Knows nothing of
//! images, jobs or the API that the services offer.

mod checks;
mod connection;
mod definitions;
mod detach;
mod error;
mod floors;
mod folder;
mod leftovers;
mod logs;
mod news;
mod part;
mod plan;
mod ports;
mod probe;
mod process_id;
mod programs;
mod settings;
mod start;
mod state;
mod stop;
mod supervisor;
mod versions;
mod vitals;

pub use connection::{connect, nats_error};
pub use detach::{Up, leave_session, start_detached};
pub use error::Error;
pub use floors::{floors_in, sealed_facts};
pub use folder::StateFolder;
pub use leftovers::{holder, running, running_parts};
pub use news::{News, Observer};
pub use process_id::ProcessId;
pub use programs::{
    DELIVER, DICOM, DICOMWEB, MODEL_TOOLS, OPTIONAL, SERVICES, WATCH, WATCH_TOOLS, become_sibling,
    openvino_library, program_of, services, sibling,
};
pub use settings::UpSettings;
pub use start::run;
pub use state::{PartState, StackState, Status};
pub use stop::stop;
pub use versions::{Versions, of_program};
