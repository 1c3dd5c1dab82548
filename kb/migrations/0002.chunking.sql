-- An index version keeps all that its chunks were cut by, not only their size. A change of type
-- rewrites the rows of every team, which an UPDATE under row-level security would not reach.
ALTER TABLE index_versions ALTER COLUMN max_chunk_size TYPE jsonb USING jsonb_build_object(
    'strategy', 'section',
    'max_chunk_size', max_chunk_size,
    'parent_chunk_size', NULL,
    'semantic_threshold', NULL,
    'overlap', 0
);
ALTER TABLE index_versions RENAME COLUMN max_chunk_size TO chunking;

-- Where the larger chunk around a chunk begins and ends.
DO $$
DECLARE
    chunks regclass;
BEGIN
    FOR chunks IN
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'kb' AND c.relkind = 'r' AND c.relname ~ '^chunks_[0-9a-f]{32}$'
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ADD COLUMN parent_start integer, ADD COLUMN parent_end integer', chunks
        );
    END LOOP;
END
$$;
