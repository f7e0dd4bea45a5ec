//! One NATS, one Postgres and any number of projections per test, all on free ports.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use hilum_api::openapi::contract::{Answer, check_answer};
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::Envelope;
use hilum_forms::Maker;
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{Log, apply_definitions};
use hilum_projection::api::dicomweb::Dicomweb;
use hilum_projection::api::{self, Api};
use hilum_projection::dicomweb::access::Access;
use hilum_projection::fold::Projection;
use hilum_projection::headers::Headers;
use hilum_projection::pool;
use hilum_projection::progress::Progress;
use hilum_projection::queries::Queries;
use hilum_projection::store::Store;
use hilum_runtime::Health;
use hilum_servers::{NatsOptions, NatsServer, Postgres, PostgresOptions, TestFolder, wait_until};
use serde_json::{Map, Value};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

/// Long enough for a loaded machine; nothing waits for it to pass.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const TABLES: [&str; 17] = [
    "stream_position",
    "studies",
    "jobs",
    "links",
    "job_failures",
    "readings",
    "outcomes",
    "reports",
    "dead_letters",
    "resolutions",
    "flags",
    "deliveries",
    "losses",
    "taken_out",
    "instances",
    "history",
    "unreadable",
];

pub(crate) struct World {
    pub(crate) log: Log,
    pub(crate) blobs: BlobStore,
    pub(crate) nats: NatsServer,
    pub(crate) postgres: Postgres,
    pub(crate) folder: TestFolder,
    /// What its copies hand out by DICOMweb.
    pub(crate) access: Access,
    /// How long a client may take nothing.
    pub(crate) patience: Duration,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = TestFolder::new().unwrap();
        let postgres =
            Postgres::start(&PostgresOptions::in_folder(folder.path().join("postgres"))).await.unwrap();
        let (nats, log) = new_log(&folder.path().join("nats")).await;
        let blobs = BlobStore::open(&StoreConfig::at(&format!("file://{}/objects", folder.path().display())));
        Self { log, blobs: blobs.unwrap(), nats, postgres, folder, access: Access::Off, patience: DEADLINE }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database_url(&self) -> String {
        self.postgres.url("hilum")
    }

    /// Appends and returns the position of the last one.
    pub(crate) async fn append(&self, envelopes: &[Envelope]) -> u64 {
        let mut seq = 0;
        for envelope in envelopes {
            seq = self.log.append(envelope).await.unwrap().seq();
        }
        seq
    }

    /// Writes a message that no release of Hilum wrote.
    pub(crate) async fn append_raw(&self, subject: &str, payload: &'static [u8]) -> u64 {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let ack = context.publish(subject.to_owned(), payload.into()).await.unwrap();
        ack.await.unwrap().sequence
    }

    /// Stops the server, has its store changed, beside a folder for copies of it, and starts the server again.
    pub(crate) async fn swap_log(mut self, change: impl FnOnce(&Path, &Path) -> std::io::Result<()>) -> Self {
        let (folder, copies) = (self.folder().join("nats"), self.folder().join("copies"));
        let options = NatsOptions { port: Some(self.nats.port()), ..NatsOptions::in_folder(folder.clone()) };
        self.nats.stop().await;
        change(&folder.join("jetstream"), &copies).unwrap();
        self.nats = NatsServer::start(&options).await.unwrap();
        assert!(wait_until(DEADLINE, || async { self.log.position().await.is_ok() }).await);
        self
    }

    pub(crate) async fn projection(&self) -> Copy {
        Copy::start(self, &self.log).await
    }

    /// Content of all tables.
    pub(crate) async fn dump(&self) -> Value {
        let mut connection = PgConnection::connect(&self.database_url()).await.unwrap();
        let mut tables = Map::new();
        for table in TABLES {
            let sql =
                format!("SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)), '[]') FROM {table} t");
            let rows: Value =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
            tables.insert(table.to_owned(), rows);
        }
        Value::Object(tables)
    }

