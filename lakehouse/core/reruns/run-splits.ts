/**
 * Splits of the phase that a rerun is in, one after the other or several at once. Each is committed as a whole, once; what
 * was begun and not committed is made again, under another attempt's name.
 */
import { ControlStoreOutcomeUnknownError } from '../../../core/errors.ts'
import type { GenerationSink } from '../../../core/generations.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { Rerun, RerunBarrier } from '../../../core/ports/rerun-store.ts'
import type { RerunSplit, SplitOutput, SplitWork } from '../../../core/ports/rerun-work.ts'
import { changedNotes, noOutcome, type RerunOutcome, splitsOf, workNotes } from '../../../core/rerun-notes.ts'
import type { TableName } from '../../../core/tables.ts'
import type { RerunDriverOptions } from './driver-options.ts'
import { rerunNotesEveryMs, rerunUnpublishedMaxBytes } from './limits.ts'
import type { RerunTurn } from './turn.ts'
import { stagedPrefix, unpublishedBytes } from './waits.ts'

/** Tables that splits stage rows of. */
export const rerunTables: readonly TableName[] = ['hits', 'failed_hits', 'hourly']

/** Splits that the rate is taken of. */
const paceSplits = 20

/** `waiting`: for room, as the notes say. */
export async function runSplits(
  options: RerunDriverOptions,
  turn: RerunTurn,
  onProgress: () => void,
): Promise<'done' | 'waiting'> {
  const { store, parallel = 1 } = options
  const done = await store.splitsDone(turn.rerun.id)
  const left = splitsOf(workNotes(turn.rerun)).filter(({ name }) => !done.has(name))
  if (left.length === 0) return 'done'
  const books = progressBooks(options, turn)
  let isFull = false
  let isFailed = false

  async function worker(): Promise<void> {
    for (;;) {
      if (isFailed) return
      turn.throwIfOver()
      if (isFull || (await unpublishedBytes(store, rerunTables)) >= rerunUnpublishedMaxBytes) {
        isFull = true
        options.publishSoon?.()
        return
      }
      const split = left.shift()
      if (split === undefined) return
      const output = await runSplit(options, turn, split)
      onProgress()
      options.onSplit?.(turn.rerun, { name: split.name, rows: output.rowsRead })
      await books.ended(split, output)
    }
  }

  // Where one split fails, those under way are finished, and no other is begun.
  const failing = async () => {
    try {
      await worker()
    } catch (error) {
      isFailed = true
      throw error
    }
  }
  const workers = Array.from({ length: Math.min(parallel, left.length) }, failing)
  const ends = await Promise.allSettled(workers)
  const failure = ends.find((end) => end.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  await books.write(isFull ? 'rows that are staged are being published; the next split waits for room' : undefined)
  return isFull ? 'waiting' : 'done'
}

async function runSplit(options: RerunDriverOptions, turn: RerunTurn, split: RerunSplit): Promise<SplitOutput> {
  const { store, executor } = options
  const { rerun } = turn
  // Before the split looks them up: all of these it knows, and maybe more.
  const erasuresKnown = await store.erasuresAsked()
  const output = await executor.run(workOf(options, rerun, split), { signal: turn.signal })
  const { staged, days } = output
  let outcome: 'committed' | 'already'
  try {
    turn.throwIfOver()
    outcome = await store.commitSplit({ rerun: rerun.id, split: split.name, staged, days, erasuresKnown })
  } catch (error) {
    // Where it may have been committed its files may count; a later look at what is left tells.
    if (!(error instanceof ControlStoreOutcomeUnknownError)) await discard(options, staged)
    throw error
  }
  if (outcome === 'already') await discard(options, staged)
  return output
}

function workOf({ random, jobs }: RerunDriverOptions, rerun: Rerun, split: RerunSplit): SplitWork {
  const { id, generation, request, barriers } = rerun
  const of = (sink: GenerationSink): readonly RerunBarrier[] => barriers.filter(({ job }) => job === jobs[sink])
  const own = split.phase === 'backfill' ? [] : request.sinks.map((sink) => [sink, of(sink)] as const)
  const drawn = Buffer.from(random.bytes(4)).toString('hex')
  return {
    rerun: id,
    generation,
    request,
    split,
    methods: workNotes(rerun).methods ?? {},
    barriers: Object.fromEntries(own),
    attempt: `${stagedPrefix}-${id}-${split.name.replaceAll('.', '-')}-x${drawn}`,
  }
}

/** Where it fails they are garbage that the next look finds. */
async function discard({ lake }: RerunDriverOptions, staged: readonly StagedFile[]): Promise<void> {
  await Promise.allSettled(staged.map(({ name }) => lake.discard(name)))
}

/** What splits gave, and how fast; the record is told now and then, for it may hold thousands of splits. */
function progressBooks({ clock }: RerunDriverOptions, turn: RerunTurn) {
  const ends: { readonly at: number; readonly rows: number }[] = [{ at: clock.monotonic(), rows: 0 }]
  let outcome = workNotes(turn.rerun).outcome ?? noOutcome
  let written = clock.monotonic()
  let unwritten = 0
  let writing: Promise<unknown> = Promise.resolve()

  const pace = () => {
    const [first] = ends
    const seconds = ((ends.at(-1)?.at ?? 0) - (first?.at ?? 0)) / 1_000
    const rows = ends.slice(1).reduce((sum, end) => sum + end.rows, 0)
    return seconds > 0 ? { pace: { rowsPerSecond: rows / seconds, at: clock.now() } } : {}
  }

  /** One after the other: each needs the revision that the one before left. */
  function write(waits: string | undefined): Promise<unknown> {
    writing = writing.then(async () => {
      const notes = workNotes(turn.rerun)
      if (unwritten === 0 && notes.waits === waits && notes.trouble === undefined) return
      unwritten = 0
      written = clock.monotonic()
      await turn.update({ notes: changedNotes(notes, { outcome, ...pace(), waits, trouble: undefined }) })
    })
    return writing
  }

  return {
    async ended(split: RerunSplit, output: SplitOutput): Promise<void> {
      outcome = added(outcome, output)
      unwritten += 1
      ends.push({ at: clock.monotonic(), rows: split.estimatedRows })
      if (ends.length > paceSplits + 1) ends.shift()
      if (clock.monotonic() - written >= rerunNotesEveryMs) await write(undefined)
    },
    write,
  }
}

function added(before: RerunOutcome, { rowsRead, stored, failed, dropped }: SplitOutput): RerunOutcome {
  const sum = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>) => {
    const all = { ...a }
    for (const [name, count] of Object.entries(b)) all[name] = (all[name] ?? 0) + count
    return all
  }
  return {
    splits: before.splits + 1,
    rowsRead: before.rowsRead + rowsRead,
    stored: before.stored + stored,
    failed: sum(before.failed, failed),
    dropped: sum(before.dropped, dropped),
  }
}
