-- Three tables per index version: `{chunks}` with texts and vectors, `{words}` with what words are
-- ranked by, `{terms}` with how many chunks hold each term. So each version has an HNSW graph of its
-- own size, and dropping one is instant and leaves no bloat.
--
-- Row-level security guards no reading of `{words}`: under it PostgreSQL uses no GIN index, because
-- `&&` is not marked leak-proof, and goes through every row instead. It holds numbers and names, no
-- text, and the query that reads it compares the transaction's scope itself.

-- name: create
CREATE TABLE {chunks} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    version_number integer NOT NULL,
    item_name text NOT NULL,
    ingested_at timestamptz NOT NULL,
    position integer NOT NULL,
    text text NOT NULL,
    context text NOT NULL,
    char_start integer NOT NULL,
    char_end integer NOT NULL,
    parent_start integer,
    parent_end integer,
    page integer,
    section_path text[] NOT NULL,
    category text NOT NULL,
    token_count integer NOT NULL,
    source text NOT NULL,
    -- Its titles as one text, to be filtered by.
    section text NOT NULL,
    language text NOT NULL,
    metadata jsonb NOT NULL,
    content_hash bytea NOT NULL,
    embedding {column} NOT NULL,
    -- The index belongs to one scope: a row of another can never enter it.
    CHECK (team_id = {team_id} AND knowledge_base_id = {knowledge_base_id}),
    -- The same chunk twice would be counted twice and returned twice.
    UNIQUE (version_id, position),
    UNIQUE (document_id, position)
);
CREATE INDEX ON {chunks} USING hnsw ({indexed}) WITH (m = 16, ef_construction = 64);

CREATE TABLE {words} (
    id bigint PRIMARY KEY REFERENCES {chunks} ON DELETE CASCADE,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    item_name text NOT NULL,
    ingested_at timestamptz NOT NULL,
    page integer,
    category text NOT NULL,
    source text NOT NULL,
    section text NOT NULL,
    metadata jsonb NOT NULL,
    terms integer[] NOT NULL,
    weights sparsevec(1000000000) NOT NULL,
    CHECK (team_id = {team_id} AND knowledge_base_id = {knowledge_base_id})
);
-- Ranking reads the weights of thousands of rows, so they stay in the row; the terms move out first.
ALTER TABLE {words} ALTER weights SET STORAGE MAIN;
CREATE INDEX ON {words} USING gin (terms) WITH (gin_pending_list_limit = 512);
-- Only here: under row-level security `@>` would not use it, either.
CREATE INDEX ON {words} USING gin (metadata jsonb_path_ops);

CREATE TABLE {terms} (
    term integer PRIMARY KEY,
    team_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    chunks integer NOT NULL,
    CHECK (team_id = {team_id} AND knowledge_base_id = {knowledge_base_id})
) WITH (fillfactor = 80);
-- The pseudo-term whose frequency is the number of chunks, and the sign of whose index this is.
INSERT INTO {terms} (term, team_id, knowledge_base_id, chunks)
VALUES (-1, {team_id}, {knowledge_base_id}, 0);

ALTER TABLE {chunks} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {chunks} FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON {chunks} USING (
    team_id = kb.scope_team() AND knowledge_base_id = kb.scope_knowledge_base()
);
ALTER TABLE {terms} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {terms} FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON {terms} USING (
    team_id = kb.scope_team() AND knowledge_base_id = kb.scope_knowledge_base()
);
ALTER TABLE {words} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {words} FORCE ROW LEVEL SECURITY;
CREATE POLICY reading ON {words} FOR SELECT USING (true);
CREATE POLICY adding ON {words} FOR INSERT WITH CHECK (
    team_id = kb.scope_team() AND knowledge_base_id = kb.scope_knowledge_base()
);
CREATE POLICY changing ON {words} FOR UPDATE USING (
    team_id = kb.scope_team() AND knowledge_base_id = kb.scope_knowledge_base()
);
CREATE POLICY removing ON {words} FOR DELETE USING (
    team_id = kb.scope_team() AND knowledge_base_id = kb.scope_knowledge_base()
);

-- name: drop
-- In the order in which queries read them, or the two could wait for each other for ever.
DROP TABLE {terms}, {words}, {chunks};

-- name: exists
SELECT to_regclass({name}) IS NOT NULL;

