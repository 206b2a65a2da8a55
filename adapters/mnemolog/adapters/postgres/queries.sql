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

-- hashes_of_cube --
-- The same for the events of a cube and of its memories.
SELECT e.position, e.stream_id, e.version, e.event_type, e.schema_version, e.tenant_id, e.cube_id, e.memory_id, e.actor_id,
       e.on_behalf_of, e.request_id, e.occurred_at, e.recorded_at, e.payload::text, e.sealed, e.key_id, e.leaf, e.chain
FROM mnemolog.event e
WHERE e.cube_id = %(cube_id)s AND e.position > %(after)s AND e.position <= %(upto)s AND e.event_type = ANY (%(types)s)
ORDER BY e.position LIMIT %(limit)s

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
-- The first process to add a key wins; the others use its key. None is added for what was erased, nor under a former key.
INSERT INTO mnemolog_keys.subject_key (subject_id, tenant_id, wrapped)
SELECT %(subject_id)s, %(tenant_id)s, %(wrapped)s
WHERE NOT EXISTS (SELECT FROM mnemolog_keys.destroyed_key d WHERE d.key_id = %(subject_id)s)
  AND (%(check_value)s::text IS NULL
       OR EXISTS (SELECT FROM mnemolog_keys.key_encryption_key k WHERE k.check_value = %(check_value)s))
ON CONFLICT (subject_id) DO NOTHING

-- every_subject_key --
-- All of them, wrapped.
SELECT subject_id, wrapped FROM mnemolog_keys.subject_key ORDER BY subject_id

-- root_key --
-- What tokens, digests, files and signatures are derived from, wrapped.
SELECT wrapped FROM mnemolog_keys.root_key

-- add_root_key --
-- The first process wins.
INSERT INTO mnemolog_keys.root_key (wrapped) VALUES (%(wrapped)s) ON CONFLICT DO NOTHING

-- rewrap_keys --
-- Another key-encryption key for all of them.
SELECT mnemolog_keys.rewrap(%(former)s, %(new)s, %(root)s, %(subjects)s::uuid[], %(keys)s::bytea[])

-- destroy_keys --
-- What they sealed is erased with them.
SELECT mnemolog_keys.destroy(%(erasure_id)s, %(subject_id)s::uuid, %(streams)s::uuid[])

-- destroyed_keys --
-- Which keys of some were destroyed.
SELECT key_id FROM mnemolog_keys.destroyed_key WHERE key_id = ANY (%(key_ids)s)

-- destroyed_by --
-- The streams whose keys went with one erasure.
SELECT key_id FROM mnemolog_keys.destroyed_key WHERE erasure_id = %(erasure_id)s ORDER BY key_id

-- every_destroyed --
-- What has to be destroyed again where it comes back: the rest goes with it.
SELECT d.key_id FROM mnemolog_keys.destroyed_key d
WHERE d.is_subject OR NOT EXISTS (
    SELECT FROM mnemolog_keys.destroyed_key s WHERE s.erasure_id = d.erasure_id AND s.is_subject)
ORDER BY d.key_id

-- returned_keys --
-- Keys that were destroyed and are there. Without the key of its subject, that of a stream opens nothing.
SELECT subject_id, true FROM mnemolog_keys.subject_key WHERE subject_id = ANY (%(key_ids)s)
UNION ALL
SELECT key_id, false FROM mnemolog_keys.content_key WHERE key_id = ANY (%(key_ids)s)

-- doomed_memories --
-- The memories of a data subject that are not erased yet.
SELECT memory_id, version, tenant_id, cube_id, subject_ids FROM mnemolog.memory
WHERE %(subject_id)s = ANY (subject_ids) AND to_position IS NULL AND state <> 'erased'
ORDER BY memory_id

-- doomed_memory --
-- One, unless it is erased.
SELECT memory_id, version, tenant_id, cube_id, subject_ids FROM mnemolog.memory
WHERE memory_id = %(memory_id)s AND to_position IS NULL AND state <> 'erased'

