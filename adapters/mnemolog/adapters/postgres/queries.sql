-- append --
-- Everything that changes the log goes through here.
SELECT * FROM mnemolog.append(
    %(requests)b, %(stream_ids)b, %(versions)b, %(event_types)b, %(schema_versions)b, %(tenant_ids)b, %(cube_ids)b,
    %(memory_ids)b, %(actor_ids)b, %(on_behalf_of)b, %(request_ids)b, %(occurred_at)b, %(payloads)b, %(sealed)b, %(key_ids)b,
    %(leaves)b, %(key_requests)b, %(new_key_ids)b, %(key_subjects)b, %(wrapped_keys)b, %(idempotent_requests)b,
    %(idempotency_tenants)b, %(idempotency_keys)b, %(request_sha256s)b, %(conditions)s::jsonb, %(resolving)b)

-- head --
-- The last position.
SELECT coalesce(max(position), 0) FROM mnemolog.event

-- stream --
-- The events of one stream, with what opens them.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, k.subject_ids, k.wrapped
FROM mnemolog.event e LEFT JOIN mnemolog_keys.content_key k USING (key_id)
WHERE e.stream_id = %(stream_id)s AND e.version > %(gt)s AND e.version <= %(lte)s
ORDER BY e.version

-- stream_backwards --
-- The same, newest first.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, k.subject_ids, k.wrapped
FROM mnemolog.event e LEFT JOIN mnemolog_keys.content_key k USING (key_id)
WHERE e.stream_id = %(stream_id)s AND e.version > %(gt)s AND e.version <= %(lte)s
ORDER BY e.version DESC

-- page --
-- The log in order; an absent filter is NULL.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, k.subject_ids, k.wrapped
FROM mnemolog.event e LEFT JOIN mnemolog_keys.content_key k USING (key_id)
WHERE e.position > %(after)s AND e.position <= %(upto)s
  AND (%(types)s::text[] IS NULL OR e.event_type = ANY (%(types)s))
  AND (%(tenant_id)s::uuid IS NULL OR e.tenant_id = %(tenant_id)s)
  AND (%(cube_id)s::uuid IS NULL OR e.cube_id = %(cube_id)s)
  AND (%(memory_id)s::uuid IS NULL OR e.stream_id = %(memory_id)s)
ORDER BY e.position LIMIT %(limit)s

-- at_positions --
-- Some events, by position.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, k.subject_ids, k.wrapped
FROM mnemolog.event e LEFT JOIN mnemolog_keys.content_key k USING (key_id)
WHERE e.position = ANY (%(positions)s) ORDER BY e.position

-- position_at --
-- The last position that was recorded at or before a moment.
SELECT coalesce(max(position), 0) FROM mnemolog.event WHERE recorded_at <= %(moment)s

-- hashes --
-- What a verifier needs: the envelope as stored, and the hashes that bind it.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, e.leaf, e.chain
FROM mnemolog.event e WHERE e.position > %(after)s ORDER BY e.position LIMIT %(limit)s

-- link --
-- The chain at the end of the append that holds a position or precedes it.
SELECT position, chain FROM mnemolog.event WHERE position <= %(position)s AND chain IS NOT NULL
ORDER BY position DESC LIMIT 1

-- content_keys --
-- The wrapped keys of streams.
SELECT key_id, subject_ids, wrapped FROM mnemolog_keys.content_key WHERE key_id = ANY (%(key_ids)s)

-- subject_keys --
-- The wrapped keys of data subjects.
SELECT subject_id, wrapped FROM mnemolog_keys.subject_key WHERE subject_id = ANY (%(subject_ids)s)

-- add_subject_key --
-- The first process to add a key wins; the others use its key.
INSERT INTO mnemolog_keys.subject_key (subject_id, tenant_id, wrapped) VALUES (%(subject_id)s, %(tenant_id)s, %(wrapped)s)
ON CONFLICT (subject_id) DO NOTHING

-- view_position --
-- How far a view has come with this version of its fold.
SELECT position FROM mnemolog.view_position WHERE view = %(view)s AND version = %(version)s

-- add_view --
-- A view that is seen for the first time starts at nothing.
INSERT INTO mnemolog.view_position (view, version, position) VALUES (%(view)s, %(version)s, 0) ON CONFLICT (view) DO NOTHING

-- lock_view --
-- Only one process at a time moves a view.
SELECT version, position FROM mnemolog.view_position WHERE view = %(view)s FOR UPDATE

-- move_view --
-- In the transaction that changed the view's rows.
UPDATE mnemolog.view_position SET version = %(version)s, position = %(position)s, updated_at = clock_timestamp()
WHERE view = %(view)s

-- clear_catalogue --
-- DELETE and not TRUNCATE: readers go on seeing the old rows until the rebuild commits.
DELETE FROM mnemolog.memory;
DELETE FROM mnemolog.cube;
DELETE FROM mnemolog.credential;
DELETE FROM mnemolog.principal;
DELETE FROM mnemolog.subject

