/** What all control stores decide alike about reruns: what they refuse, and what a record is after a change. */
import { StaleRerunError, TooManyRerunsError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import { type GenerationPlace, generationSinks, placesMeet } from '../../../core/generations.ts'
import {
  endedRerunStates,
  openRerunsMax,
  type Rerun,
  type RerunChange,
  type RerunMove,
  type RerunNotes,
  type RerunRequest,
  type RerunState,
  rerunEventsMax,
  rerunNotesMaxBytes,
  rerunPlacesMax,
  rerunsPageMax,
  type SplitCommit,
} from '../../../core/ports/rerun-store.ts'
import { firstGeneration } from '../../../schemas/tables.ts'

export const isOpenRerun = ({ state }: Pick<Rerun, 'state'>): boolean => !endedRerunStates.includes(state)

/** @throws RangeError where the request contradicts itself */
export function checkRerunRequest({ pipeline, plan, snapshot, places, sinks, zones, zonesAsOf }: RerunRequest): void {
  if ([pipeline, plan, snapshot].some((text) => text === '')) {
    throw new RangeError('a rerun is of a pipeline, by a plan, of a snapshot')
  }
  if (zonesAsOf !== undefined && (zones !== 'today' || !Number.isSafeInteger(zonesAsOf))) {
    throw new RangeError(`a rerun with zones ${zones} does not have those as of ${zonesAsOf}`)
  }
  const known = sinks.every((sink) => generationSinks.includes(sink))
  if (!known || sinks.length === 0 || new Set(sinks).size !== sinks.length) {
    throw new RangeError(`a rerun makes some of ${generationSinks.join(', ')}, each once, not [${sinks.join(', ')}]`)
  }
  if (places.length < 1 || places.length > rerunPlacesMax) {
    throw new RangeError(`a rerun has 1 to ${rerunPlacesMax} places, not ${places.length}`)
  }
  for (const [index, place] of places.entries()) {
    checkPlace(place)
    if (places.slice(index + 1).some((other) => placesMeet(place, other))) {
      throw new RangeError(`two places of a rerun meet: ${wordsOf(place)} is one of them`)
    }
  }
}

function checkPlace(place: GenerationPlace): void {
  const { from, to } = place
  const whole = [from, to].every((time) => time === null || (Number.isSafeInteger(time) && time % dayMs === 0))
  if (!whole || (from !== null && to !== null && from >= to)) {
    throw new RangeError(`a place begins and ends at midnight in UTC, and is not empty: not ${wordsOf(place)}`)
  }
}

const wordsOf = ({ merchant, from, to }: GenerationPlace) => `[${from}, ${to}) of ${merchant ?? 'all merchants'}`

/** @throws RangeError where they are no plain JSON, or too much */
export function checkRerunNotes(notes: RerunNotes): void {
  const bytes = Buffer.byteLength(JSON.stringify(notes))
  if (bytes > rerunNotesMaxBytes) {
    throw new RangeError(`the notes of a rerun hold at most ${rerunNotesMaxBytes} bytes, not ${bytes}`)
  }
}

/** @throws RangeError where the page is not 1 to `rerunsPageMax` reruns */
export function checkRerunsPage(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > rerunsPageMax) {
    throw new RangeError(`a page holds 1 to ${rerunsPageMax} reruns, asked for ${limit}`)
  }
}

/** @throws RangeError where the split contradicts itself */
export function checkSplit({ rerun, split, staged, days }: SplitCommit): void {
  const names = new Set(staged.map(({ name }) => name))
  const wholeDays = days.every(({ day }) => Number.isSafeInteger(day))
  if (split === '' || names.size !== staged.length || !wholeDays) {
    throw new RangeError(
      `the split '${split}' of rerun ${rerun} has no name, names a file twice, or touches what is no day`,
    )
  }
}

/**
 * Whether a split of the rerun may count now.
 * @throws StaleRerunError
 */
