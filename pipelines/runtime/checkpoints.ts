/**
 * Checkpoints of a job's partitions as objects: `checkpoints/<job>/<partition>/<next>[.<attempt>]-<fence>.avro`. One counts when the
 * control store's commit names it; any other is garbage, removed when the partition is next opened.
 */
import { CorruptCheckpointError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../schemas/avro/checkpoint.ts'

/** Under which name a checkpoint has the windows of all steps; no step can be called so. */
export const windowsStateName = '#windows'

/** Under which name it has the plan that kept them, as canonical JSON: their state is read by it. */
export const windowsPlanName = '#plan'

/** Where the state of a step keeps its own objects. */
export function statePrefix(job: string, partition: number, step: string): string {
  return `state/${job}/${partition}/${step}/`
}

/**
 * `again`: the attempt of an epoch that has panes of the partition and no record. The committed checkpoint may be of the same
 * place and fence, and must not be written over before this one counts.
 */
export function checkpointName(
  job: string,
  partition: number,
  at: { readonly next: Offset; readonly fence: number; readonly again?: number },
): string {
  const place = String(at.next).padStart(16, '0')
  return `checkpoints/${job}/${partition}/${place}${at.again === undefined ? '' : `.${at.again}`}-${at.fence}.avro`
}

/** Durable when it resolves. */
export async function writeCheckpoint(objects: ObjectStore, name: string, checkpoint: Checkpoint): Promise<void> {
  await objects.put(name, encodeCheckpoint(checkpoint))
}

/** @throws CorruptCheckpointError where the object is gone, damaged, or of another place */
export async function readCheckpoint(
  objects: ObjectStore,
  name: string,
  expected: { readonly job: string; readonly source: string; readonly partition: number; readonly next: Offset },
): Promise<Checkpoint> {
  const bytes = await objects.get(name)
  if (bytes === undefined) throw new CorruptCheckpointError(name, 'it is gone')
  const checkpoint = decodeCheckpoint(name, bytes)
  for (const fact of ['job', 'source', 'partition', 'next'] as const) {
    if (checkpoint[fact] !== expected[fact]) {
      throw new CorruptCheckpointError(name, `it is of ${fact} ${checkpoint[fact]}, not ${expected[fact]}`)
    }
  }
  return checkpoint
}

/**
 * Removes the partition's checkpoints that count for nothing: not the committed one, and not those of a higher fence. An
 * owner that was overtaken without knowing it yet would otherwise remove what the new owner has committed since.
 */
export async function removeOldCheckpoints(
  objects: ObjectStore,
  job: string,
  partition: number,
  owned: { readonly committed: string | null; readonly fence: number },
): Promise<void> {
  for (const name of await objects.list(`checkpoints/${job}/${partition}/`)) {
    const fence = Number(/-(\d+)\.avro$/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY)
    if (name !== owned.committed && fence <= owned.fence) await objects.remove(name)
  }
}
