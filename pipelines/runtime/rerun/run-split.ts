/**
 * Runs one split of a rerun by the plan's operators: rows of what was accepted, read in batches, through the plan, staged in
 * flushes of bounded size. The same rows give the same rows again, whatever the split, its batches and its attempts.
 */

import type { GenerationMap } from '../../../core/generations.ts'
import type { FeedHit } from '../../../core/hit.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { LakeWriter } from '../../../core/ports/lake.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { SplitOutput, SplitWork } from '../../../core/ports/rerun-work.ts'
import { type LakeRow, publicationColumns, type TableName } from '../../../core/tables.ts'
import { longestHourMs } from '../../../core/time/calendar.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { acceptedColumns, acceptedHit, acceptedHitOfFailed } from '../../jobs/accepted-hit.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { MerchantInputs, SideInputs } from '../side-inputs.ts'
import { AnsweringRows } from './answering.ts'
import { Barriers } from './barriers.ts'
import { Lane } from './lane.ts'
import { type FlushLimits, flushLimits } from './limits.ts'
import { MerchantZones } from './merchant-zones.ts'
import { PlaceSet } from './place-set.ts'
import { dataOfRows, recordedColumns } from './recorded-data.ts'
import { SplitStage } from './split-stage.ts'

export interface SplitRunParts {
  readonly pipeline: Pipeline
  readonly inputs: SideInputs
  readonly store: Pick<ControlStore, 'merchantsById'>
  readonly lake: RerunLake
  readonly writer: Pick<LakeWriter, 'stage' | 'discard'>
  readonly answers: GenerationMap
  /** After each batch of so many hits: may take its time. */
  readonly pace: (hits: number) => Promise<void>
  /** `flushLimits` where absent. */
  readonly limits?: FlushLimits
}

/** Which tables a hit's rows go to; `edge`: hours of the places that hits beyond them belong to. */
type LaneName = 'both' | 'hits' | 'hourly' | 'edge'

const laneTables: Readonly<Record<LaneName, readonly TableName[]>> = {
  both: ['hits', 'failed_hits', 'hourly'],
  hits: ['hits', 'failed_hits'],
  hourly: ['hourly'],
  edge: ['hourly'],
}

/** The step and rule by which erased hits are left out, whatever the plan says. */
const erasedRule = 'erased'

/** @throws the signal's reason, and what reading and staging throw; what it staged is then discarded as far as can be */
export async function runSplit(parts: SplitRunParts, work: SplitWork, signal: AbortSignal): Promise<SplitOutput> {
  const run = new SplitRun(parts, work)
  try {
    return await run.run(signal)
  } catch (error) {
    await run.discard()
    throw error
  }
}

class SplitRun {
  readonly #places: PlaceSet
  readonly #answers: AnsweringRows
  readonly #barriers: Barriers
  readonly #stage: SplitStage
  readonly #zones: MerchantZones | null
  readonly #data: ReturnType<typeof dataOfRows>
  readonly #isErased: MerchantInputs['isErased']
  readonly #lanes = new Map<LaneName, Lane>()
  readonly #dropped: Record<string, number> = {}
  #stored = 0
  #rowsRead = 0
  /** Since the last flush, and since panes were emitted. */
  #rows = 0
  #bytes = 0
  #hits = 0

  constructor(
    private readonly parts: SplitRunParts,
    private readonly work: SplitWork,
  ) {
    const { pipeline, inputs, writer, store } = parts
    const { request, attempt } = work
    this.#places = new PlaceSet(request.places)
    this.#answers = new AnsweringRows(parts.answers)
    this.#barriers = new Barriers(work.barriers)
    this.#stage = new SplitStage({ writer, attempt, places: this.#places })
    this.#zones = request.zones === 'today' ? new MerchantZones(store) : null
    this.#data = dataOfRows(request.dataSets, { pipeline, inputs })
    this.#isErased = (inputs.context as unknown as MerchantInputs).isErased
  }

