/** What a rerun waits for before it goes on: that what is committed is published, and that one job has come as far as another. */
import {
  type GenerationSink,
  generationsOf,
  isInPlace,
  placesMeet,
  stretchesWithin,
} from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { VersionChanges } from '../../../core/ports/control-store.ts'
import type { GenerationChange, Rerun, RerunBarrier } from '../../../core/ports/rerun-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { RerunStoreOfDriver } from './driver-options.ts'

/** Names of the committed files of the tables that are in no snapshot yet. */
export async function pendingNames(
  store: Pick<RerunStoreOfDriver, 'unpublished' | 'openPublication'>,
  tables: readonly TableName[],
): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (const table of tables) {
    // In this order: a publication that begins in between has its files named twice, not never.
    for (const file of await store.unpublished(table)) names.add(file.name)
    for (const file of (await store.openPublication(table))?.files ?? []) names.add(file.name)
  }
  return names
}

/** Staged files of splits begin with this; `-<id>-…` follows. */
export const stagedPrefix = 'rerun'
const stagedByRerun = new RegExp(`(?:^|/)${stagedPrefix}-(\\d+)-[^/]*$`)

/** The rerun whose split staged a file; undefined: of none. */
export function rerunOfStaged(name: string): number | undefined {
  const id = stagedByRerun.exec(name)?.[1]
  return id === undefined ? undefined : Number(id)
}

/** Bytes of committed files of reruns that are in no snapshot yet. */
export async function unpublishedBytes(
  store: Pick<RerunStoreOfDriver, 'unpublished' | 'openPublication'>,
  tables: readonly TableName[],
): Promise<number> {
  const files = new Map<string, number>()
  for (const table of tables) {
    for (const file of await store.unpublished(table)) files.set(file.name, file.bytes)
    for (const file of (await store.openPublication(table))?.files ?? []) files.set(file.name, file.bytes)
  }
  return [...files].reduce((sum, [name, bytes]) => sum + (rerunOfStaged(name) === undefined ? 0 : bytes), 0)
}

/**
 * Whether the job that writes `hits` has come as far as the one that writes `hourly` had when dual writing began: only then
 * is every hit that the other left out somewhere to be read. Always so where one job writes both.
 */
export function isHitsJobThrough(
  jobs: Readonly<Record<GenerationSink, string>>,
  barriers: readonly RerunBarrier[],
  positions: VersionChanges['positions'],
): boolean {
  if (jobs.hits === jobs.hourly) return true
  return barriers.every((barrier) => {
    if (barrier.job !== jobs.hourly) return true
    const same = ({ source, partition }: RerunBarrier) => source === barrier.source && partition === barrier.partition
    // Of a feed that is read no more there is no position, but what it was then.
    const then = barriers.find((other) => other.job === jobs.hits && same(other))
    if (then !== undefined && then.next >= barrier.next) return true
    const now = positions.find(({ job, partition }) => job === jobs.hits && partition === barrier.partition)
    return now !== undefined && now.next >= barrier.next
  })
}

/** By partition: the first offset that a job has not committed. */
export type JobPlaces = ReadonlyMap<number, number>

export function placesOf(job: string, positions: VersionChanges['positions']): JobPlaces {
  return new Map(positions.filter((each) => each.job === job).map(({ partition, next }) => [partition, next]))
}

/** Whether a job that is `now` here has come to every place of `then`. */
export function isThrough(then: JobPlaces, now: JobPlaces): boolean {
  return [...then].every(([partition, next]) => (now.get(partition) ?? 0) >= next)
}

/** Which generation's hits are the truth in a rerun's places, and the newest change of it: what a rerun reads hangs on it. */
export interface Truth {
  readonly answers: string
  readonly version: number
}

export function truthIn(changes: readonly GenerationChange[], base: number, { id, request }: Rerun): Truth {
  const meeting = changes.filter(
    ({ sink, rerun, ...place }) =>
      sink === 'hits' && rerun !== id && request.places.some((each) => placesMeet(each, place)),
  )
  const entries = meeting.filter(({ answers }) => answers).sort((a, b) => a.order - b.order)
  const merchants = new Set(entries.flatMap(({ merchant }) => (merchant === null ? [] : [merchant])))
  const answers = request.places.flatMap((place) => {
    const range = { from: place.from ?? Number.NEGATIVE_INFINITY, to: place.to ?? Number.POSITIVE_INFINITY }
    const named = [...merchants].sort().filter((each) => isInPlace({ ...place, from: null, to: null }, each, 0))
    // No merchant has this id: it stands for all that no entry names.
    return [...named, (place.merchant ?? '') as MerchantId].map((merchant) => [
      merchant,
      stretchesWithin(generationsOf(entries, { sink: 'hits', merchant, base }), range),
    ])
  })
  return { answers: JSON.stringify(answers), version: Math.max(0, ...meeting.map(({ version }) => version)) }
}

/** Whether rows were read, or are, that are the truth no more. */
export function hasMoved(noted: Truth, now: Truth): boolean {
  return now.answers !== noted.answers || now.version > noted.version
}
