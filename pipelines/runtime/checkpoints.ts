/**
 * Checkpoints of a job's partitions as objects: `checkpoints/<job>/<partition>/<next>-<fence>.avro`. One counts when the
 * control store's commit names it; any other is garbage, removed when the partition is next opened.
 */
import { CorruptCheckpointError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../schemas/avro/checkpoint.ts'

/** Where the state of a step keeps its own objects. */
export function statePrefix(job: string, partition: number, step: string): string {
  return `state/${job}/${partition}/${step}/`
}

export function checkpointName(job: string, partition: number, next: Offset, fence: number): string {
  return `checkpoints/${job}/${partition}/${String(next).padStart(16, '0')}-${fence}.avro`
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

/** Removes every checkpoint of the partition but the one that is committed. */
export async function removeOtherCheckpoints(
  objects: ObjectStore,
  job: string,
  partition: number,
  committed: string | null,
): Promise<void> {
  for (const name of await objects.list(`checkpoints/${job}/${partition}/`)) {
    if (name !== committed) await objects.remove(name)
  }
}
