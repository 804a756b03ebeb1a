/** The generation map as control stores keep it: made anew of the reruns that were ever promoted whenever one moves. */
import { dayMs } from '../../../core/event-time.ts'
import { coversPlace, type GenerationSink } from '../../../core/generations.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { ChangedDay } from '../../../core/ports/maintenance-store.ts'
import type { GenerationChange, Rerun, Writing } from '../../../core/ports/rerun-store.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import { isOpenRerun } from './reruns.ts'

/**
 * One entry for each sink and place of a rerun that answers, or did. Those that a later one covers whole for good say
 * nothing any more and are left out.
 */
export function generationChanges(answered: readonly KeptRerun[]): readonly GenerationChange[] {
  const released = answered.filter(({ rerun }) => rerun.state === 'released')
  return answered.flatMap((kept) => {
    const over = released.filter(({ answer }) => isLater(answer, kept.answer))
    return changesOf(kept).filter(
      (change) =>
        !over.some(
          ({ rerun: { request } }) =>
            request.sinks.includes(change.sink) && request.places.some((place) => coversPlace(place, change)),
        ),
    )
  })
}

function changesOf({ rerun, answer }: KeptRerun): readonly GenerationChange[] {
  if (answer === null) return []
  const { answers, order, version } = answer
  const { id, generation, request } = rerun
  return request.sinks.flatMap((sink) =>
    request.places.map(
      ({ merchant, from, to }): GenerationChange => ({
        rerun: id,
        sink,
        generation,
        merchant,
        from,
        to,
        answers,
        order,
        version,
        ...(request.zonesAsOf !== undefined && { zonesAsOf: request.zonesAsOf }),
      }),
    ),
  )
}

/** A change from before is seen by nobody who has seen the later one. */
const isLater = (a: KeptRerun['answer'], b: KeptRerun['answer']) =>
  a !== null && b !== null && a.answers && a.order > b.order && a.version > b.version

/** Newest version by which a change of the sink (of any, where null) may have changed a merchant's days [first, last]. */
export function newestChange(
  changes: readonly GenerationChange[],
  sink: GenerationSink | null,
  { merchant, first, last }: { readonly merchant: string; readonly first: number; readonly last: number },
): number {
  const from = first * dayMs
  const to = (last + 1) * dayMs
  return changes.reduce(
    (newest, change) =>
      (sink === null || change.sink === sink) &&
      (change.merchant === null || change.merchant === merchant) &&
      (change.from ?? Number.NEGATIVE_INFINITY) < to &&
      (change.to ?? Number.POSITIVE_INFINITY) > from
        ? Math.max(newest, change.version)
        : newest,
    0,
  )
}

/** The day with the later of its own version and that of the changes that cover it. */
export function withChanges(day: ChangedDay, changes: readonly GenerationChange[]): ChangedDay {
  const newest = newestChange(changes, null, { merchant: day.merchant, first: day.day, last: day.day })
  return newest > day.version ? { ...day, version: newest } : day
}

/**
 * Rising. The first generation is in use until every pipeline that has ever written another one writes it no more.
 * @param open reruns that are not over
 */
export function inUse(facts: {
  readonly writings: readonly Writing[]
  readonly changes: readonly GenerationChange[]
  readonly open: readonly Rerun[]
}): readonly number[] {
  const written = facts.writings.flatMap(({ generations }) => generations.map(({ generation }) => generation))
  const answering = facts.changes.filter(({ answers }) => answers).map(({ generation }) => generation)
  const base = facts.writings.length === 0 || !coversAll(facts.changes) ? [firstGeneration] : []
  const all = [...base, ...written, ...answering, ...facts.open.filter(isOpenRerun).map(({ generation }) => generation)]
  return [...new Set(all)].sort((a, b) => a - b)
}

/** Whether of both sinks some other generation answers everything. */
function coversAll(changes: readonly GenerationChange[]): boolean {
  const whole = changes.filter(
    ({ answers, merchant, from, to }) => answers && merchant === null && from === null && to === null,
  )
  return (['hits', 'hourly'] as const).every((sink) => whole.some((change) => change.sink === sink))
}

/** The newest change of what answers, ms. */
export function changedAt(answered: readonly KeptRerun[]): number | null {
  const times = answered.flatMap(({ answer }) => (answer === null ? [] : [answer.at]))
  return times.length === 0 ? null : Math.max(...times)
}
