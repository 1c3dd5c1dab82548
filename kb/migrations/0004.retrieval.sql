-- A store is a setting of an index version, so that another one is built beside it and promoted.
ALTER TABLE index_versions
    ADD COLUMN store text NOT NULL DEFAULT 'pgvector',
    -- What its documents are written in, where that is not found out for each.
    ADD COLUMN language text,
    -- What they turned out to be written in; questions are analysed as all of these.
    ADD COLUMN languages text[] NOT NULL DEFAULT '{}';
UPDATE index_versions i SET store = k.store FROM knowledge_bases k WHERE k.id = i.knowledge_base_id;
ALTER TABLE index_versions ALTER store DROP DEFAULT;
ALTER TABLE knowledge_bases DROP COLUMN store;
