-- name: enter
WITH former AS (
    SELECT sha256 FROM uploads WHERE team_id = %(team_id)s AND object_key = %(object_key)s
)
INSERT INTO uploads (object_key, team_id, file_name, sha256, size_in_bytes)
VALUES (%(object_key)s, %(team_id)s, %(file_name)s, %(sha256)s, %(size_in_bytes)s)
ON CONFLICT (object_key) DO UPDATE
SET sha256 = excluded.sha256, size_in_bytes = excluded.size_in_bytes, created_at = now()
RETURNING (SELECT sha256 FROM former);

-- name: get
SELECT object_key, file_name, sha256, size_in_bytes FROM uploads
WHERE team_id = %(team_id)s AND object_key = %(object_key)s;

-- name: forget
DELETE FROM uploads WHERE team_id = %(team_id)s AND object_key = %(object_key)s;

-- name: forget_stale
DELETE FROM uploads WHERE team_id = %(team_id)s AND created_at < now() - interval '1 day'
RETURNING sha256;
