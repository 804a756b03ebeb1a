/**
 * Emits history: hits in order, in chunks, each followed by a mark of how far it came. Stopped at any moment, it goes on at
 * its last mark; what the output does with what came after the mark is the output's (a file is cut there, a topic has some
 * hits twice).
 */
import type { HistoryEntry } from '../../../schemas/avro/history.ts'
import { emitChunkMaxHits } from './limits.ts'
import { type EmitProgress, type ProgressFile, saveProgress } from './progress.ts'
import { type HistoryItem, type HistoryParts, readHistory } from './read-history.ts'

export interface EmitTarget {
  /** Takes hits, at least one, in order. When it resolves they are durable; gives the place that the mark is to name. */
  append(entries: readonly HistoryEntry[]): Promise<number>
}

export interface EmitOptions extends HistoryParts {
  readonly target: EmitTarget
  readonly file: ProgressFile
  /** Before each chunk of so many hits: may take its time. */
  readonly pace: (hits: number) => Promise<void>
  readonly onMark?: (progress: EmitProgress) => void
  /** `emitChunkMaxHits` where absent. */
  readonly chunkMaxHits?: number
}

/** To the end. @throws SnapshotNotFoundError; what reading and writing throw; the signal's reason */
export async function emitHistory(
  options: EmitOptions,
  begun: EmitProgress,
  signal: AbortSignal,
): Promise<EmitProgress> {
  const { target, file, pace, onMark = () => undefined, chunkMaxHits = emitChunkMaxHits } = options
  const question = {
    rows: begun.rows,
    answers: begun.answers,
    ...begun.request,
  } as Parameters<typeof readHistory>[1]
  let progress = begun
  for await (const group of readHistory(options, question, begun.mark.after, signal)) {
    for (let from = 0; from < group.length; from += chunkMaxHits) {
      signal.throwIfAborted()
      const chunk = group.slice(from, from + chunkMaxHits)
      const entries = chunk.flatMap(entryOf)
      await pace(entries.length)
      const { mark } = progress
      const place = entries.length === 0 ? mark.place : await target.append(entries)
      const hits = mark.hits + entries.length
      const undecodable = mark.undecodable + chunk.length - entries.length
      progress = { ...progress, mark: { after: chunk.at(-1)?.key ?? mark.after, hits, undecodable, place } }
      await saveProgress(file, progress)
      onMark(progress)
    }
  }
  progress = { ...progress, state: 'done' }
  await saveProgress(file, progress)
  return progress
}

function entryOf({ key, hit }: HistoryItem): readonly HistoryEntry[] {
  return hit === null ? [] : [{ hour: key.hour, hit }]
}
