/**
 * Moves of a rerun that change what is written or answers. Each is a function from what the store holds to what it holds
 * afterwards; stores carry it out in one transaction, in which nobody else moves a rerun or commits an epoch by the
 * writing of before.
 */
import { StaleRerunError } from '../../../core/errors.ts'
import { coversPlace, type GenerationSink, generationSinks } from '../../../core/generations.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type {
  Rerun,
  RerunBarrier,
  RerunMove,
  RerunState,
  Writing,
  WrittenGeneration,
} from '../../../core/ports/rerun-store.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import { meet, moved } from './reruns.ts'

/** What a move looks at: all of one moment. */
export interface RerunSituation extends KeptRerun {
  /** Of the rerun's pipeline. */
  readonly writing: Writing
  /** Reruns beside it, of all pipelines, that were ever promoted. */
  readonly answered: readonly KeptRerun[]
  /** The number of the commit that the move will be, if it changes what is written or answers. */
  readonly commit: number
}

/** What is not named stays; what is the same object did not change. */
export interface RerunOutcome extends KeptRerun {
  readonly writing: Writing
}

/** Jobs by sink. */
export type SinkJobs = Readonly<Partial<Record<GenerationSink, string>>>

/** What a pipeline's jobs write before anything was said: generation 1, by the plan of the release. */
export const firstWriting: Writing = {
  revision: 0,
  generations: [
    {
      generation: firstGeneration,
      places: [{ merchant: null, from: null, to: null }],
      plan: null,
      sinks: generationSinks,
      barriers: [],
    },
  ],
}

/**
 * Jobs whose positions are the barriers.
 * @throws RangeError where a sink of the rerun has none
 */
export function jobsOf({ id, request }: Rerun, jobs: SinkJobs): readonly string[] {
  const missing = request.sinks.find((sink) => jobs[sink] === undefined)
  if (missing !== undefined) throw new RangeError(`no job is named that writes ${missing} of rerun ${id}`)
  return [...new Set(request.sinks.flatMap((sink) => jobs[sink] ?? []))]
}

/** @param barriers the committed positions of its jobs */
export function dualWritingBegun(
  { rerun, answer, writing }: RerunSituation,
  barriers: readonly RerunBarrier[],
  move: RerunMove,
): RerunOutcome {
  requireState(rerun, ['backfilling'], 'begin to be written')
  const { places, plan, sinks } = rerun.request
  const sorted = [...barriers].sort(inOrder)
  const written: WrittenGeneration = { generation: rerun.generation, places, plan, sinks, barriers: sorted }
  return {
    rerun: { ...moved(rerun, 'catching_up', move), barriers: sorted },
    answer,
    writing: withGenerations(writing, [...writing.generations, written]),
  }
}

export function promoted({ rerun, answer, writing, answered, commit }: RerunSituation, move: RerunMove): RerunOutcome {
  requireState(rerun, ['ready', 'rolled_back'], 'be promoted')
  const order = Math.max(0, answer?.order ?? 0, ...answered.map((other) => other.answer?.order ?? 0)) + 1
  return {
    rerun: moved(rerun, 'promoted', move),
    answer: { answers: true, order, version: commit, at: move.now },
    writing,
  }
}

export function rolledBack(situation: RerunSituation, move: RerunMove): RerunOutcome {
  const { rerun, answer, writing, answered, commit } = situation
  requireState(rerun, ['promoted'], 'be rolled back')
  const order = answer?.order ?? 0
  const later = answered.find(
    (other) => other.answer?.answers && other.answer.order > order && meet(other.rerun.request, rerun.request),
  )
  if (later !== undefined) {
    throw new StaleRerunError(rerun.id, `cannot be rolled back before rerun ${later.rerun.id}, promoted over it later`)
  }
  return {
    rerun: moved(rerun, 'rolled_back', move),
    answer: { answers: false, order, version: commit, at: move.now },
    writing,
  }
}

