/**
 * Accepted hits of a lake's snapshots, each once, in the order of emissions: rows of `hits` and of `failed_hits` of the
 * generation that answers at their place, turned back into what was accepted. Erased hits are left out. What is held at once
 * is bounded by `emitGroupMaxHits`, or by one merchant's hour.
 */
import { erasedTest } from '../../../core/erased.ts'
import { hourMs, utcDay } from '../../../core/event-time.ts'
import type { GenerationMap } from '../../../core/generations.ts'
import type { FeedHit } from '../../../core/hit.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { RerunLake, SplitRows } from '../../../core/ports/rerun-lake.ts'
import type { AcceptedRows, AcceptedTable } from '../../../core/ports/rerun-work.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { compareText } from '../../../core/text-order.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { acceptedColumns, acceptedHit, acceptedHitOfFailed } from '../../jobs/accepted-hit.ts'
import { AnsweringRows } from '../rerun/answering.ts'
import { emitGroupMaxHits, emitGroupMaxMerchants } from './limits.ts'
import { compareKeys, dayOfHour, type HistoryKey, historyKey } from './order.ts'

export interface HistoryQuestion {
  /** Of each accepted table, at its snapshot. */
  readonly rows: readonly AcceptedRows[]
  /** Which generation's hits, place by place, as of these snapshots. */
  readonly answers: GenerationMap
  /** Hits that happened in [from, to), ms; null: without end. */
  readonly from: number | null
  readonly to: number | null
  /** null: of all. */
  readonly merchant: MerchantId | null
}

export interface HistoryParts {
  readonly lake: Pick<RerunLake, 'days' | 'read'>
  readonly store: Pick<ControlStore, 'erasedOf'>
  /** `emitGroupMaxHits` where absent. */
  readonly groupMaxHits?: number
}

/** `hit` null: what was accepted there nobody can decode. */
export interface HistoryItem {
  readonly key: HistoryKey
  readonly hit: FeedHit | null
}

/** In groups, none empty; only what comes after `after`. @throws SnapshotNotFoundError; the signal's reason */
export async function* readHistory(
  parts: HistoryParts,
  question: HistoryQuestion,
  after: HistoryKey | null,
  signal: AbortSignal,
): AsyncGenerator<readonly HistoryItem[]> {
  const reader = new HistoryReader(parts, question, signal)
  for (const held of await reader.days()) {
    if (after !== null && held.day < dayOfHour(after.hour)) continue
    for (const group of groupsOf(await reader.hoursOf(held), parts.groupMaxHits ?? emitGroupMaxHits)) {
      if (after !== null && endsBefore(held.day, group, after)) continue
      const items = await reader.itemsOf(held, group)
      const left = after === null ? items : items.filter(({ key }) => compareKeys(key, after) > 0)
      if (left.length > 0) yield left
    }
  }
}

/** A day of which there are rows: of each table that has some, about how many. */
interface HeldDay {
  readonly day: number
  readonly rows: ReadonlyMap<AcceptedTable, number>
}

/** Hits of a merchant that are filed under an hour. */
interface MerchantHour {
  readonly merchant: string
  readonly hour: number
  readonly hits: number
}

/** Neighbours in the order of a day: several merchants whole, or some hours of one. */
interface Group {
  readonly merchants: readonly string[]
  readonly firstHour: number
  readonly lastHour: number
}

function endsBefore(day: number, { merchants, lastHour }: Group, after: HistoryKey): boolean {
  if (day !== dayOfHour(after.hour)) return false
  const order = compareText(merchants.at(-1) as string, after.merchant)
  return order < 0 || (order === 0 && lastHour < after.hour)
}

/** `hours` in order. A merchant is cut by hours only where all of its day would be too much. */
function groupsOf(hours: readonly MerchantHour[], maxHits: number): readonly Group[] {
  const groups: Group[] = []
  let open: { readonly hours: MerchantHour[]; hits: number; merchants: number } = { hours: [], hits: 0, merchants: 0 }
  const close = () => {
    const { hours: of } = open
    if (of.length > 0) {
      const merchants = [...new Set(of.map(({ merchant }) => merchant))]
      const at = of.map(({ hour }) => hour)
      groups.push({ merchants, firstHour: Math.min(...at), lastHour: Math.max(...at) })
    }
    open = { hours: [], hits: 0, merchants: 0 }
  }
  for (const of of byMerchant(hours)) {
    const all = of.reduce((sum, { hits }) => sum + hits, 0)
    if (open.hits + all > maxHits || open.merchants >= emitGroupMaxMerchants) close()
    open.merchants += 1
    const isCut = all > maxHits
    for (const each of of) {
      if (isCut && open.hits + each.hits > maxHits) close()
      open.hours.push(each)
      open.hits += each.hits
    }
    if (isCut) close()
  }
  close()
  return groups
}

function byMerchant(hours: readonly MerchantHour[]): readonly (readonly MerchantHour[])[] {
  const found = new Map<string, MerchantHour[]>()
  for (const each of hours) {
    const of = found.get(each.merchant)
    if (of === undefined) found.set(each.merchant, [each])
    else of.push(each)
  }
  return [...found.values()]
}

