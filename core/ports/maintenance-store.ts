/**
 * What maintenance asks of the control store: derived tables (rows made from other tables, a stretch of one merchant at a
 * time), rewrites of a table's files, and pins of its snapshots. Part of `ControlStore`, with its adapters and contracts.
 */
import type { GenerationMap } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { TableName } from '../tables.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { TableView } from './lake.ts'

/** `daily` of `hourly`, `sessions` of `hits`. */
export type DerivedTable = 'daily' | 'sessions'

/** Table that a derived one is made of. */
export const baseOfDerived = { daily: 'hourly', sessions: 'hits' } as const

/** A merchant's stretch of time, half-open, ms: a local day (`daily`), a UTC day (`sessions`). */
export interface DerivedUnit {
  readonly merchant: MerchantId
  readonly start: number
  readonly end: number
}

/**
 * How long a reader may go by derived ranges it has asked for, ms. Rewrites of a derived table leave rows that were
 * superseded less than this ago, plus the longest query, where they are.
 */
export const derivedRangesHoldMs = 10 * 60_000

/** What a derived table holds of a unit: its rows of this `_publish`, and no others. */
export interface DerivedRange {
  readonly start: number
  readonly end: number
  readonly publish: number
}

/** Units that are derived as one. Fixed, with its id, before the lake is touched; so a repeat is the same. */
export interface Derivation {
  readonly table: DerivedTable
  /** Rises per table; the `_publish` of its rows. */
  readonly id: number
  readonly units: readonly DerivedUnit[]
  /** What it reads: the base table as readers saw it when the derivation began. */
  readonly view: TableView
  /** Readers of `view` see all of the base table up to this commit. */
  readonly through: number
  /**
   * Open erasures of the units' merchants, of the same moment as `view`: what was removed before is not in the view, and
   * what is asked for later raises versions after it, so the units stop being right.
   */
  readonly erased: readonly ErasedHits[]
  /** Of the same moment as `view`: what changes of the map later raises versions after it. */
  readonly generations: GenerationMap
}

/** A merchant's UTC day whose numbers changed, with the commit that changed it last. */
export interface ChangedDay {
  readonly merchant: MerchantId
  readonly day: number
  readonly version: number
}

/** Keeps a snapshot of a table from being expired until `until`, ms. Of a table, a name pins one snapshot. */
export interface SnapshotPin {
  readonly table: TableName
  readonly snapshot: string
  readonly name: string
  readonly until: number
  /** Who or what asked for it, for people. */
  readonly by: string
}

/**
 * `name taken`: it pins another snapshot of the table. `too many`: the table has `pinsPerTableMax`. `expiring`: the snapshot
 * is on its way out, or gone. All but `pinned` change nothing.
 */
export type PinOutcome = 'pinned' | 'name taken' | 'too many' | 'expiring'

/** Pins a table may have. */
export const pinsPerTableMax = 200

