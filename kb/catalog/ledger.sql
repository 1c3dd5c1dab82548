-- name: queue
INSERT INTO ledger (index_version_id, version_id, job_id, team_id, knowledge_base_id)
VALUES (
    %(index_version_id)s, %(version_id)s, %(job_id)s, %(team_id)s, %(knowledge_base_id)s
)
ON CONFLICT (index_version_id, version_id) DO UPDATE
SET status = 'pending', stage = NULL, error_code = NULL, error = NULL, job_id = excluded.job_id,
    started_at = NULL, finished_at = NULL;

-- name: waiting
SELECT count(*) FROM (
    SELECT FROM ledger WHERE team_id = %(team_id)s AND status = 'pending' LIMIT %(most)s
) AS counted;

-- name: unindexed
SELECT d.id, v.id, i.id
FROM documents d
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
JOIN index_versions i ON i.knowledge_base_id = d.knowledge_base_id
    AND (%(index_version_id)s::uuid IS NULL OR i.id = %(index_version_id)s)
LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = i.id
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND (%(data_source_id)s::uuid IS NULL OR d.data_source_id = %(data_source_id)s)
    AND d.deleted_at IS NULL
    AND (
        l.status IS NULL OR l.status = 'superseded'
        OR l.status IN ('failed', 'cancelled') AND l.job_id IS DISTINCT FROM %(job_id)s
    )
ORDER BY d.created_at, d.id;

-- name: open_jobs
SELECT DISTINCT l.job_id FROM ledger l JOIN document_versions v ON v.id = l.version_id
WHERE l.team_id = %(team_id)s AND l.knowledge_base_id = %(knowledge_base_id)s
    AND l.status IN ('pending', 'running')
    AND (v.document_id = %(document_id)s OR l.index_version_id = %(index_version_id)s);

-- name: start
WITH started AS (
    UPDATE ledger
    SET status = 'running', attempts = attempts + 1, started_at = now(), finished_at = NULL,
        stage = NULL, error_code = NULL, error = NULL
    WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
        AND version_id = %(version_id)s AND status IN ('pending', 'running', 'failed')
    RETURNING job_id, attempts
), begun AS (
    UPDATE indexing_jobs j SET started_at = now()
    FROM started s WHERE j.id = s.job_id AND j.started_at IS NULL
)
SELECT job_id, attempts FROM started;

-- name: progress
UPDATE ledger
SET stage = %(stage)s, chunks = %(chunks)s, embedded_chunks = %(embedded_chunks)s
WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
    AND version_id = %(version_id)s AND status = 'running';

-- name: finish
UPDATE ledger
SET status = %(status)s, stage = %(stage)s, error_code = %(error_code)s, error = %(error)s,
    pages = %(pages)s, chunks = %(chunks)s, tokens = %(tokens)s,
    embedded_chunks = %(embedded_chunks)s, notes = %(notes)s, finished_at = now()
WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
    AND version_id = %(version_id)s AND status IN ('pending', 'running');

-- name: enter_stage
INSERT INTO ledger_stages (
    index_version_id, version_id, stage, team_id, knowledge_base_id, attempt, started_at,
    duration_ms, bytes, tokens, error_code, error
)
SELECT index_version_id, version_id, %(stage)s, team_id, knowledge_base_id, %(attempt)s,
    %(started_at)s, %(duration_ms)s, %(bytes)s, %(tokens)s, %(error_code)s, %(error)s
FROM ledger
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND index_version_id = %(index_version_id)s AND version_id = %(version_id)s
FOR KEY SHARE -- it may be deleted in this very moment
ON CONFLICT (index_version_id, version_id, stage) DO UPDATE
SET attempt = excluded.attempt, started_at = excluded.started_at,
    duration_ms = excluded.duration_ms, bytes = excluded.bytes, tokens = excluded.tokens,
    error_code = excluded.error_code, error = excluded.error;

-- name: stages
SELECT s.stage, s.attempt, s.started_at, s.duration_ms, s.bytes, s.tokens, s.error_code, s.error
FROM ledger_stages s
JOIN knowledge_bases k ON k.id = s.knowledge_base_id
WHERE s.team_id = %(team_id)s AND s.knowledge_base_id = %(knowledge_base_id)s
    AND s.version_id = %(version_id)s
    AND s.index_version_id = coalesce(%(index_version_id)s, k.live_index_version_id)
ORDER BY s.started_at;

-- name: keep_vectors
INSERT INTO vectors_under_way (
    index_version_id, version_id, content_hash, team_id, knowledge_base_id, vector
)
SELECT l.index_version_id, l.version_id, part.content_hash, l.team_id, l.knowledge_base_id,
    part.vector
FROM ledger l,
    unnest(%(content_hashes)s::bytea[], %(vectors)s::bytea[]) AS part (content_hash, vector)
WHERE l.team_id = %(team_id)s AND l.knowledge_base_id = %(knowledge_base_id)s
    AND l.index_version_id = %(index_version_id)s AND l.version_id = %(version_id)s
FOR KEY SHARE OF l
ON CONFLICT DO NOTHING;

-- name: kept_vectors
SELECT content_hash, vector FROM vectors_under_way
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND index_version_id = %(index_version_id)s AND version_id = %(version_id)s;

-- name: drop_vectors
DELETE FROM vectors_under_way
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND index_version_id = %(index_version_id)s AND version_id = %(version_id)s;

-- name: quarantined
SELECT failures, error_code, error FROM failed_contents
WHERE team_id = %(team_id)s AND sha256 = %(sha256)s AND parser = %(parser)s
    AND failures >= %(most)s;

-- name: count_failure
INSERT INTO failed_contents (team_id, sha256, parser, failures, error_code, error)
VALUES (%(team_id)s, %(sha256)s, %(parser)s, %(times)s, %(error_code)s, %(error)s)
ON CONFLICT (team_id, sha256, parser) DO UPDATE
SET failures = failed_contents.failures + excluded.failures, error_code = excluded.error_code,
    error = excluded.error, failed_at = now()
RETURNING failures;

-- name: release
DELETE FROM failed_contents WHERE team_id = %(team_id)s AND sha256 = %(sha256)s;
