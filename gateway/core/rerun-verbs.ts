/** What administrators do with reruns: record one, move one on, off or back. */
import { RerunRefusedError, SnapshotNotFoundError, StaleRerunError, TooManyRerunsError } from '../../core/errors.ts'
import { placesMeet } from '../../core/generations.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { PlannedRerun, RerunPlanner, RerunQuestion } from '../../core/ports/rerun-service.ts'
import { openRerunsMax, type Rerun, type RerunMove, type RerunRequest } from '../../core/ports/rerun-store.ts'
import { workNotes } from '../../core/rerun-notes.ts'
import type { Freshness } from './freshness.ts'
import { findMerchant } from './merchants.ts'
import { ProblemError } from './problem.ts'
import { possibleVerbs, type RerunVerb } from './rerun-requests.ts'
import { formerZoneMarginMs, zonesSettleAt } from './stored-hours.ts'

/** A record may change between reading and moving it, by the driver; so often it is tried again. */
export const moveTriesMax = 20

export interface RerunRequestsParts {
  readonly store: Pick<
    ControlStore,
    | 'cancelRerun'
    | 'createRerun'
    | 'merchant'
    | 'promoteRerun'
    | 'releaseRerun'
    | 'rerun'
    | 'reruns'
    | 'rollBackRerun'
    | 'updateRerun'
  >
  readonly planner: RerunPlanner
  readonly clock: Pick<Clock, 'now'>
  /** Every hit received before it is visible. */
  readonly freshness: Freshness
}

/**
 * What it would be; changes nothing.
 * @throws ProblemError 404 `not_found`, 422 `rerun_refused`, 503 `engine_unavailable`
 */
export async function planRerun(parts: RerunRequestsParts, question: RerunQuestion): Promise<PlannedRerun> {
  if (question.merchant !== null) await findMerchant(parts.store, question.merchant)
  try {
    return await parts.planner.plan(question)
  } catch (error) {
    throw planningProblem(error)
  }
}

/** The rerun that would be in its way now: not over, of the same pipeline, a sink and a place. */
export async function rerunInTheWay(
  { store }: Pick<RerunRequestsParts, 'store'>,
  { request }: PlannedRerun,
): Promise<number | null> {
  const open = await store.reruns({ open: true, limit: openRerunsMax })
  const found = open.find(
    ({ request: other }) =>
      other.pipeline === request.pipeline &&
      other.sinks.some((sink) => request.sinks.includes(sink)) &&
      other.places.some((place) => request.places.some((each) => placesMeet(place, each))),
  )
  return found?.id ?? null
}

/** Records it, for the driver to work off. @throws ProblemError 409 `rerun_overlaps`, `too_many_reruns`; 503 `zone_settling` */
export async function recordRerun(parts: RerunRequestsParts, { request, estimate }: PlannedRerun): Promise<Rerun> {
  const { store, clock } = parts
  const zones = request.zones === 'today' ? { zonesAsOf: await settledZones(parts, request) } : {}
  let outcome: Awaited<ReturnType<ControlStore['createRerun']>>
  try {
    outcome = await store.createRerun({ ...request, ...zones }, { now: clock.now(), notes: { estimate } })
  } catch (error) {
    if (!(error instanceof TooManyRerunsError)) throw error
    const detail = `there are ${openRerunsMax} reruns that are neither released nor cancelled; end one of them first`
    throw new ProblemError(409, 'too_many_reruns', detail)
  }
  if ('created' in outcome) return outcome.created
  const { id, state, request: other } = outcome.meets
  const detail = `rerun ${id} (${state}, asked for by ${other.by}) makes ${other.sinks.join(' and ')} in places of this one; wait for it, end it, or ask for other sinks, days or merchants`
  throw new ProblemError(409, 'rerun_overlaps', detail, { rerun: id })
}

/**
 * Up to when all hits had been processed before the rerun. Of merchants that it names, none was on its way by then that a
 * former zone is stamped on; of others hours of that zone are asked for as if they were not made anew.
 * @throws ProblemError 503 `zone_settling`
 */
