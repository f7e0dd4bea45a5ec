-- Who said that a reading can't be made: release, model and rules; NULL of the first releases, which did not say it.
ALTER TABLE outcomes ADD COLUMN failed_by jsonb;

-- As before, but a reading that failed and was redriven counts no more, too: the decision names the request, which is the
-- newest one until the next attempt is asked for.
CREATE OR REPLACE VIEW job_states AS
SELECT
    j.job_id, j.stored_seq, j.site, j.study_id, s.study_ref, j.sha256, j.size_bytes, j.media_type, j.priority,
    j.created_at, j.trace_id, l.reading_id, l.duplicate_of, l.linked_at AS started_at,
    CASE
        WHEN o.state = 'completed' THEN 'COMPLETED'
        WHEN o.state IS NOT NULL OR d.job_id IS NOT NULL THEN 'FAILED'
        WHEN l.job_id IS NOT NULL THEN 'IN_PROGRESS'
        ELSE 'QUEUED'
    END AS status,
    CASE WHEN o.state IS NOT NULL THEN greatest(o.ended_at, l.linked_at) ELSE d.dead_at END AS ended_at,
    CASE WHEN o.state IS NOT NULL THEN o.reason ELSE d.reason END AS reason,
    CASE
        WHEN o.state IS NOT NULL THEN o.code
        WHEN d.job_id IS NOT NULL THEN 'dead-lettered'
    END AS reason_code,
    o.failed_by
FROM jobs j
LEFT JOIN studies s ON s.study_id = j.study_id
LEFT JOIN links l ON l.job_id = j.job_id
LEFT JOIN job_failures d
    ON d.job_id = j.job_id AND d.seq > coalesce(l.seq, 0)
    AND NOT EXISTS (
        SELECT FROM dead_letters g
        JOIN resolutions x ON x.job_id = g.job_id AND x.stream_seq = g.stream_seq
        WHERE g.seq = d.seq AND x.resolution = 'redrive'
    )
LEFT JOIN readings r ON r.reading_id = l.reading_id
LEFT JOIN outcomes o
    ON o.reading_id = l.reading_id
    AND (
        o.state = 'completed'
        OR o.seq > coalesce(r.seq, 0) AND NOT (
            o.state = 'dead' AND EXISTS (
                SELECT FROM dead_letters g
                JOIN resolutions x ON x.job_id = g.job_id AND x.stream_seq = g.stream_seq
                WHERE g.seq = o.seq AND x.resolution = 'redrive'
            )
            OR o.state = 'failed' AND EXISTS (
                SELECT FROM resolutions x
                WHERE x.job_id = r.primary_job_id AND x.stream_seq = r.seq AND x.resolution = 'redrive'
            )
        )
    );
