//! The base URL: one door in front of ingest and projection. It passes bodies on as they come, both ways, and knows nothing
//! of what is in them. `hilum up` serves it in its own process; `hilum-gateway` is the same door for services that run
//! elsewhere.
//!
//! | request | goes to |
//! | --- | --- |
//! | `POST /v1/jobs` | ingest |
//! | `POST /v1/studies/{id}/close`, `POST /v1/studies/{id}/manifest` | ingest |
//! | `POST /dicom-web/studies`, `POST /dicom-web/studies/{study}` | dicomweb, where it runs |
//! | `/notifications` | watch, where it runs |
//! | any other `/v1/…`, `GET` below `/dicom-web`, `/openapi.json` and whatever else | projection |
//! | `GET /` | a page for people |
//! | `GET /livez` | `ok` while the gateway runs |
//! | `GET /readyz` | how all parts are; 503 unless all are ready |
//! | `GET /readyz/uploads` | the same, 503 only when uploads are not taken: for a balancer in front |
//! | `GET /metrics` | the gateway's own numbers |

mod destination;
mod forward;
mod gateway;
mod pages;
mod read_after_broken_write;
mod readiness;
mod router;
mod settings;

pub use destination::{Destination, service_url};
pub use gateway::Gateway;
pub use readiness::{BothServices, ReadinessProbe, service_readiness};
pub use router::{DICOMWEB, NOTIFICATIONS};
pub use settings::{Limits, Settings};
