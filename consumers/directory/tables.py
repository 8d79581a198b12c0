"""The tables of the directory, and how the file of the release before becomes one of this."""

# ruff: noqa: S608  (only tables and views of ours)

VERSION = 4

_SEARCHED_VIEWS = """
CREATE VIEW known_contacts AS
    SELECT c.row, c.id, c.source_id, s.name AS source, c.key, c.kind, c.name, c.company,
        c.employer_key, c.country, c.email, c.url, c.active AND s.active AS active, s.priority,
        c.search
    FROM contacts c JOIN sources s ON s.id = c.source_id
    WHERE c.since <= s.edition AND (c.until IS NULL OR c.until > s.edition);
CREATE VIEW known_dossiers AS
    SELECT d.row, d.id, d.source_id, d.key, d.contact_key, d.reference, d.title, d.url, d.active,
        s.edition, d.search
    FROM dossiers d JOIN sources s ON s.id = d.source_id
    WHERE d.since <= s.edition AND (d.until IS NULL OR d.until > s.edition);
"""

# A record may stand in several editions of its source: it is valid from `since` until before
# `until`, and the edition of its source says which one counts. `row` names one such version, `id`
# the record through all of them. What an import writes is therefore unseen until the one row of
# its source changes. An edition below zero: an import that never ended (-1), a removed source (-2).
TABLES = f"""
CREATE TABLE IF NOT EXISTS directory_version (version INTEGER NOT NULL);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    imported_at TEXT,
    edition INTEGER NOT NULL DEFAULT 0,
    unsettled INTEGER NOT NULL DEFAULT 0,
    encoding TEXT NOT NULL DEFAULT ''
);
CREATE TABLE published (
    folder TEXT NOT NULL,
    contact_id INTEGER NOT NULL,
    entry TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (folder, contact_id)
) WITHOUT ROWID;
CREATE TABLE choices (
    user TEXT NOT NULL,
    e164 TEXT NOT NULL,
    contact_id INTEGER NOT NULL,
    chosen_at TEXT NOT NULL,
    PRIMARY KEY (user, e164)
) WITHOUT ROWID;
CREATE TABLE matter_uses (
    user TEXT NOT NULL,
    matter_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (matter_id, user, since)
) WITHOUT ROWID;
CREATE TABLE dossier_uses (
    user TEXT NOT NULL,
    dossier_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (dossier_id, user, since)
) WITHOUT ROWID;
CREATE TABLE contact_numbers (
    contact INTEGER NOT NULL,
    place INTEGER NOT NULL,
    raw TEXT NOT NULL,
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    stem TEXT NOT NULL,
    PRIMARY KEY (contact, place)
) WITHOUT ROWID;
CREATE TABLE contacts (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    company TEXT NOT NULL,
    employer_key TEXT NOT NULL,
    country TEXT NOT NULL,
    email TEXT NOT NULL,
    url TEXT NOT NULL,
    active INTEGER NOT NULL,
    digest BLOB,
    read_from BLOB,
    search TEXT NOT NULL DEFAULT '',
    UNIQUE (source_id, key, since)
);
CREATE TABLE dossiers (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    contact_key TEXT NOT NULL,
    reference TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    active INTEGER NOT NULL,
    digest BLOB,
    search TEXT NOT NULL DEFAULT '',
    UNIQUE (source_id, key, since)
);
CREATE TABLE matters (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    dossier_key TEXT NOT NULL,
    reference TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    open INTEGER NOT NULL,
    last_used TEXT,
    digest BLOB,
    UNIQUE (source_id, key, since)
);
CREATE INDEX contacts_id ON contacts (id);
CREATE INDEX contacts_past ON contacts (source_id, until) WHERE until IS NOT NULL;
CREATE INDEX contacts_companies ON contacts (source_id, name) WHERE kind = 'company';
CREATE INDEX contact_numbers_e164 ON contact_numbers (e164) WHERE e164 <> '';
CREATE INDEX contact_numbers_stem ON contact_numbers (stem) WHERE stem <> '';
CREATE INDEX contact_numbers_suffix ON contact_numbers (substr(e164, -7)) WHERE e164 <> '';
CREATE INDEX dossiers_id ON dossiers (id);
CREATE INDEX dossiers_past ON dossiers (source_id, until) WHERE until IS NOT NULL;
CREATE INDEX dossiers_contact ON dossiers (source_id, contact_key);
CREATE INDEX matters_id ON matters (id);
CREATE INDEX matters_past ON matters (source_id, until) WHERE until IS NOT NULL;
CREATE INDEX matters_dossier ON matters (source_id, dossier_key);
CREATE VIEW known_matters AS
    SELECT m.row, m.id, m.source_id, m.key, m.dossier_key, m.reference, m.title, m.url, m.open,
        m.last_used, s.edition
    FROM matters m JOIN sources s ON s.id = m.source_id
    WHERE m.since <= s.edition AND (m.until IS NULL OR m.until > s.edition);
{_SEARCHED_VIEWS}"""

# Names are searched without accents.
FROM_VERSION_3 = f"""
ALTER TABLE sources ADD COLUMN encoding TEXT NOT NULL DEFAULT '';
CREATE TABLE published (
    folder TEXT NOT NULL, contact_id INTEGER NOT NULL, entry TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (folder, contact_id)
) WITHOUT ROWID;
ALTER TABLE contacts ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE dossiers ADD COLUMN search TEXT NOT NULL DEFAULT '';
DROP VIEW known_contacts;
DROP VIEW known_dossiers;
UPDATE contacts SET search = search_text(name, company, email);
UPDATE dossiers SET search = search_text(reference, title);
{_SEARCHED_VIEWS}"""
