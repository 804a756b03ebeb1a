/**
 * One round of erasures, from `asked` to `removed` (docs/adr/0023-erasure-is-a-filter-then-a-removal.md):
 *
 * - `asked`: it is fenced, so that nothing counts any more that did not know of it, and what did is waited for
 *   (erase-settle.ts). Then the days of `hourly` that its hits are counted in are computed again without them, of each
 *   generation that is written, day by day as they are over (erase-days.ts). All done: `removing`.
 * - `removing`: its rows go out of files, and what was derived of them (erase-rows.ts); then the snapshots of before, pins or
 *   not, and their files (erase-history.ts). Nothing left: `removed`.
 *
 * While a rerun is making rows of the merchant it rests where it is: half of an hour's hits may be there.
 *
 * What a round learned is kept in memory only (`EraseNotes`). A process that begins anew sends what is `removing` back to
 * `asked`, and computes its days once more: they come out the same.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { type ErasedHits, type Erasure, erasuresPageMax } from '../../../core/ports/erasure-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { computeDays } from './erase-days.ts'
import { dueDrops } from './erase-drops.ts'
import { forgetHistory } from './erase-history.ts'
import { removeErased } from './erase-rows.ts'
import { type JobPlaces, settle } from './erase-settle.ts'
import { isBeingRerun, openReruns } from './hourly-generations.ts'
import type { RetentionRoundOptions } from './retention-round.ts'
import type { ViewTrail } from './view-trail.ts'

/**
 * An erasure rests so long after it was asked for: longer than an epoch is open as a rule, so that fencing it makes few jobs
 * do their work again. What is right does not hang on it.
 */
export const erasureSettleMs = 60_000

/** What rounds of this process know of an erasure, of its `through`. */
export interface EraseNote {
  /** Where jobs stood when it was fenced, until all of them are past the furthest; null: they are. */
  waitsForJobs: JobPlaces | null
  /** Then: files that were committed and not published, for they may hold its hits. */
  waitsFor: ReadonlySet<string>
  /** And reports of dropped hits (erase-drops.ts) that may be of its hits. */
  drops: ReadonlySet<string>
  /** All its days are computed. */
  isComplete: boolean
  /** By generation, and day of its hours that were computed again without the hits: how many of them there were. */
  readonly days: Map<number, Map<number, number>>
  /** By table the newest snapshot that was seen to hold nothing of it, and when it was made, ms. */
  readonly clean: Map<TableName, { readonly snapshot: string; readonly at: number }>
}

export interface EraseNotes {
  readonly of: Map<string, EraseNote>
  /** By unit of a derived table: which derivation holds, and since when readers could know, on the monotonic clock. */
  readonly derived: Map<string, { readonly publish: number; readonly at: number }>
}

export const createEraseNotes = (): EraseNotes => ({ of: new Map(), derived: new Map() })

export interface EraseRoundOptions extends RetentionRoundOptions {
  readonly store: RetentionRoundOptions['store'] &
    Pick<
      ControlStore,
      | 'condemnSnapshots'
      | 'derivedRanges'
      | 'droppedDays'
      | 'erasedOf'
      | 'erasures'
      | 'fenceErasures'
      | 'forgetDroppedDays'
      | 'moveErasure'
      | 'openDerivation'
      | 'pins'
      | 'reruns'
      | 'unpinSnapshot'
      | 'versionsSince'
      | 'writing'
    >
  readonly notes: EraseNotes
  readonly views: ViewTrail
  readonly reads: 'pending' | 'published'
  /** The jobs that write `hits` and `hourly`, where they are two; they may stand apart. */
  readonly jobs?: { readonly hits: string; readonly hourly: string }
  readonly erasureSettleMs?: number
  readonly onErasure?: (erasure: Erasure) => void
}

/** `closedDay`: the last UTC day that is over. */
export async function eraseRound(options: EraseRoundOptions, closedDay: number): Promise<void> {
  const { store, notes, clock } = options
  const settleMs = options.erasureSettleMs ?? erasureSettleMs
  const open = await openErasures(store)
  forgetOthers(notes, open)
  const rested = open.filter(({ state, movedAt }) => state === 'removing' || clock.now() - movedAt >= settleMs)
  const reruns = await openReruns(store)
  const whole = rested.filter(({ merchant }) => !isBeingRerun(reruns, merchant))
  const { settled, drops } = await settle(options, whole)
  const due = dueDrops(drops, { open, settled, reruns })
  if (settled.length === 0 && due.length === 0) return
  const removing = await computeDays(options, { erasures: settled, due, drops }, closedDay)
  if (options.stop.aborted || removing.length === 0) return
  const rowless = await removeErased(options, removing)
  for (const erasure of await forgetHistory(options, rowless)) await move(options, erasure, 'removed')
}

export const keyOf = ({ id, through }: Pick<Erasure, 'id' | 'through'>) => `${id} ${through}`

/** As every reader is asked: whatever else an erasure is. */
export const hitsOf = ({ merchant, subject, through }: Erasure): ErasedHits => ({ merchant, subject, through })

/** Undefined where it was asked for again meanwhile: then it begins anew. */
export async function move(
  { store, clock, onErasure }: EraseRoundOptions,
  erasure: Erasure,
  to: Erasure['state'],
): Promise<Erasure | undefined> {
  const { id, state: from, through } = erasure
  const now = clock.now()
  if (!(await store.moveErasure(id, { from, to, through, now }))) return undefined
  const moved = { ...erasure, state: to, movedAt: now }
  onErasure?.(moved)
  return moved
}

export function noteOf({ notes }: Pick<EraseRoundOptions, 'notes'>, erasure: Erasure): EraseNote | undefined {
  return notes.of.get(keyOf(erasure))
}

async function openErasures(store: Pick<ControlStore, 'erasures'>): Promise<readonly Erasure[]> {
  const found: Erasure[] = []
  for (let after: number | undefined; ; ) {
    const page = await store.erasures({ state: 'open', limit: erasuresPageMax, ...(after !== undefined && { after }) })
    found.push(...page)
    after = page.at(-1)?.id
    if (page.length < erasuresPageMax || after === undefined) return found
  }
}

function forgetOthers(notes: EraseNotes, open: readonly Erasure[]): void {
  const keys = new Set(open.map(keyOf))
  for (const key of notes.of.keys()) if (!keys.has(key)) notes.of.delete(key)
  if (open.length === 0) notes.derived.clear()
}
