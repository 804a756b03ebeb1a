/**
 * The control store: the one place of truth for what is committed. Everything an epoch changes moves in ONE transaction
 * (`commitEpoch`), which is the commit point of the whole system; everything else here is small and rare.
 * Adapters: memory, DuckDB file (embedded), PostgreSQL (cluster). All methods are safe to call concurrently.
 */
import type { KeyKind } from '../hit.ts'
import type { MerchantId, Offset } from '../ids.ts'
import type { TableName } from '../tables.ts'
import type { ErasureStore } from './erasure-store.ts'
import type { StagedFile, TableView } from './lake.ts'
import type { MaintenanceStore } from './maintenance-store.ts'
import type { GenerationChange, RerunStore } from './rerun-store.ts'

// ---- merchants and keys

export interface Merchant {
  readonly id: MerchantId
  readonly name: string
  readonly timeZone: string
  readonly currency: string
  /** Hit names that the step `govern` quarantines. */
  readonly blockedNames: readonly string[]
  /** Seed of the merchant's visitor hashes, 16 hex digits (XXH64 seed). Dropping it shreds them. */
  readonly visitorSeed: string
  /**
   * Days, the present one not counted, that hits, failed hits and visits are kept, 1 to `retentionDaysMax`; null: for ever.
   * Numbers by hour and day stay either way.
   */
  readonly retentionDays: number | null
  /** Zones it had before, each once, rising by when it ended; left out where there is none. Stored hours may lie on their grids. */
  readonly formerZones?: readonly FormerZone[]
}

/** A zone that a merchant had, and by the clock of whoever changed it when it was over, ms. */
export interface FormerZone {
  readonly timeZone: string
  readonly until: number
}

export const retentionDaysMax = 3_650

/** Other zones that a merchant may have had. */
export const formerZonesMax = 20

/** What may change of a merchant. Another seed makes nothing of the visitor hashes of before: they match no hash again. */
export interface MerchantChange
  extends Partial<Pick<Merchant, 'name' | 'blockedNames' | 'retentionDays' | 'visitorSeed'>> {
  /**
   * The present zone from `now` on, ms. The same zone changes nothing, and neither does a change that is not later than the
   * last one: it is one that is told again.
   */
  readonly zone?: { readonly timeZone: string; readonly now: number }
}

/** `no_revenue`: the key may write, but a hit that carries revenue or items with prices is refused. */
export type KeyRight = 'write' | 'read' | 'admin' | 'historical' | 'no_revenue'

export interface StoredKey {
  /** SHA-256 of the key, hex. The key itself is kept nowhere. */
  readonly hash: string
  /** null for admin keys. */
  readonly merchant: MerchantId | null
  readonly kind: KeyKind
  readonly rights: readonly KeyRight[]
  /** Web origins (`https://shop.example`) that a browser key is bound to; empty: any. */
  readonly origins: readonly string[]
  /** Hits per second the key may send; null: the default of the configuration. */
  readonly quota: number | null
  /** Which tool it was made for, in an administrator's words; null: not said. */
  readonly tool: string | null
}

export interface KeyHolder {
  readonly key: StoredKey
  readonly merchant: Merchant | null
}

// ---- epochs

export interface JobPosition {
  readonly partition: number
  /** The first offset not yet processed. */
  readonly next: Offset
  /** Object name of the partition's checkpoint; null: empty state. */
  readonly checkpoint: string | null
  /** Event-time watermark, ms; null before the first record. */
  readonly watermark: number | null
  /** `received` of the last record processed, ms; null before the first. */
  readonly received: number | null
  /**
   * By collector log: one past the last place of it that was processed here. A record that came through a log is dropped
   * as forwarded twice where its place lies before. Entries are kept for ever.
   */
  readonly forwarded: Readonly<Record<string, number>>
}

