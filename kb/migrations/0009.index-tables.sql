-- The tables of an index version follow what `retrieval/stores/pgvector.sql` creates. Row-level
-- security would hide their rows from an UPDATE of every team, so it is lifted until they are filled.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE index_versions NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    index_id text;
    chunks regclass;
    words regclass;
BEGIN
    FOR index_id IN
        SELECT substr(c.relname, 8) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'kb' AND c.relkind = 'r' AND c.relname ~ '^chunks_[0-9a-f]{32}$'
            AND NOT EXISTS (
                SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'metadata'
            )
    LOOP
        chunks := format('kb.%I', 'chunks_' || index_id);
        words := format('kb.%I', 'words_' || index_id);
        EXECUTE format(
            'ALTER TABLE %s NO FORCE ROW LEVEL SECURITY,'
            ' ADD COLUMN source text, ADD COLUMN section text,'
            ' ADD COLUMN language text NOT NULL DEFAULT ''en'','
            ' ADD COLUMN metadata jsonb NOT NULL DEFAULT ''{}''', chunks
        );
        EXECUTE format(
            'ALTER TABLE %s NO FORCE ROW LEVEL SECURITY,'
            ' ADD COLUMN source text, ADD COLUMN section text,'
            ' ADD COLUMN metadata jsonb NOT NULL DEFAULT ''{}''', words
        );
        EXECUTE format(
            'UPDATE %s c SET section = array_to_string(section_path, '' > ''),'
            ' source = coalesce('
            '(SELECT data_source_id::text FROM documents d WHERE d.id = c.document_id), '''')', chunks
        );
        EXECUTE format(
            'UPDATE %s w SET section = c.section, source = c.source FROM %s c WHERE c.id = w.id',
            words, chunks
        );
        EXECUTE format(
            'ALTER TABLE %s FORCE ROW LEVEL SECURITY, ADD UNIQUE (version_id, position),'
            ' ALTER source SET NOT NULL, ALTER section SET NOT NULL,'
            ' ALTER language DROP DEFAULT, ALTER metadata DROP DEFAULT', chunks
        );
        EXECUTE format(
            'ALTER TABLE %s FORCE ROW LEVEL SECURITY,'
            ' ALTER source SET NOT NULL, ALTER section SET NOT NULL, ALTER metadata DROP DEFAULT',
            words
        );
        EXECUTE format('CREATE INDEX ON %s USING gin (metadata jsonb_path_ops)', words);
        -- Until now every text was read as English.
        UPDATE index_versions SET languages = '{en}' WHERE id = index_id::uuid;
    END LOOP;
END
$$;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE index_versions FORCE ROW LEVEL SECURITY;
