/** Where hits lie that a step refused: by merchant, from the first day to the last. */
import { dayMs, utcDay } from '../../../core/event-time.ts'
import { type GenerationMap, type GenerationPlace, generationTime } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { RerunExecutor } from '../../../core/ports/rerun-work.ts'
import { AnsweringRows } from './answering.ts'
import { PlaceSet } from './place-set.ts'

type Question = Parameters<RerunExecutor['failedPlaces']>[0]

/**
 * As published, of the generation that answers. A place never goes beyond the days asked for. Records that nobody could
 * decode are of no merchant, and in no place.
 */
export async function failedPlaces(
  parts: {
    readonly lake: RerunLake
    readonly store: Pick<ControlStore, 'tableView'>
    readonly answers: GenerationMap
  },
  { reason, places: asked, limit }: Question,
): Promise<readonly GenerationPlace[]> {
  const { snapshot } = await parts.store.tableView('failed_hits')
  if (snapshot === null) return []
  const places = new PlaceSet(asked)
  const answers = new AnsweringRows(parts.answers)
  const rows = { table: 'failed_hits', snapshot, after: 0, through: null } as const
  const whole = { day: null, part: 0, parts: 1, estimatedRows: null, time: { from: null, to: null } }
  const { generations } = answers
  const found = new Map<MerchantId, { first: number; last: number }>()
  const columns = ['merchant', 'time', 'received', 'reason', '_gen']
  const never = new AbortController().signal
  for await (const some of parts.lake.read(
    { rows, ...whole, generations, merchants: places.merchants },
    columns,
    never,
  )) {
    for (const row of some) {
      const merchant = row.merchant as MerchantId
      const time = generationTime('failed_hits', row)
      if ((reason !== '' && row.reason !== reason) || row.time === null || row.time === undefined) continue
      if (!answers.has('failed_hits', row) || !places.has(merchant, time)) continue
      const day = utcDay(time)
      const known = found.get(merchant)
      if (known === undefined) {
        found.set(merchant, { first: day, last: day })
        if (found.size > limit) return placesOf(found)
      } else {
        known.first = Math.min(known.first, day)
        known.last = Math.max(known.last, day)
      }
    }
  }
  return placesOf(found)
}

function placesOf(found: ReadonlyMap<MerchantId, { readonly first: number; readonly last: number }>) {
  return [...found].map(([merchant, { first, last }]) => ({ merchant, from: first * dayMs, to: (last + 1) * dayMs }))
}
