/** A rerun as administrators see it: instants and days as texts. */
import { dayMs } from '../../core/event-time.ts'
import type { GenerationSink } from '../../core/generations.ts'
import type { RerunEstimate } from '../../core/ports/rerun-service.ts'
import type { Rerun, RerunState, Writing } from '../../core/ports/rerun-store.ts'
import type { GenerationDiff } from '../../core/ports/rerun-work.ts'
import { progressOf, type RerunOutcome, type RerunProgress, type WorkNotes, workNotes } from '../../core/rerun-notes.ts'
import { daysOfBoth } from '../../core/rerun-reminder.ts'
import { possibleVerbs, type RerunVerb } from './rerun-requests.ts'

/** A rerun's plan, as administrators see it: days as dates. */
export interface EstimateView extends Omit<RerunEstimate, 'days'> {
  readonly firstDay: string | null
  readonly lastDay: string | null
}

export function estimateView({ days, ...estimate }: RerunEstimate): EstimateView {
  return { ...estimate, firstDay: days && dateOf(days.first * dayMs), lastDay: days && dateOf(days.last * dayMs) }
}

/** A rerun on a list. */
export interface RerunSummary {
  readonly id: number
  readonly generation: number
  readonly pipeline: string
  readonly state: RerunState
  /** Of `paused` and `failed`: where it goes on. */
  readonly rests: RerunState | null
  readonly snapshot: string
  readonly sinks: readonly GenerationSink[]
  readonly firstDay: string | null
  readonly lastDay: string | null
  /** null: all, or more than one. */
  readonly merchant: string | null
  readonly by: string
  readonly createdAt: string
  readonly movedAt: string
  /** What may be done with it. */
  readonly possible: readonly RerunVerb[]
}

export interface RerunView extends RerunSummary {
  readonly request: Pick<Rerun['request'], 'plan' | 'via' | 'dataSets' | 'zones' | 'recovers' | 'promote'> & {
    readonly places: readonly PlaceView[]
    readonly placesInAll: number
  }
  readonly plan: EstimateView | null
  readonly progress: RerunProgress | null
  /** Of `splits`; those that ended as a process died may be missing of all `splitsDone`. */
  readonly outcome: (RerunOutcome & { readonly splitsDone: number }) | null
  /** What it waits for, in words. */
  readonly waits: string | null
  readonly trouble: {
    readonly code: string
    readonly says: string
    readonly since: string
    readonly tries: number
  } | null
  readonly diff: DiffView | null
  /** Why there is none, where there will be none. */
  readonly noDiff: string | null
  /** What the pipeline's jobs write now, all of it at once; its own generation last where it is among them. */
  readonly writing: readonly {
    readonly generation: number
    readonly plan: string | null
    readonly sinks: readonly GenerationSink[]
  }[]
  /** Days since it first answered, after a week and while both plans still run. */
  readonly bothForDays: number | null
  readonly events: readonly {
    readonly at: string
    readonly state: RerunState
    readonly by: string
    readonly note: string | null
  }[]
}

export interface PlaceView {
  readonly merchant: string | null
  readonly firstDay: string | null
  readonly lastDay: string | null
}

/** Places that are shown of a rerun; of more their number is. */
export const shownPlacesMax = 100

type MetricView = Omit<GenerationDiff['total'][number], 'largest'> & {
  readonly largest:
    | (Omit<NonNullable<GenerationDiff['total'][number]['largest']>, 'bucket'> & { readonly bucket: string })
    | null
}

export interface DiffView extends Omit<GenerationDiff, 'at' | 'total' | 'merchants'> {
  readonly at: string
  readonly total: readonly MetricView[]
  readonly merchants: readonly { readonly merchant: string; readonly metrics: readonly MetricView[] }[]
}

export function rerunSummary(rerun: Rerun): RerunSummary {
  const { id, generation, request, state, rests, createdAt, movedAt } = rerun
  const { pipeline, snapshot, sinks, places, by } = request
  const starts = places.map(({ from }) => from)
  const ends = places.map(({ to }) => to)
  const merchants = new Set(places.map(({ merchant }) => merchant))
  return {
    id,
    generation,
    pipeline,
    state,
    rests,
    snapshot,
    sinks,
    ...daysView({ from: least(starts), to: most(ends) }),
    merchant: merchants.size === 1 ? ([...merchants][0] ?? null) : null,
    by,
    createdAt: instant(createdAt),
    movedAt: instant(movedAt),
    possible: possibleVerbs(rerun),
  }
}

/** `done`: names of the splits that count. */
export function rerunView(
  rerun: Rerun,
  { done, writing, now }: { readonly done: ReadonlySet<string>; readonly writing: Writing; readonly now: number },
): RerunView {
  const notes: WorkNotes = workNotes(rerun)
  const { places, plan, via, dataSets, zones, recovers, promote } = rerun.request
  const { trouble, diff, estimate } = notes
  const shown = places.slice(0, shownPlacesMax).map((place) => ({ merchant: place.merchant, ...daysView(place) }))
  return {
    ...rerunSummary(rerun),
    request: { plan, via, dataSets, zones, recovers, promote, places: shown, placesInAll: places.length },
    plan: estimate === undefined ? null : { ...estimateView(estimate), generation: rerun.generation },
    progress: progressOf(notes, done),
    outcome: notes.outcome === undefined ? null : { ...notes.outcome, splitsDone: done.size },
    waits: notes.waits ?? null,
    trouble: trouble === undefined ? null : { ...trouble, since: instant(trouble.since) },
    diff: diff === undefined ? null : diffView(diff),
    noDiff: notes.noDiff ?? null,
    writing: writing.generations.map(({ generation, plan, sinks }) => ({ generation, plan, sinks })),
    bothForDays: daysOfBoth(rerun, now),
    events: rerun.events.map(({ at, ...event }) => ({ at: instant(at), ...event })),
  }
}

function diffView(diff: GenerationDiff): DiffView {
  const metric = ({ largest, ...rest }: GenerationDiff['total'][number]): MetricView => ({
    ...rest,
    largest: largest && { ...largest, bucket: instant(largest.bucket) },
  })
  return {
    ...diff,
    at: instant(diff.at),
    total: diff.total.map(metric),
    merchants: diff.merchants.map(({ merchant, metrics }) => ({ merchant, metrics: metrics.map(metric) })),
  }
}

const instant = (ms: number) => new Date(ms).toISOString()
const dateOf = (ms: number) => instant(ms).slice(0, 10)

function daysView({ from, to }: { readonly from: number | null; readonly to: number | null }) {
  return { firstDay: from === null ? null : dateOf(from), lastDay: to === null ? null : dateOf(to - 1) }
}

/** null: without end, and so it is of all of them. */
function least(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || b === null ? null : Math.min(a, b)), times[0] ?? null)
}

function most(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)), times[0] ?? null)
}
