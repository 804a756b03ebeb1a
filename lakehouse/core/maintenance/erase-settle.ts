/**
 * Before the days of an erasure are counted again: it is fenced in the store, from when on no epoch counts that did not know
 * of it, however long its worker slept. Jobs that stand apart then have to come past the furthest place that one of them had
 * reached, for what it had counted there the other may yet store or drop; and all that was committed has to be published.
 */
import type { JobPosition } from '../../../core/ports/control-store.ts'
import { type DroppedDay, type Erasure, erasuresPageMax } from '../../../core/ports/erasure-store.ts'
import { dropKey, droppedDays } from './erase-drops.ts'
import { type EraseNote, type EraseRoundOptions, keyOf, noteOf } from './erase-round.ts'

/** By partition, then job: the next offset. */
export type JobPlaces = ReadonlyMap<number, ReadonlyMap<string, number>>

/** Those whose hits are where they will be found; and all reports of dropped hits, read after it was known of them. */
export async function settle(
  options: EraseRoundOptions,
  erasures: readonly Erasure[],
): Promise<{ readonly settled: readonly Erasure[]; readonly drops: readonly DroppedDay[] }> {
  const fenced = await fence(options, erasures)
  const places = fenced.length === 0 ? new Map() : await jobPlaces(options)
  for (const erasure of fenced) {
    if (noteOf(options, erasure) === undefined) options.notes.of.set(keyOf(erasure), newNote(places))
  }
  const drops = await droppedDays(options.store)
  const pending = fenced.length === 0 ? new Set<string>() : await pendingFiles(options)
  const settled = fenced.filter((erasure) => {
    const note = noteOf(options, erasure)
    if (note === undefined) return false
    if (note.waitsForJobs !== null) {
      if (isRestarted(note.waitsForJobs, places)) note.waitsForJobs = places
      if (!isPast(note.waitsForJobs, places)) return false
      note.waitsForJobs = null
      note.waitsFor = pending
      note.drops = new Set(drops.filter(({ merchant }) => merchant === erasure.merchant).map(dropKey))
    }
    note.waitsFor = new Set([...note.waitsFor].filter((name) => pending.has(name)))
    return note.waitsFor.size === 0
  })
  return { settled, drops }
}

/** Those that are fenced; the others were asked for again meanwhile. */
async function fence(options: EraseRoundOptions, erasures: readonly Erasure[]): Promise<readonly Erasure[]> {
  const unknown = erasures.filter((erasure) => noteOf(options, erasure) === undefined)
  const fenced = new Set<number>()
  for (let at = 0; at < unknown.length; at += erasuresPageMax) {
    const some = unknown.slice(at, at + erasuresPageMax)
    for (const id of await options.store.fenceErasures(some)) fenced.add(id)
  }
  return erasures.filter((erasure) => fenced.has(erasure.id) || noteOf(options, erasure) !== undefined)
}

const newNote = (places: JobPlaces): EraseNote => ({
  waitsForJobs: places,
  waitsFor: new Set(),
  drops: new Set(),
  isComplete: false,
  days: new Map(),
  clean: new Map(),
})

/** Where one job writes all tables nothing is apart: no places. */
async function jobPlaces({ store, jobs }: EraseRoundOptions): Promise<JobPlaces> {
  if (jobs === undefined) return new Map()
  const names = [...new Set([jobs.hits, jobs.hourly])]
  const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  const nextOf = ({ job, partition }: { readonly job: string; readonly partition: number }): number =>
    positions.find((each: JobPosition & { readonly job: string }) => each.job === job && each.partition === partition)
      ?.next ?? 0
  const partitions = new Set(positions.filter(({ job }) => names.includes(job)).map(({ partition }) => partition))
  return new Map(
    [...partitions].map((partition) => [partition, new Map(names.map((job) => [job, nextOf({ job, partition })]))]),
  )
}

/** Whether every job has come as far as the furthest had then. */
function isPast(then: JobPlaces, now: JobPlaces): boolean {
  return [...then].every(([partition, jobs]) => {
    const furthest = Math.max(...jobs.values())
    return [...jobs.keys()].every((job) => (now.get(partition)?.get(job) ?? 0) >= furthest)
  })
}

/** Whether a job reads another incarnation of the feed by now, whose places say nothing of those before. */
function isRestarted(then: JobPlaces, now: JobPlaces): boolean {
  return [...then].some(([partition, jobs]) =>
    [...jobs].some(([job, next]) => (now.get(partition)?.get(job) ?? 0) < next),
  )
}

async function pendingFiles({ store }: EraseRoundOptions): Promise<ReadonlySet<string>> {
  const pending = new Set<string>()
  for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
    for (const { name } of (await store.tableView(table)).pending) pending.add(name)
  }
  return pending
}