  async run(signal: AbortSignal): Promise<SplitOutput> {
    const { inputs, lake, pace, limits = flushLimits } = this.parts
    const { split } = this.work
    inputs.beginEpoch()
    const columns = split.rows.table === 'hits' ? hitColumns(this.work.request.dataSets) : failedColumns
    for await (const rows of lake.read(splitRows(this.work, this.#places, this.#answers), columns, signal)) {
      signal.throwIfAborted()
      await this.#take(rows)
      if (this.#hits >= limits.panes) await this.#flush('panes too')
      else if (this.#rows >= limits.rows || this.#bytes >= limits.bytes) await this.#flush('rows')
      await pace(rows.length)
    }
    await this.#flush('panes too')
    signal.throwIfAborted()
    const { staged, days, failed } = this.#stage.made
    return { staged, days, failed, rowsRead: this.#rowsRead, stored: this.#stored, dropped: this.#dropped }
  }

  discard(): Promise<void> {
    return this.#stage.discard()
  }

  async #take(rows: readonly LakeRow[]): Promise<void> {
    const { table } = this.work.split.rows
    this.#rowsRead += rows.length
    const answering = rows.filter((row) => this.#answers.has(table, row))
    const merchants = new Set(answering.map(({ merchant }) => merchant as MerchantId))
    await this.parts.inputs.prepare(merchants)
    await this.#zones?.prepare(merchants)
    for (const row of answering) {
      const hit = table === 'hits' ? acceptedHit(row) : acceptedHitOfFailed(row)
      if (hit === null) this.#keepUndecodable(row)
      else this.#process(this.#zones?.placed(hit) ?? hit, table === 'hits' ? row : null)
    }
  }

  #process(hit: FeedHit, row: LakeRow | null): void {
    const isInPlace = this.#places.has(hit.merchant, hit.time)
    const name = this.#laneOf(hit, isInPlace)
    if (name === null) return
    if (this.#isErased(hit)) {
      if (name !== 'edge') this.#dropped[erasedRule] = (this.#dropped[erasedRule] ?? 0) + 1
      return
    }
    const lane = this.#lane(name)
    lane.process(hit, this.#data.begin(row))
    this.#hits += 1
    this.#rows += 1
    this.#bytes += textBytes(hit)
  }

  #laneOf({ source, position }: FeedHit, isInPlace: boolean): LaneName | null {
    const { sinks } = this.work.request
    const { partition, offset } = position
    const writes = (sink: 'hits' | 'hourly') =>
      sinks.includes(sink) && this.#barriers.isBefore(sink, source, partition, offset)
    const hourly = writes('hourly')
    if (!isInPlace) return hourly ? 'edge' : null
    if (writes('hits')) return hourly ? 'both' : 'hits'
    return hourly ? 'hourly' : null
  }

  #lane(name: LaneName): Lane {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const { pipeline } = this.parts
      const { generation } = this.work
      // Refused hits of the places are counted, whether they are written or not.
      const tables = name === 'hourly' ? [...laneTables.hourly, 'failed_hits' as const] : laneTables[name]
      lane = new Lane({ pipeline, context: this.#data.context, generation, tables })
      this.#lanes.set(name, lane)
    }
    return lane
  }

  /** Stays refused as it was: nobody can say what it is. */
  #keepUndecodable(row: LakeRow): void {
    const { request, generation } = this.work
    if (!request.sinks.includes('hits')) return
    if (!this.#barriers.isBefore('hits', row._src as string, row._part as number, row._off as number)) return
    const kept = Object.fromEntries(stagedFailedColumns.map((name) => [name, row[name] ?? null]))
    this.#stage.add('failed_hits', { ...kept, _gen: generation })
    this.#stage.countRefused(row)
    this.#rows += 1
    this.#bytes += String(row.original ?? '').length
  }

  async #flush(what: 'rows' | 'panes too'): Promise<void> {
    for (const [name, lane] of this.#lanes) {
      if (what === 'panes too') lane.emitPanes()
      const { output } = lane
      if (name !== 'edge') this.#count(lane)
      this.#stage.take(output, laneTables[name])
      output.clear()
    }
    await this.#stage.flush()
    this.#rows = 0
    this.#bytes = 0
    if (what === 'panes too') this.#hits = 0
  }

  #count({ output }: Lane): void {
    this.#stored += output.counts.stored
    for (const { dropped } of output.books.deltas()) {
      for (const [rule, hits] of Object.entries(dropped)) this.#dropped[rule] = (this.#dropped[rule] ?? 0) + hits
    }
  }
}

/** What a split reads. */
export function splitRows({ split, request }: SplitWork, places: PlaceSet, answers: AnsweringRows) {
  const { rows, day, part, parts, estimatedRows } = split
  const { from, to } = places.span
  // Hours of the places may end after them.
  const end = to !== null && request.sinks.includes('hourly') ? to + longestHourMs : to
  const { generations } = answers
  const { merchants } = places
  return { rows, day, part, parts, generations, merchants, estimatedRows, time: { from, to: end } }
}

const hitColumns = (dataSets: 'recorded' | 'today') => [
  ...acceptedColumns,
  '_gen',
  ...(dataSets === 'recorded' ? recordedColumns : []),
]
const stagedFailedColumns = failedHitsTable.columns
  .map(({ name }) => name)
  .filter((name) => !(publicationColumns as readonly string[]).includes(name))
const failedColumns = stagedFailedColumns

/** About what its row takes: texts are what differs. */
function textBytes(hit: FeedHit): number {
  const { url, referrer, title, context, requestUserAgent, items, props } = hit
  let bytes = 600 + items.length * 200
  for (const text of [url, referrer, title, context?.userAgent, requestUserAgent]) bytes += text?.length ?? 0
  for (const name in props) bytes += name.length + String(props[name]).length
  return bytes
}
