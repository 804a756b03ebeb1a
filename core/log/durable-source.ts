/** How far a log is on disk, as a reader needs to know it: of the log itself, or told over a thread's message channel. */
import type { Offset } from '../ids.ts'
import type { HitLog } from '../ports/hit-log.ts'

export interface DurableSource {
  /** One past the last durable record. Never falls. */
  current(): Offset
  /** Calls `listener` after `current` rose; returns how to stop. */
  onChange(listener: () => void): () => void
}

/** The source of a log in this thread. */
export function durableOf(log: HitLog): DurableSource {
  return { current: () => log.durable, onChange: (listener) => log.onDurable(listener) }
}
