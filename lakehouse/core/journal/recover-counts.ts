/** The parts of recovery beside epochs: merchants and keys, collectors that retired, counts of accepted hits. */
import { JournalGapError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { Merchant, StoredKey } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { type DirectoryEntry, readEntry } from './entries.ts'
import { inParallel } from './in-parallel.ts'
import { kindFolder, rangeOf, timeOf, topicOf } from './names.ts'

/** Changes of merchants and keys made at `since` or later, oldest first. */
export async function directoryEntries(objects: ObjectStore, since: number): Promise<readonly DirectoryEntry[]> {
  const names = (await objects.list(kindFolder('directory'))).filter((name) => timeOf(name) >= since)
  const entries = await inParallel(names, (name) => readEntry(objects, name, 'directory'))
  return entries.filter((entry) => entry !== undefined)
}

/** Makes the changes again. What the store refuses it refused before: the first of two creations counts, and so on. */
export async function changeAgain(store: ClusterStore, entries: readonly DirectoryEntry[]): Promise<void> {
  for (const entry of entries) {
    try {
      if (entry.call === 'createMerchant') {
        await store.createMerchant(wholeMerchant(entry.args[0]), entry.args[1].map(wholeKey))
      }
      if (entry.call === 'updateMerchant') await store.updateMerchant(...entry.args)
      if (entry.call === 'addKey') await store.addKey(wholeKey(entry.args[0]))
      if (entry.call === 'eraseHits') await store.eraseHits(...entry.args)
      if (entry.call === 'touchDays') await store.touchDays(...entry.args)
      if (entry.call === 'pinSnapshot') await store.pinSnapshot(...entry.args)
      if (entry.call === 'unpinSnapshot') await store.unpinSnapshot(...entry.args)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
}

/** Entries made before keys had origins, quota and tool say nothing of them. */
function wholeKey(key: StoredKey | Omit<StoredKey, 'origins' | 'quota' | 'tool'>): StoredKey {
  return { origins: [], quota: null, tool: null, ...key }
}

/** Entries made before merchants had a retention say nothing of it. */
function wholeMerchant(merchant: Merchant | Omit<Merchant, 'retentionDays'>): Merchant {
  return { retentionDays: null, ...merchant }
}

/** Says again of collectors that retired that they did. */
export async function retireAgain(store: ClusterStore, objects: ObjectStore): Promise<void> {
  for (const name of await objects.list(kindFolder('retired'))) {
    const entry = await readEntry(objects, name, 'retired')
    if (entry !== undefined) await store.reportCollector(entry.report)
  }
}

/** Names of entries that lead a log from where the store has it to where it was counted. */
export interface AcceptedPlan {
  readonly log: string
  readonly from: Offset
  readonly through: Offset
  readonly names: readonly string[]
}

/**
 * Every entry is true, committed or not: counted are records of a log, which do not change. So any way from the store's
 * place to the furthest that can be reached is right.
 * @throws JournalGapError where a range starts, and so the store was, beyond that
 */
export async function planAccepted(store: ClusterStore, objects: ObjectStore): Promise<readonly AcceptedPlan[]> {
  const logs = new Map<string, string[]>()
  for (const name of await objects.list(kindFolder('accepted'))) {
    const known = logs.get(topicOf(name))
    if (known === undefined) logs.set(topicOf(name), [name])
    else known.push(name)
  }
  const plans: AcceptedPlan[] = []
  for (const [log, names] of logs) {
    const at = await store.acceptedThrough(log)
    const plan = furthest(log, at, names)
    if (plan.names.length > 0) plans.push(plan)
  }
  return plans
}

function furthest(log: string, at: Offset, names: readonly string[]): AcceptedPlan {
  const ranges = names.map((name) => ({ name, ...rangeOf(name) })).sort((a, b) => a.from - b.from)
  /** By place that can be reached, the range that ends there; none for the start. */
  const reached = new Map<number, { readonly name: string; readonly from: number } | null>([[at, null]])
  for (const { name, from, through } of ranges) {
    if (reached.has(from) && !reached.has(through)) reached.set(through, { name, from })
  }
  const through = Math.max(...reached.keys())
  const beyond = ranges.find(({ from }) => from > through)
  if (beyond !== undefined) {
    throw new JournalGapError(`accepted hits of log ${log} lead to ${through}, and ${beyond.name} starts beyond`)
  }
  const way: string[] = []
  for (let step = reached.get(through); step != null; step = reached.get(step.from)) way.unshift(step.name)
  return { log, from: at, through: through as Offset, names: way }
}

export async function countAgain(store: ClusterStore, objects: ObjectStore, plan: AcceptedPlan): Promise<void> {
  for (const name of plan.names) {
    const entry = await readEntry(objects, name, 'accepted')
    if (entry === undefined) throw new JournalGapError(`${name} is gone`)
    await store.addAccepted(entry.log, entry.from, entry.through, entry.counts)
  }
}
