-- name: create
INSERT INTO api_keys (team_id, name, prefix, key_hash)
VALUES (%(team_id)s, %(name)s, %(prefix)s, %(key_hash)s)
RETURNING id, name, prefix, created_at, revoked_at;

-- name: list
SELECT id, name, prefix, created_at, revoked_at FROM api_keys
WHERE team_id = %(team_id)s
ORDER BY created_at, id;

-- name: revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())
WHERE team_id = %(team_id)s AND prefix = %(prefix)s
RETURNING id, name, prefix, created_at, revoked_at;

-- name: team_of
-- From here on the transaction sees what the key's team may see.
SELECT team_id, set_config('kb.team_id', team_id::text, true)
FROM api_keys WHERE key_hash = %(key_hash)s AND revoked_at IS NULL;

-- name: create_team
INSERT INTO teams (id, name) VALUES (%(team_id)s, %(name)s) ON CONFLICT DO NOTHING;