-- doomed_counts --
-- What the erasure of a data subject would reach: memories, those of them under legal hold, those about others too.
SELECT count(*), count(*) FILTER (WHERE legal_hold), count(*) FILTER (WHERE cardinality(subject_ids) > 1)
FROM mnemolog.memory WHERE %(subject_id)s = ANY (subject_ids) AND to_position IS NULL AND state <> 'erased'

-- erased_subjects --
-- Which data subjects of some were erased.
SELECT subject_id FROM mnemolog.subject WHERE subject_id = ANY (%(subject_ids)s) AND erased_position IS NOT NULL

-- erasure --
-- One erasure of a tenant.
SELECT erasure_id, tenant_id, kind, target_id, basis, requested_by, begun_at, position, completed_position, receipt
FROM mnemolog.erasure WHERE tenant_id = %(tenant_id)s AND erasure_id = %(erasure_id)s

-- erasure_of --
-- The first erasure of a memory or a data subject.
SELECT erasure_id, tenant_id, kind, target_id, basis, requested_by, begun_at, position, completed_position, receipt
FROM mnemolog.erasure WHERE target_id = %(target_id)s ORDER BY position LIMIT 1

-- erasures_page --
-- The erasures of a tenant in the order they were begun.
SELECT erasure_id, tenant_id, kind, target_id, basis, requested_by, begun_at, position, completed_position, receipt
FROM mnemolog.erasure WHERE tenant_id = %(tenant_id)s AND position > %(after)s ORDER BY position LIMIT %(limit)s

-- erasures_unfinished --
-- Of all tenants, oldest first.
SELECT erasure_id, tenant_id, kind, target_id, basis, requested_by, begun_at, position, completed_position, receipt
FROM mnemolog.erasure WHERE completed_position IS NULL ORDER BY position

-- apply_erasure_begun_v1 --
-- An erasure begins.
INSERT INTO mnemolog.erasure (erasure_id, tenant_id, kind, target_id, basis, requested_by, begun_at, position)
VALUES (%(stream_id)s, %(tenant_id)s, %(kind)s, %(target_id)s, %(basis)s, %(actor_id)s, %(recorded_at)s, %(position)s)

-- apply_erasure_completed_v1 --
-- Everything has forgotten.
UPDATE mnemolog.erasure SET completed_position = %(position)s, receipt = %(receipt)s WHERE erasure_id = %(stream_id)s

-- apply_subject_erased_v1 --
-- Nothing is stored about a data subject any more.
UPDATE mnemolog.subject SET erased_position = %(position)s WHERE subject_id = %(stream_id)s

-- digest_erasure --
-- Every erasure as text, in canonical order.
SELECT row_to_json(t)::text FROM mnemolog.erasure t ORDER BY erasure_id

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
DELETE FROM mnemolog.derivation;
DELETE FROM mnemolog.grant_rule;
DELETE FROM mnemolog.cube;
DELETE FROM mnemolog.credential;
DELETE FROM mnemolog.group_member;
DELETE FROM mnemolog.inactivity;
DELETE FROM mnemolog.identity;
DELETE FROM mnemolog.tenant;
DELETE FROM mnemolog.principal;
DELETE FROM mnemolog.subject;
DELETE FROM mnemolog.erasure

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
INSERT INTO mnemolog.memory SELECT * FROM json_populate_recordset(NULL::mnemolog.memory, %(rows)s::json)

-- end_derivations --
-- Links that an event has taken away.
UPDATE mnemolog.derivation d SET to_position = u.t
FROM unnest(%(children)s::uuid[], %(parents)s::uuid[], %(ends)s::bigint[]) u(c, p, t)
WHERE d.child_id = u.c AND d.parent_id = u.p AND d.relation = 'derived_from' AND d.to_position IS NULL

