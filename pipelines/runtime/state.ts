/** The state of a plan's steps, opened from and saved into checkpoints. Only `dedupe` keeps any so far. */
import type { Random } from '../../core/ports/clock.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { openDedupeState } from '../core/dedupe/dedupe-state.ts'
import { removeOrphans } from '../core/dedupe/orphans.ts'
import type { SyncReader } from '../core/dedupe/sync-reader.ts'
import type { DedupeStep } from '../plan/node/step.ts'
import type { FirstSeen } from './compile-plan.ts'

export interface StepState extends FirstSeen {
  /** Memory held. */
  readonly bytes: number
  /** What to save; `obsolete` objects may go once it is committed. No row is processed meanwhile. */
  checkpoint(): Promise<{ readonly saved: Uint8Array; readonly obsolete: readonly string[] }>
  /** Lets go of what is open of it, and of local copies. */
  close(): Promise<void>
}

export interface OpenStateOptions {
  readonly job: string
  readonly step: DedupeStep
  /** Folder of the state's own objects. */
  readonly prefix: string
  /** Of the committed checkpoint; null: none yet. */
  readonly saved: Uint8Array | null
  readonly limitBytes: number
}

/** @throws CorruptCheckpointError */
export type OpenState = (options: OpenStateOptions) => Promise<StepState>

/** The real one: a log-structured set in memory and objects. */
export function openStateOf(parts: {
  readonly objects: ObjectStore
  readonly random: Random
  readonly reader?: SyncReader
}): OpenState {
  return async ({ step, prefix, saved, limitBytes, job }) => {
    await removeOrphans({ objects: parts.objects, prefix, saved })
    return openDedupeState({ ...parts, prefix, saved, withinMs: step.withinMs, limitBytes, job })
  }
}
