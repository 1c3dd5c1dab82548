-- Data sources of every kind, jobs that cover them, a ledger row for every stage, and index
-- versions that are built beside the live one.

DROP INDEX data_sources_knowledge_base_id_idx;
ALTER TABLE data_sources DROP CONSTRAINT data_sources_kind_check;
-- A change of type rewrites the rows of every team; an UPDATE would not reach them.
ALTER TABLE data_sources ALTER COLUMN kind TYPE text
    USING CASE kind WHEN 'file_upload' THEN 'documents' ELSE kind END;
ALTER TABLE data_sources ADD CHECK (
    kind IN ('documents', 'file_upload', 'folder', 'spaces', 'aws', 'web_crawler')
);
-- Documents that are sent one by one share one data source.
CREATE UNIQUE INDEX ON data_sources (knowledge_base_id) WHERE kind = 'documents';
ALTER TABLE data_sources
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
    -- Keys to a bucket, encrypted: unlike API keys they must be used, so no hash would do.
    ADD COLUMN credentials bytea,
    ADD COLUMN deleted_at timestamptz;

-- What a sync remembers of each item of a source, and the document that it became.
CREATE TABLE source_items (
    data_source_id uuid NOT NULL REFERENCES data_sources ON DELETE CASCADE,
    key text NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    memory jsonb NOT NULL,
    PRIMARY KEY (data_source_id, key)
);
CREATE INDEX ON source_items (document_id);

-- Data sources that are cut otherwise than the rest of their index version.
CREATE TABLE source_chunking (
    index_version_id uuid NOT NULL REFERENCES index_versions ON DELETE CASCADE,
    data_source_id uuid NOT NULL REFERENCES data_sources ON DELETE CASCADE,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    chunking jsonb NOT NULL,
    PRIMARY KEY (index_version_id, data_source_id)
);

-- One that replaces the live index version by itself as soon as it holds every document.
ALTER TABLE index_versions
    ADD COLUMN promote_when_ready boolean NOT NULL DEFAULT false,
    -- Rolling back goes to the one that was promoted before the live one. Those that are there
    -- already are live ones; later ones get their time when they are promoted.
    ADD COLUMN promoted_at timestamptz DEFAULT now();
ALTER TABLE index_versions ALTER COLUMN promoted_at DROP DEFAULT;

-- A parsed document, compressed: a retry and another index version need not parse it again.
ALTER TABLE canonical_texts ADD COLUMN parsed bytea;

DROP INDEX indexing_jobs_knowledge_base_id_idx;
ALTER TABLE indexing_jobs
    ADD COLUMN kind text NOT NULL DEFAULT 'documents'
        CHECK (kind IN ('documents', 'sources', 'index_version')),
    -- Whose progress it tells; documents go into every other kept index version as well.
    ADD COLUMN index_version_id uuid REFERENCES index_versions ON DELETE SET NULL,
    -- Jobs over the sources of one knowledge base wait for each other: set when its turn came.
    ADD COLUMN queued_at timestamptz,
    ADD COLUMN cancelled_at timestamptz;
-- Documents that are sent while a job is open join it.
CREATE UNIQUE INDEX ON indexing_jobs (knowledge_base_id)
    WHERE finished_at IS NULL AND kind = 'documents';
CREATE INDEX ON indexing_jobs (team_id, created_at DESC);
CREATE INDEX ON indexing_jobs (knowledge_base_id, created_at DESC);

-- How a job fares with each of its data sources.
CREATE TABLE job_sources (
    job_id uuid NOT NULL REFERENCES indexing_jobs ON DELETE CASCADE,
    data_source_id uuid NOT NULL REFERENCES data_sources ON DELETE CASCADE,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'read', 'failed', 'cancelled')),
    started_at timestamptz,
    finished_at timestamptz,
    unchanged integer NOT NULL DEFAULT 0,
    removed integer NOT NULL DEFAULT 0,
    error_code text,
    error text,
    PRIMARY KEY (job_id, data_source_id),
    CHECK ((status = 'failed') = (error_code IS NOT NULL))
);

-- What became of the items of a job's sources that got no further than the source.
CREATE TABLE job_items (
    job_id uuid NOT NULL REFERENCES indexing_jobs ON DELETE CASCADE,
    data_source_id uuid NOT NULL REFERENCES data_sources ON DELETE CASCADE,
    key text NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('failed', 'skipped', 'removed')),
    error_code text,
    error text,
    -- What is no document any longer was skipped, and its document removed.
    PRIMARY KEY (job_id, data_source_id, key, outcome)
);

-- What became of the documents of a job that has ended. Their ledger rows go on to later jobs.
CREATE TABLE job_documents (
    job_id uuid NOT NULL REFERENCES indexing_jobs ON DELETE CASCADE,
    version_id uuid NOT NULL,
    data_source_id uuid NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    item_name text NOT NULL,
    version integer NOT NULL,
    size_in_bytes bigint NOT NULL,
    status text NOT NULL,
    stage text,
    attempts integer NOT NULL,
    pages integer,
    chunks integer,
    embedded_chunks integer,
    tokens bigint,
    duration_ms bigint,
    error_code text,
    error text,
    notes text[] NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (job_id, version_id)
);

