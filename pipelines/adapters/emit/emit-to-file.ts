/** An emission into a file, from wherever it is: every hit of the snapshots exactly once, however often it was stopped. */
import type { Random } from '../../../core/ports/clock.ts'
import type { Disk } from '../../../core/ports/disk.ts'
import { type EmitOptions, emitHistory } from '../../runtime/emit/emit-history.ts'
import { type EmitProgress, type EmitRequest, progressOf } from '../../runtime/emit/progress.ts'
import { diskProgress, openFileTarget, refuseForeignFile } from './file-target.ts'
import type { EmitFormat } from './formats.ts'

export interface EmitToFileOptions extends Omit<EmitOptions, 'file' | 'target'> {
  readonly disk: Disk
  /** On the disk; its folder exists. */
  readonly path: string
  readonly format: EmitFormat
  readonly random: Random
  /** What it is called in messages and in its progress. */
  readonly output: string
  readonly request: EmitRequest
  /** Fixes the snapshots of an emission that begins. */
  readonly begin: () => Promise<EmitProgress>
  /** Before anything is read, with what there is: keeps the snapshots of one that goes on. */
  readonly onBegun?: (progress: EmitProgress) => Promise<void>
}

/** Beside the output; may be removed when it is done. */
export const progressPath = (path: string) => `${path}.progress.json`

/** Of one that is done already nothing is done. @throws EmitRefusedError, SnapshotNotFoundError; the signal's reason */
export async function emitToFile(options: EmitToFileOptions, signal: AbortSignal): Promise<EmitProgress> {
  const { disk, path, output, request, begin } = options
  const file = diskProgress(disk, progressPath(path))
  const claim = () => refuseForeignFile(disk, path)
  const progress = await progressOf(file, { output, request }, { claim, begin })
  if (progress.state === 'done') return progress
  await options.onBegun?.(progress)
  const target = await openFileTarget({ ...options, place: progress.mark.place })
  try {
    return await emitHistory({ ...options, file, target }, progress, signal)
  } finally {
    await target.close()
  }
}
