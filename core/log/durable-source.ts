/** How far a log is on disk, as a reader needs to know it: of the log itself, or told over a thread's message channel. */
import type { Offset } from '../ids.ts'
import type { HitLog } from '../ports/hit-log.ts'

export interface DurableSource {
  /** One past the last durable record. Never falls. */
  current(): Offset
  /** Calls `listener` after `current` rose; returns how to stop. */
  onChange(listener: () => void): () => void
}

/** A source that is told how far the log is; telling it less than it knows changes nothing. */
export interface ToldDurable extends DurableSource {
  set(offset: Offset): void
}

/** Of a log that lives elsewhere; at 0 until told. */
export function toldDurable(): ToldDurable {
  const listeners = new Set<() => void>()
  let current = 0 as Offset
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    set(offset) {
      if (offset <= current) return
      current = offset
      for (const listener of [...listeners]) listener()
    },
  }
}

/** The source of a log in this thread. */
export function durableOf(log: HitLog): DurableSource {
  return { current: () => log.durable, onChange: (listener) => log.onDurable(listener) }
}
