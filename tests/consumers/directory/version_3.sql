-- A directory as the release before wrote it.
BEGIN TRANSACTION;
CREATE TABLE "choices" (
    user TEXT NOT NULL,
    e164 TEXT NOT NULL,
    contact_id INTEGER NOT NULL,
    chosen_at TEXT NOT NULL,
    PRIMARY KEY (user, e164)
) WITHOUT ROWID;
INSERT INTO "choices" VALUES('0011','+41441234567',7,'2026-11-01T10:00:00Z');
CREATE TABLE "contact_numbers" (
    contact INTEGER NOT NULL,
    place INTEGER NOT NULL,
    raw TEXT NOT NULL,
    e164 TEXT NOT NULL,
    label TEXT NOT NULL,
    stem TEXT NOT NULL,
    PRIMARY KEY (contact, place)
) WITHOUT ROWID;
INSERT INTO "contact_numbers" VALUES(7,0,'044 123 45 67','+41441234567','work','');
INSERT INTO "contact_numbers" VALUES(8,0,'044 123 45 67','+41441234567','','');
CREATE TABLE "contacts" (
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
INSERT INTO "contacts" VALUES(7,7,3,'anna',1,NULL,'person','Anna Müller','','','CH','a@b.ch','',1,NULL,NULL);
INSERT INTO "contacts" VALUES(8,8,3,'ag',1,NULL,'company','Muster AG','','','','','',1,NULL,NULL);
CREATE TABLE directory_version (version INTEGER NOT NULL);
INSERT INTO "directory_version" VALUES(3);
CREATE TABLE "dossier_uses" (
    user TEXT NOT NULL,
    dossier_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (dossier_id, user, since)
) WITHOUT ROWID;
CREATE TABLE "dossiers" (
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
INSERT INTO "dossiers" VALUES(4,4,3,'d',1,NULL,'anna','','Nachlaß','',1,NULL);
CREATE TABLE "matter_uses" (
    user TEXT NOT NULL,
    matter_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    used_on TEXT NOT NULL,
    used_at TEXT,
    PRIMARY KEY (matter_id, user, since)
) WITHOUT ROWID;
CREATE TABLE "matters" (
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
INSERT INTO "matters" VALUES(5,5,3,'m',1,NULL,'d','2026-1','Erbe','',1,NULL,NULL);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    imported_at TEXT
, edition INTEGER NOT NULL DEFAULT 0, unsettled INTEGER NOT NULL DEFAULT 0);
INSERT INTO "sources" VALUES(3,'crm',5,1,'2026-11-01T10:00:00Z',1,0);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('contacts',8);
INSERT INTO "sqlite_sequence" VALUES('dossiers',4);
INSERT INTO "sqlite_sequence" VALUES('matters',5);
COMMIT;
