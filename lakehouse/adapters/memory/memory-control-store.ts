/**
 * The control store in memory: the port's semantics with nothing around them, for tests and simulations. Every method
 * does its work in one synchronous stretch, so calls are atomic and ordered as they were made. It outlives the crash of
 * those who use it as an object does; `snapshot` and `restore` put it back to an earlier moment.
 */
import { PublicationOpenError, StaleEpochError, StaleLeaseError } from '../../../core/errors.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Books, ControlStore, JobPosition, Publication } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import {
  checkAcceptedRange,
  checkEpoch,
  checkPartitions,
  chooseFiles,
  defaultMaxVersionRows,
} from '../../core/control/rules.ts'
import { byCodeUnit, type DirectoryState, emptyDirectory, memoryDirectory } from './memory-control-directory.ts'

interface JobState {
  fence: number
  owner: string
  source: string
  plan: string | null
  /** By source, then partition: the positions of an older feed incarnation stay. */
  positions: Map<string, Map<number, JobPosition>>
  /** By source, then partition: the fence of who took it last. */
  stamps: Map<string, Map<number, number>>
}

interface LeaseState {
  fence: number
  owner: string | null
  expires: number
}

interface TableState {
  snapshot: string | null
  lastPublication: number
  /** In commit order; those of the open publication are among them. */
  pending: StagedFile[]
  open: Publication | null
}

