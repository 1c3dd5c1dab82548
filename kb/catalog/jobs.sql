-- name: open_documents_job
INSERT INTO indexing_jobs (team_id, knowledge_base_id, kind, index_version_id, queued_at)
VALUES (
    %(team_id)s, %(knowledge_base_id)s, 'documents', %(index_version_id)s, now()
)
ON CONFLICT (knowledge_base_id) WHERE finished_at IS NULL AND kind = 'documents'
DO UPDATE SET finished_at = NULL -- changes nothing but holds the job open until this commits
RETURNING id;

-- name: create
INSERT INTO indexing_jobs (team_id, knowledge_base_id, kind, index_version_id, queued_at)
VALUES (
    %(team_id)s, %(knowledge_base_id)s, %(kind)s, %(index_version_id)s,
    CASE WHEN %(kind)s = 'sources' THEN NULL ELSE now() END
)
RETURNING id;

-- name: cover
INSERT INTO job_sources (job_id, data_source_id, team_id, knowledge_base_id, status)
SELECT %(job_id)s, id, team_id, knowledge_base_id, %(status)s FROM data_sources s
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND deleted_at IS NULL
    AND CASE
        WHEN %(data_source_ids)s::uuid[] IS NOT NULL THEN id = ANY(%(data_source_ids)s)
        -- The one for documents that are sent counts once there are any.
        ELSE kind <> 'documents' OR EXISTS (
            SELECT FROM documents d WHERE d.data_source_id = s.id AND d.deleted_at IS NULL
        )
    END
ON CONFLICT DO NOTHING;

-- name: take_turns
-- Jobs over sources start one after the other, and the next one starts only once.
SELECT pg_advisory_xact_lock(hashtextextended(%(id)s, 5));

-- name: next
UPDATE indexing_jobs SET queued_at = now()
WHERE id = (
    SELECT id FROM indexing_jobs
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kind = 'sources' AND queued_at IS NULL AND finished_at IS NULL
    ORDER BY created_at LIMIT 1
) AND NOT EXISTS (
    SELECT FROM indexing_jobs
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kind = 'sources' AND queued_at IS NOT NULL AND finished_at IS NULL
)
RETURNING id;

-- name: start
UPDATE indexing_jobs SET started_at = coalesce(started_at, now())
WHERE team_id = %(team_id)s AND id = %(job_id)s AND finished_at IS NULL
RETURNING cancelled_at IS NOT NULL;

-- name: is_cancelled
SELECT cancelled_at IS NOT NULL OR finished_at IS NOT NULL FROM indexing_jobs
WHERE team_id = %(team_id)s AND id = %(job_id)s;

-- name: to_read
SELECT s.data_source_id FROM job_sources s JOIN data_sources d ON d.id = s.data_source_id
WHERE s.team_id = %(team_id)s AND s.job_id = %(job_id)s AND s.status IN ('pending', 'running')
ORDER BY d.created_at;

-- name: start_source
UPDATE job_sources SET status = 'running', started_at = now()
WHERE team_id = %(team_id)s AND job_id = %(job_id)s AND data_source_id = %(data_source_id)s;

-- name: finish_source
UPDATE job_sources
SET status = %(status)s, error_code = %(error_code)s, error = %(error)s, finished_at = now(),
    removed = (
        SELECT count(*) FROM job_items i
        WHERE i.job_id = %(job_id)s AND i.data_source_id = %(data_source_id)s
            AND i.outcome = 'removed'
    ),
    -- What was there, less what is indexed in this job because it was new or had changed.
    unchanged = greatest(0, %(seen)s - (
        SELECT count(DISTINCT l.version_id) FROM ledger l
        JOIN document_versions v ON v.id = l.version_id
        JOIN documents d ON d.id = v.document_id
        WHERE l.job_id = %(job_id)s AND d.data_source_id = %(data_source_id)s
    ))
WHERE team_id = %(team_id)s AND job_id = %(job_id)s AND data_source_id = %(data_source_id)s;

-- name: enter_item
INSERT INTO job_items (
    job_id, data_source_id, key, team_id, knowledge_base_id, outcome, error_code, error
) VALUES (
    %(job_id)s, %(data_source_id)s, %(key)s, %(team_id)s, %(knowledge_base_id)s, %(outcome)s,
    %(error_code)s, %(error)s
)
ON CONFLICT (job_id, data_source_id, key, outcome) DO UPDATE
SET error_code = excluded.error_code, error = excluded.error;

-- name: hold
SELECT id FROM indexing_jobs WHERE team_id = %(team_id)s AND id = %(job_id)s FOR UPDATE;

