/** Configuration variables that every mode reads, and what the process is built of, made of them. */
import type { z } from 'zod'
import { byteSize, duration, networks, optional, variable, whole, word } from './variables.ts'

export const sharedVariables = {
  HITLAKE_PORT: whole(8_080, 0, 65_535).describe('Port to listen on; 0 takes a free one.'),
  HITLAKE_HOST: variable({ byDefault: '127.0.0.1', form: 'address or host name' }, (text) =>
    /^[0-9A-Za-z.:_-]+$/.test(text)
      ? { value: text }
      : { wrong: `must be an address or a host name without port, not "${text}"` },
  ).describe('Address to listen on. `0.0.0.0` is reachable from other machines: put TLS in front of it.'),
  HITLAKE_DATA_DIR: variable({ byDefault: './data', form: 'folder' }, (text) =>
    text.includes('\0') ? { wrong: 'must be the path of a folder' } : { value: text },
  ).describe('Folder that holds the log, the lake, the control store and `keys.json`. One process at a time.'),
  HITLAKE_PUBLISH_MAX_BYTES: byteSize('128 MB', '1 MB').describe('Most bytes of staged files in one publication.'),
  HITLAKE_MAX_HIT_AGE: duration('30d', '1m', '3650d').describe(
    'Hits whose event time is older are rejected with `too_old`, unless the key has the right `historical`.',
  ),
  HITLAKE_ADMIN_KEY: optional('text, 16 to 256 visible characters', (text) =>
    /^[\x21-\x7e]{16,256}$/.test(text)
      ? { value: text }
      : { wrong: 'must have 16 to 256 visible ASCII characters and no space' },
  ).describe(
    'An admin key; the start with it makes it one, and it stays one. Not set: the first start writes one to `keys.json`.',
  ),
  HITLAKE_TRUSTED_PROXIES: networks('').describe(
    "Proxies whose `X-Forwarded-For` is believed. Empty: the client's address is the connection's.",
  ),
  HITLAKE_CONNECTIONS_PER_ADDRESS: whole(200, 1, 1_000_000).describe(
    'Most connections open from one address at once; a further one is answered 503 `too_many_connections` and closed. Trusted proxies are not limited.',
  ),
  HITLAKE_MAINTAIN_EVERY: duration('10m', '100ms', '24h').describe(
    'Pause between rounds of maintenance: visits and days are derived, small files become one.',
  ),
  HITLAKE_DERIVE_AFTER: duration('30m', '0s', '7d').describe(
    'How long after its end a UTC day counts as over for maintenance. Numbers never wait for it.',
  ),
  HITLAKE_SNAPSHOTS_KEEP: duration('1d', '1h', '3650d').describe(
    'Every snapshot of a table is kept that is younger than this.',
  ),
  HITLAKE_SNAPSHOTS_KEEP_HOURLY: duration('7d', '1h', '3650d').describe(
    'Of the snapshots younger than this the newest of each hour is kept. In a cluster, where single ones cannot go, all are kept for this long and `HITLAKE_SNAPSHOTS_KEEP` besides, and for no less than the journal.',
  ),
  HITLAKE_SNAPSHOTS_KEEP_DAILY: duration('400d', '1h', '3650d').describe(
    'Of the snapshots younger than this the newest of each UTC day is kept, and none that are older; a pin keeps one for longer. Of no effect in a cluster.',
  ),
  HITLAKE_KEY_QUOTA: whole(5_000, 1, 10_000_000).describe(
    'Hits per second a key may send that has no quota of its own, by each collector; beyond it 429 `quota_exceeded`. Twice as many may come at once.',
  ),
  HITLAKE_LOG_MAX_BYTES: byteSize('10 GB', '64 MB').describe(
    'Most bytes of hits not yet processed; beyond it `POST /v1/hits` answers 503 `log_unavailable`.',
  ),
  HITLAKE_LOG_SEGMENT_BYTES: byteSize('32 MB', '1 MB').describe(
    'Size of a segment file of the log; whole segments are trimmed.',
  ),
  HITLAKE_DISK_MAX_PERCENT: whole(90, 1, 100).describe(
    'Share of the disk in use beyond which the log takes nothing more.',
  ),
  HITLAKE_CELLS_MAX_BYTES: byteSize('256 MB', '1 MB').describe(
    'Most memory of cached cells, the finished numbers of queries.',
  ),
  HITLAKE_RAW_ROW_BUDGET: whole(20_000_000, 1, 1_000_000_000_000).describe(
    'Most raw rows one query may read; beyond it 422 `raw_budget`, never a part of the answer.',
  ),
  HITLAKE_QUERY_CONCURRENCY: whole(2, 1, 64).describe('Engine queries that run at once; others wait.'),
  HITLAKE_QUERY_TIMEOUT: duration('30s', '1s', '10m').describe('Longest an engine query may take, its wait included.'),
  HITLAKE_DUCKDB_MEMORY: byteSize('160 MB', '64 MB').describe(
    "DuckDB's memory limit for publishing, rewriting and queries; it spills to the data folder beyond. The staging of epochs has 64 MB besides, and, embedded, so has the control store.",
  ),
  HITLAKE_DUCKDB_THREADS: whole(2, 1, 256).describe("DuckDB's threads."),
  HITLAKE_PLAN_CHANGES: word('wait', ['wait', 'adopt']).describe(
    'What a start does where the plan of its release would make other numbers than the one that is live: `wait` goes on by the live one until a rerun or `hitlake adopt` brings the other in; `adopt` takes it at once, and rows of the past stay as they were made.',
  ),
  HITLAKE_PLANS: optional('a folder', (text) => ({ value: text })).describe(
    "Folder of plans that were built apart and stand for this release's own: how a mended pipeline is brought in without another release. Not set: the plans of this release.",
  ),
  HITLAKE_RERUN_THREADS: whole(1, 1, 64).describe(
    'Parts of a rerun that are made at once. Embedded each has a thread of its own, of low priority.',
  ),
  HITLAKE_RERUN_HITS_PER_SECOND: whole(0, 0, 100_000_000).describe(
    'Most hits a second that reruns process, so that live work keeps its pace; 0: what is left over.',
  ),
  HITLAKE_LOG_LEVEL: word('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).describe(
    "Least severe line that is written to the process's own log, on standard error.",
  ),
}