-- begin_derivations --
-- What was made from what.
INSERT INTO mnemolog.derivation SELECT * FROM json_populate_recordset(NULL::mnemolog.derivation, %(rows)s::json)

-- derived --
-- What was made from some memories.
SELECT child_id, parent_id, relation, from_position FROM mnemolog.derivation
WHERE tenant_id = %(tenant_id)s AND parent_id = ANY (%(memory_ids)s) AND to_position IS NULL
ORDER BY from_position, child_id, parent_id

-- origins --
-- What some memories were made from.
SELECT child_id, parent_id, relation, from_position FROM mnemolog.derivation
WHERE tenant_id = %(tenant_id)s AND child_id = ANY (%(memory_ids)s) AND to_position IS NULL
ORDER BY from_position, child_id, parent_id

-- told --
-- Answers that told one of some memories after its position, newest first. To whom it is `me`, only what they asked
-- themselves, and of the others what tells of a memory that they own.
SELECT a.position, a.recorded_at, a.kind, a.actor_id, a.on_behalf_of, t.memory_ids
FROM mnemolog.access a CROSS JOIN LATERAL (
    SELECT array_agg(u.i ORDER BY u.i) AS memory_ids
    FROM unnest(%(memory_ids)s::uuid[], %(since)s::bigint[], %(own)s::boolean[]) u(i, s, o)
    WHERE u.i = ANY (a.memory_ids) AND u.s < a.position
      AND (%(me)s::uuid IS NULL OR u.o OR %(me)s IN (a.actor_id, a.on_behalf_of))) t
WHERE a.tenant_id = %(tenant_id)s AND a.position < %(before)s AND a.memory_ids && %(memory_ids)s::uuid[]
  AND a.kind = ANY (%(kinds)s) AND a.code IS NULL AND t.memory_ids IS NOT NULL
ORDER BY a.position DESC LIMIT %(limit)s

-- deeds --
-- Where in the log a principal wrote something of some kinds.
SELECT position FROM mnemolog.access
WHERE tenant_id = %(tenant_id)s AND actor_id = %(actor_id)s AND position > %(after)s AND position <= %(upto)s
  AND kind = ANY (%(kinds)s) AND code IS NULL
ORDER BY position LIMIT %(limit)s

-- forget_labels --
-- Tokens say something about the text, so they go when it goes, and out of the past too: no rebuild could make them again.
UPDATE mnemolog.memory SET key_token = NULL, tag_tokens = '{}' WHERE memory_id = ANY (%(memory_ids)s)

-- memories_page --
-- What a cube's memories can be chosen by, as of a position, in the order they were made; an absent filter is NULL.
SELECT memory_id, created_position, text_position, memory_type, semantic_type, source, priority, occurred_at, owner_id,
       context_id
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
-- A key and who holds it. A key with which somebody acts for another is about the data of that one.
SELECT c.digest, c.expires_at, c.revoked, c.scopes, c.on_behalf_of, p.principal_id, p.tenant_id,
       coalesce(u.subject_id, p.subject_id), p.administrator AND coalesce(u.administrator, true), p.kind,
       EXISTS (SELECT FROM mnemolog.inactivity i
               WHERE i.principal_id IN (c.principal_id, c.on_behalf_of) AND i.to_position IS NULL)
FROM mnemolog.credential c JOIN mnemolog.principal p USING (principal_id)
LEFT JOIN mnemolog.principal u ON u.principal_id = c.on_behalf_of
WHERE c.key_id = %(key_id)s

-- keys_page --
-- The keys of a tenant, or of one principal, in the order they were issued.
SELECT c.key_id, c.principal_id, c.expires_at, c.revoked, c.scopes, c.on_behalf_of, u.used_at, c.position
FROM mnemolog.credential c LEFT JOIN mnemolog.key_use u USING (key_id)
WHERE c.tenant_id = %(tenant_id)s AND (%(principal_id)s::uuid IS NULL OR c.principal_id = %(principal_id)s)
  AND c.position > %(after)s