export interface BooksDelta {
  readonly merchant: MerchantId
  /** Start of the UTC hour of `received`, ms. */
  readonly hour: number
  /** Hits that came into the feed past every collector: counted as accepted where they are first met. */
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  /** By rule. */
  readonly dropped: Readonly<Record<string, number>>
}

export interface EpochCommit {
  readonly job: string
  readonly source: string
  readonly plan: string
  readonly fence: number
  /** At least one. */
  readonly partitions: readonly (JobPosition & { readonly from: Offset })[]
  readonly staged: readonly StagedFile[]
  /** Whose numbers changed: (merchant, UTC day of bucket). */
  readonly touched: readonly { readonly merchant: MerchantId; readonly day: number }[]
  readonly books: readonly BooksDelta[]
  /**
   * The `Writing` of the pipeline (rerun-store.ts) that the epoch wrote by: where it has changed since, the epoch is
   * refused, so that no generation misses a record. Left out: the pipeline has one generation, always.
   */
  readonly writing?: { readonly pipeline: string; readonly revision: number }
  /**
   * `erasuresAsked` as of before the erasures were looked up that its first hit was held against: where a later one is
   * fenced, the epoch is refused. Left out: it looks at no erasures.
   */
  readonly erasuresKnown?: number
  /**
   * Of hits that it left out as erased, where another job writes `hourly`: (merchant, UTC day)s that they may be counted in.
   * None where `erasuresKnown` is left out.
   */
  readonly droppedDays?: readonly { readonly merchant: MerchantId; readonly day: number }[]
}

// ---- publication

/** A set of staged files that become one snapshot. Fixed, with its id, before the lake is touched; so a repeat is the same. */
export interface Publication {
  readonly table: TableName
  readonly id: number
  readonly files: readonly StagedFile[]
}

// ---- imports

/** How far the import of a file has come. `sending`: lines that were sent and whose answer was not recorded. */
export interface ImportProgress {
  /** Lines [0, done) are answered for. */
  readonly done: number
  /** Lines [done, sending) may be stored or not. */
  readonly sending: number
  /** When it was last recorded, ms. */
  readonly at: number
}

// ---- reading

export interface VersionChanges {
  /** The newest commit; ask with it next time. */
  readonly commit: number
  /** (merchant, UTC day)s whose numbers changed after the `since` asked for, each with the commit that changed it last. */
  readonly changes: readonly { readonly merchant: MerchantId; readonly day: number; readonly version: number }[]
  /** True where changes after `since` are no longer listed one by one: forget everything. */
  readonly reset: boolean
  readonly positions: readonly (JobPosition & { readonly job: string })[]
  /**
   * The generation map as of the same moment, in no order: whole in every answer, for it is small. A change of it changes
   * all numbers of its place and is not listed in `changes`.
   */
  readonly generations: readonly GenerationChange[]
}

export interface Books {
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly dropped: Readonly<Record<string, number>>
  /** Per log: `accepted` counts the records before this offset. */
  readonly acceptedThrough: Readonly<Record<string, Offset>>
  /** The other counts hold what jobs committed, all records before these. */
  readonly positions: readonly (JobPosition & { readonly job: string })[]
}

export interface ControlStore extends MaintenanceStore, ErasureStore, RerunStore {
  createMerchant(merchant: Merchant, keys: readonly StoredKey[]): Promise<'created' | 'exists'>
  /** The merchant as it is afterwards, undefined where there is none. @throws RangeError beyond `formerZonesMax` */
  updateMerchant(id: MerchantId, change: MerchantChange): Promise<Merchant | undefined>
  merchant(id: MerchantId): Promise<Merchant | undefined>
  /** By id, after `after`, at most `limit`. */
  merchants(page: { readonly after?: string; readonly limit: number }): Promise<readonly Merchant[]>
  addKey(key: StoredKey): Promise<void>
  findKey(hash: string): Promise<KeyHolder | undefined>
  /** What the pipeline needs of merchants it meets: those it names that exist. */
  merchantsById(ids: readonly MerchantId[]): Promise<readonly Merchant[]>
  /**
   * The secret (32 bytes, hex) of each date `YYYY-MM-DD` asked for, made now where it is missing (`make` draws it);
   * secrets of dates before `keepFrom` are deleted for ever. Of two callers that make one, both get the same.
   */
  dailySecrets(
    dates: readonly string[],
    keepFrom: string,
    make: () => string,
  ): Promise<Readonly<Record<string, string>>>