-- name: lock
-- One writer at a time keeps document frequencies exact, without deadlocks between their rows.
SELECT pg_advisory_xact_lock(hashtextextended({name}, 0));

-- name: forget
WITH forgotten AS (
    DELETE FROM {chunks}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND document_id = %(document_id)s
    RETURNING id
)
SELECT terms FROM {words} JOIN forgotten USING (id);

-- name: insert
WITH chunk AS (
    INSERT INTO {chunks} (
        team_id, knowledge_base_id, document_id, version_id, version_number, item_name,
        ingested_at, position, text, context, char_start, char_end, parent_start, parent_end, page,
        section_path, category, token_count, source, section, language, metadata, content_hash,
        embedding
    ) VALUES (
        %(team_id)s, %(knowledge_base_id)s, %(document_id)s, %(version_id)s, %(version_number)s,
        %(item_name)s, %(ingested_at)s, %(position)s, %(text)s, %(context)s, %(char_start)s,
        %(char_end)s, %(parent_start)s, %(parent_end)s, %(page)s, %(section_path)s, %(category)s,
        %(token_count)s, %(source)s, %(section)s, %(language)s, %(metadata)s, %(content_hash)s,
        %(embedding)s
    )
    RETURNING id, team_id, knowledge_base_id, item_name, ingested_at, page, category, source,
        section, metadata
)
INSERT INTO {words} (
    id, team_id, knowledge_base_id, item_name, ingested_at, page, category, source, section,
    metadata, terms, weights
)
SELECT chunk.*, %(terms)s::integer[], %(weights)s::sparsevec FROM chunk;

-- name: add_frequencies
INSERT INTO {terms} AS t (team_id, knowledge_base_id, term, chunks)
SELECT %(team_id)s, %(knowledge_base_id)s, term, delta
FROM unnest(%(terms)s::integer[], %(deltas)s::integer[]) AS d (term, delta)
ON CONFLICT (term) DO UPDATE SET chunks = t.chunks + excluded.chunks;

-- name: vectors
SELECT content_hash, embedding FROM {chunks}
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
    AND document_id = %(document_id)s;

-- name: documents
SELECT document_id, version_id, version_number, item_name, ingested_at, source, language, metadata,
    count(*)
FROM {chunks}
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
GROUP BY document_id, version_id, version_number, item_name, ingested_at, source, language, metadata
ORDER BY item_name, document_id;

-- name: spans
SELECT w.number, c.position, c.char_start, c.char_end, c.section_path
FROM unnest(%(versions)s::uuid[], %(firsts)s::integer[], %(lasts)s::integer[])
    WITH ORDINALITY AS w (version_id, first, last, number)
JOIN {chunks} c ON c.version_id = w.version_id AND c.position BETWEEN w.first AND w.last
WHERE c.team_id = %(team_id)s AND c.knowledge_base_id = %(knowledge_base_id)s
ORDER BY w.number, c.position;

-- name: count
SELECT coalesce(sum(chunks), 0) FROM {terms}
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND term = -1;

-- name: is_ours
SELECT true FROM {terms}
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND term = -1;

-- name: weigh
-- The question's side of BM25 (`bm25.query_weights`), reckoned here to save a round trip, and the rarest
-- terms: as many as together occur in the budget's number of chunks, and at least one. Where even that
-- one occurs in more, others to be held beside it, as many as keep to the budget if words fell where
-- they please. What follows in the same transaction finds all in settings, and goes
-- through no whole table: the planner takes comparing two arrays for as cheap as comparing two numbers.
SELECT terms, weights,
    set_config('kb.weights', format('{{%%s}}/1000000000', weights_text), true),
    set_config('kb.rarest', format('{{%%s}}', rarest), true),
    set_config('kb.beside', format('{{%%s}}', beside), true), set_config('enable_seqscan', 'off', true)
