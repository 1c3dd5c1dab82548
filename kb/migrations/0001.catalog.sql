-- The catalog: who owns what, and what happened to it. The chunks themselves live in a store.

-- What the current transaction may touch; see retrieval/postgres.py. Unset means nothing.
CREATE FUNCTION scope_team() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('kb.team_id', true), '')::uuid;
CREATE FUNCTION scope_knowledge_base() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('kb.knowledge_base_id', true), '')::uuid;

CREATE TABLE teams (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    name text NOT NULL,
    -- The first characters, so that people can tell their keys apart.
    prefix text NOT NULL,
    -- SHA-256 of 256 random bits: the key itself is kept nowhere, and guessing it is hopeless.
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE TABLE knowledge_bases (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    name text NOT NULL,
    embedding_model text NOT NULL,
    store text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    project_id text NOT NULL DEFAULT '',
    region text NOT NULL DEFAULT '',
    -- Flipping this pointer is all that promoting an index version takes.
    live_index_version_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- People and the command line name a knowledge base by its name.
    UNIQUE (team_id, name),
    -- Lets rows below prove that their knowledge base belongs to their team.
    UNIQUE (team_id, id)
);

CREATE TABLE index_versions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    number integer NOT NULL,
    parser text NOT NULL,
    embedding_model text NOT NULL,
    max_chunk_size integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    UNIQUE (knowledge_base_id, number),
    UNIQUE (knowledge_base_id, id)
);

-- A knowledge base can only be answered from an index of its own.
ALTER TABLE knowledge_bases ADD FOREIGN KEY (id, live_index_version_id)
    REFERENCES index_versions (knowledge_base_id, id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE data_sources (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('file_upload')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    UNIQUE (knowledge_base_id, id)
);
-- Files sent one by one share one data source.
CREATE UNIQUE INDEX ON data_sources (knowledge_base_id) WHERE kind = 'file_upload';

CREATE TABLE documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    data_source_id uuid NOT NULL,
    item_name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Set before its chunks are removed, so that a worker busy with it removes them again.
    deleted_at timestamptz,
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (knowledge_base_id, data_source_id) REFERENCES data_sources (knowledge_base_id, id)
        ON DELETE CASCADE,
    UNIQUE (knowledge_base_id, id)
);
-- Sending a file again makes a new version of the same document.
CREATE UNIQUE INDEX ON documents (data_source_id, item_name) WHERE deleted_at IS NULL;

CREATE TABLE document_versions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    size_in_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (knowledge_base_id, document_id) REFERENCES documents (knowledge_base_id, id)
        ON DELETE CASCADE,
    UNIQUE (document_id, number)
);

-- What citations point into. Another version of the parsers may read the same bytes otherwise.
CREATE TABLE canonical_texts (
    version_id uuid NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    parser text NOT NULL,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (version_id, parser)
);

CREATE TABLE indexing_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    FOREIGN KEY (team_id, knowledge_base_id) REFERENCES knowledge_bases (team_id, id)
        ON DELETE CASCADE
);
-- Documents that arrive while a job is open join it.
CREATE UNIQUE INDEX ON indexing_jobs (knowledge_base_id) WHERE finished_at IS NULL;

-- What became of each document version in each index version. The queue only says "look here".
CREATE TABLE ledger (
    index_version_id uuid NOT NULL REFERENCES index_versions ON DELETE CASCADE,
    version_id uuid NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    job_id uuid NOT NULL REFERENCES indexing_jobs ON DELETE CASCADE,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'indexed', 'failed', 'superseded')),
    stage text CHECK (stage IN ('parse', 'chunk', 'embed', 'write')),
    attempts integer NOT NULL DEFAULT 0,
    error_code text,
    error text,
    pages integer,
    chunks integer,
    tokens bigint,
    embedded_chunks integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (index_version_id, version_id),
    -- A failure says why, and nothing else claims to have failed.
    CHECK ((status = 'failed') = (error_code IS NOT NULL))
);
CREATE INDEX ON ledger (job_id, status);
CREATE INDEX ON ledger (version_id);
CREATE INDEX ON document_versions (document_id, number DESC);
CREATE INDEX ON document_versions (team_id, sha256);
CREATE INDEX ON documents (knowledge_base_id, created_at);

-- The second lock behind Scope: with it forced, even the tables' owner sees one scope only.
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON teams USING (id = scope_team());

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON api_keys USING (team_id = scope_team());
-- Whoever presents a key may learn which team it opens, and nothing about other keys.
CREATE POLICY presented ON api_keys FOR SELECT USING (
    key_hash = decode(nullif(current_setting('kb.key_hash', true), ''), 'hex')
);

ALTER TABLE knowledge_bases ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_bases FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON knowledge_bases USING (team_id = scope_team());

ALTER TABLE index_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE index_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON index_versions USING (team_id = scope_team());

ALTER TABLE data_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_sources FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON data_sources USING (team_id = scope_team());

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON documents USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE document_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_versions FORCE ROW LEVEL SECURITY;
-- Team-wide, because a blob may be removed only when no knowledge base of the team uses it.
CREATE POLICY scope ON document_versions USING (team_id = scope_team());

ALTER TABLE canonical_texts ENABLE ROW LEVEL SECURITY;
ALTER TABLE canonical_texts FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON canonical_texts USING (
    team_id = scope_team() AND knowledge_base_id = scope_knowledge_base()
);

ALTER TABLE indexing_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE indexing_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON indexing_jobs USING (team_id = scope_team());

ALTER TABLE ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON ledger USING (team_id = scope_team());