const failedColumns = failedHitsTable.columns.map(({ name }) => name)
const readColumns: Readonly<Record<AcceptedTable, readonly string[]>> = {
  hits: [...acceptedColumns, '_gen'],
  failed_hits: failedColumns.filter((name) => name !== '_publish' && name !== '_row'),
}
const countColumns: Readonly<Record<AcceptedTable, readonly string[]>> = {
  hits: ['merchant', 'time', '_gen'],
  failed_hits: ['merchant', 'time', 'received', '_gen'],
}

class HistoryReader {
  readonly #answers: AnsweringRows

  constructor(
    private readonly parts: HistoryParts,
    private readonly question: HistoryQuestion,
    private readonly signal: AbortSignal,
  ) {
    this.#answers = new AnsweringRows(question.answers)
  }

  /** That may hold hits asked for, rising. */
  async days(): Promise<readonly HeldDay[]> {
    const { rows, from, to } = this.question
    const first = from === null ? Number.NEGATIVE_INFINITY : utcDay(from)
    const last = to === null ? Number.POSITIVE_INFINITY : utcDay(to - 1)
    const days = new Map<number, Map<AcceptedTable, number>>()
    for (const of of rows) {
      if (of.snapshot === null) continue
      for (const { day, rows: held } of await this.parts.lake.days(of)) {
        // A refused hit lies where it was received, which is never before it happened.
        if (day < first || (day > last && of.table !== 'failed_hits')) continue
        days.set(day, (days.get(day) ?? new Map()).set(of.table, held))
      }
    }
    return [...days].map(([day, held]) => ({ day, rows: held })).sort((a, b) => a.day - b.day)
  }

  /** In order. */
  async hoursOf(held: HeldDay): Promise<readonly MerchantHour[]> {
    const counts = new Map<string, MerchantHour>()
    const { merchant } = this.question
    const merchants = merchant === null ? null : [merchant]
    await this.#read(held, { merchants, hours: null, columns: countColumns }, (table, row) => {
      const hour = hourOf(table, row)
      const of = String(row.merchant)
      const key = `${hour} ${of}`
      counts.set(key, { merchant: of, hour, hits: (counts.get(key)?.hits ?? 0) + 1 })
    })
    return [...counts.values()].sort((a, b) => compareText(a.merchant, b.merchant) || a.hour - b.hour)
  }

  /** Of one group, in order. */
  async itemsOf(held: HeldDay, group: Group): Promise<readonly HistoryItem[]> {
    const { merchants, firstHour, lastHour } = group
    const { from, to } = this.question
    const items: HistoryItem[] = []
    const hours = merchants.length === 1 ? { firstHour, lastHour } : null
    await this.#read(held, { merchants, hours, columns: readColumns }, (table, row) => {
      const hour = hourOf(table, row)
      if (hour < firstHour || hour > lastHour) return
      const hit = table === 'hits' ? acceptedHit(row) : acceptedHitOfFailed(row)
      const time = hit?.time ?? (row.received as number)
      if ((from !== null && time < from) || (to !== null && time >= to)) return
      items.push({ key: hit === null ? keyOfRow(hour, row) : historyKey(hour, hit), hit })
    })
    const erased = await this.parts.store.erasedOf(merchants.filter((id) => id !== '') as MerchantId[])
    const isErased = erasedTest([...erased.values()].flat())
    const left = items.filter(({ hit }) => hit === null || !isErased(hit))
    return left.sort((a, b) => compareKeys(a.key, b.key))
  }

  async #read(
    held: HeldDay,
    of: {
      readonly merchants: readonly string[] | null
      readonly hours: Pick<Group, 'firstHour' | 'lastHour'> | null
      readonly columns: Readonly<Record<AcceptedTable, readonly string[]>>
    },
    take: (table: AcceptedTable, row: LakeRow) => void,
  ): Promise<void> {
    const { from, to } = this.question
    const { merchants, hours } = of
    const start = hours === null ? from : Math.max(from ?? Number.NEGATIVE_INFINITY, hours.firstHour * hourMs)
    const end = hours === null ? to : Math.min(to ?? Number.POSITIVE_INFINITY, (hours.lastHour + 1) * hourMs)
    const { generations } = this.#answers
    for (const rows of this.question.rows) {
      const { table } = rows
      const estimatedRows = held.rows.get(table)
      if (estimatedRows === undefined) continue
      const split: SplitRows = {
        ...{ rows, day: held.day, part: 0, parts: 1, generations, merchants, estimatedRows },
        time: { from: start, to: end },
      }
      for await (const some of this.parts.lake.read(split, of.columns[table], this.signal)) {
        this.signal.throwIfAborted()
        for (const row of some) if (this.#answers.has(table, row)) take(table, row)
      }
    }
  }
}

/** Hours since 1970 of the time that the row's table is partitioned by. */
function hourOf(table: AcceptedTable, row: LakeRow): number {
  return Math.floor(((table === 'hits' ? row.time : row.received) as number) / hourMs)
}

function keyOfRow(hour: number, { merchant, _src, _part, _off, _idx }: LakeRow): HistoryKey {
  const place = { partition: Number(_part), offset: Number(_off), index: Number(_idx) }
  return { hour, merchant: String(merchant), source: String(_src), ...place }
}
