/**
 * What a driver does at a rerun, state by state (docs/adr/0025-a-rerun-is-a-generation.md). Every step goes by the record and
 * by the splits that count alone, so each may be cut off anywhere and begun again by anybody:
 *
 * `planned`: what it reads is pinned and fixed → `backfilling`: splits of that; then, once the job that counts hours has
 * passed it, in one transaction, jobs write the generation too → `catching_up`: once what they had written before is
 * published, splits of what came between; once those are published too, old and new numbers are compared → `ready` →
 * promoted at once where that was asked for.
 */
import { RerunRefusedError } from '../../../core/errors.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import { type AcceptedRows, acceptedTables, type RerunSplit, rerunSplitsMax } from '../../../core/ports/rerun-work.ts'
import {
  amountOf,
  changedNotes,
  fittingDiff,
  notedSplit,
  type RerunInputs,
  type RerunPhase,
  type WorkNotes,
  workNotes,
} from '../../../core/rerun-notes.ts'
import type { TableName } from '../../../core/tables.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import type { RerunDriverOptions } from './driver-options.ts'
import { fixCatchUp, fixInputs } from './inputs.ts'
import { rerunTables, runSplits } from './run-splits.ts'
import type { RerunTurn } from './turn.ts'
import {
  hasMoved,
  isHitsJobThrough,
  isThrough,
  type JobPlaces,
  pendingNames,
  placesOf,
  type Truth,
  truthIn,
} from './waits.ts'

/** What one process waits for; another asks anew, and waits for a little more. */
export interface Waiting {
  /** Where the job that writes `hits` was, at the earliest when the backfill's rows were fixed. */
  read?: JobPlaces
  /** The files that are to be published before this step. */
  pending?: { readonly before: 'catch-up' | 'compare'; readonly names: ReadonlySet<string> } | undefined
}

export interface WorkParts extends RerunDriverOptions {
  readonly turn: RerunTurn
  readonly waiting: Waiting
  /** Something was done that need not be done again. */
  readonly onProgress: () => void
}

/** Goes on until the rerun rests or has to wait. @throws RerunMovedError where others moved it */
export async function workAt(parts: WorkParts): Promise<'rests' | 'waits'> {
  const { turn } = parts
  for (;;) {
    turn.throwIfOver()
    const step = steps[turn.rerun.state as keyof typeof steps]
    if (step === undefined) return 'rests'
    if ((await step(parts)) !== 'moved') return turn.rerun.state === 'ready' ? 'rests' : 'waits'
    parts.onProgress()
  }
}

type Step = (parts: WorkParts) => Promise<'moved' | 'waits'>

const steps = { planned: plan, backfilling: backfill, catching_up: catchUp, ready: promote } satisfies Record<
  string,
  Step
>

async function plan(parts: WorkParts): Promise<'moved'> {
  const { executor, turn } = parts
  const { rerun } = turn
  const { request } = rerun
  const truth = await truthNow(parts, rerun)
  const inputs = await fixInputs(parts, rerun)
  const refusal = await executor.refusal(request)
  if (refusal !== null) throw new RerunRefusedError(refusal)
  const methods = await executor.methods(request)
  const splits = await splitsIn(parts, 'backfill', inputs)
  const noted = { inputs, truth, methods, splits: listed('backfill', splits), backfill: amountOf(splits) }
  await turn.update({ state: 'backfilling', notes: settled(rerun, noted) })
  return 'moved'
}

async function backfill(parts: WorkParts): Promise<'moved' | 'waits'> {
  const { store, turn, jobs } = parts
  if ((await runSplits(parts, turn, parts.onProgress)) === 'waiting') return 'waits'
  await requireTruth(parts)
  if (!(await isHoursJobReady(parts))) {
    return waitFor(parts, `${jobs.hourly} is behind ${jobs.hits}; it goes on when it has caught up`)
  }
  await turn.move((move) => store.beginDualWriting(turn.rerun.id, jobs, move))
  return 'moved'
}

async function catchUp(parts: WorkParts): Promise<'moved' | 'waits'> {
  const { turn, waiting, comparer } = parts
  if (workNotes(turn.rerun).catchUp === undefined) {
    if (!(await isHitsJobReady(parts))) {
      return waitFor(parts, `${parts.jobs.hits} is behind ${parts.jobs.hourly}; it goes on when it has caught up`)
    }
    if (!(await isPublished(parts, 'catch-up', acceptedTables))) {
      return waitFor(parts, 'what was accepted until now is being published')
    }
    await beginCatchUp(parts)
    waiting.pending = undefined
  }
  if ((await runSplits(parts, turn, parts.onProgress)) === 'waiting') return 'waits'
  await requireTruth(parts)
  if (!(await isPublished(parts, 'compare', rerunTables))) {
    return waitFor(parts, 'the rows of the new generation are being published')
  }
  const { request, generation } = turn.rerun
  const done = { splits: undefined, waits: undefined }
  if (!request.sinks.includes('hourly')) {
    const noDiff = 'only hours are compared, and this rerun makes none'
    await turn.update({ state: 'ready', notes: settled(turn.rerun, { ...done, noDiff }) })
    return 'moved'
  }
  const before = (await mapOf(parts))
    .filter(({ sink, answers, rerun }) => sink === 'hourly' && answers && rerun !== turn.rerun.id)
    .sort((a, b) => a.order - b.order)
    .map(({ merchant, from, to, generation }) => ({ merchant, from, to, generation }))
  const diff = fittingDiff(await comparer.compare({ generation, places: request.places, before }))
  await turn.update({ state: 'ready', notes: settled(turn.rerun, { ...done, diff }) })
  return 'moved'
}