interface VersionState {
  readonly merchant: MerchantId
  readonly day: number
  readonly version: number
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

/** All of it, copyable by `structuredClone`. */
interface ControlState extends DirectoryState {
  commit: number
  /** `versionsSince` of anything older than this commit answers with a reset. */
  versionsFloor: number
  jobs: Map<string, JobState>
  leases: Map<string, LeaseState>
  tables: Map<TableName, TableState>
  /** Oldest change first. */
  versions: Map<string, VersionState>
  books: Map<string, BooksState>
  accepted: Map<string, Offset>
}

declare const snapshotBrand: unique symbol
/** A moment of a memory control store. */
export type ControlSnapshot = { readonly [snapshotBrand]: ControlState }

export interface MemoryControlStore extends ControlStore {
  snapshot(): ControlSnapshot
  restore(moment: ControlSnapshot): void
}

/** An empty store. `maxVersions`: how many changed (merchant, day)s `versionsSince` lists before it answers with a reset. */
export function createMemoryControlStore(options: { readonly maxVersions?: number } = {}): MemoryControlStore {
  const maxVersions = options.maxVersions ?? defaultMaxVersionRows
  let state: ControlState = emptyState()

  function table(name: TableName): TableState {
    let found = state.tables.get(name)
    if (found === undefined) {
      found = { snapshot: null, lastPublication: 0, pending: [], open: null }
      state.tables.set(name, found)
    }
    return found
  }

  function requireLease(name: string, fence: number): void {
    const lease = state.leases.get(name)
    if (lease === undefined || lease.owner === null || lease.fence !== fence) throw new StaleLeaseError(name, fence)
  }

  function unpublished(of: TableState): readonly StagedFile[] {
    const taken = new Set(of.open?.files.map((file) => file.name))
    return of.pending.filter((file) => !taken.has(file.name))
  }

  function positions(): readonly (JobPosition & { readonly job: string })[] {
    return [...state.jobs]
      .sort(([a], [b]) => byCodeUnit(a, b))
      .flatMap(([job, { positions: all, source }]) => sorted(all.get(source)).map((position) => ({ ...position, job })))
  }

  function bump(merchant: MerchantId, day: number, version: number): void {
    const key = `${day} ${merchant}`
    state.versions.delete(key) // so that the map stays in the order of change
    state.versions.set(key, { merchant, day, version })
  }

  function pruneVersions(): void {
    for (const [key, { version }] of state.versions) {
      // A commit is forgotten whole, or a reader in its middle would miss the rest of it.
      if (state.versions.size <= maxVersions && version > state.versionsFloor) return
      state.versions.delete(key)
      state.versionsFloor = version
    }
  }

  function book(merchant: MerchantId, hour: number): BooksState {
    const key = `${hour} ${merchant}`
    let found = state.books.get(key)
    if (found === undefined) {
      found = { merchant, hour, accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: new Map() }
      state.books.set(key, found)
    }
    return found
  }

  const store: ControlStore = {
    ...memoryDirectory(() => state),

    async acquirePartitions(job, source, owner, partitions) {
      checkPartitions(job, partitions)
      const known = state.jobs.get(job) ?? { fence: 0, plan: null, positions: new Map(), stamps: new Map() }
      const fence = known.fence + 1
      state.jobs.set(job, { ...known, fence, owner, source })
      known.stamps.set(
        source,
        new Map([...(known.stamps.get(source) ?? []), ...partitions.map((at) => [at, fence] as const)]),
      )
      const taken = sorted(known.positions.get(source)).filter(({ partition }) => partitions.includes(partition))
      return { fence, positions: taken }
    },
    async commitEpoch(commit) {
      checkEpoch(commit)
      const job = state.jobs.get(commit.job)
      if (job?.source !== commit.source) {
        throw new StaleEpochError(`job ${commit.job} reads ${job?.source}, not ${commit.source}`)
      }
      const moved = new Map(job.positions.get(commit.source))
      for (const { from, ...position } of commit.partitions) {
        const fence = job.stamps.get(commit.source)?.get(position.partition) ?? 0
        if (fence !== commit.fence) {
          throw new StaleEpochError(
            `partition ${position.partition} of ${commit.job} has fence ${fence}, not ${commit.fence}`,
          )
        }
        const next = moved.get(position.partition)?.next ?? 0
        if (next !== from) {
          throw new StaleEpochError(`partition ${position.partition} of ${commit.job} is at ${next}, not ${from}`)
        }
        moved.set(position.partition, position)
      }
      const committed = new Set([...state.tables.values()].flatMap(({ pending }) => pending.map(({ name }) => name)))
      const again = commit.staged.find(({ name }) => committed.has(name))
      if (again !== undefined) throw new RangeError(`the staged file ${again.name} is committed already`)
      // Nothing below can fail: all of it happens.
      const number = ++state.commit
      job.positions.set(commit.source, moved)
      job.plan = commit.plan
      for (const file of commit.staged) table(file.table).pending.push(file)
      for (const { merchant, day } of commit.touched) bump(merchant, day, number)
      pruneVersions()
      for (const delta of commit.books) {
        const entry = book(delta.merchant, delta.hour)
        entry.accepted += delta.accepted
        entry.stored += delta.stored
        entry.duplicates += delta.duplicates
        entry.failed += delta.failed
        addDropped(entry.dropped, Object.entries(delta.dropped))
      }
      return { commit: number }
    },

    async acquireLease(name, owner, ttlMs, now) {
      const lease = state.leases.get(name)
      if (lease !== undefined && lease.owner !== null && lease.owner !== owner && lease.expires > now) return undefined
      const fence = lease === undefined ? 1 : lease.owner === owner ? lease.fence : lease.fence + 1
      state.leases.set(name, { fence, owner, expires: now + ttlMs })
      return { fence }
    },
    async releaseLease(name, fence) {
      const lease = state.leases.get(name)
      if (lease?.fence === fence) lease.owner = null
    },

    async unpublished(name) {
      return unpublished(table(name))
    },
    async openPublication(name) {
      return table(name).open ?? undefined
    },
    async beginPublication(name, lease, fence, files) {
      requireLease(lease, fence)
      const of = table(name)
      if (of.open !== null) throw new PublicationOpenError(name, of.open.id)
      of.open = { table: name, id: of.lastPublication + 1, files: chooseFiles(unpublished(of), files) }
      return of.open
    },
    async finishPublication(name, lease, fence, id, snapshot) {
      requireLease(lease, fence)
      const of = table(name)
      if (id <= of.lastPublication) return // a repeat: the first call has done it
      if (of.open?.id !== id) throw new RangeError(`publication ${id} of ${name} was never begun`)
      const published = new Set(of.open.files.map((file) => file.name))
      of.pending = of.pending.filter((file) => !published.has(file.name))
      of.lastPublication = id
      of.snapshot = snapshot
      of.open = null
    },
    async tableView(name) {
      const { snapshot, pending } = table(name)
      return { table: name, snapshot, pending: [...pending] }
    },

    async versionsSince(since) {
      const reset = since < state.versionsFloor || since > state.commit
      const changes = reset ? [] : [...state.versions.values()].filter(({ version }) => version > since)
      return { commit: state.commit, changes, reset, positions: positions() }
    },

    async addAccepted(log, from, through, counts) {
      checkAcceptedRange(log, from, through)
      const at = state.accepted.get(log) ?? 0
      if (at !== from) throw new StaleEpochError(`accepted hits of log ${log} are counted to ${at}, not ${from}`)
      state.accepted.set(log, through)
      for (const { merchant, hour, hits } of counts) book(merchant, hour).accepted += hits
    },
    async acceptedThrough(log) {
      return state.accepted.get(log) ?? (0 as Offset)
    },
    async books({ merchant, from, to }) {
      const sums = { accepted: 0, stored: 0, duplicates: 0, failed: 0 }
      const dropped = new Map<string, number>()
      for (const entry of state.books.values()) {
        if (entry.hour < from || entry.hour >= to || (merchant !== undefined && entry.merchant !== merchant)) continue
        sums.accepted += entry.accepted
        sums.stored += entry.stored
        sums.duplicates += entry.duplicates
        sums.failed += entry.failed
        addDropped(dropped, entry.dropped)
      }
      return {
        ...sums,
        dropped: Object.fromEntries(dropped),
        acceptedThrough: Object.fromEntries(state.accepted),
        positions: positions(),
      } satisfies Books
    },

    /** Nothing to close: who opens the store again after a stop has this object. */
    async close() {},
  }

  return {
    ...store,
    snapshot: () => structuredClone(state) as unknown as ControlSnapshot,
    restore(moment) {
      state = structuredClone(moment as unknown as ControlState)
    },
  }
}

function emptyState(): ControlState {
  return {
    commit: 0,
    versionsFloor: 0,
    ...emptyDirectory(),
    jobs: new Map(),
    leases: new Map(),
    tables: new Map(),
    versions: new Map(),
    books: new Map(),
    accepted: new Map(),
  }
}

function sorted(positions: ReadonlyMap<number, JobPosition> | undefined): readonly JobPosition[] {
  return [...(positions?.values() ?? [])].sort((a, b) => a.partition - b.partition)
}

function addDropped(sums: Map<string, number>, counts: Iterable<readonly [rule: string, hits: number]>): void {
  for (const [rule, hits] of counts) if (hits !== 0) sums.set(rule, (sums.get(rule) ?? 0) + hits)
}
