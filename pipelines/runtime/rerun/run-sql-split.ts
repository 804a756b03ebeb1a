/** Hours of a split computed by SQL of rows of `hits` that answer and need nothing made anew. */
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { type RerunSql, splitHoursMaxMerchants } from '../../../core/ports/rerun-lake.ts'
import type { SplitOutput, SplitWork } from '../../../core/ports/rerun-work.ts'
import { AnsweringRows } from './answering.ts'
import { PlaceSet } from './place-set.ts'
import { type SplitRunParts, splitRows } from './run-split.ts'
import { SplitStage } from './split-stage.ts'

export interface SqlSplitParts extends Pick<SplitRunParts, 'writer' | 'answers' | 'pace'> {
  readonly store: Pick<ControlStore, 'merchantsById' | 'erasedOf'>
  readonly sql: RerunSql
}

/** @throws as `runSplit` */
export async function runSqlSplit(parts: SqlSplitParts, work: SplitWork, signal: AbortSignal): Promise<SplitOutput> {
  const { writer, sql, answers } = parts
  const { request, attempt, generation } = work
  const places = new PlaceSet(request.places)
  const stage = new SplitStage({ writer, attempt, places })
  const rows = { ...splitRows(work, places, new AnsweringRows(answers)), answers }
  let rowsRead = 0
  try {
    const merchants = [...(await sql.merchants(rows, signal))].sort()
    for (let from = 0; from < merchants.length; from += splitHoursMaxMerchants) {
      signal.throwIfAborted()
      const of = merchants.slice(from, from + splitHoursMaxMerchants)
      const hours = await sql.hours(
        {
          ...rows,
          ...(await factsOf(parts, work, of)),
          of,
          places: request.places,
          generation,
          barriers: work.barriers.hourly ?? null,
          name: stage.nextName('hourly'),
        },
        signal,
      )
      if (hours.staged !== null) stage.staged(hours.staged, hours.days)
      rowsRead += hours.rowsRead
      await parts.pace(hours.rowsRead)
    }
  } catch (error) {
    await stage.discard()
    throw error
  }
  const { staged, days } = stage.made
  return { staged, days, rowsRead, stored: rowsRead, failed: {}, dropped: {} }
}

/** What the plan's steps would say of these merchants' hits now. */
async function factsOf({ store }: SqlSplitParts, { request }: SplitWork, of: readonly MerchantId[]) {
  const merchants = await store.merchantsById(of)
  const erased = await store.erasedOf(of)
  return {
    erased: [...erased.values()].flat(),
    blocked: new Map(
      merchants.flatMap(({ id, blockedNames }) => (blockedNames.length > 0 ? [[id, blockedNames] as const] : [])),
    ),
    zones: new Map(request.zones === 'today' ? merchants.map(({ id, timeZone }) => [id, timeZone] as const) : []),
  }
}
