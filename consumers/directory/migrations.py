"""The tables of the directory, and the way from each older version of them to the next."""

_FIRST = """
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    imported_at TEXT
);
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    company TEXT NOT NULL,
    employer_key TEXT NOT NULL,
    country TEXT NOT NULL,
    email TEXT NOT NULL,
    url TEXT NOT NULL,
    active INTEGER NOT NULL,
    UNIQUE (source_id, key)
);
CREATE INDEX contacts_companies ON contacts (source_id, name) WHERE kind = 'company';
CREATE TABLE contact_numbers (
    id INTEGER PRIMARY KEY,
    contact_id INTEGER NOT NULL REFERENCES contacts(id) ON DELETE CASCADE,
    raw TEXT NOT NULL,
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    stem TEXT NOT NULL
);
CREATE INDEX contact_numbers_contact ON contact_numbers (contact_id);
CREATE INDEX contact_numbers_e164 ON contact_numbers (e164) WHERE e164 <> '';
CREATE INDEX contact_numbers_stem ON contact_numbers (stem) WHERE stem <> '';
CREATE INDEX contact_numbers_suffix ON contact_numbers (substr(e164, -7)) WHERE e164 <> '';
CREATE TABLE dossiers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    contact_key TEXT NOT NULL,
    reference TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    active INTEGER NOT NULL,
    UNIQUE (source_id, key)
);
CREATE INDEX dossiers_contact ON dossiers (source_id, contact_key);
CREATE TABLE matters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    dossier_key TEXT NOT NULL,
    reference TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    open INTEGER NOT NULL,
    last_used TEXT,
    UNIQUE (source_id, key)
);
CREATE INDEX matters_dossier ON matters (source_id, dossier_key);
CREATE TABLE choices (
    user TEXT NOT NULL,
    e164 TEXT NOT NULL,
    contact_id INTEGER NOT NULL REFERENCES contacts(id) ON DELETE CASCADE,
    chosen_at TEXT NOT NULL,
    PRIMARY KEY (user, e164)
) WITHOUT ROWID;
CREATE INDEX choices_contact ON choices (contact_id);
CREATE TABLE matter_uses (
    user TEXT NOT NULL,
    matter_id INTEGER NOT NULL REFERENCES matters(id) ON DELETE CASCADE,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (matter_id, user)
) WITHOUT ROWID;
CREATE TABLE dossier_uses (
    user TEXT NOT NULL,
    dossier_id INTEGER NOT NULL REFERENCES dossiers(id) ON DELETE CASCADE,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (dossier_id, user)
) WITHOUT ROWID;
"""

# A record may stand in several editions of its source: it is there from `since` until before
# `until`, and the edition of its source says which one counts. `row` names one such version, `id`
# the record through all of them. What an import writes is therefore unseen until the one row of
# its source changes. An edition below zero: an import that never ended (-1), a removed source (-2).
_SECOND = """
ALTER TABLE sources ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
CREATE TABLE new_choices (
    user TEXT NOT NULL,
    e164 TEXT NOT NULL,
    contact_id INTEGER NOT NULL,
    chosen_at TEXT NOT NULL,
    PRIMARY KEY (user, e164)
) WITHOUT ROWID;
INSERT INTO new_choices SELECT user, e164, contact_id, chosen_at FROM choices;
DROP TABLE choices;
ALTER TABLE new_choices RENAME TO choices;
CREATE TABLE new_matter_uses (
    user TEXT NOT NULL,
    matter_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (matter_id, user, since)
) WITHOUT ROWID;
INSERT INTO new_matter_uses SELECT user, matter_id, 0, used_on, used_at FROM matter_uses;
DROP TABLE matter_uses;
ALTER TABLE new_matter_uses RENAME TO matter_uses;
CREATE TABLE new_dossier_uses (
    user TEXT NOT NULL,
    dossier_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (dossier_id, user, since)
) WITHOUT ROWID;
INSERT INTO new_dossier_uses SELECT user, dossier_id, 0, used_on, used_at FROM dossier_uses;
DROP TABLE dossier_uses;
ALTER TABLE new_dossier_uses RENAME TO dossier_uses;
CREATE TABLE new_numbers (
    contact INTEGER NOT NULL,
    place INTEGER NOT NULL,
    raw TEXT NOT NULL,
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    stem TEXT NOT NULL,
    PRIMARY KEY (contact, place)
) WITHOUT ROWID;
INSERT INTO new_numbers SELECT contact_id, id, raw, e164, label, stem FROM contact_numbers
    ORDER BY contact_id, id;
DROP TABLE contact_numbers;
ALTER TABLE new_numbers RENAME TO contact_numbers;
CREATE TABLE new_contacts (
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
    UNIQUE (source_id, key, since)
);
INSERT INTO new_contacts SELECT id, id, source_id, key, 0, NULL, kind, name, company, employer_key,
    country, email, url, active, NULL, NULL FROM contacts;
DELETE FROM sqlite_sequence WHERE name = 'new_contacts';
INSERT INTO sqlite_sequence SELECT 'new_contacts', seq FROM sqlite_sequence WHERE name = 'contacts';
DROP TABLE contacts;
ALTER TABLE new_contacts RENAME TO contacts;
CREATE TABLE new_dossiers (
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
    UNIQUE (source_id, key, since)
);
INSERT INTO new_dossiers SELECT id, id, source_id, key, 0, NULL, contact_key, reference, title, url,
    active, NULL FROM dossiers;
DELETE FROM sqlite_sequence WHERE name = 'new_dossiers';
INSERT INTO sqlite_sequence SELECT 'new_dossiers', seq FROM sqlite_sequence WHERE name = 'dossiers';
DROP TABLE dossiers;
ALTER TABLE new_dossiers RENAME TO dossiers;
CREATE TABLE new_matters (
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
INSERT INTO new_matters SELECT id, id, source_id, key, 0, NULL, dossier_key, reference, title, url,
    open, last_used, NULL FROM matters;
DELETE FROM sqlite_sequence WHERE name = 'new_matters';
INSERT INTO sqlite_sequence SELECT 'new_matters', seq FROM sqlite_sequence WHERE name = 'matters';
DROP TABLE matters;
ALTER TABLE new_matters RENAME TO matters;
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
CREATE VIEW known_contacts AS
    SELECT c.row, c.id, c.source_id, s.name AS source, c.key, c.kind, c.name, c.company,
        c.employer_key, c.country, c.email, c.url, c.active AND s.active AS active, s.priority
    FROM contacts c JOIN sources s ON s.id = c.source_id
    WHERE c.since <= s.edition AND (c.until IS NULL OR c.until > s.edition);
CREATE VIEW known_dossiers AS
    SELECT d.row, d.id, d.source_id, d.key, d.contact_key, d.reference, d.title, d.url, d.active,
        s.edition
    FROM dossiers d JOIN sources s ON s.id = d.source_id
    WHERE d.since <= s.edition AND (d.until IS NULL OR d.until > s.edition);
CREATE VIEW known_matters AS
    SELECT m.row, m.id, m.source_id, m.key, m.dossier_key, m.reference, m.title, m.url, m.open,
        m.last_used, s.edition
    FROM matters m JOIN sources s ON s.id = m.source_id
    WHERE m.since <= s.edition AND (m.until IS NULL OR m.until > s.edition);
"""

# The sample is behind all real sources, also where it came before that was so.
_THIRD = """
UPDATE sources SET priority = -1000 WHERE name = 'sample' AND priority BETWEEN -999 AND 0;
"""

# One script for each version; a released one is never changed, a further one is added.
MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD)
