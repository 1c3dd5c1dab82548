-- name: schema
SELECT metadata_schema FROM knowledge_bases WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: lock
-- Whoever changes what values are made from waits for those who end an indexing, and they for him:
-- either they see the change, or he sees what they indexed. Taken before any row is locked.
SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 7));

-- name: lock_shared
SELECT pg_advisory_xact_lock_shared(hashtextextended(%(key)s, 7));

-- name: set_schema
UPDATE knowledge_bases SET metadata_schema = %(schema)s, updated_at = now()
WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: set_given
UPDATE documents d SET metadata = %(given)s
FROM (
    SELECT id, metadata FROM documents
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s AND id = %(document_id)s
        AND deleted_at IS NULL
    FOR UPDATE
) AS before
WHERE d.id = before.id
RETURNING before.metadata IS DISTINCT FROM d.metadata;

-- name: declared
SELECT k.metadata_schema, d.metadata
FROM documents d JOIN knowledge_bases k ON k.id = d.knowledge_base_id
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(id)s AND d.id = %(document_id)s;

-- name: keep
UPDATE ledger SET metadata = %(metadata)s
WHERE team_id = %(team_id)s AND index_version_id = %(index_version_id)s
    AND version_id = %(version_id)s;

-- name: indexed
-- Documents whose newest version an index version answers from. What is pending will read all anew,
-- and what is running looks again before it ends.
SELECT d.id, d.data_source_id, v.id, l.index_version_id
FROM documents d
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
JOIN ledger l ON l.version_id = v.id AND l.status = 'indexed'
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(id)s AND d.deleted_at IS NULL
    AND (%(document_id)s::uuid IS NULL OR d.id = %(document_id)s)
ORDER BY d.created_at, d.id;

-- name: of_document
SELECT d.metadata, answering.metadata
FROM documents d
JOIN knowledge_bases k ON k.id = d.knowledge_base_id
LEFT JOIN LATERAL (
    SELECT l.metadata FROM ledger l JOIN document_versions v ON v.id = l.version_id
    WHERE v.document_id = d.id AND l.index_version_id = k.live_index_version_id
        AND l.metadata IS NOT NULL
    ORDER BY v.number DESC LIMIT 1
) answering ON true
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(id)s AND d.id = %(document_id)s
    AND d.deleted_at IS NULL;

-- name: coverage
-- Of each document the newest version that was indexed: it is the one that answers.
WITH answering AS (
    SELECT DISTINCT ON (d.id) d.id, d.data_source_id, l.pages,
        coalesce(l.metadata, '{}') AS metadata
    FROM documents d
    JOIN knowledge_bases k ON k.id = d.knowledge_base_id
    JOIN document_versions v ON v.document_id = d.id
    JOIN ledger l ON l.version_id = v.id AND l.index_version_id = k.live_index_version_id
    WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(id)s AND d.deleted_at IS NULL
        AND (l.status = 'indexed' OR l.metadata IS NOT NULL)
    ORDER BY d.id, v.number DESC
), value AS (
    SELECT a.id, e.key AS field, one.value
    FROM answering a, jsonb_each(a.metadata) AS e,
        jsonb_array_elements(
            CASE jsonb_typeof(e.value)
            WHEN 'array' THEN e.value ELSE jsonb_build_array(e.value) END
        ) AS one (value)
    UNION ALL
    SELECT id, 'source', to_jsonb(data_source_id) FROM answering
), counted AS (
    SELECT field, value, count(*) AS documents,
        row_number() OVER (PARTITION BY field ORDER BY count(*) DESC, value) AS place
    FROM value GROUP BY field, value
)
SELECT (SELECT count(*) FROM answering), (SELECT count(pages) FROM answering),
    (
        SELECT coalesce(jsonb_object_agg(field, documents), '{}') FROM (
            SELECT field, count(DISTINCT id) AS documents FROM value GROUP BY field
        ) AS having_it
    ),
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(field, value, documents) ORDER BY field, place),
            '[]')
        FROM counted WHERE place <= %(most)s
    );