async function promote({ store, turn }: WorkParts): Promise<'moved' | 'waits'> {
  if (turn.rerun.request.promote !== 'auto') return 'waits'
  await turn.move((move) => store.promoteRerun(turn.rerun.id, move))
  return 'moved'
}

async function beginCatchUp(parts: WorkParts): Promise<void> {
  const { turn } = parts
  const notes = workNotes(turn.rerun)
  const inputs = await fixCatchUp(parts, turn.rerun, inputsOf(notes))
  const splits = await splitsIn(parts, 'catch-up', inputs)
  const catchUp = { ...amountOf(splits), inputs }
  const change = { catchUp, splits: listed('catch-up', splits), pace: undefined, waits: undefined }
  await turn.update({ notes: settled(turn.rerun, change) })
  parts.onProgress()
}

async function isHitsJobReady({ store, jobs, turn }: WorkParts): Promise<boolean> {
  const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  return isHitsJobThrough(jobs, turn.rerun.barriers, positions)
}

/**
 * Whether the job that writes `hourly` has passed all that the backfill read. Where it began to write the generation before
 * that, it would count there once more what the backfill has counted.
 */
async function isHoursJobReady({ store, jobs, turn, waiting }: WorkParts): Promise<boolean> {
  if (jobs.hits === jobs.hourly || !turn.rerun.request.sinks.includes('hourly')) return true
  const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  const now = placesOf(jobs.hits, positions)
  // Where it has gone back it reads another feed, whose offsets say nothing of those before.
  if (waiting.read === undefined || !isThrough(waiting.read, now)) waiting.read = now
  return isThrough(waiting.read, placesOf(jobs.hourly, positions))
}

/** Whether everything is in a snapshot that was committed when this was first asked. */
async function isPublished(
  { store, waiting, publishSoon }: WorkParts,
  before: 'catch-up' | 'compare',
  tables: readonly TableName[],
): Promise<boolean> {
  const now = await pendingNames(store, tables)
  if (waiting.pending?.before !== before) waiting.pending = { before, names: now }
  const { names } = waiting.pending
  const isDone = ![...names].some((name) => now.has(name))
  if (!isDone) publishSoon?.()
  return isDone
}

async function waitFor({ turn }: WorkParts, waits: string): Promise<'waits'> {
  const notes = workNotes(turn.rerun)
  if (notes.waits !== waits) await turn.update({ notes: settled(turn.rerun, { waits }) })
  return 'waits'
}

/** @throws RerunRefusedError where there are more than one rerun may have */
async function splitsIn(
  { executor, turn }: WorkParts,
  phase: RerunPhase,
  inputs: RerunInputs,
): Promise<readonly RerunSplit[]> {
  const rows: readonly AcceptedRows[] = acceptedTables.map((table) => inputs[table])
  const splits = await executor.splits(phase, rows, turn.rerun.request.places)
  if (splits.length > rerunSplitsMax) {
    throw new RerunRefusedError(
      `it would be made in ${splits.length} parts, and ${rerunSplitsMax} are the most; ask for fewer days at once`,
    )
  }
  return splits
}

function listed(phase: RerunPhase, splits: readonly RerunSplit[]) {
  return { phase, list: splits.map(notedSplit) }
}

function inputsOf({ inputs }: WorkNotes): RerunInputs {
  if (inputs === undefined) throw new RangeError('a rerun that is past its plan has noted what it reads')
  return inputs
}

/** Notes with a change, and without the trouble that is over with it. */
function settled(rerun: Rerun, change: Parameters<typeof changedNotes>[1]) {
  return changedNotes(workNotes(rerun), { trouble: undefined, ...change })
}

async function mapOf({ store }: WorkParts) {
  return (await store.versionsSince(Number.MAX_SAFE_INTEGER)).generations
}

async function truthNow(parts: WorkParts, rerun: Rerun): Promise<Truth> {
  const { generations } = await parts.store.writing(rerun.request.pipeline)
  // The base comes first; of each sink it may be another.
  const base = generations.find(({ sinks }) => sinks.includes('hits'))?.generation ?? firstGeneration
  return truthIn(await mapOf(parts), base, rerun)
}

/** @throws RerunRefusedError where another rerun was promoted or rolled back meanwhile: splits read what is the truth no more */
async function requireTruth(parts: WorkParts): Promise<void> {
  const { rerun } = parts.turn
  const { truth } = workNotes(rerun)
  if (truth === undefined || !hasMoved(truth, await truthNow(parts, rerun))) return
  throw new RerunRefusedError(
    'another rerun of hits was promoted or rolled back in its places meanwhile, so it has read hits that count no more; cancel it and ask again',
  )
}
