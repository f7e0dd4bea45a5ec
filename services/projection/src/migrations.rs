//! The migrations, built into the program. They are listed here and not found by `sqlx::migrate!`, whose macro crate
//! compiles Postgres' driver and tokio a second time, for itself.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and statements of each. What stands in `migrations/` stands here, which a test holds.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (1, "tables", include_str!("../migrations/0001_tables.sql")),
    (2, "resolutions", include_str!("../migrations/0002_resolutions.sql")),
    (3, "reports without page", include_str!("../migrations/0003_reports_without_page.sql")),
    (4, "report completeness", include_str!("../migrations/0004_report_completeness.sql")),
    (5, "flags and deliveries", include_str!("../migrations/0005_flags_and_deliveries.sql")),
    (6, "losses", include_str!("../migrations/0006_losses.sql")),
    (7, "failed readings", include_str!("../migrations/0007_failed_readings.sql")),
    (8, "report doubts", include_str!("../migrations/0008_report_doubts.sql")),
    (9, "taken out", include_str!("../migrations/0009_taken_out.sql")),
    (10, "instances", include_str!("../migrations/0010_instances.sql")),
];

/// Runs those that a database has not seen yet, and refuses one in which another text stands under a version. What a later
/// release has run besides is left alone.
pub(crate) fn migrator() -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.map(migration).into());
    // Those of a later release only add: this one works beside it, and after it when somebody goes back.
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_is_a_migration_and_every_migration_a_file() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), MIGRATIONS.len());
        for (file, (version, name, sql)) in files.iter().zip(MIGRATIONS) {
            let expected = format!("{version:04}_{}.sql", name.replace(' ', "_"));
            assert_eq!(file.file_name().unwrap().to_str().unwrap(), expected);
            assert_eq!(fs::read_to_string(file).unwrap(), sql);
        }
    }
}