FROM (
    SELECT coalesce(array_agg(term), '{{}}') AS terms, coalesce(array_agg(weight), '{{}}') AS weights,
        string_agg(term + 1 || ':' || weight, ',' ORDER BY term) AS weights_text,
        string_agg(term::text, ',') FILTER (WHERE place = 1 OR total <= budget) AS rarest,
        string_agg(term::text, ',') FILTER (WHERE place > 1 AND fewest > budget AND
            (place = 2 OR fewest::float8 * (total - fewest) <= budget::float8 * every)) AS beside
    FROM (
        SELECT term, row_number() OVER rarest AS place, sum(chunks) OVER rarest AS total,
            first_value(chunks) OVER rarest AS fewest, every,
            least(%(most_budget)s, greatest(%(least_budget)s, every / 5)) AS budget,
            times * ln(1 + (every - chunks + 0.5::float8) / (chunks + 0.5::float8)) AS weight
        FROM unnest(%(asked)s::integer[], %(counts)s::integer[])
            WITH ORDINALITY AS asked (term, times, number)
        JOIN {terms} USING (term)
        CROSS JOIN (
            SELECT chunks AS every FROM {terms}
            WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND term = -1
        ) AS all_chunks
        WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND chunks > 0
        WINDOW rarest AS (ORDER BY chunks, number ROWS UNBOUNDED PRECEDING)
    ) AS weighed
) AS question;

-- name: search_semantic_by_graph
SELECT id, embedding <#> (SELECT vector FROM asked) AS distance FROM {chunks}
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND {filter}
ORDER BY distance
LIMIT {limit};

-- name: search_semantic_by_bits
SELECT id, embedding <#> (SELECT vector FROM asked) AS distance
FROM (
    SELECT id, embedding FROM {chunks}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s AND {filter}
    ORDER BY binary_quantize(embedding)::bit({dimensions})
        <~> (SELECT binary_quantize(vector) FROM asked)
    LIMIT {rescored}
) AS roughly
ORDER BY distance
LIMIT {limit};

-- name: all_chunks
(SELECT chunks FROM {terms} WHERE team_id = %(team_id)s
    AND knowledge_base_id = %(knowledge_base_id)s AND term = -1)

-- name: search_semantic
-- What passes the filter is looked at first, and ranked exactly if it is few chunks: among the
-- nearest neighbours there may be none of them for a long way, and to some of a small index, or of
-- one full of repeats, no way of the graph leads.
WITH asked AS MATERIALIZED (SELECT %(vector)s::{column} AS vector), few AS MATERIALIZED (
    SELECT id FROM {words}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        AND {few}
    LIMIT {most} + 1
)
(
    SELECT id, distance
    FROM (
        SELECT id, embedding <#> (SELECT vector FROM asked) AS distance FROM {chunks}
        WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
            AND (SELECT count(*) FROM few) <= {most} AND id = ANY(ARRAY(SELECT id FROM few))
        OFFSET 0 -- or the graph could be taken after all
    ) AS exactly
    ORDER BY distance
    LIMIT {limit}
)
UNION ALL
({by_graph});

-- name: search_lexical
-- Chunks that hold another word beside the rarest are all that is looked at where there are enough of
-- them. A subquery is reckoned once, what stands beside a column for every row.
WITH paired AS MATERIALIZED (
    SELECT id, weights <#> (SELECT current_setting('kb.weights')::sparsevec) AS distance FROM {words}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        AND terms && current_setting('kb.rarest')::integer[]
        AND terms && current_setting('kb.beside')::integer[] AND {filter}
    ORDER BY distance
    LIMIT %(limit)s
)
SELECT id, distance FROM paired WHERE (SELECT count(*) FROM paired) = %(limit)s
UNION ALL
(
    SELECT id, weights <#> (SELECT current_setting('kb.weights')::sparsevec) AS distance FROM {words}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        AND (SELECT count(*) FROM paired) < %(limit)s
        AND terms && current_setting('kb.rarest')::integer[] AND {filter}
    ORDER BY distance
    LIMIT %(limit)s
)
ORDER BY distance;

-- name: read
SELECT id, document_id, version_id, version_number, item_name, ingested_at, source, language,
    metadata, position, text, context, char_start, char_end, parent_start, parent_end, page,
    section_path, category, token_count, semantic, lexical, found
FROM (
    SELECT c.*, -(c.embedding <#> %(vector)s) AS semantic, -(w.weights <#> %(weights)s) AS lexical,
        count(*) OVER () AS found
    FROM {words} w JOIN {chunks} c USING (id)
    WHERE c.team_id = %(team_id)s AND c.knowledge_base_id = %(knowledge_base_id)s
        AND w.id = ANY(%(ids)s::bigint[])
    OFFSET 0 -- or each score would be reckoned once more where it is named
) AS scored
ORDER BY coalesce(%(semantic)s * semantic, 0) + coalesce(%(lexical)s * lexical, 0) DESC, item_name,
    char_start, id
LIMIT %(best)s;