-- memories_now --
-- The rows of some memories as they are.
SELECT memory_id, from_position, version, tenant_id, cube_id, state, governance, trust, corroborations, legal_hold, occurred_at,
       created_at, changed_at, expires_at, text_position, created_position, key_token, tag_tokens, subject_ids, parents,
       merged_into
FROM mnemolog.memory WHERE memory_id = ANY (%(memory_ids)s) AND to_position IS NULL

-- memories_at --
-- The rows of some memories as of a position.
SELECT memory_id, from_position, version, tenant_id, cube_id, state, governance, trust, corroborations, legal_hold, occurred_at,
       created_at, changed_at, expires_at, text_position, created_position, key_token, tag_tokens, subject_ids, parents,
       merged_into
FROM mnemolog.memory WHERE memory_id = ANY (%(memory_ids)s)
  AND from_position <= %(at)s AND (to_position IS NULL OR to_position > %(at)s)

-- end_memories --
-- Rows that an event has made history.
UPDATE mnemolog.memory m SET to_position = u.t
FROM unnest(%(ids)s::uuid[], %(starts)s::bigint[], %(ends)s::bigint[]) u(i, f, t)
WHERE m.memory_id = u.i AND m.from_position = u.f

-- begin_memories --
-- Rows that an event has begun.
COPY mnemolog.memory (memory_id, from_position, to_position, version, tenant_id, cube_id, state, governance, memory_type,
    semantic_type, source, owner_id, session_id, context_id, priority, trust, corroborations, legal_hold, occurred_at,
    created_at, changed_at, expires_at, text_position, created_position, key_token, tag_tokens, subject_ids, parents,
    merged_into) FROM STDIN

-- forget_labels --
-- Tokens say something about the text, so they go when it goes, and out of the past too: no rebuild could make them again.
UPDATE mnemolog.memory SET key_token = NULL, tag_tokens = '{}' WHERE memory_id = ANY (%(memory_ids)s)

-- memories_page --
-- Rows of a cube as of a position, in the order they were made; an absent filter is NULL.
SELECT memory_id, from_position, version, tenant_id, cube_id, state, governance, trust, corroborations, legal_hold, occurred_at,
       created_at, changed_at, expires_at, text_position, created_position, key_token, tag_tokens, subject_ids, parents,
       merged_into
FROM mnemolog.memory
WHERE cube_id = %(cube_id)s AND created_position > %(after)s
  AND from_position <= %(at)s AND (to_position IS NULL OR to_position > %(at)s)
  AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s))
  AND (%(memory_types)s::text[] IS NULL OR memory_type = ANY (%(memory_types)s))
  AND (%(semantic_types)s::text[] IS NULL OR semantic_type = ANY (%(semantic_types)s))
  AND (%(sources)s::text[] IS NULL OR source = ANY (%(sources)s))
  AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s)
  AND (%(session_id)s::uuid IS NULL OR session_id = %(session_id)s)
  AND (%(context_id)s::uuid IS NULL OR context_id = %(context_id)s)
  AND (%(min_priority)s::int IS NULL OR priority >= %(min_priority)s)
  AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
  AND (%(key_token)s::bytea IS NULL OR key_token = %(key_token)s)
  AND (%(tag_tokens)s::bytea[] IS NULL OR tag_tokens @> %(tag_tokens)s)
  AND (%(unexpired_at)s::timestamptz IS NULL OR expires_at IS NULL OR expires_at > %(unexpired_at)s)
ORDER BY created_position LIMIT %(limit)s

-- cube_by_id --
-- One cube.
SELECT cube_id, tenant_id, name, owner_id, subject_id, config, version, founded_at, position FROM mnemolog.cube
WHERE tenant_id = %(tenant_id)s AND cube_id = %(cube_id)s

-- cube_by_name --
-- One cube, by the name it has in its tenant.
SELECT cube_id, tenant_id, name, owner_id, subject_id, config, version, founded_at, position FROM mnemolog.cube
WHERE tenant_id = %(tenant_id)s AND name = %(name)s

-- cubes_page --
-- The cubes of a tenant in the order they were founded; only one owner's when that is given.
SELECT cube_id, tenant_id, name, owner_id, subject_id, config, version, founded_at, position FROM mnemolog.cube
WHERE tenant_id = %(tenant_id)s AND (%(owner_id)s::uuid IS NULL OR owner_id = %(owner_id)s) AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- credential --
-- A key and who holds it.
SELECT c.digest, c.expires_at, c.revoked, p.principal_id, p.tenant_id, p.subject_id, p.administrator, p.kind
FROM mnemolog.credential c JOIN mnemolog.principal p USING (principal_id) WHERE c.key_id = %(key_id)s