ORDER BY c.position LIMIT %(limit)s

-- key_used --
-- Written at most once an hour for each key and process.
INSERT INTO mnemolog.key_use (key_id, used_at) VALUES (%(key_id)s, %(used_at)s)
ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at WHERE key_use.used_at < excluded.used_at

-- principal --
-- One principal of a tenant.
SELECT p.principal_id, p.tenant_id, p.kind, p.administrator, p.subject_id, p.position, i.principal_id IS NULL
FROM mnemolog.principal p LEFT JOIN mnemolog.inactivity i ON i.principal_id = p.principal_id AND i.to_position IS NULL
WHERE p.tenant_id = %(tenant_id)s AND p.principal_id = %(principal_id)s

-- principals_page --
-- The principals of a tenant in the order they were registered; those of one kind only when that is given.
SELECT p.principal_id, p.tenant_id, p.kind, p.administrator, p.subject_id, p.position, i.principal_id IS NULL
FROM mnemolog.principal p LEFT JOIN mnemolog.inactivity i ON i.principal_id = p.principal_id AND i.to_position IS NULL
WHERE p.tenant_id = %(tenant_id)s AND p.position > %(after)s AND (%(kind)s::text IS NULL OR p.kind = %(kind)s)
ORDER BY p.position LIMIT %(limit)s

-- first_principal --
-- Who founded this installation.
SELECT principal_id, tenant_id FROM mnemolog.principal ORDER BY position LIMIT 1

-- identified --
-- Whom an identity provider means, and whether that principal may act.
SELECT p.principal_id, p.tenant_id, p.subject_id, p.administrator, p.kind,
       EXISTS (SELECT FROM mnemolog.inactivity i WHERE i.principal_id = p.principal_id AND i.to_position IS NULL)
FROM mnemolog.identity JOIN mnemolog.principal p USING (principal_id)
WHERE identity.tenant_id = %(tenant_id)s AND issuer = %(issuer)s AND subject = %(subject)s

-- members --
-- Who belongs to a group or role directly, as of a position, in the order of joining.
SELECT m.member_id, p.kind, m.from_position FROM mnemolog.group_member m
JOIN mnemolog.principal p ON p.principal_id = m.member_id
WHERE m.tenant_id = %(tenant_id)s AND m.group_id = %(group_id)s AND m.from_position > %(after)s
  AND m.from_position <= %(at)s AND (m.to_position IS NULL OR m.to_position > %(at)s)
ORDER BY m.from_position LIMIT %(limit)s

-- memberships --
-- Every membership of a tenant as of a position.
SELECT member_id, group_id FROM mnemolog.group_member
WHERE tenant_id = %(tenant_id)s AND from_position <= %(at)s AND (to_position IS NULL OR to_position > %(at)s)

-- inactive --
-- Who was deactivated as of a position.
SELECT principal_id FROM mnemolog.inactivity
WHERE tenant_id = %(tenant_id)s AND from_position <= %(at)s AND (to_position IS NULL OR to_position > %(at)s)

-- nesting --
-- Which groups are members of which.
SELECT m.group_id, m.member_id FROM mnemolog.group_member m
JOIN mnemolog.principal p ON p.principal_id = m.member_id AND p.kind = 'group'
WHERE m.tenant_id = %(tenant_id)s AND m.to_position IS NULL

-- limits --
-- What a tenant is limited to.
SELECT limits FROM mnemolog.tenant WHERE tenant_id = %(tenant_id)s

-- tenants_page --
-- The tenants that were founded after the first, in that order.
SELECT tenant_id, limits, position FROM mnemolog.tenant WHERE position > %(after)s ORDER BY position LIMIT %(limit)s

-- subject --
-- Whether a data subject is known to a tenant.
SELECT subject_id FROM mnemolog.subject WHERE tenant_id = %(tenant_id)s AND subject_id = %(subject_id)s

