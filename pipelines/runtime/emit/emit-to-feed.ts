/** An emission into a topic, from wherever it is: every hit of the snapshots at least once, in order. */
import type { Timers } from '../../../core/ports/clock.ts'
import type { FeedWriter } from '../../../core/ports/feed-writer.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { type EmitOptions, emitHistory } from './emit-history.ts'
import { openFeedTarget } from './feed-target.ts'
import { type EmitProgress, type EmitRequest, type ProgressFile, progressOf } from './progress.ts'

export interface EmitToFeedOptions extends Omit<EmitOptions, 'file' | 'target'> {
  readonly writer: FeedWriter
  /** Where its progress is kept, by its name. */
  readonly objects: Pick<ObjectStore, 'get' | 'put'>
  readonly emission: string
  readonly output: string
  readonly request: EmitRequest
  readonly timers: Timers
  /** Fixes the snapshots of an emission that begins. */
  readonly begin: () => Promise<EmitProgress>
  /** Before anything is read, with what there is: keeps the snapshots of one that goes on. */
  readonly onBegun?: (progress: EmitProgress) => Promise<void>
}

export const progressObject = (emission: string) => `emit/${emission}.json`

/** Of one that is done already nothing is done. @throws as `openFeedTarget` and `emitHistory` */
export async function emitToFeed(options: EmitToFeedOptions, signal: AbortSignal): Promise<EmitProgress> {
  const { objects, emission, output, request, begin } = options
  const file = objectProgress(objects, progressObject(emission))
  const begun = await progressOf(file, { output, request }, { claim: async () => undefined, begin })
  if (begun.state === 'done') return begun
  await options.onBegun?.(begun)
  try {
    const target = await openFeedTarget({ ...options, topic: begun.topic })
    return await emitHistory({ ...options, file, target }, { ...begun, topic: target.topic }, signal)
  } finally {
    await options.writer.close()
  }
}

function objectProgress(objects: EmitToFeedOptions['objects'], name: string): ProgressFile {
  return { read: () => objects.get(name), replace: (bytes) => objects.put(name, bytes) }
}
