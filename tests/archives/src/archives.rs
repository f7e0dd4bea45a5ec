//! The archives and how each is started. `make interop` fetches them on Debian and its kin. Where one is missing this says so and there is none.

use std::env;
use std::io;
use std::path::Path;

use futures::future::BoxFuture;

use crate::secluded::Secluded;

/// A running Orthanc, empty at first. Its application entity title is `ORTHANC`. Ends when dropped.
#[derive(Debug)]
pub struct Orthanc(Secluded);

/// A running storescp, which keeps each object that it is sent as a file. Ends when dropped.
#[derive(Debug)]
pub struct Storescp(Secluded);

impl Orthanc {
    /// Starts one that keeps all it has in `folder`, whose path must be short.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(folder: &Path) -> BoxFuture<'_, io::Result<Option<Self>>> {
        Box::pin(async move {
            const DICOM: u16 = 4242;
            const HTTP: u16 = 8042;
            let (program, plugin) = (named("HILUM_ORTHANC").await, named("HILUM_ORTHANC_DICOMWEB").await);
            let (Some(program), Some(plugin)) = (program, plugin) else { return Ok(None) };
            let kept = folder.display();
            let settings = format!(
                r#"{{"StorageDirectory": "{kept}/kept", "IndexDirectory": "{kept}/kept", "DicomPort": {DICOM}, "HttpPort": {HTTP},
                "DicomAet": "ORTHANC", "DicomCheckCalledAet": true, "RemoteAccessAllowed": false,
                "AuthenticationEnabled": false, "Plugins": ["{plugin}"]}}"#
            );
            let file = folder.join("orthanc.json");
            std::fs::write(&file, settings)?;
            let file = file.display().to_string();
            Ok(Some(Self(Secluded::start(&[&program, &file], &[DICOM, HTTP], folder).await?)))
        })
    }

    /// Where it takes C-STORE, on loopback.
    pub fn dicom_port(&self) -> u16 {
        self.0.ports()[0]
    }

    /// Base address of its own interface; that of its DICOMweb service is `dicom-web` under it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.ports()[1])
    }
}

impl Storescp {
    /// Starts one with these options that keeps what it is sent in the folder `kept` of `folder`, whose path must be
    /// short.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start<'a>(options: &'a [&'a str], folder: &'a Path) -> BoxFuture<'a, io::Result<Option<Self>>> {
        Box::pin(async move {
            const PORT: u16 = 11112;
            let Some(programs) = named("HILUM_DCMTK_BIN").await else { return Ok(None) };
            let kept = folder.join("kept");
            std::fs::create_dir(&kept)?;
            let (program, kept, port) =
                (format!("{programs}/storescp"), kept.display().to_string(), PORT.to_string());
            let command = [&[&*program], options, &["--output-directory", &kept, &port]].concat();
            Ok(Some(Self(Secluded::start(&command, &[PORT], folder).await?)))
        })
    }

    /// Where it takes C-STORE, on loopback.
    pub fn port(&self) -> u16 {
        self.0.ports()[0]
    }
}

/// What the variable names, where it can be run.
async fn named(variable: &str) -> Option<String> {
    let Ok(value) = env::var(variable) else {
        eprintln!("skipped: {variable} is not set; `make interop` sets it on Debian and its kin");
        return None;
    };
    if !Secluded::is_possible().await {
        eprintln!("skipped: no network of its own can be made here for what {variable} names");
        return None;
    }
    Some(value)
}