-- known_principals --
-- Which of some ids are principals of a tenant.
SELECT principal_id FROM mnemolog.principal WHERE tenant_id = %(tenant_id)s AND principal_id = ANY (%(ids)s)

-- known_subjects --
-- Which of some ids are data subjects of a tenant.
SELECT subject_id FROM mnemolog.subject WHERE tenant_id = %(tenant_id)s AND subject_id = ANY (%(ids)s)

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
INSERT INTO mnemolog.credential (key_id, principal_id, tenant_id, digest, expires_at, revoked, scopes, on_behalf_of, position)
VALUES (%(key_id)s, %(stream_id)s, %(tenant_id)s, %(digest)s, %(expires_at)s, false, %(scopes)s, %(on_behalf_of)s, %(position)s)

-- apply_principal_key_revoked_v1 --
-- A key ends.
UPDATE mnemolog.credential SET revoked = true WHERE key_id = %(key_id)s

-- apply_principal_key_retired_v1 --
-- A key has a successor and ends soon.
UPDATE mnemolog.credential SET expires_at = %(expires_at)s WHERE key_id = %(key_id)s

-- apply_principal_member_added_v1 --
-- A membership begins.
INSERT INTO mnemolog.group_member (group_id, member_id, tenant_id, from_position)
VALUES (%(stream_id)s, %(member_id)s, %(tenant_id)s, %(position)s)

-- apply_principal_member_removed_v1 --
-- A membership ends.
UPDATE mnemolog.group_member SET to_position = %(position)s
WHERE group_id = %(stream_id)s AND member_id = %(member_id)s AND to_position IS NULL

-- apply_principal_deactivated_v1 --
-- A principal may not act any more.
INSERT INTO mnemolog.inactivity (principal_id, tenant_id, from_position)
VALUES (%(stream_id)s, %(tenant_id)s, %(position)s)

-- apply_principal_reactivated_v1 --
-- It may again.
UPDATE mnemolog.inactivity SET to_position = %(position)s WHERE principal_id = %(stream_id)s AND to_position IS NULL

-- apply_principal_identified_v1 --
-- Whoever claimed an identity first has it.
INSERT INTO mnemolog.identity (tenant_id, issuer, subject, principal_id, position)
VALUES (%(tenant_id)s, %(issuer)s, %(subject)s, %(stream_id)s, %(position)s) ON CONFLICT DO NOTHING

-- apply_tenant_founded_v1 --
-- A tenant begins.
INSERT INTO mnemolog.tenant (tenant_id, limits, position) VALUES (%(tenant_id)s, %(limits)s, %(position)s)

-- apply_tenant_limited_v1 --
-- Its limits change.
UPDATE mnemolog.tenant SET limits = %(limits)s WHERE tenant_id = %(tenant_id)s

-- apply_subject_registered_v1 --
-- A data subject becomes known.
INSERT INTO mnemolog.subject (subject_id, tenant_id, position) VALUES (%(stream_id)s, %(tenant_id)s, %(position)s)

-- apply_grant_issued_v1 --
-- A grant begins.
INSERT INTO mnemolog.grant_rule (grant_id, tenant_id, cube_id, granted_by, terms, from_position)
VALUES (%(stream_id)s, %(tenant_id)s, %(cube_id)s, %(granted_by)s, %(terms)s, %(position)s)

-- apply_grant_revoked_v1 --
-- A grant ends, and with it all that were made from it.
UPDATE mnemolog.grant_rule SET to_position = %(position)s WHERE grant_id = %(stream_id)s AND to_position IS NULL