export interface DerivationStore {
  /**
   * Changed days with firstDay <= day <= lastDay and version > `afterVersion`, by (day, merchant), after `after`, at most
   * `limit` (1 to 10,000). What is committed counts; also what is not published yet. Never forgotten, however old. A change
   * of the generation map changes all days of its place that anything is known of.
   */
  changedDays(page: {
    readonly afterVersion: number
    readonly firstDay: number
    readonly lastDay: number
    readonly after?: { readonly day: number; readonly merchant: string }
    readonly limit: number
  }): Promise<readonly ChangedDay[]>
  /** How far the rounds of a derived table have come: all changes up to `version`, of all days up to `day`. Null at first. */
  derivationMark(table: DerivedTable): Promise<{ readonly version: number; readonly day: number } | null>
  setDerivationMark(
    table: DerivedTable,
    lease: string,
    fence: number,
    mark: { readonly version: number; readonly day: number },
  ): Promise<void>
  /**
   * Fixes the next derivation: its id (rising per table, above `idAbove`: what the lake already holds) and what it reads, in
   * one consistent reading. Units: 1 to 10,000, those of a merchant disjoint. `reads: 'pending'`: the view's pending files too, so `through` is the newest commit;
   * `'published'`: only what is published, so `through` is the commit before the oldest unpublished file of the base table.
   * @throws StaleLeaseError; PublicationOpenError while a derivation or publication of the table is open
   */
  beginDerivation(
    table: DerivedTable,
    lease: string,
    fence: number,
    work: { readonly units: readonly DerivedUnit[]; readonly reads: 'pending' | 'published'; readonly idAbove: number },
  ): Promise<Derivation>
  /** The derivation begun and not finished, if any: it must be repeated before another begins. */
  openDerivation(table: DerivedTable): Promise<Derivation | undefined>
  /**
   * The lake has it: readers of `table` read `snapshot` (null: it has none, for its units have no rows), and of its units
   * this derivation; units of before that overlap them are forgotten. Raises no version: the numbers are the same. A
   * repeat changes nothing. @throws StaleLeaseError; RangeError where it was never begun
   */
  finishDerivation(
    table: DerivedTable,
    lease: string,
    fence: number,
    id: number,
    snapshot: string | null,
  ): Promise<void>
  /**
   * The units of a merchant that lie in [from, to) and are right: nothing readers see of the days they were made of
   * (`reach` days before the unit's first UTC day and after its last) changed after their derivation read it, by a commit or
   * by a change of what answers there of the base table. Where
   * visible means published (ADR 11), that is what was published since; a change committed and not yet published is in
   * neither the unit nor what readers see beside it. Rising, disjoint (where units overlap, as after a change of zone, the
   * newer). Ask for the ranges first and for the view of the table after, at most `derivedRangesHoldMs` later: that view
   * holds them.
   */
  derivedRanges(question: {
    readonly table: DerivedTable
    readonly merchant: MerchantId
    readonly from: number
    readonly to: number
    readonly reach: { readonly daysBefore: number; readonly daysAfter: number }
  }): Promise<readonly DerivedRange[]>
}

export interface MaintenanceStore extends DerivationStore {
  /**
   * A maintenance commit of the lake (fold, compaction) replaced files: readers read `snapshot` from here on. Raises the
   * versions of `touched`, whose numbers it changed (what a fold truncated). `replaces` is the snapshot that the table's
   * view named before the lake was touched: where readers read another one by now, something was published or rewritten
   * meanwhile, and `snapshot` may lack it. Look at the view again then; if its snapshot descends from the rewrite, call
   * once more with it as both, so that versions rise.
   * @throws StaleLeaseError; PublicationOpenError while a publication or derivation of the table is open;
   * CommitConflictError where readers read another snapshot than `replaces`
   */
  finishRewrite(
    table: TableName,
    lease: string,
    fence: number,
    rewrite: {
      readonly snapshot: string
      readonly replaces: string | null
      readonly touched: readonly { readonly merchant: MerchantId; readonly day: number }[]
    },
  ): Promise<void>

  /**
   * From the moment it answers `pinned` no expiry takes the snapshot before `until`. The same name and snapshot again
   * renews the pin. Whether the table has the snapshot is the lake's to know: ask it after.
   */
  pinSnapshot(pin: SnapshotPin): Promise<PinOutcome>
  /** False where there was no such pin. */
  unpinSnapshot(table: TableName, name: string): Promise<boolean>
  /** By name; also those whose time is over, until an expiry finds them. */
  pins(table: TableName): Promise<readonly SnapshotPin[]>
  /**
   * The first step of an expiry, and atomic against `pinSnapshot`: forgets pins with `until <= now`, and of `snapshots`
   * returns those that no other pin holds. Until the next call for the table these cannot be pinned.
   * @throws StaleLeaseError; PublicationOpenError while a publication or derivation of the table is open
   */
  condemnSnapshots(
    table: TableName,
    lease: string,
    fence: number,
    expiry: { readonly snapshots: readonly string[]; readonly now: number },
  ): Promise<readonly string[]>
}