ALTER TABLE ledger DROP CONSTRAINT ledger_status_check;
ALTER TABLE ledger ADD CHECK (
    status IN ('pending', 'running', 'indexed', 'failed', 'superseded', 'cancelled')
);
ALTER TABLE ledger DROP CONSTRAINT ledger_stage_check;
ALTER TABLE ledger ADD CHECK (stage IN ('fetch', 'parse', 'chunk', 'embed', 'write'));
-- What the parser could not read, such as scanned pages.
ALTER TABLE ledger ADD COLUMN notes text[] NOT NULL DEFAULT '{}';
-- How far ahead of others a document is queued depends on how many of its team's wait already.
CREATE INDEX ON ledger (team_id) WHERE status = 'pending';

-- What each stage of indexing a document version took. Of several attempts the last.
CREATE TABLE ledger_stages (
    index_version_id uuid NOT NULL,
    version_id uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN ('fetch', 'parse', 'chunk', 'embed', 'write')),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    bytes bigint,
    tokens bigint,
    error_code text,
    error text,
    PRIMARY KEY (index_version_id, version_id, stage),
    FOREIGN KEY (index_version_id, version_id) REFERENCES ledger ON DELETE CASCADE
);

-- The documents of jobs as the ledger has them now.
CREATE VIEW ledger_documents WITH (security_invoker) AS
SELECT l.job_id, l.version_id, d.data_source_id, l.team_id, l.knowledge_base_id, d.item_name,
    v.number AS version, v.size_in_bytes, l.status, l.stage, l.attempts, l.pages, l.chunks,
    l.embedded_chunks, l.tokens,
    (SELECT sum(s.duration_ms) FROM ledger_stages s
        WHERE s.index_version_id = l.index_version_id AND s.version_id = l.version_id
    ) AS duration_ms,
    l.error_code, l.error, l.notes, l.finished_at
FROM ledger l
JOIN indexing_jobs j ON j.id = l.job_id
    AND (j.index_version_id IS NULL OR l.index_version_id = j.index_version_id)
JOIN document_versions v ON v.id = l.version_id
JOIN documents d ON d.id = v.document_id;

-- The documents of any job.
CREATE VIEW job_outcomes WITH (security_invoker) AS
SELECT * FROM job_documents
UNION ALL
SELECT n.* FROM ledger_documents n
JOIN indexing_jobs j ON j.id = n.job_id AND j.finished_at IS NULL;

-- Vectors of a document under way: a worker that dies over a large one loses a minute's work.
CREATE TABLE vectors_under_way (
    index_version_id uuid NOT NULL REFERENCES index_versions ON DELETE CASCADE,
    version_id uuid NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    content_hash bytea NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    vector bytea NOT NULL,
    PRIMARY KEY (index_version_id, version_id, content_hash)
);

-- What a language model said of a document's chunks: worded anew, a line would cost a vector too.
CREATE TABLE context_lines (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    content_hash bytea NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (document_id, content_hash)
);

-- Bytes that failed: after three times nobody tries them again, under whatever name they come.
CREATE TABLE failed_contents (
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    parser text NOT NULL,
    failures integer NOT NULL,
    error_code text NOT NULL,
    error text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team_id, sha256, parser)
);

-- When a knowledge base's sources are indexed again.
CREATE TABLE schedules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    days integer[] NOT NULL CHECK (days <@ '{1,2,3,4,5,6,7}' AND cardinality(days) > 0),
    "time" time NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_ran_at timestamptz,
    next_run_at timestamptz NOT NULL,
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    -- At most one a knowledge base, as DigitalOcean has it.
    UNIQUE (knowledge_base_id)
);

-- Bytes that came to a presigned URL and wait for the data source that will name them.
CREATE TABLE uploads (
    object_key text PRIMARY KEY,
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    file_name text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    size_in_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON uploads (team_id, sha256);

ALTER TABLE source_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_items FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON source_items USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE source_chunking ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_chunking FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON source_chunking USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE job_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_sources FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON job_sources USING (team_id = scope_team());

ALTER TABLE job_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_items FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON job_items USING (team_id = scope_team());

ALTER TABLE job_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON job_documents USING (team_id = scope_team());

ALTER TABLE ledger_stages ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_stages FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON ledger_stages USING (team_id = scope_team());

ALTER TABLE vectors_under_way ENABLE ROW LEVEL SECURITY;
ALTER TABLE vectors_under_way FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON vectors_under_way USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE context_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE context_lines FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON context_lines USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE failed_contents ENABLE ROW LEVEL SECURITY;
ALTER TABLE failed_contents FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON failed_contents USING (team_id = scope_team());

ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON schedules USING (team_id = scope_team());

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON uploads USING (team_id = scope_team());