-- name: close
UPDATE indexing_jobs j SET finished_at = now(), started_at = coalesce(started_at, now())
WHERE j.team_id = %(team_id)s AND j.id = %(job_id)s AND j.finished_at IS NULL
    AND NOT EXISTS (
        SELECT FROM ledger WHERE job_id = %(job_id)s AND status IN ('pending', 'running')
    )
    AND NOT EXISTS (
        SELECT FROM job_sources WHERE job_id = %(job_id)s AND status IN ('pending', 'running')
    )
RETURNING j.kind, j.index_version_id;

-- name: freeze
INSERT INTO job_documents SELECT * FROM ledger_documents
WHERE team_id = %(team_id)s AND job_id = %(job_id)s;

-- name: cancel
UPDATE indexing_jobs SET cancelled_at = coalesce(cancelled_at, now())
WHERE team_id = %(team_id)s AND id = %(job_id)s AND finished_at IS NULL
RETURNING queued_at IS NOT NULL;

-- name: cancel_documents
UPDATE ledger SET status = 'cancelled', stage = NULL, finished_at = now()
WHERE team_id = %(team_id)s AND job_id = %(job_id)s AND status IN ('pending', 'running');

-- name: cancel_sources
UPDATE job_sources SET status = 'cancelled', finished_at = now()
WHERE team_id = %(team_id)s AND job_id = %(job_id)s AND status IN ('pending', 'running');

-- name: list
SELECT id, knowledge_base_id, kind, created_at, started_at, finished_at, cancelled_at
FROM indexing_jobs
WHERE team_id = %(team_id)s
    AND (%(knowledge_base_id)s::uuid IS NULL OR knowledge_base_id = %(knowledge_base_id)s)
    AND (%(job_id)s::uuid IS NULL OR id = %(job_id)s)
ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s;

-- name: count
SELECT count(*) FROM indexing_jobs WHERE team_id = %(team_id)s;

-- name: sources
SELECT s.job_id, s.data_source_id, s.status, j.cancelled_at IS NOT NULL AS is_given_up,
    coalesce(s.started_at, j.started_at) AS started_at,
    greatest(s.finished_at, l.documents_finished_at) AS finished_at, s.unchanged, s.removed,
    s.error_code, s.error, i.unread, i.skipped, l.queued, l.under_way,
    l.indexed, l.failed, l.cancelled, l.bytes, l.bytes_indexed, l.bytes_done, l.tokens, l.chunks,
    l.embedded_chunks
FROM job_sources s
JOIN indexing_jobs j ON j.id = s.job_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE outcome = 'failed') AS unread,
        count(*) FILTER (WHERE outcome = 'skipped') AS skipped
    FROM job_items WHERE job_id = s.job_id AND data_source_id = s.data_source_id
) i
CROSS JOIN LATERAL (
    SELECT count(*) AS queued,
        count(*) FILTER (WHERE status IN ('pending', 'running')) AS under_way,
        count(*) FILTER (WHERE status = 'indexed') AS indexed,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        coalesce(sum(size_in_bytes), 0)::bigint AS bytes,
        coalesce(sum(size_in_bytes) FILTER (WHERE status = 'indexed'), 0)::bigint AS bytes_indexed,
        coalesce(sum(size_in_bytes * CASE
            WHEN status NOT IN ('pending', 'running') THEN 1.0
            WHEN chunks > 0 THEN embedded_chunks::float / chunks
            ELSE 0 END), 0)::bigint AS bytes_done,
        coalesce(sum(tokens) FILTER (WHERE status = 'indexed'), 0)::bigint AS tokens,
        coalesce(sum(chunks), 0)::bigint AS chunks,
        coalesce(sum(embedded_chunks), 0)::bigint AS embedded_chunks,
        max(finished_at) AS documents_finished_at
    FROM job_outcomes
    WHERE job_id = s.job_id AND data_source_id = s.data_source_id
) l
WHERE s.team_id = %(team_id)s AND s.job_id = ANY(%(job_ids)s)
ORDER BY s.job_id, s.data_source_id;

-- name: newest_by_source
SELECT DISTINCT ON (s.data_source_id) s.job_id, s.data_source_id
FROM job_sources s JOIN indexing_jobs j ON j.id = s.job_id
WHERE s.team_id = %(team_id)s AND s.knowledge_base_id = %(knowledge_base_id)s
ORDER BY s.data_source_id, j.created_at DESC;

-- name: report
SELECT data_source_id, item_name, version, status AS outcome, stage, attempts, size_in_bytes,
    pages, chunks, embedded_chunks, tokens, duration_ms::bigint, error_code, error, notes
FROM job_outcomes WHERE team_id = %(team_id)s AND job_id = %(job_id)s
UNION ALL
SELECT data_source_id, key, NULL, outcome, CASE outcome WHEN 'failed' THEN 'fetch' END,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, error_code, error, '{}'
FROM job_items WHERE team_id = %(team_id)s AND job_id = %(job_id)s
ORDER BY 1, 2;
