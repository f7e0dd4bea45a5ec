//! A Postgres cluster in a folder, made when it is missing. Postgres refuses to run as root, so for root it
//! runs as `nobody`, whose data then must lie where `nobody` can reach it.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::BoxFuture;
use nix::sys::signal::Signal;
use tokio::process::Command;
use uuid::Uuid;

use crate::ports::free_port;
use crate::process::{Process, ServerError};

const NOBODY: u32 = 65_534;
/// A server that was asked to stop and does nothing for so long hangs.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// What to start.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Folder with `postgres` and `initdb`; by default `$HILUM_POSTGRES_BIN`, else those on the PATH.
    pub programs: PathBuf,
    /// Where the cluster is kept.
    pub folder: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Port; a free one when `None`.
    pub port: Option<u16>,
}

impl PostgresOptions {
    /// The default programs, everything in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        let programs = std::env::var_os("HILUM_POSTGRES_BIN").map(PathBuf::from).unwrap_or_default();
        let log = folder.join("postgres.log");
        Self { programs, folder, log, port: None }
    }
}

/// A running Postgres.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: u16,
    password: String,
}

impl Postgres {
    /// Makes the cluster if there is none, starts the server and waits until it accepts connections, which takes the
    /// longer the more it has to recover.
    ///
    /// # Errors
    /// When it can't be made or started, or ends.
    pub fn start(options: &PostgresOptions) -> BoxFuture<'_, Result<Self, ServerError>> {
        Box::pin(async move {
            let mut server = Self::launch(options).await?;
            let port = server.port;
            let accepts = || async move {
                let mut probe = program(options, "pg_isready");
                probe
                    .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                probe.status().await.is_ok_and(|status| status.success())
            };
            server.process.wait_ready(Duration::MAX, accepts).await?;
            Ok(server)
        })
    }

    /// Makes the cluster if there is none and starts the server without waiting for it: it may have much to recover.
    ///
    /// # Errors
    /// When it can't be made or started.
    pub fn launch(options: &PostgresOptions) -> BoxFuture<'_, Result<Self, ServerError>> {
        Box::pin(async move {
            let prepare = |source| ServerError::Prepare { path: options.folder.clone(), source };
            fs::create_dir_all(&options.folder).map_err(prepare)?;
            let data = data_folder(&options.folder).map_err(prepare)?;
            let password = password(&options.folder).map_err(prepare)?;
            if !data.join("PG_VERSION").exists() {
                init(options, &data, &password).await?;
            }
            let port = options.port.map_or_else(free_port, Ok).map_err(prepare)?;

            let mut command = program(options, "postgres");
            command.arg("-D").arg(&data).arg("-p").arg(port.to_string());
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=60"] {
                command.arg("-c").arg(setting);
            }
            let process = Process::start("postgres", command, &options.log)?;
            Ok(Self { process, port, password })
        })
    }

    /// Address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://hilum:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it cleanly: open sessions are ended, nothing committed is lost.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.process.stop_when_done(Signal::SIGINT, IDLE_LIMIT).await;
        })
    }
}

/// Runs `initdb` into a folder beside and renames it, so that a cut run leaves no half cluster.
async fn init(options: &PostgresOptions, data: &Path, password: &str) -> Result<(), ServerError> {
    let prepare = |path: &Path| {
        let path = path.to_owned();
        move |source| ServerError::Prepare { path, source }
    };
    let fresh = data.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(prepare(&fresh))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700)).map_err(prepare(&fresh))?;
    let secret = data.with_extension("secret");
    fs::write(&secret, password).map_err(prepare(&secret))?;
    if is_root() {
        chown(&fresh, Some(NOBODY), Some(NOBODY)).map_err(prepare(&fresh))?;
        chown(&secret, Some(NOBODY), Some(NOBODY)).map_err(prepare(&secret))?;
    }
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).map_err(prepare(&secret))?;

    let mut command = program(options, "initdb");
    command.args(["-U", "hilum", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--data-checksums"]);
    command.arg("--pwfile").arg(&secret).arg("-D").arg(&fresh);
    let mut process = Process::start("initdb", command, &options.log)?;
    let status = process.wait().await.map_err(prepare(&fresh))?;
    fs::remove_file(&secret).map_err(prepare(&secret))?;
    if !status.success() {
        let what = status.to_string();
        return Err(ServerError::NotReady { name: "initdb".to_owned(), what, log: options.log.clone() });
    }
    fs::rename(&fresh, data).map_err(prepare(data))
}

fn program(options: &PostgresOptions, name: &str) -> Command {
    let mut command = Command::new(options.programs.join(name));
    // Its home may be closed to the account it runs as.
    command.current_dir("/").env("LC_ALL", "C");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `folder/data`; for root, when `nobody` can't get there, a folder under /var/lib that `folder/data` links to.
fn data_folder(folder: &Path) -> io::Result<PathBuf> {
    let data = fs::canonicalize(folder)?.join("data");
    if !is_root() || reachable(&data) {
        return Ok(data);
    }
    if let Ok(target) = fs::read_link(&data) {
        return Ok(target);
    }
    let outside = Path::new("/var/lib/hilum").join(Uuid::new_v4().to_string());
    fs::create_dir_all(&outside)?;
    chown(&outside, Some(NOBODY), Some(NOBODY))?;
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o711))?;
    let target = outside.join("data");
    std::os::unix::fs::symlink(&target, &data)?;
    Ok(target)
}

/// Whether everybody may pass through all folders above `path`.
fn reachable(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .all(|folder| fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0))
}

fn password(folder: &Path) -> io::Result<String> {
    let path = folder.join("password");
    if let Ok(password) = fs::read_to_string(&path) {
        return Ok(password);
    }
    let password = Uuid::new_v4().simple().to_string();
    fs::write(&path, &password)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(password)
}