  /**
   * Takes partitions of a job over: draws the job's next fencing number, stamps these partitions with it and returns it
   * with their positions in `source`, those never committed left out. Whoever held one of them can no longer commit an
   * epoch that moves it; other partitions stay whose they are. Fences rise per job, over all partitions and sources.
   * From here on `source` is what the job reads: an epoch of another source is stale.
   * @throws RangeError where `partitions` is empty or names one twice
   */
  acquirePartitions(
    job: string,
    source: string,
    owner: string,
    partitions: readonly number[],
  ): Promise<{ readonly fence: number; readonly positions: readonly JobPosition[] }>
  /**
   * The commit point. Checks that every partition it moves is stamped with `fence` and that its `next` still is `from`;
   * then moves positions, records staged files, versions and books, all or nothing. Returns the commit's number, which
   * rises by each commit.
   * @throws StaleEpochError, StaleWritingError where what is to be written has changed, or StaleErasuresError where it knew
   * too few erasures; nothing is changed then
   */
  commitEpoch(commit: EpochCommit): Promise<{ readonly commit: number }>

  /**
   * undefined while another owner's lease is live. The fence rises whenever the owner changes. `now`, ms, is the caller's
   * clock; a store that several machines share (PostgreSQL) goes by its own clock instead, for theirs may differ.
   */
  acquireLease(name: string, owner: string, ttlMs: number, now: number): Promise<{ readonly fence: number } | undefined>
  releaseLease(name: string, fence: number): Promise<void>

  /** Committed, unpublished files of the table in commit order, those of an open publication left out. */
  unpublished(table: TableName): Promise<readonly StagedFile[]>
  /** The publication begun and not finished, if any: it must be repeated before another begins. */
  openPublication(table: TableName): Promise<Publication | undefined>
  /** Fixes the next publication: its files (all must be unpublished) and its id. @throws StaleLeaseError, PublicationOpenError */
  beginPublication(table: TableName, lease: string, fence: number, files: readonly string[]): Promise<Publication>
  /** The lake has it: its files are pending no more, and `snapshot` is what readers read. @throws StaleLeaseError */
  finishPublication(table: TableName, lease: string, fence: number, id: number, snapshot: string): Promise<void>
  /** What readers read now: the last finished publication's snapshot and all committed files not in it. */
  tableView(table: TableName): Promise<TableView>

  versionsSince(since: number): Promise<VersionChanges>

  /** Progress of the import of the file with this hash (1 to 64 hex digits) into this merchant; undefined at first. */
  importProgress(merchant: MerchantId, file: string): Promise<ImportProgress | undefined>
  setImportProgress(merchant: MerchantId, file: string, progress: ImportProgress): Promise<void>

  /**
   * Adds a collector's counts of accepted hits for the records [from, through) of its log, once: it fails with
   * StaleEpochError where `from` is not where the last call for that log ended (0 at first).
   */
  addAccepted(
    log: string,
    from: Offset,
    through: Offset,
    counts: readonly { readonly merchant: MerchantId; readonly hour: number; readonly hits: number }[],
  ): Promise<void>
  acceptedThrough(log: string): Promise<Offset>
  /** Sums over hours of `received` in [from, to), of one merchant or of all. One consistent read. */
  books(range: { readonly merchant?: MerchantId; readonly from: number; readonly to: number }): Promise<Books>

  close(): Promise<void>
}
