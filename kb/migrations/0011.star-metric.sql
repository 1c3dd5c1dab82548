-- What a knowledge base's evaluation runs are judged by; without a row, by the usual metric.
CREATE TABLE star_metrics (
    knowledge_base_id uuid PRIMARY KEY,
    team_id uuid NOT NULL,
    name text NOT NULL,
    -- The least of it that is good enough, or of a cost the most; null where none is set.
    success_threshold double precision,
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE
);

ALTER TABLE star_metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE star_metrics FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON star_metrics USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);