-- principal --
-- One principal of a tenant.
SELECT principal_id, tenant_id, kind, administrator, subject_id, position FROM mnemolog.principal
WHERE tenant_id = %(tenant_id)s AND principal_id = %(principal_id)s

-- principals_page --
-- The principals of a tenant in the order they were registered.
SELECT principal_id, tenant_id, kind, administrator, subject_id, position FROM mnemolog.principal
WHERE tenant_id = %(tenant_id)s AND position > %(after)s ORDER BY position LIMIT %(limit)s

-- subject --
-- Whether a data subject is known to a tenant.
SELECT subject_id FROM mnemolog.subject WHERE tenant_id = %(tenant_id)s AND subject_id = %(subject_id)s

-- memory_counts --
-- How many memories of a tenant are in each state.
SELECT state, count(*) FROM mnemolog.memory WHERE tenant_id = %(tenant_id)s AND to_position IS NULL GROUP BY state

-- expired --
-- Memories whose time has passed and whose state does not say so yet, oldest first.
SELECT memory_id FROM mnemolog.memory
WHERE to_position IS NULL AND expires_at <= %(now)s AND state IN ('generated', 'activated', 'merged')
ORDER BY expires_at, memory_id LIMIT %(limit)s

-- apply_cube_founded_v1 --
-- A cube begins.
INSERT INTO mnemolog.cube (cube_id, tenant_id, name, owner_id, subject_id, config, version, founded_at, position)
VALUES (%(stream_id)s, %(tenant_id)s, %(name)s, %(owner_id)s, %(subject_id)s, %(config)s, %(version)s, %(recorded_at)s,
        %(position)s)

-- apply_cube_configured_v1 --
-- A cube's rules change.
UPDATE mnemolog.cube SET config = %(config)s, version = %(version)s WHERE cube_id = %(stream_id)s

-- apply_principal_registered_v1 --
-- A principal begins.
INSERT INTO mnemolog.principal (principal_id, tenant_id, kind, administrator, subject_id, position)
VALUES (%(stream_id)s, %(tenant_id)s, %(kind)s, %(administrator)s, %(subject_id)s, %(position)s)

-- apply_principal_key_issued_v1 --
-- A key begins.
INSERT INTO mnemolog.credential (key_id, principal_id, digest, expires_at, revoked, position)
VALUES (%(key_id)s, %(stream_id)s, %(digest)s, %(expires_at)s, false, %(position)s)

-- apply_principal_key_revoked_v1 --
-- A key ends.
UPDATE mnemolog.credential SET revoked = true WHERE key_id = %(key_id)s

-- apply_subject_registered_v1 --
-- A data subject becomes known.
INSERT INTO mnemolog.subject (subject_id, tenant_id, position) VALUES (%(stream_id)s, %(tenant_id)s, %(position)s)

-- digest_memory --
-- Every row as text, in canonical order.
SELECT row_to_json(t)::text FROM mnemolog.memory t ORDER BY memory_id, from_position

-- digest_cube --
-- The same for cubes.
SELECT row_to_json(t)::text FROM mnemolog.cube t ORDER BY cube_id

-- digest_principal --
-- The same for principals.
SELECT row_to_json(t)::text FROM mnemolog.principal t ORDER BY principal_id

-- digest_credential --
-- The same for keys.
SELECT row_to_json(t)::text FROM mnemolog.credential t ORDER BY key_id

-- digest_subject --
-- The same for data subjects.
SELECT row_to_json(t)::text FROM mnemolog.subject t ORDER BY subject_id

-- embeddings --
-- Cached vectors of some memories.
SELECT e.memory_id, e.fingerprint, e.vector
FROM unnest(%(memory_ids)s::uuid[], %(fingerprints)s::bytea[]) u(m, f)
JOIN mnemolog.embedding e ON e.memory_id = u.m AND e.fingerprint = u.f

-- add_embeddings --
-- Another process may have computed the same vector.
INSERT INTO mnemolog.embedding (memory_id, fingerprint, vector)
SELECT * FROM unnest(%(memory_ids)s::uuid[], %(fingerprints)s::bytea[], %(vectors)s::bytea[]) ON CONFLICT DO NOTHING

-- forget_embeddings --
-- A vector says something about the text, so it goes when the text goes.
DELETE FROM mnemolog.embedding WHERE memory_id = ANY (%(memory_ids)s)

-- key_checks --
-- The check values of the key-encryption keys that this store has used.
SELECT check_value FROM mnemolog_keys.key_encryption_key

-- add_key_check --
-- The first process to open a new store says which key it is.
INSERT INTO mnemolog_keys.key_encryption_key (check_value) VALUES (%(check_value)s) ON CONFLICT DO NOTHING

-- is_new --
-- Whether nothing has happened yet.
SELECT NOT EXISTS (SELECT FROM mnemolog.event)

-- earlier_request --
-- What an idempotency key stands for already.
SELECT request_sha256, first_position, last_position FROM mnemolog.request
WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(key)s