    /// Runs statements in `database`.
    pub(crate) async fn sql(&self, database: &str, statements: &'static str) {
        let mut connection = PgConnection::connect(&self.postgres.url(database)).await.unwrap();
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    }
}

/// Another event log.
pub(crate) async fn new_log(folder: &Path) -> (NatsServer, Log) {
    let nats = NatsServer::start(&NatsOptions::in_folder(folder.to_owned())).await.unwrap();
    let log = Log::connect(&nats.url(), "test").await.unwrap();
    apply_definitions(&log, 1).await.unwrap();
    (nats, log)
}

/// A running projection with its API. Stops when dropped.
pub(crate) struct Copy {
    pub(crate) progress: Progress,
    pub(crate) health: Health,
    pub(crate) pool: PgPool,
    pub(crate) store: Store,
    pub(crate) base: String,
    shutdown: CancellationToken,
    fold: Option<JoinHandle<()>>,
}

impl Copy {
    pub(crate) async fn start(world: &World, log: &Log) -> Self {
        let mut copy = Self::without_fold(world, log).await;
        let url = world.database_url();
        let (log, progress, health) = (log.clone(), copy.progress.clone(), copy.health.clone());
        let shutdown = copy.shutdown.clone();
        // On a thread of its own, as in a process of its own.
        let fold = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = Store::new(pool::open(&url, 2).unwrap(), &url);
                Projection { store, log, progress, health }.run(&shutdown).await;
            });
        });
        copy.fold = Some(fold);
        copy
    }

    /// Only the API, as when the fold is stuck.
    pub(crate) async fn without_fold(world: &World, log: &Log) -> Self {
        let pool = pool::open(&world.database_url(), 5).unwrap();
        let store = Store::new(pool.clone(), &world.database_url());
        let (progress, shutdown) = (Progress::default(), CancellationToken::new());
        let queries = Queries::new(pool.clone());
        let maker = Maker::new(world.blobs.clone(), DecoderPool::new(DecoderConfig::sibling().unwrap()));
        let (log, blobs) = (log.clone(), world.blobs.clone());
        let viewing = DecoderPool::new(DecoderConfig { size: 2, ..DecoderConfig::sibling().unwrap() });
        let dicomweb = Dicomweb::new(world.access, Headers::new(world.blobs.clone(), viewing))
            .with_patience(world.patience);
        let api =
            Api::new(queries, log, blobs, maker, progress.clone(), shutdown.clone()).with_dicomweb(dicomweb);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, api::router(api)).await });
        Self { progress, health: Health::default(), pool, store, base, shutdown, fold: None }
    }

    /// Waits until the fold has come to `seq`.
    pub(crate) async fn folded(&self, seq: u64) {
        assert!(self.progress.reached(seq, DEADLINE).await, "not folded: {:?}", self.health.readiness());
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let ready = wait_until(DEADLINE, || async {
            self.health.readiness().ready && self.store.peek().await.is_ok()
        });
        assert!(ready.await, "{:?}", self.health.readiness());
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        Self::answer(hilum_runtime::http_client().build().unwrap().get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(
            hilum_runtime::http_client().build().unwrap().post(format!("{}{path}", self.base)).json(body),
        )
        .await
    }

    async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let problem = status >= 400;
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(media_type == "application/problem+json", problem, "{media_type}");
        let body = response.bytes().await.unwrap();
        let answer = Answer {
            method: method.as_str(),
            path: &path,
            status,
            media_type: Some(&media_type),
            body: &body,
        };
        check_answer(answer).unwrap_or_else(|fault| panic!("{fault}"));
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// The answer, which must be a 200.
    pub(crate) async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) fn ask_to_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let fold = self.fold.take().unwrap();
        tokio::task::spawn_blocking(|| fold.join()).await.unwrap().unwrap();
        self.pool.close().await;
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
