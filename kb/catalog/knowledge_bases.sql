-- name: create
INSERT INTO knowledge_bases (
    id, team_id, name, embedding_model, tags, project_id, region, live_index_version_id
) VALUES (
    %(id)s, %(team_id)s, %(name)s, %(embedding_model)s, %(tags)s, %(project_id)s,
    %(region)s, %(index_version_id)s
);

-- name: get
SELECT id, team_id, name, embedding_model, tags, project_id, region, live_index_version_id,
    reranking_enabled, reranking_model, created_at, updated_at
FROM knowledge_bases WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: named
SELECT id, team_id, name, embedding_model, tags, project_id, region, live_index_version_id,
    reranking_enabled, reranking_model, created_at, updated_at
FROM knowledge_bases WHERE team_id = %(team_id)s AND name = %(name)s;

-- name: list
SELECT id, team_id, name, embedding_model, tags, project_id, region, live_index_version_id,
    reranking_enabled, reranking_model, created_at, updated_at
FROM knowledge_bases WHERE team_id = %(team_id)s
ORDER BY created_at, id LIMIT %(limit)s OFFSET %(offset)s;

-- name: count
SELECT count(*) FROM knowledge_bases WHERE team_id = %(team_id)s;

-- name: update
UPDATE knowledge_bases
SET name = coalesce(%(name)s, name), tags = coalesce(%(tags)s, tags),
    project_id = coalesce(%(project_id)s, project_id), updated_at = now()
WHERE team_id = %(team_id)s AND id = %(id)s
RETURNING id, team_id, name, embedding_model, tags, project_id, region, live_index_version_id,
    reranking_enabled, reranking_model, created_at, updated_at;

-- name: set_reranking
UPDATE knowledge_bases
SET reranking_enabled = %(enabled)s, reranking_model = coalesce(%(model)s, reranking_model),
    updated_at = now()
WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: is_reranked
SELECT reranking_enabled FROM knowledge_bases WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: delete
DELETE FROM knowledge_bases WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: create_documents_source
INSERT INTO data_sources (team_id, knowledge_base_id, kind)
VALUES (%(team_id)s, %(id)s, 'documents');
