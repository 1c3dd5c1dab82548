-- name: set
INSERT INTO schedules (team_id, knowledge_base_id, days, "time", next_run_at)
VALUES (%(team_id)s, %(knowledge_base_id)s, %(days)s, %(time)s, %(next_run_at)s)
ON CONFLICT (knowledge_base_id) DO UPDATE
SET days = excluded.days, "time" = excluded."time", next_run_at = excluded.next_run_at,
    is_active = true, updated_at = now()
RETURNING *;

-- name: of
SELECT * FROM schedules
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s;

-- name: get
SELECT * FROM schedules WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: ran
UPDATE schedules SET last_ran_at = now(), next_run_at = %(next_run_at)s
WHERE team_id = %(team_id)s AND id = %(id)s;

-- name: delete
DELETE FROM schedules WHERE team_id = %(team_id)s AND id = %(id)s;
