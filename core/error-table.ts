/**
 * Every code this system answers with or throws, in one closed table. docs/reference/errors.md is made from it, and a test
 * holds it equal to the code: a code that is not here does not exist.
 */
import type { Retry } from './errors.ts'

/**
 * Where a code appears: `http` as the `code` of a problem document, `rejection` at one hit of a batch whose others are
 * kept, `internal` in the log of the process and in exit messages only.
 */
export type ErrorKind = 'http' | 'rejection' | 'internal'

export interface ErrorEntry {
  readonly code: string
  readonly kinds: readonly ErrorKind[]
  /** Of the answer, for `http`; null for the other kinds. */
  readonly status: number | null
  readonly retry: Retry
  readonly meaning: string
  /** What whoever meets it should do. */
  readonly mend: string
}

const http = (code: string, status: number, retry: Retry, meaning: string, mend: string): ErrorEntry => ({
  code,
  kinds: ['http'],
  status,
  retry,
  meaning,
  mend,
})
const rejection = (code: string, meaning: string, mend: string): ErrorEntry => ({
  code,
  kinds: ['rejection'],
  status: null,
  retry: 'never',
  meaning,
  mend,
})
const internal = (code: string, retry: Retry, meaning: string, mend: string): ErrorEntry => ({
  code,
  kinds: ['internal'],
  status: null,
  retry,
  meaning,
  mend,
})

