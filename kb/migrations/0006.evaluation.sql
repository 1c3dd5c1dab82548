-- Questions with what answers them, runs of them through an index version, and how each fared.

CREATE TABLE evaluation_datasets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    name text NOT NULL,
    -- With their gold found in the documents: quotes beside spans.
    questions jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    -- People name a dataset by its name.
    UNIQUE (knowledge_base_id, name),
    -- Lets a run prove that its dataset is of its knowledge base.
    UNIQUE (knowledge_base_id, id)
);

CREATE TABLE evaluation_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    -- Its number and settings are kept for when it is discarded.
    index_version_id uuid REFERENCES index_versions ON DELETE SET NULL,
    index_version_number integer NOT NULL,
    index_settings jsonb NOT NULL,
    -- How the questions are asked: all of a query but its text.
    query jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'done', 'failed')),
    questions integer NOT NULL,
    asked integer NOT NULL DEFAULT 0,
    -- Those whose gold is no longer in the documents.
    skipped integer NOT NULL DEFAULT 0,
    -- Those for which a reranker or language model failed, so that they were answered without.
    degraded integer NOT NULL DEFAULT 0,
    -- Unlike jsonb, json keeps figures in the order that people read them in.
    metrics json NOT NULL DEFAULT '{}',
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (knowledge_base_id, dataset_id)
        REFERENCES evaluation_datasets (knowledge_base_id, id) ON DELETE CASCADE,
    CHECK ((status = 'failed') = (error IS NOT NULL))
);
CREATE INDEX ON evaluation_runs (knowledge_base_id, created_at DESC);
CREATE INDEX ON evaluation_runs (dataset_id, created_at DESC);

CREATE TABLE evaluation_results (
    run_id uuid NOT NULL REFERENCES evaluation_runs ON DELETE CASCADE,
    -- The question's place in the dataset, from 1.
    number integer NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    result json NOT NULL,
    PRIMARY KEY (run_id, number)
);

ALTER TABLE evaluation_datasets ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_datasets FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON evaluation_datasets USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

-- A run holds no text of a document, and is looked up by its id alone.
ALTER TABLE evaluation_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON evaluation_runs USING (team_id = scope_team());

ALTER TABLE evaluation_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_results FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON evaluation_results USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);
