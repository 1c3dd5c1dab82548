-- name: lock_name
-- Two uploads of one new name at once must make one document.
SELECT pg_advisory_xact_lock(hashtextextended(%(data_source_id)s || %(item_name)s, 1));

-- name: find
SELECT d.id, v.id, v.number, v.sha256, l.status
FROM documents d
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = %(index_version_id)s
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.data_source_id = %(data_source_id)s AND d.item_name = %(item_name)s
    AND d.deleted_at IS NULL;

-- name: create
INSERT INTO documents (team_id, knowledge_base_id, data_source_id, item_name)
VALUES (%(team_id)s, %(knowledge_base_id)s, %(data_source_id)s, %(item_name)s)
RETURNING id;

-- name: create_version
INSERT INTO document_versions (
    team_id, knowledge_base_id, document_id, number, sha256, size_in_bytes
) VALUES (
    %(team_id)s, %(knowledge_base_id)s, %(document_id)s, %(number)s, %(sha256)s, %(size_in_bytes)s
)
RETURNING id;

-- name: list
SELECT d.id, d.data_source_id, d.item_name, d.created_at, v.id AS version_id, v.number AS version_number,
    v.sha256, v.size_in_bytes, v.created_at AS version_created_at, l.status, l.stage,
    l.error_code, l.error, l.pages, l.chunks, l.tokens, l.embedded_chunks, l.notes, l.metadata,
    l.finished_at
FROM documents d
JOIN knowledge_bases k ON k.id = d.knowledge_base_id
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = k.live_index_version_id
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.deleted_at IS NULL AND (%(ids)s::uuid[] IS NULL OR d.id = ANY(%(ids)s))
    AND (%(item_name)s::text IS NULL OR d.item_name = %(item_name)s)
    AND (%(data_source_id)s::uuid IS NULL OR d.data_source_id = %(data_source_id)s)
ORDER BY d.created_at, d.id
LIMIT %(limit)s OFFSET %(offset)s;

-- name: tally
SELECT count(*), count(*) FILTER (WHERE l.status IN ('pending', 'running')),
    count(*) FILTER (WHERE l.status = 'indexed'), count(*) FILTER (WHERE l.status = 'failed'),
    coalesce(sum(l.chunks), 0), coalesce(sum(l.tokens), 0), coalesce(sum(v.size_in_bytes), 0)
FROM documents d
JOIN knowledge_bases k ON k.id = d.knowledge_base_id
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = k.live_index_version_id
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.deleted_at IS NULL
    AND (%(data_source_id)s::uuid IS NULL OR d.data_source_id = %(data_source_id)s);

-- name: mark_deleted
UPDATE documents SET deleted_at = now()
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s
    AND deleted_at IS NULL;

-- name: mark_source_deleted
UPDATE documents SET deleted_at = now()
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND data_source_id = %(data_source_id)s AND deleted_at IS NULL;

-- name: deleted
SELECT d.id, d.item_name, v.id, v.number, v.created_at
FROM documents d
JOIN LATERAL (
    SELECT * FROM document_versions v WHERE v.document_id = d.id ORDER BY number DESC LIMIT 1
) v ON true
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.deleted_at IS NOT NULL
    AND (d.id = %(id)s OR d.data_source_id = %(data_source_id)s);

-- name: versions
SELECT v.id, v.number, v.sha256, v.size_in_bytes, v.created_at, l.status, l.error_code, l.error,
    l.chunks, l.tokens
FROM document_versions v
JOIN documents d ON d.id = v.document_id AND d.deleted_at IS NULL
JOIN knowledge_bases k ON k.id = d.knowledge_base_id
LEFT JOIN ledger l ON l.version_id = v.id AND l.index_version_id = k.live_index_version_id
WHERE v.team_id = %(team_id)s AND v.knowledge_base_id = %(knowledge_base_id)s
    AND v.document_id = %(id)s
ORDER BY v.number DESC;

-- name: blobs_of
SELECT DISTINCT sha256 FROM document_versions
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND (%(id)s::uuid IS NULL OR document_id = %(id)s);

-- name: lock_blob
-- An upload and a deletion of the same bytes take turns, so that neither undoes the other.
SELECT pg_advisory_xact_lock(hashtextextended(%(team_id)s || encode(%(sha256)s, 'hex'), 2));

-- name: is_unused
SELECT NOT EXISTS (
    SELECT FROM document_versions WHERE team_id = %(team_id)s AND sha256 = %(sha256)s
    UNION ALL
    SELECT FROM uploads WHERE team_id = %(team_id)s AND sha256 = %(sha256)s
);

-- name: forget
DELETE FROM documents
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s;

-- name: version_state
SELECT d.item_name, d.data_source_id, v.document_id, v.number, v.sha256, v.size_in_bytes,
    v.created_at, d.deleted_at IS NOT NULL,
    EXISTS (
        SELECT FROM document_versions newer
        WHERE newer.document_id = v.document_id AND newer.number > v.number
    )
FROM document_versions v JOIN documents d ON d.id = v.document_id
WHERE v.team_id = %(team_id)s AND v.knowledge_base_id = %(knowledge_base_id)s
    AND v.id = %(version_id)s;

-- name: save_text
INSERT INTO canonical_texts (version_id, parser, team_id, knowledge_base_id, text, parsed)
SELECT v.id, %(parser)s, v.team_id, v.knowledge_base_id, %(text)s, %(parsed)s
FROM document_versions v
WHERE v.team_id = %(team_id)s AND v.knowledge_base_id = %(knowledge_base_id)s
    AND v.id = %(version_id)s
FOR KEY SHARE -- it may be deleted in this very moment
ON CONFLICT (version_id, parser) DO UPDATE SET text = excluded.text, parsed = excluded.parsed;

-- name: parsed
SELECT parsed FROM canonical_texts
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND version_id = %(version_id)s AND parser = %(parser)s;

-- name: lines
SELECT content_hash, line FROM context_lines
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND document_id = %(id)s;

-- name: keep_lines
INSERT INTO context_lines (document_id, content_hash, team_id, knowledge_base_id, line)
SELECT d.id, l.content_hash, d.team_id, d.knowledge_base_id, l.line
FROM documents d,
    unnest(%(content_hashes)s::bytea[], %(lines)s::text[]) AS l (content_hash, line)
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s AND d.id = %(id)s
FOR KEY SHARE OF d
ON CONFLICT (document_id, content_hash) DO UPDATE SET line = excluded.line;

-- name: spans
SELECT substr(t.text, s.start + 1, s.length)
FROM unnest(%(version_ids)s::uuid[], %(starts)s::integer[], %(lengths)s::integer[])
    WITH ORDINALITY AS s (version_id, start, length, number)
LEFT JOIN canonical_texts t ON t.version_id = s.version_id AND t.parser = %(parser)s
    AND t.team_id = %(team_id)s AND t.knowledge_base_id = %(knowledge_base_id)s
ORDER BY s.number;

-- name: text
SELECT substr(t.text, %(start)s + 1, %(length)s)
FROM canonical_texts t
JOIN document_versions v ON v.id = t.version_id
JOIN knowledge_bases k ON k.id = t.knowledge_base_id
JOIN index_versions i ON i.id = k.live_index_version_id AND i.parser = t.parser
WHERE t.team_id = %(team_id)s AND t.knowledge_base_id = %(knowledge_base_id)s
    AND v.document_id = %(id)s AND v.id = %(version_id)s;
