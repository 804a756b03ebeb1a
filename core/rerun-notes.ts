/**
 * What the driver of reruns keeps in a rerun's record, beside its state: what it reads, the splits of the phase it is in,
 * and what people want to see of it. Plain JSON within `rerunNotesMaxBytes`: splits are kept as short lists, and a
 * difference too long for it loses merchants from its end.
 */

import { utcDayText } from './event-time.ts'
import type { RerunEstimate } from './ports/rerun-service.ts'
import { type Rerun, type RerunNotes, rerunNotesMaxBytes } from './ports/rerun-store.ts'
import {
  type AcceptedRows,
  type AcceptedTable,
  acceptedTables,
  type GenerationDiff,
  type RerunSplit,
  type SplitWork,
} from './ports/rerun-work.ts'

/** A difference takes at most this of the notes, which are read often; what it loses are merchants. */
export const notedDiffMaxBytes = rerunNotesMaxBytes / 4

export type RerunPhase = RerunSplit['phase']

/** What a phase reads, by table; fixed when the phase begins. */
export type RerunInputs = Readonly<Record<AcceptedTable, AcceptedRows>>

/** How much of something: of a phase, or done of it. */
export interface RerunAmount {
  readonly splits: number
  /** Estimated. */
  readonly rows: number
  readonly bytes: number
}

/** What splits gave. Of splits that the driver has seen end; after a crash those before it may be missing. */
export interface RerunOutcome extends Pick<RerunAmount, 'splits'> {
  readonly rowsRead: number
  readonly stored: number
  readonly failed: Readonly<Record<string, number>>
  readonly dropped: Readonly<Record<string, number>>
}

/** What keeps it from going on at the moment. */
export interface RerunTrouble {
  readonly code: string
  readonly says: string
  readonly since: number
  readonly tries: number
}

/** A split as the notes hold it: table, day, part, parts, rows, bytes, and its name where that is not the usual one. */
export type NotedSplit = readonly [
  table: number,
  day: number,
  part: number,
  parts: number,
  rows: number,
  bytes: number,
  name?: string,
]

export interface WorkNotes {
  readonly estimate?: RerunEstimate
  readonly inputs?: RerunInputs
  readonly methods?: SplitWork['methods']
  /** What answers `hits` in its places, as a text, and the newest change of it: what it reads is right while this stays. */
  readonly truth?: { readonly answers: string; readonly version: number }
  readonly splits?: { readonly phase: RerunPhase; readonly list: readonly NotedSplit[] }
  readonly backfill?: RerunAmount
  readonly catchUp?: RerunAmount & { readonly inputs: RerunInputs }
  readonly outcome?: RerunOutcome
  /** Rows a second over the last splits, and when that was. */
  readonly pace?: { readonly rowsPerSecond: number; readonly at: number }
  /** What it waits for, for people. */
  readonly waits?: string
  readonly trouble?: RerunTrouble
  readonly diff?: GenerationDiff
  /** Why there is none. */
  readonly noDiff?: string
}

export function workNotes({ notes }: Pick<Rerun, 'notes'>): WorkNotes {
  return notes as WorkNotes
}

/** Those of `notes` with `change`; undefined takes one out. */
export function changedNotes(
  notes: WorkNotes,
  change: { readonly [Name in keyof WorkNotes]?: WorkNotes[Name] | undefined },
): RerunNotes {
  return Object.fromEntries(Object.entries({ ...notes, ...change }).filter(([, value]) => value !== undefined))
}

export function splitName({ phase, table, day, part, parts }: SplitPlace): string {
  return `${phase}-${table}-${utcDayText(day).replaceAll('-', '')}-${part}.${parts}`
}

interface SplitPlace extends Pick<RerunSplit, 'phase' | 'day' | 'part' | 'parts'> {
  readonly table: AcceptedTable
}

export function notedSplit(split: RerunSplit): NotedSplit {
  const { rows, day, part, parts, estimatedRows, estimatedBytes, name } = split
  const noted = [acceptedTables.indexOf(rows.table), day, part, parts, estimatedRows, estimatedBytes] as const
  return name === splitName({ ...split, table: rows.table }) ? noted : [...noted, name]
}

/** The splits of the phase that the notes are in. */
export function splitsOf(notes: WorkNotes): readonly RerunSplit[] {
  const { splits } = notes
  if (splits === undefined) return []
  const { phase, list } = splits
  const inputs = phase === 'backfill' ? notes.inputs : notes.catchUp?.inputs
  if (inputs === undefined) throw new RangeError(`splits of ${phase} without what they read`)
  return list.map(([at, day, part, parts, estimatedRows, estimatedBytes, name]) => {
    const table = acceptedTables[at] as AcceptedTable
    const rows = inputs[table]
    const usual = name ?? splitName({ phase, table, day, part, parts })
    return { name: usual, phase, rows, day, part, parts, estimatedRows, estimatedBytes }
  })
}

export function amountOf(splits: readonly Pick<RerunSplit, 'estimatedRows' | 'estimatedBytes'>[]): RerunAmount {
  return {
    splits: splits.length,
    rows: splits.reduce((sum, { estimatedRows }) => sum + estimatedRows, 0),
    bytes: splits.reduce((sum, { estimatedBytes }) => sum + estimatedBytes, 0),
  }
}

/** With as many merchants, those that changed most first, as fit into `maxBytes`. */
export function fittingDiff(diff: GenerationDiff, maxBytes = notedDiffMaxBytes): GenerationDiff {
  const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
  let left = maxBytes - bytes({ ...diff, merchants: [] })
  const merchants = []
  for (const merchant of diff.merchants) {
    left -= bytes(merchant) + 1
    if (left < 0) break
    merchants.push(merchant)
  }
  return { ...diff, merchants }
}

export const noOutcome: RerunOutcome = { splits: 0, rowsRead: 0, stored: 0, failed: {}, dropped: {} }

export interface RerunProgress {
  readonly phase: RerunPhase
  readonly splits: { readonly done: number; readonly of: number }
  /** Estimated. */
  readonly rows: { readonly done: number; readonly of: number }
  readonly rowsPerSecond: number | null
  /** Until the phase ends; null: not known. */
  readonly secondsLeft: number | null
}

/** How far the phase is that the rerun is in; null where none has begun. `done`: names of the splits that count. */
export function progressOf(notes: WorkNotes, done: ReadonlySet<string>): RerunProgress | null {
  if (notes.splits === undefined) {
    const last = notes.catchUp ?? notes.backfill
    if (last === undefined) return null
    const all = (of: number) => ({ done: of, of })
    const phase = notes.catchUp === undefined ? 'backfill' : 'catch-up'
    return { phase, splits: all(last.splits), rows: all(last.rows), rowsPerSecond: null, secondsLeft: null }
  }
  const splits = splitsOf(notes)
  const finished = amountOf(splits.filter(({ name }) => done.has(name)))
  const all = amountOf(splits)
  const rowsPerSecond = notes.pace?.rowsPerSecond ?? null
  const left = all.rows - finished.rows
  return {
    phase: notes.splits.phase,
    splits: { done: finished.splits, of: all.splits },
    rows: { done: finished.rows, of: all.rows },
    rowsPerSecond,
    secondsLeft: rowsPerSecond === null || rowsPerSecond <= 0 ? null : Math.ceil(left / rowsPerSecond),
  }
}
