/**
 * What has to be kept in order beside the rerun that is worked at: pins of what the others will read, pins and staged files
 * of reruns that are over, and a word to people about those that cost twice for long.
 */
import { endedRerunStates, openRerunsMax, type Rerun } from '../../../core/ports/rerun-store.ts'
import { acceptedTables } from '../../../core/ports/rerun-work.ts'
import { daysOfBoth } from '../../../core/rerun-reminder.ts'
import type { RerunDriverOptions } from './driver-options.ts'
import { pinNames, rerunOfPin } from './inputs.ts'
import { rerunChoresEveryMs, rerunGarbageGraceMs, rerunPinMs, rerunPinRenewMs, rerunReminderEveryMs } from './limits.ts'
import { rerunTables } from './run-splits.ts'
import { pendingNames, rerunOfStaged } from './waits.ts'

type Options = Pick<RerunDriverOptions, 'store' | 'lake' | 'clock' | 'onReminder'>

export interface Chores {
  /** Whether `round` would do anything. `open`: all reruns that are not over. */
  isDue(open: readonly Rerun[]): boolean
  /** Does what is due. */
  round(open: readonly Rerun[]): Promise<void>
}

export function createChores(options: Options): Chores {
  const { clock } = options
  /** Files that count for nothing any more, and since when that is known, on the monotonic clock. */
  const leftovers = new Map<string, number>()
  const reminded = new Map<number, number>()
  let known = ''
  let lastMs = Number.NEGATIVE_INFINITY

  const statesOf = (open: readonly Rerun[]) => open.map(({ id, state }) => `${id} ${state}`).join()

  function isDue(open: readonly Rerun[]): boolean {
    // Whenever one came, went on, or is over.
    if (statesOf(open) !== known || clock.monotonic() - lastMs >= rerunChoresEveryMs) return true
    return clock.monotonic() - Math.min(...leftovers.values()) >= rerunGarbageGraceMs
  }

  return {
    isDue,
    async round(open) {
      remind(options, open, reminded)
      if (!isDue(open)) return
      await keepPins(options, open)
      await dropPins(options, open)
      await removeLeftovers(options, leftovers)
      known = statesOf(open)
      lastMs = clock.monotonic()
    },
  }
}

/** Pins what was asked for before its turn has come, and renews what is read. */
async function keepPins({ store, clock }: Options, open: readonly Rerun[]): Promise<void> {
  const until = clock.now() + rerunPinMs
  const hits = await store.pins('hits')
  for (const { id, request, state } of open) {
    const name = pinNames.backfill(id)
    // What is on its way out already the rerun finds out itself, when its turn has come.
    if (state !== 'planned' || hits.some((pin) => pin.name === name)) continue
    await store.pinSnapshot({ table: 'hits', snapshot: request.snapshot, name, until, by: `rerun ${id}` })
  }
  for (const table of acceptedTables) {
    for (const pin of await store.pins(table)) {
      const id = rerunOfPin(pin.name)
      const isKept = id !== undefined && open.some((rerun) => rerun.id === id)
      if (isKept && pin.until - clock.now() < rerunPinRenewMs) await store.pinSnapshot({ ...pin, until })
    }
  }
}

async function dropPins({ store }: Options, open: readonly Rerun[]): Promise<void> {
  for (const table of acceptedTables) {
    for (const { name } of await store.pins(table)) {
      const id = rerunOfPin(name)
      if (id === undefined || open.some((rerun) => rerun.id === id) || !(await isOver({ store }, id))) continue
      await store.unpinSnapshot(table, name)
    }
  }
}

/**
 * Files that were staged by an attempt that does not count: of reruns that are over, or of splits that count by another
 * attempt. Those of other splits stay, for whoever staged them may still commit them. Published ones are the publisher's
 * to remove; what is left of them goes with the others, after a while in which readers may hold a view that has them.
 */
async function removeLeftovers({ store, lake, clock }: Options, since: Map<string, number>): Promise<void> {
  const staged = (await lake.stagedNames()).filter((name) => rerunOfStaged(name) !== undefined)
  const finished = new Map<number, (name: string) => boolean>()
  for (const id of new Set(staged.map((name) => rerunOfStaged(name) ?? 0)))
    finished.set(id, await endedBy({ store }, id))
  // Asked last: what counted before that is named here, or published.
  const pending = await pendingNames(store, rerunTables)
  const now = clock.monotonic()
  const found = new Set<string>()
  for (const name of staged) {
    const isLeft = !pending.has(name) && finished.get(rerunOfStaged(name) ?? 0)?.(name) === true
    if (!isLeft) continue
    found.add(name)
    const first = since.get(name) ?? now
    since.set(name, first)
    if (now - first < rerunGarbageGraceMs) continue
    await lake.discard(name)
    since.delete(name)
  }
  for (const name of since.keys()) if (!found.has(name)) since.delete(name)
}

/** Whether nobody can commit a file of the rerun any more, by its name. */
async function endedBy(options: Pick<Options, 'store'>, id: number): Promise<(name: string) => boolean> {
  if (await isOver(options, id)) return () => true
  const done = [...(await options.store.splitsDone(id))].map((name) => `-${id}-${name.replaceAll('.', '-')}-x`)
  return (name) => done.some((part) => name.includes(part))
}

async function isOver({ store }: Pick<Options, 'store'>, id: number): Promise<boolean> {
  const rerun = await store.rerun(id)
  return rerun === undefined || endedRerunStates.includes(rerun.state)
}

function remind({ clock, onReminder }: Options, open: readonly Rerun[], reminded: Map<number, number>): void {
  for (const rerun of open) {
    const days = daysOfBoth(rerun, clock.now())
    if (days === null) continue
    const last = reminded.get(rerun.id)
    if (last !== undefined && clock.monotonic() - last < rerunReminderEveryMs) continue
    reminded.set(rerun.id, clock.monotonic())
    onReminder?.(rerun, days)
  }
  for (const id of reminded.keys()) if (!open.some((rerun) => rerun.id === id)) reminded.delete(id)
}

/** Reruns that are not over, oldest first. */
export async function openReruns({ store }: Pick<Options, 'store'>): Promise<readonly Rerun[]> {
  return [...(await store.reruns({ open: true, limit: openRerunsMax }))].reverse()
}