export const errorTable: readonly ErrorEntry[] = [
  // ---- any request
  http('no_key', 401, 'never', 'The request carries no key.', 'Send `Authorization: Bearer <key>`.'),
  http('bad_key', 401, 'never', 'Nobody holds this key.', 'Check the key for a copying mistake.'),
  http(
    'forbidden',
    403,
    'never',
    "The key lacks the right, or the merchant is not the key's; the same answer whether that merchant exists or not.",
    'Use a key that has the right.',
  ),
  http(
    'not_found',
    404,
    'never',
    'There is nothing at this address, or not for this method.',
    'Check method and path.',
  ),
  http(
    'bad_request',
    400,
    'never',
    'The request is not HTTP as the server reads it.',
    'Mend the request as `detail` says.',
  ),
  http('bad_header', 431, 'never', 'The headers of the request are too large.', 'Send fewer or shorter headers.'),
  http('bad_json', 400, 'never', 'The body is not JSON in UTF-8, or its compression is broken.', 'Mend the body.'),
  http('bad_content_type', 415, 'never', 'This route does not read the content type.', 'Send `application/json`.'),
  http('body_too_large', 413, 'never', 'The body, packed or unpacked, is over the limit.', 'Send smaller batches.'),
  http('request_timeout', 408, 'afterBackoff', 'The request did not arrive in time.', 'Send it again, faster.'),
  http('overloaded', 503, 'afterBackoff', 'The server has more to do than it can.', 'Wait as `Retry-After` says.'),
  http(
    'quota_exceeded',
    429,
    'afterBackoff',
    'The key sends more than its quota; nothing of this request is stored.',
    'Wait as `Retry-After` says.',
  ),
  http(
    'too_many_connections',
    503,
    'afterBackoff',
    'The address has too many connections open.',
    'Reuse connections, or raise HITLAKE_CONNECTIONS_PER_ADDRESS.',
  ),
  http('shutting_down', 503, 'afterBackoff', 'The server is stopping.', 'Send it again; nothing of it was stored.'),
  http('not_ready', 503, 'afterBackoff', 'A part of the server is not ready; `parts` names it.', 'Wait; see the log.'),
  http(
    'internal',
    500,
    'outcomeUnknown',
    'A fault of the server; its log has the reason under `requestId`.',
    'Try again; with ids on the hits a repeat counts once. Report it.',
  ),

  // ---- collecting, the request
  http('no_hits', 400, 'never', 'The body holds no hit.', 'Send one hit, an array, or `{"hits":[…]}`.'),
  http('too_many_hits', 413, 'never', 'More than 1,000 hits in one request.', 'Send smaller batches.'),
  http(
    'nothing_accepted',
    400,
    'never',
    'Every hit was rejected; `rejected` says why, hit by hit.',
    'Mend the hits; the codes are below.',
  ),
  http(
    'bad_origin',
    403,
    'never',
    'The key is bound to origins, and the request comes from another one or does not say from where.',
    "Send from a page of these origins, or add the page's origin to a key.",
  ),
  http(
    'log_unavailable',
    503,
    'afterBackoff',
    'The log takes nothing now (full, or a write failed); nothing of this request is stored.',
    'Send it again as `Retry-After` says; free disk space or raise HITLAKE_LOG_MAX_BYTES.',
  ),

  // ---- collecting, one hit
  rejection(
    'bad_field',
    'A field is missing, of the wrong type, too long, or holds what it may not; see `pointer`.',
    'Mend the field.',
  ),
  rejection('unknown_field', 'The hit has a field that does not exist; see `pointer`.', 'Put own data under `props`.'),
  rejection(
    'bad_amount',
    'An amount is no number, has over 6 decimals as text, or is 10^12 or more.',
    'Mend the amount.',
  ),
  rejection('bad_currency', 'The currency is no ISO 4217 code.', 'Send three capital letters, such as `EUR`.'),
  rejection(
    'too_old',
    'The event time is older than HITLAKE_MAX_HIT_AGE.',
    'Import old hits with a key that has the right `historical`.',
  ),
  rejection('hit_too_large', 'The hit takes more than 32 KB.', 'Shorten its properties.'),
  rejection(
    'revenue_not_allowed',
    'The hit carries revenue or an item with a price, and the key has the right `no_revenue`.',
    'Send orders from a server, with a key that may.',
  ),
  {
    code: 'too_deep',
    kinds: ['http', 'rejection'],
    status: 400,
    retry: 'never',
    meaning: 'A hit is nested deeper than 8 (rejected), or the body deeper than 64 (whole request).',
    mend: 'Flatten the data.',
  },

  // ---- asking and administration
  http(
    'bad_query',
    400,
    'never',
    'Something in the request is not as it should be; `errors` lists each with a JSON pointer.',
    'Mend what `errors` names.',
  ),
  http(
    'unknown_metric',
    400,
    'never',
    'There is no such metric; `allowed` lists those there are.',
    'Ask for one of them.',
  ),
  http(
    'unknown_dimension',
    400,
    'never',
    'There is no such dimension; `allowed` lists those there are.',
    'Ask for one of them.',
  ),
  http(
    'unknown_format',
    400,
    'never',
    'There is no such `format`; `allowed` lists those there are.',
    'Ask for one of them.',
  ),
  http(
    'not_acceptable',
    406,
    'never',
    'No form of the answer is among those that `Accept` names; `allowed` lists those there are.',
    'Accept one of them, or send `?format=`.',
  ),
  http(
    'too_many_zones',
    409,
    'never',
    'The merchant had as many other time zones as one may have had.',
    'Take one of them back, or make another merchant.',
  ),
  http(
    'zone_settling',
    503,
    'afterBackoff',
    "The merchant's time zone was changed a moment ago: hits of the former one may still be on their way.",
    'Ask again after the seconds of `Retry-After`.',
  ),
  http('unknown_zone', 400, 'never', 'There is no such time zone.', 'Send an IANA name, such as `Europe/Berlin`.'),
  http(
    'too_many_buckets',
    422,
    'never',
    'The answer would have more than 10,000 buckets.',
    'Ask a shorter range or a longer interval.',
  ),
  http(
    'zone_not_aligned',
    422,
    'never',
    "The zone's hours do not line up with the stored ones, which may be of a former zone of the merchant, and the hits cannot be counted instead: they are over the budget, or no longer kept.",
    "Ask a shorter range, or in the merchant's zone; after a change of zone make its hours anew, as the detail says.",
  ),
  http('raw_budget', 422, 'never', 'The query would read more raw rows than its budget.', 'Ask a shorter range.'),
  http(
    'query_timeout',
    503,
    'afterBackoff',
    'The answer took longer than a question may take.',
    'Ask a shorter range or fewer dimensions, or try again.',
  ),
  http(
    'too_many_groups',
    422,
    'never',
    'The answer would have more groups than one answer may have.',
    'Ask fewer dimensions, a filter, a shorter range or longer intervals.',
  ),
  http(
    'engine_unavailable',
    503,
    'afterBackoff',
    'The query engine is not answering.',
    'Try again as `Retry-After` says.',
  ),
  http(
    'control_store_unavailable',
    503,
    'afterBackoff',
    'The control store is not answering; nothing of this request happened.',
    'Try again as `Retry-After` says.',
  ),
  http(
    'merchant_exists',
    409,
    'never',
    'There is a merchant of that id.',
    'Choose another id, or change the one there is.',
  ),
  http(
    'pin_refused',
    409,
    'never',
    "The pin's name pins another snapshot, the table has too many pins, or the snapshot is being removed.",
    'Do as the detail says.',
  ),
  http(
    'too_many_erasures',
    409,
    'never',
    'The merchant has as many erasures under way as it may have.',
    'Ask again when some of them are done.',
  ),
  http(
    'beyond_retention',
    422,
    'never',
    'The question needs hits or visits of days that are no longer kept; `firstDay` is the first that is.',
    'Ask from that day on, or for what hourly and daily numbers hold.',
  ),
  http(
    'rollback_refused',
    409,
    'never',
    'What came after the snapshot must not go: publications, an erasure, or snapshots that are gone already.',
    'Do as the detail says.',
  ),
  http(
    'plan_breaking',
    409,
    'never',
    "The release's plan cannot go on from the state that is there; nothing changed.",
    'Do as the detail says.',
  ),
  http(
    'rerun_refused',
    422,
    'never',
    'The rerun cannot be made as it is asked for: the snapshot, the plan, or what it would cover does not fit.',
    'Do as the detail says.',
  ),
  http(
    'rerun_overlaps',
    409,
    'never',
    'Another rerun that is not over makes the same sinks in the same places; `rerun` names it.',
    'Wait for it, end it, or ask for other sinks, days or merchants.',
  ),
  http(
    'rerun_state',
    409,
    'never',
    "The rerun's state does not allow this; `possible` lists what it allows.",
    'Do one of those, or look at the rerun again.',
  ),
  http(
    'too_many_reruns',
    409,
    'never',
    'There are as many reruns that are not over as there may be.',
    'Release or cancel one of them.',
  ),
  http(
    'import_out_of_order',
    409,
    'never',
    'The lines sent to an import are not the next ones; `done` says how many are done.',
    'Go on from `done`.',
  ),

  // ---- internal
  internal(
    'CONFIG_INVALID',
    'never',
    'The configuration is not right; every problem is listed.',
    'Mend it and start again.',
  ),
  internal('START_FAILED', 'never', 'The system cannot start here.', 'Do what the message says.'),
  internal('COMMAND_FAILED', 'never', 'A command cannot do what it was asked.', 'Do what the message says.'),
  internal(
    'LOG_CORRUPT',
    'never',
    'Bytes of the log are not what was written.',
    'Restore the file, or move it away and lose its hits.',
  ),
  internal(
    'LOG_OFFSET_TRIMMED',
    'never',
    'A position lies before the oldest record kept.',
    'Log and control store do not belong together.',
  ),
  internal(
    'EPOCH_STALE',
    'never',
    'Another owner went on with the job.',
    'Drop the epoch; start from the committed positions.',
  ),
  internal(
    'WRITING_STALE',
    'afterBackoff',
    'Another generation is to be written, or one no more.',
    'Ask what is written and make the epoch again.',
  ),
  internal(
    'ERASURES_STALE',
    'afterBackoff',
    'An erasure is being carried out that this work did not know of.',
    'Read the erasures again and make the work again.',
  ),
  internal('RERUN_STALE', 'never', "The rerun's state does not allow it.", 'Look at the rerun again.'),
  internal('RERUNS_TOO_MANY', 'never', 'There are too many open reruns.', 'Release or cancel one.'),
  internal('RERUN_SPLITS_TOO_MANY', 'never', 'A rerun has more splits than it may.', 'Rerun fewer days at once.'),
  internal(
    'RERUN_SPLIT_FAILED',
    'afterBackoff',
    'A thread of a rerun died.',
    'It is run again; give it more memory if it dies again.',
  ),
  internal('LEASE_STALE', 'never', 'The lease is another owner’s now.', 'Stop, and take it again.'),
  internal('PUBLICATION_OPEN', 'never', 'A publication is not finished.', 'Repeat it before another begins.'),
  internal('LAKE_COMMIT_CONFLICT', 'afterBackoff', 'Another writer moved the table first.', 'Stage again and commit.'),
  internal('SNAPSHOT_NOT_FOUND', 'never', 'The table has no such snapshot.', 'List those it has.'),
  internal('LAKE_TABLE_CORRUPT', 'never', "A table's file cannot be read.", 'Restore it from a copy.'),
  internal(
    'LAKE_TABLE_UNSUPPORTED',
    'never',
    'A table uses a part of the Iceberg format that is not read here.',
    'Rewrite it, as the message says, with the engine that wrote it.',
  ),
  internal(
    'LAKE_REF_NOT_FOUND',
    'never',
    'The table has no such tag or branch, or no snapshot that old.',
    'List its snapshots, tags and branches.',
  ),
  internal(
    'LAKE_CHANGE_REFUSED',
    'never',
    'A change of a table would leave it wrong.',
    'Ask for one that the message allows.',
  ),
  internal(
    'CHECKPOINT_CORRUPT',
    'never',
    "A part of a job's saved state is damaged or gone.",
    'Restore it from a copy.',
  ),
  internal(
    'STATE_LIMIT',
    'afterBackoff',
    "The state of a job, or of a plan's windows, is at its limit; it stops reading.",
    "Raise HITLAKE_STATE_MAX_BYTES, or the plan's own limit; split a finite input into more parts.",
  ),
  internal(
    'SPLIT_FAILED',
    'afterBackoff',
    'A part of a finite input could not be run to its end.',
    'See its cause, and run it again.',
  ),
  internal(
    'CONTROL_STORE_OUTCOME_UNKNOWN',
    'outcomeUnknown',
    'The connection broke during a commit of the control store.',
    'Read what it holds; the worker does so by itself.',
  ),
  internal('PLAN_INVALID', 'never', 'A plan would go wrong.', 'Mend the pipeline as the message says.'),
  internal(
    'PLAN_UNREADABLE',
    'never',
    'A text is no plan of this release.',
    'Give the JSON of a plan, as `hitlake explain --json` prints it, of this release or an older one.',
  ),
  internal(
    'PLAN_NOT_FOUND',
    'never',
    'A plan that is to run is not kept.',
    'Restore `plans/`, start its release once, or adopt the plan of this one.',
  ),
  internal(
    'PLAN_CORRUPT',
    'never',
    'A kept plan is not what was saved.',
    'Restore it from a copy, or start its release once.',
  ),
  internal(
    'PLAN_FORMAT_UNKNOWN',
    'never',
    'A kept plan is of a form that this release cannot run.',
    'Run a release that can, or adopt the plan of this one.',
  ),

  internal(
    'RECORD_POISON',
    'never',
    'A record of the feed cannot be decoded; it goes to `failed_hits` whole.',
    'Look at its original there.',
  ),
  internal('TRINO_UNAVAILABLE', 'afterBackoff', 'Trino gave no answer.', 'Start Trino; the process goes on by itself.'),
  internal(
    'TRINO_OUTCOME_UNKNOWN',
    'outcomeUnknown',
    'The end of a statement that writes was not seen.',
    'Nothing: it is repeated until it is certain.',
  ),
  internal('TRINO_QUERY_FAILED', 'outcomeUnknown', 'Trino failed a statement.', "Look the query up in Trino's list."),
  internal('TRINO_RESULT_TOO_LARGE', 'never', 'A result of Trino is larger than its limit.', 'Ask for less at once.'),
  internal(
    'OBJECT_STORE_UNAVAILABLE',
    'afterBackoff',
    'The object store does not answer, or cannot now.',
    'Nothing is lost; look at the store, the system goes on by itself.',
  ),
  internal(
    'OBJECT_STORE_REFUSED',
    'never',
    'The object store refuses what was asked.',
    'Check bucket, keys and their rights.',
  ),
  internal(
    'CONTROL_STORE_BEHIND',
    'never',
    'The control store lacks what was committed: an older copy was restored.',
    'Stop all processes and run `hitlake recover`.',
  ),
  internal(
    'JOURNAL_GAP',
    'never',
    'The journal does not hold what is needed to bring the control store up to date.',
    'Restore a newer copy of the control store and recover that.',
  ),
  internal(
    'FEED_UNAVAILABLE',
    'outcomeUnknown',
    'Kafka did not say that records are stored.',
    'Start Kafka; the collector accepts meanwhile and goes on by itself.',
  ),
  internal('FEED_TOPIC_UNFIT', 'never', 'The topic is not as it is configured.', 'Mend the one or the other.'),
  internal(
    'FEED_POSITION_BEYOND_END',
    'never',
    'A committed position lies behind the end of the topic: it was made anew, or lost records.',
    'Use a topic of another name.',
  ),
  internal(
    'EMIT_REFUSED',
    'never',
    'History cannot be emitted to where it was asked to go.',
    'Do what the message says.',
  ),
]

