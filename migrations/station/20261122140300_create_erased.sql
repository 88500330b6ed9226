-- Orders of the server to erase personal data that were carried out here; `told` once the server was told so.
CREATE TABLE erased (
    erase_id BLOB PRIMARY KEY CHECK (length(erase_id) = 16),
    entries TEXT NOT NULL,
    at INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
