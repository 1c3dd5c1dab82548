-- name: create
INSERT INTO data_sources (id, team_id, knowledge_base_id, kind, settings, credentials)
VALUES (
    %(id)s, %(team_id)s, %(knowledge_base_id)s, %(kind)s, %(settings)s, %(credentials)s
);

-- name: list
SELECT s.id, s.knowledge_base_id, s.kind, s.settings, s.credentials, s.created_at, s.updated_at
FROM data_sources s
WHERE s.team_id = %(team_id)s AND s.knowledge_base_id = %(knowledge_base_id)s
    AND s.deleted_at IS NULL AND (%(id)s::uuid IS NULL OR s.id = %(id)s)
    -- The one for documents that are sent shows once there are any.
    AND (s.kind <> 'documents' OR %(id)s::uuid IS NOT NULL OR EXISTS (
        SELECT FROM documents d WHERE d.data_source_id = s.id AND d.deleted_at IS NULL
    ))
ORDER BY s.created_at, s.id;

-- name: of_sent_documents
SELECT id FROM data_sources
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND kind = 'documents';

-- name: touch
UPDATE data_sources SET updated_at = now()
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s;

-- name: hold
SELECT id FROM data_sources
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s
    AND deleted_at IS NULL
FOR SHARE;

-- name: mark_deleted
UPDATE data_sources SET deleted_at = now()
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s
    AND deleted_at IS NULL AND kind <> 'documents';

-- name: forget
DELETE FROM data_sources
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND id = %(id)s
    AND deleted_at IS NOT NULL;

-- name: items
SELECT key, memory FROM source_items
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND data_source_id = %(id)s;

-- name: remember
INSERT INTO source_items (
    data_source_id, key, team_id, knowledge_base_id, document_id, memory
) VALUES (
    %(id)s, %(key)s, %(team_id)s, %(knowledge_base_id)s, %(document_id)s, %(memory)s
)
ON CONFLICT (data_source_id, key) DO UPDATE
SET document_id = excluded.document_id, memory = excluded.memory;

-- name: forget_items
DELETE FROM source_items
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND data_source_id = %(id)s AND key = ANY(%(keys)s);

-- name: without_item
SELECT d.id, d.item_name FROM documents d
WHERE d.team_id = %(team_id)s AND d.knowledge_base_id = %(knowledge_base_id)s
    AND d.data_source_id = %(id)s AND d.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM source_items i WHERE i.document_id = d.id);
