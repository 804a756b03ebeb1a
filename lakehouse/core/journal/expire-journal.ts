/**
 * The journal's end: entries older than any copy of the control store that one still wants to bring up to date. What
 * checks compare with (the highest head, fence and publication, the newest range of a log) stays whatever its age.
 */
import type { Clock } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { readEntry } from './entries.ts'
import { recoveringHead } from './heads.ts'
import { inParallel } from './in-parallel.ts'
import {
  countOf,
  datedKinds,
  headsFolder,
  kindFolder,
  publicationIds,
  publicationName,
  timeOf,
  topicOf,
} from './names.ts'

export const defaultJournalKeepMs = 7 * 86_400_000
/** Objects removed by one call, the oldest first; the next call goes on. */
export const expireMaxRemovals = 20_000

/** Removes what is older than `olderThanMs` and returns how many objects that were. May be repeated, and run twice at once. */
export async function expireJournal(
  objects: ObjectStore,
  options: { readonly olderThanMs?: number; readonly clock: Clock; readonly maxRemovals?: number },
): Promise<number> {
  const before = options.clock.now() - (options.olderThanMs ?? defaultJournalKeepMs)
  const old = [
    ...(await oldEntries(objects, before)),
    ...(await oldCounts(objects, headsFolder, before)),
    ...(await oldCounts(objects, kindFolder('fences'), before)),
    ...(await oldPublications(objects, before)),
  ].slice(0, options.maxRemovals ?? expireMaxRemovals)
  await inParallel(old, (name) => objects.remove(name))
  return old.length
}

async function oldEntries(objects: ObjectStore, before: number): Promise<readonly string[]> {
  const old: string[] = []
  for (const kind of datedKinds) {
    const names = await objects.list(kindFolder(kind))
    for (const [index, name] of names.entries()) {
      const next = names[index + 1]
      const newest = next === undefined || topicOf(next) !== topicOf(name)
      if (timeOf(name) < before && !(newest && kind === 'accepted')) old.push(name)
    }
  }
  return old.sort((a, b) => timeOf(a) - timeOf(b))
}

/** Heads, or fences of one job or lease, below the highest of their folder; none of the heads while `recover` works. */
async function oldCounts(objects: ObjectStore, folder: string, before: number): Promise<readonly string[]> {
  const names = await objects.list(folder)
  if (names.some((name) => countOf(name).count === recoveringHead)) return []
  return names.filter((name, index) => {
    const next = names[index + 1]
    const highest = next === undefined || countOf(next).group !== countOf(name).group
    return !highest && countOf(name).at < before
  })
}

/** In order of ids; their time stands in the entries, of which only the old ones and one more are read. */
async function oldPublications(objects: ObjectStore, before: number): Promise<readonly string[]> {
  const old: string[] = []
  for (const [table, ids] of publicationIds(await objects.list(kindFolder('publications')))) {
    const newest = ids.at(-1)
    for (const id of ids) {
      const begun = await readEntry(objects, publicationName(table, id, 'begun'), 'begun')
      if (id === newest || (begun !== undefined && begun.stamp.at >= before)) break
      old.push(publicationName(table, id, 'finished'), publicationName(table, id, 'begun'))
    }
  }
  return old
}
