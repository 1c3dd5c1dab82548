-- Whether the answers of a knowledge base are reranked where a query says nothing of it.
ALTER TABLE knowledge_bases
    ADD COLUMN reranking_enabled boolean NOT NULL DEFAULT false,
    -- Stays when it is switched off, as DigitalOcean has it.
    ADD COLUMN reranking_model text,
    -- What is switched on says by which model.
    ADD CHECK (NOT reranking_enabled OR reranking_model IS NOT NULL);