type Set = { readonly [Name in keyof typeof sharedVariables]: z.output<(typeof sharedVariables)[Name]> }

/** The shared part of a configuration, with units in the names. */
export function sharedConfig(set: Set) {
  return {
    port: set.HITLAKE_PORT,
    host: set.HITLAKE_HOST,
    dataDir: set.HITLAKE_DATA_DIR,
    publishMaxBytes: set.HITLAKE_PUBLISH_MAX_BYTES,
    maxHitAgeMs: set.HITLAKE_MAX_HIT_AGE,
    adminKey: set.HITLAKE_ADMIN_KEY,
    trustedProxies: Object.freeze(set.HITLAKE_TRUSTED_PROXIES) as readonly string[],
    connectionsPerAddress: set.HITLAKE_CONNECTIONS_PER_ADDRESS,
    keyQuota: set.HITLAKE_KEY_QUOTA,
    maintainEveryMs: set.HITLAKE_MAINTAIN_EVERY,
    deriveAfterMs: set.HITLAKE_DERIVE_AFTER,
    snapshotLadder: Object.freeze({
      allMs: set.HITLAKE_SNAPSHOTS_KEEP,
      hourlyMs: set.HITLAKE_SNAPSHOTS_KEEP_HOURLY,
      dailyMs: set.HITLAKE_SNAPSHOTS_KEEP_DAILY,
    }),
    logMaxBytes: set.HITLAKE_LOG_MAX_BYTES,
    logSegmentBytes: set.HITLAKE_LOG_SEGMENT_BYTES,
    diskMaxShare: set.HITLAKE_DISK_MAX_PERCENT / 100,
    cellsMaxBytes: set.HITLAKE_CELLS_MAX_BYTES,
    rawRowBudget: set.HITLAKE_RAW_ROW_BUDGET,
    queryConcurrency: set.HITLAKE_QUERY_CONCURRENCY,
    queryTimeoutMs: set.HITLAKE_QUERY_TIMEOUT,
    duckdbMemoryBytes: set.HITLAKE_DUCKDB_MEMORY,
    duckdbThreads: set.HITLAKE_DUCKDB_THREADS,
    planChanges: set.HITLAKE_PLAN_CHANGES,
    plansDir: set.HITLAKE_PLANS,
    rerunThreads: set.HITLAKE_RERUN_THREADS,
    rerunHitsPerSecond: set.HITLAKE_RERUN_HITS_PER_SECOND,
    logLevel: set.HITLAKE_LOG_LEVEL,
  }
}

/** What processes of every mode have. */
export type SharedConfig = Readonly<ReturnType<typeof sharedConfig>>
