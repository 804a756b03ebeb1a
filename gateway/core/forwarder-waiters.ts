/** Requests that wait to hear whether their batch is in Kafka before they are answered. */
import type { Clock, Timers } from '../../core/ports/clock.ts'

/** What a batch's answer may promise: on the collector's disk, or acknowledged by Kafka. */
export type Durability = 'disk' | 'kafka'

/** An answer waits so long for Kafka at most; it is durable on disk all the while. */
export const defaultConfirmMaxMs = 500
/** Answers that wait at once; others say `disk`. */
export const maxWaiters = 10_000

export interface Waiters {
  add(place: number): Promise<Durability>
  /** Everything before `through` is in Kafka. */
  acked(through: number): void
  /** Nobody waits any longer. */
  giveUp(): void
}

interface Waiter {
  readonly place: number
  readonly since: number
  readonly answer: (durability: Durability) => void
}

export const onDisk: Promise<Durability> = Promise.resolve('disk')
export const inKafka: Promise<Durability> = Promise.resolve('kafka')

/** `onLate` is called when the oldest had waited `confirmMaxMs`; then all were given up. */
export function createWaiters(options: {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timers: Timers
  readonly confirmMaxMs: number
  readonly onLate: () => void
}): Waiters {
  const { clock, timers, confirmMaxMs, onLate } = options
  /** In order of waiting. */
  let waiting: Waiter[] = []
  let cancelTimer: (() => void) | undefined

  function arm(): void {
    const [oldest] = waiting
    if (oldest === undefined || cancelTimer !== undefined) return
    cancelTimer = timers.after(oldest.since + confirmMaxMs - clock.monotonic(), () => {
      cancelTimer = undefined
      const [first] = waiting
      if (first !== undefined && clock.monotonic() - first.since >= confirmMaxMs) {
        giveUp()
        onLate()
      } else arm()
    })
  }

  function giveUp(): void {
    const gone = waiting
    waiting = []
    cancelTimer?.()
    cancelTimer = undefined
    for (const { answer } of gone) answer('disk')
  }

  return {
    add(place) {
      if (waiting.length >= maxWaiters) return onDisk
      return new Promise((answer) => {
        waiting.push({ place, since: clock.monotonic(), answer })
        arm()
      })
    },
    acked(through) {
      if (waiting.length === 0) return
      const left: Waiter[] = []
      for (const waiter of waiting) {
        if (waiter.place < through) waiter.answer('kafka')
        else left.push(waiter)
      }
      waiting = left
    },
    giveUp,
  }
}
