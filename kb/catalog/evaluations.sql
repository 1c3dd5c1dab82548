-- name: create_dataset
INSERT INTO evaluation_datasets (team_id, knowledge_base_id, name, questions)
VALUES (%(team_id)s, %(knowledge_base_id)s, %(name)s, %(questions)s)
RETURNING id;

-- name: replace_questions
UPDATE evaluation_datasets SET questions = %(questions)s, updated_at = now()
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND name = %(name)s
RETURNING id;

-- name: datasets
SELECT id, name, jsonb_array_length(questions) AS questions, created_at, updated_at
FROM evaluation_datasets
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND (%(dataset_id)s::uuid IS NULL OR id = %(dataset_id)s)
    AND (%(name)s::text IS NULL OR name = %(name)s)
ORDER BY created_at, id;

-- name: questions
SELECT questions FROM evaluation_datasets
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND id = %(dataset_id)s;

-- name: delete_dataset
DELETE FROM evaluation_datasets
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND id = %(dataset_id)s;

-- name: create_run
INSERT INTO evaluation_runs (
    team_id, knowledge_base_id, dataset_id, index_version_id, index_version_number,
    index_settings, query, questions
)
SELECT team_id, knowledge_base_id, id, %(index_version_id)s, %(index_version_number)s,
    %(index_settings)s, %(query)s, jsonb_array_length(questions)
FROM evaluation_datasets
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND id = %(dataset_id)s
RETURNING id;

-- name: runs
SELECT r.id, r.knowledge_base_id, r.dataset_id, d.name AS dataset, r.index_version_id,
    r.index_version_number, r.index_settings, r.query, r.status, r.questions, r.asked, r.skipped,
    r.degraded, r.metrics, r.error, r.created_at, r.started_at, r.finished_at
FROM evaluation_runs r JOIN evaluation_datasets d ON d.id = r.dataset_id
WHERE r.team_id = %(team_id)s
    AND r.knowledge_base_id = %(knowledge_base_id)s
    AND (%(run_id)s::uuid IS NULL OR r.id = %(run_id)s)
    AND (%(dataset_id)s::uuid IS NULL OR r.dataset_id = %(dataset_id)s)
    AND (%(status)s::text IS NULL OR r.status = %(status)s)
ORDER BY r.created_at DESC, r.id LIMIT %(limit)s OFFSET %(offset)s;

-- name: count_runs
SELECT count(*) FROM evaluation_runs
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND (%(dataset_id)s::uuid IS NULL OR dataset_id = %(dataset_id)s);

-- name: home_of_run
SELECT knowledge_base_id FROM evaluation_runs WHERE team_id = %(team_id)s AND id = %(run_id)s;

-- name: start_run
UPDATE evaluation_runs
SET status = 'running', started_at = coalesce(started_at, now()), asked = 0
WHERE team_id = %(team_id)s AND id = %(run_id)s AND status IN ('pending', 'running')
RETURNING id;

-- name: tell_progress
UPDATE evaluation_runs SET asked = %(asked)s
WHERE team_id = %(team_id)s AND id = %(run_id)s AND status = 'running';

-- name: finish_run
UPDATE evaluation_runs
SET status = 'done', finished_at = now(), metrics = %(metrics)s, asked = %(asked)s,
    skipped = %(skipped)s, degraded = %(degraded)s, questions = %(questions)s
WHERE team_id = %(team_id)s AND id = %(run_id)s AND status = 'running'
RETURNING id;

-- name: enter_results
INSERT INTO evaluation_results (run_id, number, team_id, knowledge_base_id, result)
SELECT %(run_id)s, r.number, %(team_id)s, %(knowledge_base_id)s, r.result
FROM unnest(%(results)s::json[]) WITH ORDINALITY AS r (result, number);

-- name: fail_run
UPDATE evaluation_runs SET status = 'failed', finished_at = now(), error = %(error)s
WHERE team_id = %(team_id)s AND id = %(run_id)s AND status IN ('pending', 'running');

-- name: results
SELECT result FROM evaluation_results
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND run_id = %(run_id)s
ORDER BY number LIMIT %(limit)s OFFSET %(offset)s;

-- name: texts
-- Of each document the newest version that the index version answers from.
SELECT d.item_name, n.version_id, t.text
FROM documents d
JOIN LATERAL (
    SELECT v.id AS version_id FROM document_versions v
    JOIN ledger l ON l.version_id = v.id AND l.index_version_id = %(index_version_id)s
        AND l.status = 'indexed'
    WHERE v.document_id = d.id ORDER BY v.number DESC LIMIT 1
) n ON true
JOIN canonical_texts t ON t.version_id = n.version_id AND t.parser = %(parser)s
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.deleted_at IS NULL AND d.item_name = ANY(%(item_names)s);

-- name: sizes
SELECT d.item_name, v.size_in_bytes
FROM documents d
JOIN document_versions v ON v.document_id = d.id
JOIN ledger l ON l.version_id = v.id AND l.index_version_id = %(index_version_id)s
    AND l.status = 'indexed'
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.deleted_at IS NULL
ORDER BY d.item_name, v.number;

-- name: star_metric
SELECT name, success_threshold FROM star_metrics
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s;

-- name: set_star_metric
INSERT INTO star_metrics (team_id, knowledge_base_id, name, success_threshold)
VALUES (%(team_id)s, %(knowledge_base_id)s, %(name)s, %(success_threshold)s)
ON CONFLICT (knowledge_base_id) DO UPDATE
SET name = excluded.name, success_threshold = excluded.success_threshold;