async function settledZones({ store, freshness }: RerunRequestsParts, { places }: RerunRequest): Promise<number> {
  // Before the merchants: a zone that is changed later is not settled by it.
  const asOf = freshness.read()
  for (const id of new Set(places.map(({ merchant }) => merchant))) {
    const merchant = id === null ? undefined : await store.merchant(id)
    const missingMs = merchant === undefined ? 0 : zonesSettleAt(merchant) - asOf
    if (missingMs <= 0) continue
    const retryAfterSeconds = Math.ceil(Math.min(missingMs, formerZoneMarginMs) / 1_000)
    const detail = `the time zone of ${id} was changed a moment ago, and hits of the former one may still be on their way; ask again in ${retryAfterSeconds} s`
    throw new ProblemError(503, 'zone_settling', detail, {}, { retryAfterSeconds })
  }
  return asOf
}

/** @throws ProblemError 404 `not_found`, 409 `rerun_state` */
export async function moveRerun(
  parts: RerunRequestsParts,
  id: number,
  verb: RerunVerb,
  { by, note }: { readonly by: string; readonly note?: string | undefined },
): Promise<Rerun> {
  for (let tries = 0; tries < moveTriesMax; tries++) {
    const rerun = await parts.store.rerun(id)
    if (rerun === undefined) throw unknownRerun(id)
    if (!possibleVerbs(rerun).includes(verb)) throw stateProblem(rerun, verb)
    const now = parts.clock.now()
    const move = { revision: rerun.revision, now, by, ...(note !== undefined && { note }) }
    try {
      const moved = await moves[verb](parts.store, rerun, move)
      if (moved !== undefined) return moved
    } catch (error) {
      if (!(error instanceof StaleRerunError)) throw error
      throw new ProblemError(409, 'rerun_state', error.message, { possible: possibleVerbs(rerun) })
    }
  }
  throw new ProblemError(503, 'control_store_unavailable', `rerun ${id} changes too often now; try again`)
}

type Moves = Readonly<
  Record<RerunVerb, (store: RerunRequestsParts['store'], rerun: Rerun, move: RerunMove) => Promise<Rerun | undefined>>
>

const moves: Moves = {
  promote: (store, { id }, move) => store.promoteRerun(id, move),
  rollback: (store, { id }, move) => store.rollBackRerun(id, move),
  release: (store, { id }, move) => store.releaseRerun(id, move),
  cancel: (store, { id }, move) => store.cancelRerun(id, move),
  pause: (store, { id, state }, move) => store.updateRerun(id, { state: 'paused', rests: state }, move),
  resume: (store, rerun, move) => {
    const { trouble: _over, ...notes } = workNotes(rerun)
    return store.updateRerun(rerun.id, { state: rerun.rests ?? 'planned', notes }, move)
  },
}

export function unknownRerun(id: number | string): ProblemError {
  return new ProblemError(404, 'not_found', `there is no rerun ${id}`)
}

const participles: Readonly<Record<RerunVerb, string>> = {
  promote: 'promoted',
  rollback: 'rolled back',
  release: 'released',
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
}

function stateProblem(rerun: Rerun, verb: RerunVerb): ProblemError {
  const verbs = possibleVerbs(rerun)
  const can = verbs.length === 0 ? 'nothing can be done with it any more' : `possible now: ${verbs.join(', ')}`
  const detail = `rerun ${rerun.id} is ${rerun.state}, and cannot be ${participles[verb]}; ${can}`
  return new ProblemError(409, 'rerun_state', detail, { state: rerun.state, possible: verbs })
}

function planningProblem(error: unknown): unknown {
  if (error instanceof SnapshotNotFoundError) {
    const detail = `${error.table} has no snapshot ${error.snapshot}: it never had, or it has expired; GET /v1/admin/tables/${error.table}/snapshots lists those it has`
    return new ProblemError(404, 'not_found', detail)
  }
  if (error instanceof RerunRefusedError) return new ProblemError(422, 'rerun_refused', error.message)
  const { retry, code } = (error ?? {}) as { readonly retry?: unknown; readonly code?: unknown }
  if (code === 'PLAN_NOT_FOUND' || code === 'PLAN_FORMAT_UNKNOWN' || code === 'TOO_MANY_SPLITS') {
    return new ProblemError(422, 'rerun_refused', (error as Error).message)
  }
  if (code !== 'control_store_unavailable' && (retry === 'afterBackoff' || retry === 'outcomeUnknown')) {
    const detail = `what the rerun would read cannot be looked at now (${String(code)}); nothing was changed, try again`
    return new ProblemError(503, 'engine_unavailable', detail, {}, { cause: error, retryAfterSeconds: 5 })
  }
  return error
}
