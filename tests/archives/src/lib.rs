//! Picture archives that others wrote, to deliver to in tests: Orthanc with its DICOMweb plugin, and DCMTK's storescp. Each
//! runs in a network of its own. No program of the project needs this.

mod archives;
mod secluded;

pub use archives::{Orthanc, Storescp};
