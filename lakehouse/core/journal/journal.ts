/** Writes entries; each is durable when its call resolves. */
import type { Clock } from '../../../core/ports/clock.ts'
import type { CollectorReport, KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { ControlStore, EpochCommit, Publication } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { SplitCommit, Writing } from '../../../core/ports/rerun-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { type DirectoryEntry, type Entry, encodeEntry, type RewrittenEntry } from './entries.ts'
import { type EntryStamp, entryName, fenceName, publicationName } from './names.ts'

/** A call of the directory, without its stamp. */
type DirectoryCall = DirectoryEntry extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'kind' | 'stamp'>
    : never
  : never

export interface Journal {
  epoch(commit: EpochCommit, started: Readonly<Record<number, string | null>>): Promise<void>
  /** Returns the entry's name. */
  accepted(...args: Parameters<ControlStore['addAccepted']>): Promise<string>
  /** Returns the entry's name. */
  directory(call: DirectoryCall): Promise<string>
  retired(report: CollectorReport): Promise<void>
  /** False, with nothing written, where there is an entry of that table and id. */
  begun(publication: Publication): Promise<boolean>
  finished(table: string, id: number, snapshot: string): Promise<void>
  /** Returns the entry's name. */
  rewritten(table: TableName, rewrite: RewrittenEntry['rewrite']): Promise<string>
  /** `jobs`: those that are to write it. */
  rerun(kept: KeptRerun, jobs?: readonly string[]): Promise<void>
  writing(pipeline: string, writing: Writing): Promise<void>
  /** Returns the entry's name. */
  split(commit: SplitCommit): Promise<string>
  taken(job: string, fence: number, source: string, partitions: readonly number[]): Promise<void>
  lease(name: string, fence: number): Promise<void>
}

export function createJournal(options: {
  readonly objects: ObjectStore
  readonly owner: string
  readonly clock: Clock
}): Journal {
  const { objects, owner, clock } = options
  let number = 0
  const stamped = (): EntryStamp => ({ at: clock.now(), owner, number: number++ })

  async function put(name: string, entry: Entry): Promise<void> {
    await objects.put(name, await encodeEntry(entry))
  }

  return {
    async epoch(commit, started) {
      const stamp = stamped()
      await put(entryName('epochs', commit.job, stamp), { kind: 'epoch', stamp, commit, started })
    },
    async accepted(log, from, through, counts) {
      const stamp = stamped()
      const name = entryName('accepted', log, stamp, [from, through])
      await put(name, { kind: 'accepted', stamp, log, from, through, counts })
      return name
    },
    async directory(call) {
      const stamp = stamped()
      const name = entryName('directory', '-', stamp)
      await put(name, { kind: 'directory', stamp, ...call } as DirectoryEntry)
      return name
    },
    async retired(report) {
      const stamp = stamped()
      await put(entryName('retired', report.log, stamp), { kind: 'retired', stamp, report })
    },
    async begun(publication) {
      const entry: Entry = { kind: 'begun', stamp: stamped(), publication }
      return objects.putIfAbsent(publicationName(publication.table, publication.id, 'begun'), await encodeEntry(entry))
    },
    async finished(table, id, snapshot) {
      await put(publicationName(table, id, 'finished'), { kind: 'finished', stamp: stamped(), id, snapshot })
    },
    async rewritten(table, rewrite) {
      const stamp = stamped()
      const name = entryName('rewrites', table, stamp)
      await put(name, { kind: 'rewritten', stamp, table, rewrite })
      return name
    },
    async rerun(kept, jobs) {
      const stamp = stamped()
      await put(entryName('reruns', String(kept.rerun.id), stamp), {
        kind: 'rerun',
        stamp,
        kept,
        ...(jobs && { jobs }),
      })
    },
    async writing(pipeline, writing) {
      const stamp = stamped()
      await put(entryName('writing', pipeline, stamp), { kind: 'writing', stamp, pipeline, writing })
    },
    async split(commit) {
      const stamp = stamped()
      const name = entryName('splits', String(commit.rerun), stamp)
      await put(name, { kind: 'split', stamp, commit })
      return name
    },
    async taken(job, fence, source, partitions) {
      const stamp = stamped()
      await put(fenceName('jobs', job, fence, stamp), { kind: 'taken', stamp, source, partitions })
    },
    async lease(name, fence) {
      const stamp = stamped()
      await put(fenceName('leases', name, fence, stamp), { kind: 'mark', stamp })
    },
  }
}
