/** What the memory control store holds, copyable by `structuredClone`. */
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { CollectorReport, KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit, ImportProgress, JobPosition, Publication } from '../../../core/ports/control-store.ts'
import type { DroppedDay, Erasure } from '../../../core/ports/erasure-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { DerivedRange, DerivedTable, SnapshotPin } from '../../../core/ports/maintenance-store.ts'
import type { GenerationChange, Writing } from '../../../core/ports/rerun-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { BegunDerivation } from '../../core/control/derived-ranges.ts'
import { byCodeUnit, type DirectoryState, emptyDirectory } from './memory-control-directory.ts'

export interface JobState {
  fence: number
  owner: string
  source: string
  plan: string | null
  /** By source, then partition: the positions of an older feed incarnation stay. */
  positions: Map<string, Map<number, JobPosition>>
  /** By source, then partition: the fence of who took it last. */
  stamps: Map<string, Map<number, number>>
  /** By source, then partition: places of logs that every table of the job shows. */
  published: Map<string, Map<number, JobPosition['forwarded']>>
}

/** A commit with files that are not published, or behind such a commit of its job. */
export interface EpochState {
  readonly job: string
  readonly source: string
  readonly moved: EpochCommit['partitions']
  readonly touched: EpochCommit['touched']
  /** Names of those not published. */
  readonly files: Set<string>
}

interface LeaseState {
  fence: number
  owner: string | null
  expires: number
}

export interface TableState {
  snapshot: string | null
  lastPublication: number
  /** In commit order; those of the open publication are among them. */
  pending: StagedFile[]
  open: Publication | null
  /** By name. */
  readonly pins: Map<string, SnapshotPin>
  /** What the last expiry took. */
  condemned: readonly string[]
}

interface VersionState {
  readonly merchant: MerchantId
  readonly day: number
  readonly version: number
}

/** A derived table. */
export interface DerivedState {
  open: BegunDerivation | null
  mark: { readonly version: number; readonly day: number } | null
  /** By merchant; disjoint. */
  ranges: Map<string, readonly (DerivedRange & { readonly rightUntil: number })[]>
}

interface BooksState {
  readonly merchant: MerchantId
  readonly hour: number
  accepted: number
  stored: number
  duplicates: number
  failed: number
  readonly dropped: Map<string, number>
}

export interface KeptErasure extends Erasure {
  /** The asking up to which it is fenced; 0: never. */
  readonly fenced: number
}

export interface RerunsState {
  /** By id, rising. */
  all: Map<number, KeptRerun>
  /** Made of those that were ever promoted. */
  changes: readonly GenerationChange[]
  /** By pipeline; not of those that write what they write at first. */
  writing: Map<string, Writing>
  /** By rerun: names of splits that count. */
  splits: Map<number, Set<string>>
  /** By rerun: what its splits made, until it is promoted. */
  days: Map<number, Map<string, { readonly merchant: MerchantId; readonly day: number }>>
}

export interface ControlState extends DirectoryState {
  /** The newest number given to a commit, or to a publication that raised versions. */
  commit: number
  /** `versionsSince` of anything older than this commit answers with a reset. */
  versionsFloor: number
  jobs: Map<string, JobState>
  /** By commit. */
  epochs: Map<number, EpochState>
  leases: Map<string, LeaseState>
  tables: Map<TableName, TableState>
  /** Oldest change first. */
  versions: Map<string, VersionState>
  /** The newest version of every day that ever changed, by the same key. */
  days: Map<string, VersionState>
  derived: Record<DerivedTable, DerivedState>
  imports: Map<string, ImportProgress>
  /** The erasure with the id n at n - 1. */
  erasures: KeptErasure[]
  /** In the order of pages. */
  dropped: DroppedDay[]
  reruns: RerunsState
  books: Map<string, BooksState>
  accepted: Map<string, Offset>
  collectors: Map<string, CollectorReport>
}

export function emptyState(): ControlState {
  return {
    commit: 0,
    versionsFloor: 0,
    ...emptyDirectory(),
    jobs: new Map(),
    epochs: new Map(),
    leases: new Map(),
    tables: new Map(),
    versions: new Map(),
    days: new Map(),
    derived: { daily: emptyDerived(), sessions: emptyDerived() },
    imports: new Map(),
    erasures: [],
    dropped: [],
    reruns: { all: new Map(), changes: [], writing: new Map(), splits: new Map(), days: new Map() },
    books: new Map(),
    accepted: new Map(),
    collectors: new Map(),
  }
}

export function emptyDerived(): DerivedState {
  return { open: null, mark: null, ranges: new Map() }
}

export function tableOf(state: ControlState, name: TableName): TableState {
  let found = state.tables.get(name)
  if (found === undefined) {
    found = { snapshot: null, lastPublication: 0, pending: [], open: null, pins: new Map(), condemned: [] }
    state.tables.set(name, found)
  }
  return found
}

/** Every job's positions in the source it reads now. */
export function currentPositions(state: ControlState): readonly (JobPosition & { readonly job: string })[] {
  return jobsByName(state).flatMap(([job, { positions, source }]) =>
    inOrder(positions.get(source)).map((position) => ({ ...position, job })),
  )
}

export function jobsByName(state: ControlState): readonly (readonly [string, JobState])[] {
  return [...state.jobs].sort(([a], [b]) => byCodeUnit(a, b))
}

export function inOrder(positions: ReadonlyMap<number, JobPosition> | undefined): readonly JobPosition[] {
  return [...(positions?.values() ?? [])].sort((a, b) => a.partition - b.partition)
}

/** @throws RangeError where a file is committed already */
export function requireNew(state: ControlState, staged: readonly StagedFile[]): void {
  const committed = new Set([...state.tables.values()].flatMap(({ pending }) => pending.map(({ name }) => name)))
  const again = staged.find(({ name }) => committed.has(name))
  if (again !== undefined) throw new RangeError(`the staged file ${again.name} is committed already`)
}
