-- Three tables per index version: `{chunks}` with texts and vectors, `{words}` with what words are
-- ranked by, `{terms}` with how many chunks hold each term. So each version has an HNSW graph of its
-- own size, and dropping one is instant and leaves no bloat.
--
-- Row-level security guards no reading of `{words}`: under it PostgreSQL uses no GIN index, because
-- `&&` is not marked leak-proof, and goes through every row instead. It holds numbers and names, no
-- text, and the queries that read it compare the transaction's scope themselves.

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
-- The question's side of BM25 (`bm25.query_weights`), reckoned here to save a round trip, and which
-- chunks to look at. Those that hold one of the rarest terms, as many as together occur in five budgets
-- divided by the number of terms: one of two words makes a good chunk, one of ten hardly. And for what
-- is left of one budget those that hold two terms, of which one is among the next two: the two, and as
-- many commoner ones beside either as keep to it if words fell where they please. To read of a chunk
-- that it holds a term costs a fraction of looking at it. A question of one term has no two. What
-- follows in the same transaction finds all in settings, and goes through no whole table: the planner
-- takes comparing two arrays for as cheap as comparing two numbers. Nor does it wake parallel workers,
-- which takes longer than most searches. Term -1 is in no chunk.
SELECT terms, weights,
    set_config('kb.weights', format('{{%%s}}/1000000000', weights_text), true),
    set_config('kb.rarest', format('{{%%s}}', rarest), true),
    set_config('kb.next', format('{{%%s}}', coalesce(next, '-1')), true),
    set_config('kb.beside', format('{{%%s}}', beside), true),
    set_config('enable_seqscan', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true)
FROM (
    SELECT coalesce(array_agg(term), '{{}}') AS terms, coalesce(array_agg(weight), '{{}}') AS weights,
        string_agg(term + 1 || ':' || weight, ',' ORDER BY term) AS weights_text,
        string_agg(term::text, ',') FILTER (WHERE place <= fitting OR known = 1) AS rarest,
        string_agg(term::text, ',' ORDER BY place) FILTER (
            WHERE place BETWEEN fitting + 1 AND fitting + 2 AND known >= fitting + 2
                AND (fitting = 0 OR cost <= budget - spent)
        ) AS next,
        string_agg(term::text, ',') FILTER (
            WHERE place > fitting + 2 AND cost <= budget - spent
        ) AS beside
    FROM (
        SELECT *, (one * other + (one + other) * (reached - spent - one - other)) / every
            + (reached - spent) / %(listed)s AS cost
        FROM (
            SELECT *, held[fitting + 1]::float8 AS one, held[fitting + 2]::float8 AS other,
                greatest(total, spent + held[fitting + 1] + held[fitting + 2])::float8 AS reached
            FROM (
                SELECT *, count(*) FILTER (WHERE fits) OVER () AS fitting,
                    coalesce(sum(chunks) FILTER (WHERE fits) OVER (), 0)::float8 AS spent
                FROM (
                    SELECT term, chunks, every, budget, count(*) OVER every_term AS known,
                        array_agg(chunks) OVER every_term AS held,
                        row_number() OVER rarest AS place, sum(chunks) OVER rarest AS total,
                        least(sum(chunks) OVER rarest, every) <= 5 * budget / count(*) OVER every_term
                            AS fits,
                        times * ln(1 + (every - chunks + 0.5::float8) / (chunks + 0.5::float8))
                            AS weight
                    FROM unnest(%(asked)s::integer[], %(counts)s::integer[])
                        WITH ORDINALITY AS asked (term, times, number)
                    JOIN {terms} USING (term)
                    CROSS JOIN (
                        SELECT chunks AS every, %(budget)s::integer AS budget
                        FROM {terms}
                        WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
                            AND term = -1
                    ) AS all_chunks
                    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
                        AND chunks > 0
                    WINDOW rarest AS (ORDER BY chunks, number ROWS UNBOUNDED PRECEDING),
                        every_term AS (
                            ORDER BY chunks, number
                            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                        )
                ) AS weighed
            ) AS counted
        ) AS chosen
    ) AS priced
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
-- Where no term is rare and too few chunks hold two of them, those that hold the rarest are looked at.
-- A subquery is reckoned once, what stands beside a column for every row.
WITH looked_at AS MATERIALIZED (
    SELECT id, weights <#> (SELECT current_setting('kb.weights')::sparsevec) AS distance FROM {words}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        AND (
            terms && current_setting('kb.rarest')::integer[]
            OR terms @> current_setting('kb.next')::integer[]
            OR terms && current_setting('kb.next')::integer[]
            AND terms && current_setting('kb.beside')::integer[]
        ) AND {filter}
    ORDER BY distance
    LIMIT %(limit)s
), enough AS MATERIALIZED (
    SELECT count(*) = %(limit)s OR current_setting('kb.rarest') <> '{{}}' AS so FROM looked_at
)
SELECT id, distance FROM looked_at WHERE (SELECT so FROM enough)
UNION ALL
(
    SELECT id, weights <#> (SELECT current_setting('kb.weights')::sparsevec) AS distance FROM {words}
    WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
        AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        AND NOT (SELECT so FROM enough)
        AND terms && (current_setting('kb.next')::integer[])[1:1] AND {filter}
    ORDER BY distance
    LIMIT %(limit)s
)
ORDER BY distance;

-- name: read
-- A search's own scores are taken as they are: each chunk is looked up for the score that its leg
-- left open, which also tells that it is still there, and only the best of them are read.
SELECT id, document_id, version_id, version_number, item_name, ingested_at, source, language,
    metadata, position, text, context, char_start, char_end, parent_start, parent_end, page,
    section_path, category, token_count, semantic, lexical, found
FROM (
    SELECT id, semantic, lexical, count(*) OVER () AS found,
        coalesce(%(semantic)s * semantic, 0) + coalesce(%(lexical)s * lexical, 0) AS score
    FROM (
        SELECT known.id, coalesce(known.semantic, -(c.embedding <#> %(vector)s)) AS semantic,
            coalesce(known.lexical, -(w.weights <#> %(weights)s)) AS lexical
        FROM unnest(%(ids)s::bigint[], %(by_meaning)s::float8[], %(by_words)s::float8[])
            AS known (id, semantic, lexical)
        LEFT JOIN {chunks} c ON c.team_id = %(team_id)s AND c.knowledge_base_id = %(knowledge_base_id)s
            AND c.id = CASE WHEN known.semantic IS NULL OR known.lexical IS NOT NULL THEN known.id END
        LEFT JOIN {words} w ON w.team_id = %(team_id)s AND w.knowledge_base_id = %(knowledge_base_id)s
            AND w.id = CASE WHEN known.lexical IS NULL THEN known.id END
        WHERE (c.id IS NOT NULL OR w.id IS NOT NULL)
            AND kb.scope_team() = %(team_id)s AND kb.scope_knowledge_base() = %(knowledge_base_id)s
        OFFSET 0 -- or each score would be reckoned once more where it is named
    ) AS scored
    ORDER BY score DESC
    FETCH FIRST %(best)s ROWS WITH TIES
) AS best
JOIN {chunks} USING (id)
WHERE team_id = %(team_id)s AND knowledge_base_id = %(knowledge_base_id)s
ORDER BY score DESC, item_name, char_start, id
LIMIT %(best)s;