-- rules_epoch --
-- How far the catalogue is, and the last position at which something changed that a tenant's permissions follow from.
SELECT coalesce((SELECT position FROM mnemolog.view_position WHERE view = 'catalogue'), 0),
       coalesce(greatest((SELECT max(from_position) FROM mnemolog.grant_rule WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(to_position) FROM mnemolog.grant_rule WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(from_position) FROM mnemolog.group_member WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(to_position) FROM mnemolog.group_member WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(from_position) FROM mnemolog.inactivity WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(to_position) FROM mnemolog.inactivity WHERE tenant_id = %(tenant_id)s),
                         (SELECT max(position) FROM mnemolog.principal
                          WHERE tenant_id = %(tenant_id)s AND administrator)), 0)

-- rules --
-- The grants of a tenant as of a position.
SELECT grant_id, granted_by, cube_id, terms FROM mnemolog.grant_rule
WHERE tenant_id = %(tenant_id)s AND from_position <= %(at)s AND (to_position IS NULL OR to_position > %(at)s)
ORDER BY from_position

-- administrators --
-- The principals that administered a tenant as of a position.
SELECT principal_id FROM mnemolog.principal
WHERE tenant_id = %(tenant_id)s AND administrator AND position <= %(at)s

-- grant --
-- One grant of a tenant, also one that was revoked.
SELECT grant_id, granted_by, cube_id, terms, from_position, to_position FROM mnemolog.grant_rule
WHERE tenant_id = %(tenant_id)s AND grant_id = %(grant_id)s

-- grants_page --
-- The grants of a tenant that somebody may know of, in the order they were issued; an absent filter is NULL.
SELECT g.grant_id, g.granted_by, g.cube_id, g.terms, g.from_position, g.to_position FROM mnemolog.grant_rule g
WHERE g.tenant_id = %(tenant_id)s AND g.from_position > %(after)s
  AND (%(revoked)s::boolean OR g.to_position IS NULL)
  AND (%(subject_id)s::uuid IS NULL OR g.terms->>'subject_id' = %(subject_id)s::text)
  AND (%(resource_id)s::uuid IS NULL OR g.terms->>'resource_id' = %(resource_id)s::text)
  AND (%(knower_id)s::uuid IS NULL OR g.granted_by = %(knower_id)s
       OR (g.terms->>'effect' = 'permit' AND g.terms->>'subject_id' = ANY (%(belongs)s::text[]))
       OR EXISTS (SELECT FROM mnemolog.cube c WHERE c.cube_id = g.cube_id AND c.owner_id = %(knower_id)s))
ORDER BY g.from_position LIMIT %(limit)s

-- digest_memory --
-- Every row as text, in canonical order.
SELECT row_to_json(t)::text FROM mnemolog.memory t ORDER BY memory_id, from_position

-- digest_derivation --
-- The same for what was made from what.
SELECT row_to_json(t)::text FROM mnemolog.derivation t ORDER BY child_id, parent_id, relation, from_position

-- digest_cube --
-- The same for cubes.
SELECT row_to_json(t)::text FROM mnemolog.cube t ORDER BY cube_id

-- digest_grant_rule --
-- The same for grants.
SELECT row_to_json(t)::text FROM mnemolog.grant_rule t ORDER BY grant_id

-- digest_principal --
-- The same for principals.
SELECT row_to_json(t)::text FROM mnemolog.principal t ORDER BY principal_id

-- digest_credential --
-- The same for keys.
SELECT row_to_json(t)::text FROM mnemolog.credential t ORDER BY key_id

-- digest_group_member --
-- The same for memberships.
SELECT row_to_json(t)::text FROM mnemolog.group_member t ORDER BY group_id, member_id, from_position

-- digest_inactivity --
-- The same for what was deactivated.
SELECT row_to_json(t)::text FROM mnemolog.inactivity t ORDER BY principal_id, from_position

-- digest_identity --
-- The same for identities.
SELECT row_to_json(t)::text FROM mnemolog.identity t ORDER BY tenant_id, issuer, subject

-- digest_tenant --
-- The same for tenants.
SELECT row_to_json(t)::text FROM mnemolog.tenant t ORDER BY tenant_id

