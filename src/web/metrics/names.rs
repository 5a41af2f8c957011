//! The names of `/metrics`, each with what it stands for; documented in `docs/monitoring`.

use crate::perf::prometheus::Metric;

/// Declares metrics and lists them all.
macro_rules! metrics {
    ($($constant:ident = $kind:ident($name:literal, $help:literal);)+) => {
        $(pub(super) static $constant: Metric = Metric::$kind($name, $help);)+
        /// Every metric that there can be, in the order of the page.
        pub static ALL: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    BUILD = gauge(
        "corescope_build_info",
        "Always 1; the labels say which build runs and in which role."
    );
    READY = gauge("corescope_ready", "1 once the database is open, 0 before.");
    UPTIME = gauge("corescope_uptime_seconds", "Time since the start of the process.");
    RSS = gauge("corescope_resident_memory_bytes", "Resident memory of the process.");
    FREE = gauge("corescope_disk_free_bytes", "Free space of the volume that holds the database.");
    PROCESS_BYTES = gauge(
        "corescope_process_io_bytes_per_second",
        "Bytes that the process reads, writes and writes in vain in a second."
    );
    PROCESS_CALLS = gauge(
        "corescope_process_io_syscalls_per_second",
        "Reading and writing system calls of the process in a second."
    );
    COMPONENT_BYTES = gauge(
        "corescope_component_io_bytes_per_second",
        "The same by component; they add up to the process."
    );
    COMPONENT_CALLS = gauge(
        "corescope_component_io_syscalls_per_second",
        "The same by component; they add up to the process."
    );
    PRESSURE = gauge(
        "corescope_io_pressure_ratio",
        "Share of the last 10 s in which some or all tasks of the machine waited for a disk."
    );
    LAG = summary(
        "corescope_event_loop_lag_seconds",
        "How late the thread of ingest and migrations woke."
    );
    LAG_MAX = gauge("corescope_event_loop_lag_max_seconds", "The longest since the start.");
    REQUESTS = counter(
        "corescope_http_requests_total",
        "Requests below /api/ by route and class of status, since the start or the last reset."
    );
    REQUEST_TIME = summary(
        "corescope_http_request_duration_seconds",
        "How long they took, by route."
    );
    REQUEST_TIME_MAX = gauge(
        "corescope_http_request_duration_max_seconds",
        "The longest, by route."
    );
    REFUSED = counter(
        "corescope_http_refused_total",
        "What addresses wanted more of than they may have, by kind, since the start."
    );
    WINDOW_BYTES = gauge("corescope_window_bytes", "Memory of the RAM window over packets.");
    WINDOW_BYTES_MAX = gauge("corescope_window_max_bytes", "What the RAM window may hold.");
    WINDOW_ROWS = gauge("corescope_window_rows", "Rows in the RAM window, by table.");
    WINDOW_EVICTED = counter(
        "corescope_window_evicted_total",
        "Transmissions that were taken out of the RAM window."
    );
    WINDOW_QUERIES = counter(
        "corescope_window_queries_total",
        "Packet lists that were selected in the RAM window."
    );
    WINDOW_COVERAGE = gauge(
        "corescope_window_coverage_ratio",
        "Share of the rows to be loaded that were; absent until loading has ended."
    );
    WINDOW_FAILED = gauge("corescope_window_load_failed", "1 while the load has failed, else 0.");
    LIVE_CLIENTS = gauge("corescope_live_clients", "Open WebSocket feeds.");
    LIVE_DROPPED = counter(
        "corescope_live_dropped_total",
        "Live texts that did not fit into their client's queue."
    );
    QUEUE_DEPTH = gauge(
        "corescope_ingest_queue_depth",
        "Deliveries that have entered the ingest queue and are not durable yet."
    );
    QUEUE_CAPACITY = gauge("corescope_ingest_queue_capacity", "The bound of the ingest queue.");
    QUEUE_AGE = gauge(
        "corescope_ingest_queue_age_seconds",
        "Time since the ingest queue last moved; 0 when nothing waits."
    );
    QUEUE_DROPPED = counter(
        "corescope_ingest_queue_dropped_total",
        "Deliveries lost because the ingest queue was full, by source."
    );
    COMMITTED = counter("corescope_ingest_committed_total", "Deliveries durably committed.");
    GROUPS = counter("corescope_ingest_groups_total", "Groups in which they were committed.");
    NOTES = counter(
        "corescope_ingest_notes_total",
        "What was odd about messages that were taken all the same, by reason."
    );
    STALLED = gauge(
        "corescope_ingest_stalled_seconds",
        "How long commits have failed; 0 when they succeed."
    );
    CONNECTED = gauge("corescope_source_connected", "1 while the broker has accepted us.");
    CONNECTS = counter("corescope_source_connects_total", "Accepted connections.");
    DISCONNECTS = counter("corescope_source_disconnects_total", "Connections that ended.");
    ATTEMPTS = counter("corescope_source_attempts_total", "Attempts to connect.");
    MESSAGES = counter("corescope_source_messages_total", "Messages received.");
    RECEIPT_AGE = gauge(
        "corescope_source_receipt_age_seconds",
        "Time since the last message; absent before the first."
    );
    REJECTED = counter("corescope_source_rejected_total", "Messages refused, by reason.");
    IGNORED = counter(
        "corescope_source_ignored_total",
        "Messages that are none of our business, by reason."
    );
    SOURCE_DROPPED = counter(
        "corescope_source_dropped_total",
        "QoS 0 messages that found the ingest queue full: lost."
    );
    RESUMED = counter(
        "corescope_source_resumed_total",
        "Messages that the broker held while we were away."
    );
    ACKNOWLEDGED = counter("corescope_source_acknowledged_total", "Messages acknowledged.");
    PENDING = gauge(
        "corescope_source_pending_receipts",
        "QoS 1 messages handed in and not durable yet."
    );
    HELD = gauge("corescope_source_held", "QoS 1 messages that wait for room.");
    STALE_RECEIPTS = counter(
        "corescope_source_stale_receipts_total",
        "Commits whose connection had ended: those messages come again."
    );
    LOST_SESSIONS = counter(
        "corescope_source_lost_sessions_total",
        "Connects at which the broker had lost our session and what it held."
    );
    PANICS = counter("corescope_source_panics_total", "Survived panics of source or watchdog.");
    WATCHDOG_AGE = gauge(
        "corescope_source_watchdog_age_seconds",
        "Time since the watchdog's last scan; absent before the first."
    );
    EVENTS = counter(
        "corescope_write_events_total",
        "What was stored, by the names of /api/perf/write-sources, and writes of strangers."
    );
    WRITE_ROWS = counter(
        "corescope_write_rows_total",
        "Rows inserted, changed or deleted, by source of writes."
    );
    WRITE_TRANSACTIONS = counter(
        "corescope_write_transactions_total",
        "Transactions, each laid to the source with most rows."
    );
    WRITE_WAL = counter(
        "corescope_write_wal_bytes_total",
        "Bytes added to the WAL, by source of writes."
    );
    WRITE_ERRORS = counter("corescope_write_errors_total", "What failed, by source of writes.");
    WRITE_WAIT = summary(
        "corescope_write_wait_seconds",
        "How long operations waited for the writer, by source."
    );
    WRITE_HOLD = summary(
        "corescope_write_hold_seconds",
        "How long operations held the write lock, by source."
    );
    WAL_BYTES = gauge("corescope_wal_file_bytes", "Size of the WAL file, a high-water mark.");
    WAL_PAGES = gauge("corescope_wal_pages", "Pages in the WAL.");
    WAL_DEBT = gauge(
        "corescope_wal_debt_pages",
        "Pages in the WAL that are not in the database yet."
    );
    CHECKPOINTS = counter("corescope_checkpoints_total", "Checkpoints.");
    CHECKPOINT_FAILURES = counter("corescope_checkpoint_failures_total", "Those that failed.");
    CHECKPOINT_TIME = gauge(
        "corescope_checkpoint_last_duration_seconds",
        "How long the last checkpoint took."
    );
    LOOK_UPS = counter(
        "corescope_sqlite_page_lookups_total",
        "Look-ups in SQLite's page caches, of the writer and of all readers."
    );
    HIT_RATE = gauge(
        "corescope_sqlite_page_hit_ratio",
        "Share of the look-ups of the last minute that were hits; absent if there were none."
    );
    DATABASE_BYTES = gauge(
        "corescope_sqlite_database_bytes",
        "Size of the database, free pages included."
    );
    FREELIST_BYTES = gauge("corescope_sqlite_freelist_bytes", "Free pages of the database.");
    OPEN_READS = gauge("corescope_sqlite_open_reads", "Reads that are open.");
    OLDEST_READ = gauge(
        "corescope_sqlite_oldest_read_seconds",
        "Age of the oldest open read, which keeps the WAL from being cut; 0 without one."
    );
    READERS_WAITING = gauge("corescope_readers_waiting", "Questions that wait for a free reader.");
    READERS_REFUSED = counter(
        "corescope_readers_refused_total",
        "Questions refused because all readers were busy for too long."
    );
    ROWS = gauge("corescope_database_rows", "Rows by table, as they were last counted.");
    MAINTENANCE_STATE = gauge(
        "corescope_maintenance_state",
        "Always 1; the labels say how each task of retention stands."
    );
    MAINTENANCE_ROWS = counter(
        "corescope_maintenance_rows_total",
        "Rows that a task moved, changed or deleted, or pages that it freed, since the start."
    );
    MAINTENANCE_RUNS = counter("corescope_maintenance_runs_total", "Runs that have ended.");
    MAINTENANCE_NEXT = gauge("corescope_maintenance_next_run_seconds", "Time until the next run.");
    MIGRATION_STATE = gauge(
        "corescope_migration_state",
        "Always 1; the labels say how each migration stands."
    );
    MIGRATION_LEFT = gauge(
        "corescope_migration_left_seconds",
        "Time that is left, the cautious end of the estimate; absent while there is none."
    );
    MIGRATION_RATE = gauge(
        "corescope_migration_rows_per_second",
        "Rows a second, rests included; absent until measured."
    );
    MIGRATION_DONE = gauge("corescope_migration_rows_processed", "Rows that are done.");
    MIGRATION_ALL = gauge("corescope_migration_rows_expected", "Rows in all, an estimate.");
    MIGRATIONS_READABLE = gauge(
        "corescope_migrations_readable",
        "1 if the books of the migrations could be read."
    );
    ANOMALIES = gauge("corescope_anomalies", "What is not normal now, by rule.");
    ANOMALY_SINCE = gauge(
        "corescope_anomaly_since_timestamp_seconds",
        "Since when a series is not normal, and which source moved."
    );
    JUDGED = gauge(
        "corescope_anomalies_judged_timestamp_seconds",
        "When the process was last judged."
    );
    STATS_AGE = gauge(
        "corescope_ingest_stats_age_seconds",
        "Age of the stats of ingest, ours or another process's; absent without any."
    );
    OMITTED = gauge(
        "corescope_metrics_omitted",
        "Label sets of this page that were left out because a metric had too many."
    );
}