export function released({ rerun, answer, writing }: RerunSituation, move: RerunMove): RerunOutcome {
  requireState(rerun, ['promoted'], 'be released')
  const left = writing.generations.flatMap((written): readonly WrittenGeneration[] => {
    if (written.generation === rerun.generation || !covers(rerun, written)) return [written]
    const sinks = written.sinks.filter((sink) => !rerun.request.sinks.includes(sink))
    if (sinks.length === written.sinks.length) return [written]
    return sinks.length === 0 ? [] : [{ ...written, sinks }]
  })
  const generations = isWhole(rerun.request) ? asBase(left, baseGenerations(writing), rerun.generation) : left
  const isSame =
    generations.length === writing.generations.length &&
    generations.every((each, at) => each === writing.generations[at])
  return {
    rerun: moved(rerun, 'released', move),
    answer,
    writing: isSame ? writing : withGenerations(writing, generations),
  }
}

export function cancelled({ rerun, answer, writing }: RerunSituation, move: RerunMove): RerunOutcome {
  if (rerun.state === 'promoted') throw new StaleRerunError(rerun.id, 'answers: roll it back before it is cancelled')
  if (rerun.state === 'released' || rerun.state === 'cancelled') {
    throw new StaleRerunError(rerun.id, `is ${rerun.state}, for good`)
  }
  const left = writing.generations.filter(({ generation }) => generation !== rerun.generation)
  return {
    rerun: moved(rerun, 'cancelled', move),
    answer,
    writing: left.length === writing.generations.length ? writing : withGenerations(writing, left),
  }
}

/** The same object where the base goes by that plan already. */
export function withBasePlan(writing: Writing, plan: string | null): Writing {
  const base = baseGenerations(writing)
  const isOther = ({ generation, plan: before }: WrittenGeneration) => base.includes(generation) && before !== plan
  if (!writing.generations.some(isOther)) return writing
  return withGenerations(
    writing,
    writing.generations.map((each) => (isOther(each) ? { ...each, plan } : each)),
  )
}

/**
 * The generations that are the base: one, or one a sink after only one sink was released everywhere. They come first, and
 * between them make every sink once.
 */
export function baseGenerations({ generations }: Writing): readonly number[] {
  const made = new Set<GenerationSink>()
  const base: number[] = []
  for (const written of generations) {
    if (made.size === generationSinks.length || written.sinks.some((sink) => made.has(sink))) break
    for (const sink of written.sinks) made.add(sink)
    base.push(written.generation)
  }
  return base
}

/** Puts a generation behind those of the base that are left, before all others. */
function asBase(
  generations: readonly WrittenGeneration[],
  base: readonly number[],
  generation: number,
): readonly WrittenGeneration[] {
  const own = generations.filter((each) => each.generation === generation)
  const others = generations.filter((each) => each.generation !== generation)
  const isBase = (each: WrittenGeneration) => base.includes(each.generation)
  return [...others.filter(isBase), ...own, ...others.filter((each) => !isBase(each))]
}

function covers({ request }: Rerun, { places }: Pick<WrittenGeneration, 'places'>): boolean {
  return places.every((place) => request.places.some((own) => coversPlace(own, place)))
}

function isWhole({ places }: Pick<WrittenGeneration, 'places'>): boolean {
  return places.some(({ merchant, from, to }) => merchant === null && from === null && to === null)
}

function withGenerations({ revision }: Writing, generations: readonly WrittenGeneration[]): Writing {
  return { revision: revision + 1, generations }
}

/** @throws StaleRerunError */
function requireState({ id, state }: Rerun, allowed: readonly RerunState[], what: string): void {
  if (!allowed.includes(state))
    throw new StaleRerunError(id, `is ${state}; it has to be ${allowed.join(' or ')} to ${what}`)
}

function inOrder(a: RerunBarrier, b: RerunBarrier): number {
  if (a.job !== b.job) return a.job < b.job ? -1 : 1
  if (a.source !== b.source) return a.source < b.source ? -1 : 1
  return a.partition - b.partition
}