export function requireSplitting(id: number, state: RerunState | undefined): void {
  if (state === 'backfilling' || state === 'catching_up') return
  throw new StaleRerunError(id, state === undefined ? 'is not there' : `is ${state}, and takes no splits`)
}

/**
 * What becomes of a request, where the store has `open` reruns that are not over, and gave `last` to the one before.
 * @throws TooManyRerunsError
 */
export function newRerun(
  request: RerunRequest,
  { now, notes }: { readonly now: number; readonly notes: RerunNotes },
  { open, last }: { readonly open: readonly Rerun[]; readonly last: Pick<Rerun, 'id' | 'generation'> | undefined },
): { readonly created: Rerun } | { readonly meets: Rerun } {
  const meets = open.find((other) => reruns(other.request, request))
  if (meets !== undefined) return { meets }
  if (open.length >= openRerunsMax) throw new TooManyRerunsError(openRerunsMax)
  const created: Rerun = {
    id: (last?.id ?? 0) + 1,
    generation: (last?.generation ?? firstGeneration) + 1,
    request,
    state: 'planned',
    rests: null,
    createdAt: now,
    movedAt: now,
    barriers: [],
    events: [{ at: now, state: 'planned', by: request.by, note: null }],
    notes,
    revision: 1,
  }
  return { created }
}

/** Whether some row of the pipeline can be of both. */
function reruns(a: RerunRequest, b: RerunRequest): boolean {
  return a.pipeline === b.pipeline && meet(a, b)
}

/** Whether some row can be of both. */
export function meet(a: Pick<RerunRequest, 'places' | 'sinks'>, b: Pick<RerunRequest, 'places' | 'sinks'>): boolean {
  if (!a.sinks.some((sink) => b.sinks.includes(sink))) return false
  return a.places.some((place) => b.places.some((other) => placesMeet(place, other)))
}

/** The record in its next state, or the same one: with an event where the state is another or something is noted. */
export function moved(rerun: Rerun, state: RerunState, { now, by, note }: RerunMove): Rerun {
  const isOther = state !== rerun.state
  const event = isOther || note !== undefined ? [{ at: now, state, by, note: note ?? null }] : []
  const events = [...rerun.events, ...event]
  const [first, ...others] = events
  return {
    ...rerun,
    state,
    rests: null,
    movedAt: isOther ? now : rerun.movedAt,
    events: first === undefined ? [] : [first, ...others.slice(-(rerunEventsMax - 1))],
    revision: rerun.revision + 1,
  }
}

const restingStates: readonly RerunState[] = ['paused', 'failed']
/** Before and after dual writing began. A rerun is driven between those of one line, and rests in them. */
const drivenStates: readonly (readonly RerunState[])[] = [
  ['planned', 'backfilling'],
  ['catching_up', 'ready'],
]

/**
 * The record after a change that moves nothing else. Of `paused` and `failed`, `rests` is where it came from unless the
 * change says otherwise; of other states it is null.
 * @throws RangeError for a state that is not set so
 */
export function changedRerun(rerun: Rerun, change: RerunChange, move: RerunMove): Rerun {
  const state = change.state ?? rerun.state
  const notes = change.notes ?? rerun.notes
  const at = rerun.rests ?? rerun.state
  const driven = drivenStates.find((states) => states.includes(at)) ?? []
  if (restingStates.includes(state)) {
    const rests = change.rests ?? at
    if (!driven.includes(at) || !driven.includes(rests)) refuse(rerun, `${state}, to rest in ${rests}`)
    return { ...moved(rerun, state, move), rests, notes }
  }
  if (change.rests) refuse(rerun, `${state} and at rest in ${change.rests}`)
  if (state !== rerun.state && !(driven.includes(at) && driven.includes(state))) refuse(rerun, state)
  return { ...moved(rerun, state, move), notes }
}

function refuse(rerun: Rerun, what: string): never {
  throw new RangeError(`rerun ${rerun.id} is ${rerun.state}, and is not set to ${what}`)
}