-- digest_subject --
-- The same for data subjects.
SELECT row_to_json(t)::text FROM mnemolog.subject t ORDER BY subject_id

-- embeddings --
-- Cached vectors of some memories, and their places among those that were asked for.
SELECT u.place - 1, e.vector
FROM unnest(%(memory_ids)s::uuid[], %(fingerprints)s::bytea[]) WITH ORDINALITY u(m, f, place)
JOIN mnemolog.embedding e ON e.memory_id = u.m AND e.fingerprint = u.f

-- embeddings_of_originals --
-- The same of those that the memories were copied from: their first event says so.
SELECT u.place - 1, e.vector
FROM unnest(%(memory_ids)s::uuid[], %(fingerprints)s::bytea[]) WITH ORDINALITY u(m, f, place)
JOIN mnemolog.event b ON b.stream_id = u.m AND b.version = 1
JOIN mnemolog.embedding e ON e.memory_id = (b.payload->>'copied_from')::uuid AND e.fingerprint = u.f

-- add_embeddings --
-- Another process may have computed the same vector, or the memory may have been erased meanwhile.
INSERT INTO mnemolog.embedding (memory_id, fingerprint, vector)
SELECT * FROM unnest(%(memory_ids)s::uuid[], %(fingerprints)s::bytea[], %(vectors)s::bytea[]) u(m, f, v)
WHERE NOT EXISTS (SELECT FROM mnemolog_keys.destroyed_key d WHERE d.key_id = u.m) ON CONFLICT DO NOTHING

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

-- clear_access --
-- DELETE and not TRUNCATE, as for the catalogue.
DELETE FROM mnemolog.access;
DELETE FROM mnemolog.access_pattern;
DELETE FROM mnemolog.access_process

-- begin_accesses --
-- A row for each event.
INSERT INTO mnemolog.access SELECT * FROM json_populate_recordset(NULL::mnemolog.access, %(rows)s::json)

-- begin_patterns --
-- Memories that nobody was told of yet.
INSERT INTO mnemolog.access_pattern (memory_id, tenant_id, owner_id, reads)
SELECT m, t, o, 0 FROM unnest(%(memory_ids)s::uuid[], %(tenant_ids)s::uuid[], %(owner_ids)s::uuid[]) u(m, t, o)

-- memory_owners --
-- Who owns some memories, and in which tenant.
SELECT memory_id, tenant_id, owner_id FROM mnemolog.access_pattern WHERE memory_id = ANY (%(memory_ids)s)

-- count_reads --
-- Memories that somebody was told of.
UPDATE mnemolog.access_pattern p SET reads = p.reads + u.n, last_position = u.l, last_read_at = u.w
FROM unnest(%(memory_ids)s::uuid[], %(reads)s::bigint[], %(positions)s::bigint[], %(moments)s::timestamptz[]) u(m, n, l, w)
WHERE p.memory_id = u.m

-- open_process --
-- A process begins to record in a tenant.
INSERT INTO mnemolog.access_process (process_id, tenant_id, stream_id, version, last_position, ended)
VALUES (%(process_id)s, %(tenant_id)s, %(stream_id)s, %(version)s, %(position)s, false)

-- end_process --
-- All that a process has answered is on record, or a gap has been declared.
UPDATE mnemolog.access_process SET version = %(version)s, ended = true
WHERE process_id = %(process_id)s AND tenant_id = %(tenant_id)s

-- reach_process --
-- Processes whose answers go on record.
UPDATE mnemolog.access_process p SET last_position = u.l
FROM unnest(%(process_ids)s::uuid[], %(tenant_ids)s::uuid[], %(positions)s::bigint[]) u(p, t, l)
WHERE p.process_id = u.p AND p.tenant_id = u.t

-- unclosed_processes --
-- Processes that record still, or are gone without a word.
SELECT process_id, tenant_id, stream_id, version, last_position FROM mnemolog.access_process
WHERE NOT ended ORDER BY last_position

