-- How many bytes a number of a vector takes, and whether the search graph holds single bits.
ALTER TABLE index_versions ADD COLUMN vector_storage text NOT NULL DEFAULT 'half'
    CHECK (vector_storage IN ('float', 'half', 'binary'));
ALTER TABLE index_versions ALTER vector_storage DROP DEFAULT;
