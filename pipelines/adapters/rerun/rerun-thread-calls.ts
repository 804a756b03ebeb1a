/** What a process that drives reruns and its threads that run splits ask of each other. */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { SplitRunner } from '../../runtime/rerun/split-runner.ts'

/** Answered by the thread. One split at a time. */
export type RerunThreadCalls = SplitRunner

/** Answered by the process that started it: what steps ask of merchants. */
export type RerunHostStore = Pick<ControlStore, 'merchantsById' | 'erasedOf'>