-- accesses_page --
-- Newest first; an absent filter is NULL.
SELECT position, kind, code, actor_id, on_behalf_of, session_id, cube_ids, memory_ids, recorded_at
FROM mnemolog.access
WHERE tenant_id = %(tenant_id)s AND position < %(before)s AND position > %(after)s
  AND (%(involving)s::uuid IS NULL OR involved @> ARRAY[%(involving)s::uuid])
  AND (%(actor_id)s::uuid IS NULL OR actor_id = %(actor_id)s OR on_behalf_of = %(actor_id)s)
  AND (%(memory_id)s::uuid IS NULL OR memory_ids @> ARRAY[%(memory_id)s::uuid])
  AND (%(cube_id)s::uuid IS NULL OR cube_ids @> ARRAY[%(cube_id)s::uuid])
  AND (%(session_id)s::uuid IS NULL OR session_id = %(session_id)s)
  AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s))
  AND (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(refused)s::boolean IS NULL OR (code IS NOT NULL) = %(refused)s)
ORDER BY position DESC LIMIT %(limit)s

-- access_patterns --
-- How often some memories of a tenant were told to somebody.
SELECT memory_id, owner_id, reads, last_position, last_read_at FROM mnemolog.access_pattern
WHERE tenant_id = %(tenant_id)s AND memory_id = ANY (%(memory_ids)s)

-- digest_access --
-- Every row as text, in canonical order.
SELECT row_to_json(t)::text FROM mnemolog.access t ORDER BY position

-- digest_access_pattern --
-- The same for what was read how often.
SELECT row_to_json(t)::text FROM mnemolog.access_pattern t ORDER BY memory_id

-- digest_access_process --
-- The same for processes.
SELECT row_to_json(t)::text FROM mnemolog.access_process t ORDER BY process_id, tenant_id

-- first_leaf --
-- The leaf of the first event, which names the log.
SELECT leaf FROM mnemolog.event WHERE position = 1

-- leaves --
-- What the tree is made of, and the links of the chain beside it.
SELECT position, leaf, chain FROM mnemolog.event WHERE position > %(after)s ORDER BY position LIMIT %(limit)s

-- tree_hashes --
-- Hashes that are stored: leaves by position, and nodes of the tree.
SELECT 0::smallint, position - 1, leaf FROM mnemolog.event WHERE position = ANY (%(positions)s::bigint[])
UNION ALL
SELECT t.level, t.index, t.hash FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) u(l, i)
JOIN mnemolog.tree_node t ON t.level = u.l AND t.index = u.i

-- tree_shape --
-- How many nodes of each level are stored, and how many there would be without a gap.
SELECT level, count(*), max(index) + 1 FROM mnemolog.tree_node GROUP BY level ORDER BY level

-- tree_size --
-- How many leaves the stored nodes are over.
SELECT coalesce(max(index) + 1, 0) * 256 FROM mnemolog.tree_node WHERE level = 8

-- add_tree_nodes --
-- All at once, so that none of a batch is missing.
INSERT INTO mnemolog.tree_node (level, index, hash)
SELECT * FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(hashes)s::bytea[])

-- add_checkpoint --
-- Another key may have signed for this size already.
INSERT INTO mnemolog.checkpoint (size, note) VALUES (%(size)s, %(note)s) ON CONFLICT (size) DO NOTHING

-- newest_checkpoint --
-- The checkpoint of the largest tree.
SELECT size, note, signed_at FROM mnemolog.checkpoint ORDER BY size DESC LIMIT 1

-- checkpoints_page --
-- Checkpoints from the smallest tree to the largest.
SELECT size, note, signed_at FROM mnemolog.checkpoint WHERE size > %(after)s ORDER BY size LIMIT %(limit)s

-- append_end --
-- Where the append ends that holds a position.
SELECT position FROM mnemolog.event WHERE position >= %(position)s AND chain IS NOT NULL ORDER BY position LIMIT 1
