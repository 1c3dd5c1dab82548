-- name: start
UPDATE ledger
SET status = 'running', attempts = attempts + 1, started_at = now(), finished_at = NULL,
    stage = 'parse', error_code = NULL, error = NULL
WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
    AND version_id = %(version_id)s AND status IN ('pending', 'running', 'failed')
RETURNING job_id;

-- name: start_job
UPDATE indexing_jobs SET started_at = coalesce(started_at, now())
WHERE team_id = %(team_id)s AND id = %(job_id)s;

-- name: finish
UPDATE ledger
SET status = %(status)s, stage = %(stage)s, error_code = %(error_code)s, error = %(error)s,
    pages = %(pages)s, chunks = %(chunks)s, tokens = %(tokens)s,
    embedded_chunks = %(embedded_chunks)s, finished_at = now()
WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
    AND version_id = %(version_id)s;

-- name: hold_job
SELECT id FROM indexing_jobs WHERE team_id = %(team_id)s AND id = %(job_id)s FOR UPDATE;

-- name: close_job
UPDATE indexing_jobs SET finished_at = now()
WHERE team_id = %(team_id)s AND id = %(job_id)s AND finished_at IS NULL AND NOT EXISTS (
    SELECT FROM ledger WHERE job_id = %(job_id)s AND status IN ('pending', 'running')
);

-- name: latest_job
SELECT j.id, j.created_at, j.started_at, j.finished_at,
    count(l.version_id) AS total,
    count(*) FILTER (WHERE l.status = 'indexed') AS indexed,
    count(*) FILTER (WHERE l.status = 'failed') AS failed,
    count(*) FILTER (WHERE l.status = 'superseded') AS skipped,
    coalesce(sum(l.tokens) FILTER (WHERE l.status = 'indexed'), 0) AS tokens,
    array(
        SELECT id FROM data_sources s WHERE s.knowledge_base_id = j.knowledge_base_id
        ORDER BY created_at
    ) AS data_source_ids
FROM indexing_jobs j LEFT JOIN ledger l ON l.job_id = j.id
WHERE j.team_id = %(team_id)s AND j.knowledge_base_id = %(knowledge_base_id)s
GROUP BY j.id ORDER BY j.created_at DESC LIMIT 1;
