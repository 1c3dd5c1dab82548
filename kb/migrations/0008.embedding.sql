-- All that makes its vectors what they are, whatever is configured later.
ALTER TABLE index_versions ALTER embedding_model TYPE jsonb USING jsonb_build_object(
    'id', embedding_model, 'name', 'All MiniLM L6 v2', -- there was no other
    'dimensions', 384, 'max_tokens', 256, 'query_prefix', '', 'passage_prefix', ''
);
