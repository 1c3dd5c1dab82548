-- What a knowledge base declares of its documents, and what is given with each of them.
ALTER TABLE knowledge_bases ADD COLUMN metadata_schema jsonb NOT NULL DEFAULT '[]';
-- Of the document, not of a version: it changes without new bytes, and new bytes do not change it.
ALTER TABLE documents ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';
-- What a version was indexed with, as the index has it; null until it was.
ALTER TABLE ledger ADD COLUMN metadata jsonb;
