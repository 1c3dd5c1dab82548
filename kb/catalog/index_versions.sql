-- name: create
INSERT INTO index_versions (
    id, team_id, knowledge_base_id, number, parser, embedding_model, chunking, store,
    vector_storage, language, promote_when_ready
)
SELECT %(index_version_id)s, %(team_id)s, %(id)s, coalesce(max(number), 0) + 1, %(parser)s,
    %(embedding_model)s, %(chunking)s, %(store)s, %(vector_storage)s, %(language)s,
    %(promote_when_ready)s
FROM index_versions WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s
RETURNING id, number, parser, embedding_model, chunking, store, vector_storage, language, languages;

-- name: lock
-- Versions are numbered, promoted and discarded one at a time.
SELECT pg_advisory_xact_lock(hashtextextended(%(id)s, 4));

-- name: live
SELECT i.id, i.number, i.parser, i.embedding_model, i.chunking, i.store, i.vector_storage,
    i.language, i.languages
FROM knowledge_bases k JOIN index_versions i ON i.id = k.live_index_version_id
WHERE k.team_id = %(team_id)s AND k.id = %(id)s;

-- name: live_of_key
-- The same in a transaction that has become its team's by the key alone.
SELECT i.id, i.number, i.parser, i.embedding_model, i.chunking, i.store, i.vector_storage,
    i.language, i.languages
FROM knowledge_bases k JOIN index_versions i ON i.id = k.live_index_version_id
WHERE k.team_id = scope_team() AND k.id = %(id)s;

-- name: get
SELECT i.id, i.number, i.parser, i.embedding_model, i.chunking, i.store, i.vector_storage,
    i.language, i.languages
FROM knowledge_bases k JOIN index_versions i ON i.knowledge_base_id = k.id
WHERE k.team_id = %(team_id)s AND k.id = %(id)s AND i.id = %(index_version_id)s;

-- name: list
SELECT id, number, parser, embedding_model, chunking, store, vector_storage, language, languages
FROM index_versions
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s ORDER BY number;

-- name: states
SELECT i.id, i.created_at, i.promoted_at, i.promote_when_ready,
    i.id = k.live_index_version_id AS is_live, d.*
FROM knowledge_bases k
JOIN index_versions i ON i.knowledge_base_id = k.id
CROSS JOIN LATERAL (
    SELECT count(*) AS documents,
        count(*) FILTER (WHERE l.status IS NULL OR l.status IN ('pending', 'running')) AS pending,
        count(*) FILTER (WHERE l.status = 'indexed') AS indexed,
        count(*) FILTER (WHERE l.status = 'failed') AS failed,
        count(*) FILTER (
            WHERE l.status IS DISTINCT FROM 'indexed' AND served.status = 'indexed'
        ) AS behind,
        coalesce(sum(l.chunks) FILTER (WHERE l.status = 'indexed'), 0) AS chunks,
        coalesce(sum(l.embedded_chunks), 0) AS embedded_chunks
    FROM documents d
    JOIN LATERAL (
        SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
    ) v ON true
    LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = i.id
    LEFT JOIN ledger served
        ON served.version_id = v.id AND served.index_version_id = k.live_index_version_id
    WHERE d.knowledge_base_id = k.id AND d.deleted_at IS NULL
) d
WHERE k.team_id = %(team_id)s AND k.id = %(id)s ORDER BY i.number;

-- name: add_language
UPDATE index_versions SET languages = languages || %(language)s::text
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s AND id = %(index_version_id)s
    AND NOT %(language)s = ANY(languages);

-- name: promote
UPDATE knowledge_bases k
SET live_index_version_id = i.id, embedding_model = i.embedding_model ->> 'id', updated_at = now()
FROM index_versions i
WHERE k.team_id = %(team_id)s AND k.id = %(id)s
    AND i.knowledge_base_id = k.id AND i.id = %(index_version_id)s;

-- name: mark_promoted
UPDATE index_versions SET promoted_at = clock_timestamp(), promote_when_ready = false
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s AND id = %(index_version_id)s;

-- name: unmark_promoted
UPDATE index_versions SET promoted_at = NULL
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s AND id = %(index_version_id)s;

-- name: previous
SELECT i.id FROM knowledge_bases k
JOIN index_versions i ON i.knowledge_base_id = k.id AND i.id <> k.live_index_version_id
WHERE k.team_id = %(team_id)s AND k.id = %(id)s
    AND i.promoted_at IS NOT NULL
ORDER BY i.promoted_at DESC LIMIT 1;

-- name: discard
DELETE FROM index_versions i USING knowledge_bases k
WHERE k.team_id = %(team_id)s AND k.id = %(id)s AND i.knowledge_base_id = k.id
    AND i.id = %(index_version_id)s AND i.id <> k.live_index_version_id;

-- name: set_source_chunking
INSERT INTO source_chunking (
    index_version_id, data_source_id, team_id, knowledge_base_id, chunking
) VALUES (%(index_version_id)s, %(data_source_id)s, %(team_id)s, %(id)s, %(chunking)s)
ON CONFLICT (index_version_id, data_source_id) DO UPDATE SET chunking = excluded.chunking;

-- name: copy_source_chunking
INSERT INTO source_chunking (
    index_version_id, data_source_id, team_id, knowledge_base_id, chunking
)
SELECT %(index_version_id)s, data_source_id, team_id, knowledge_base_id, chunking
FROM source_chunking
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s AND index_version_id = %(from_id)s;

-- name: source_chunking
SELECT data_source_id, chunking FROM source_chunking
WHERE team_id = %(team_id)s AND knowledge_base_id = %(id)s
    AND index_version_id = %(index_version_id)s;