const byCode: ReadonlyMap<string, ErrorEntry> = new Map(errorTable.map((entry) => [entry.code, entry]))

/** What the table says of a code; undefined for a code that is not ours. */
export function errorEntry(code: string): ErrorEntry | undefined {
  return byCode.get(code)
}

/** The reference page, docs/reference/errors.md; a test holds the file equal to it. */
export function errorsPage(): string {
  const section = (kind: ErrorKind) =>
    errorTable
      .filter((entry) => entry.kinds.includes(kind))
      .map((entry) => {
        const status = kind === 'http' ? ` ${entry.status} |` : ''
        return `| \`${entry.code}\` |${status} ${retryText[entry.retry]} | ${entry.meaning} | ${entry.mend} |`
      })
      .join('\n')
  return `# Errors

<!-- Made from core/error-table.ts by \`npm run build && node infra/build/write-docs.mjs\`; a test compares. -->

Every refused request is answered with \`application/problem+json\` (RFC 9457): \`type\`, \`title\`, \`status\`, \`detail\`, and a
\`code\` that never changes its meaning. The detail is for people and may change. A 503 or 429 carries \`Retry-After\`.

## Answers to requests

| code | status | again? | meaning | what to do |
|---|---|---|---|---|
${section('http')}

## Rejections of one hit

In \`rejected\` of the reply to \`POST /v1/hits\`; the other hits of the batch are kept. Sending the hit again unchanged is
rejected again.

| code | again? | meaning | what to do |
|---|---|---|---|
${section('rejection')}

## In the log of the process

| code | again? | meaning | what to do |
|---|---|---|---|
${section('internal')}
`
}

const retryText: Readonly<Record<Retry, string>> = {
  never: 'no',
  afterBackoff: 'after a pause',
  outcomeUnknown: 'outcome unknown',
}
